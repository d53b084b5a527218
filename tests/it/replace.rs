//! Another file for an asset: it keeps its id and all that people added, and readers never see half of a change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::http::{Server, files_in, problem};
use crate::support::{Rushes, videos};

fn put(server: &Server, asset: &str, body: &Value) -> reqwest::blocking::Response {
    let url = format!("{}/v1/assets/{asset}/file", server.address);
    server.client.put(url).json(body).send().unwrap()
}

fn shots(server: &Server, asset: &str) -> Vec<Value> {
    let listed = server.json(&format!("/v1/assets/{asset}/shots"));
    listed["shots"].as_array().unwrap().clone()
}

/// A server over one video of two shots, with what people add, and the id of the asset.
fn library(rushes: &Rushes) -> (Server, String) {
    let file = videos::made(&rushes.folder.path().join("old.mp4"), 2, 40, 0);
    let summary = rushes.ingest(&[&file]);
    let asset = summary["videos"][0]["asset"].as_str().unwrap().to_owned();
    let root = rushes.folder.path().to_str().unwrap();
    let server = Server::start(rushes, &["--media-root", root]);
    let change = json!({ "tags": ["hero"], "metadata": { "scene": 4 } });
    let url = format!("{}/v1/assets/{asset}", server.address);
    assert_eq!(
        server
            .client
            .patch(url)
            .json(&change)
            .send()
            .unwrap()
            .status(),
        204
    );
    let bin = json!({ "name": "Picks", "picks": [{ "asset": asset, "start": 5, "end": 30 }] });
    assert_eq!(
        server.post("/v1/bins").json(&bin).send().unwrap().status(),
        201
    );
    (server, asset)
}

#[test]
fn a_replaced_file_leaves_everything_else_of_its_asset_as_it_was() {
    let Some(rushes) = Rushes::new() else { return };
    let (server, asset) = library(&rushes);
    let before = server.json(&format!("/v1/assets/{asset}"));
    let new = videos::made(&rushes.folder.path().join("new.mp4"), 3, 40, 3);
    let accepted = put(&server, &asset, &json!({ "uri": new }));
    assert_eq!(accepted.status(), 202);
    let job: Value = accepted.json().unwrap();
    // The old shots are there until the new ones are, all of them.
    loop {
        let count = shots(&server, &asset).len();
        let shown = server.json(&format!("/v1/assets/{asset}"));
        if count == 3 {
            break;
        }
        assert_eq!(count, 2, "{shown:#}");
        let state = server.json(&format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
        assert_ne!(state["state"], "failed", "{state:#}");
    }
    let job = server.finished(job["id"].as_str().unwrap());
    assert_eq!(job["state"], "ready", "{job:#}");
    let after = server.json(&format!("/v1/assets/{asset}"));
    assert!(
        after["uri"].as_str().unwrap().ends_with("/new.mp4"),
        "{after:#}"
    );
    assert_eq!(after["replaced_by"], Value::Null);
    for kept in ["id", "title", "tags", "metadata"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    for changed in ["blake3", "size", "generation"] {
        assert_ne!(after[changed], before[changed], "{changed}");
    }
    let bin = server.json("/v1/bins/Picks");
    assert_eq!(bin["picks"][0]["asset"]["id"], asset.as_str(), "{bin:#}");
    let found = server.search(&json!({ "text": "a square", "limit": 50 }));
    assert_eq!(found["hits"].as_array().unwrap().len(), 3, "{found:#}");

    // The old file is nobody's now: registering it makes another asset.
    let old = rushes.folder.path().join("old.mp4");
    let body = json!({ "uri": old, "title": "Old" });
    let registered: Value = server
        .post("/v1/assets")
        .json(&body)
        .send()
        .unwrap()
        .json()
        .unwrap();
    let other = registered["assets"][0]["asset"].as_str().unwrap();
    assert_ne!(other, asset);
    server.finished(registered["assets"][0]["job"].as_str().unwrap());
    // What another asset has cannot become the content of this one, named by its place or sent as bytes.
    let refused = put(&server, &asset, &json!({ "uri": old }));
    assert_eq!(problem(refused), (409, "bytes-in-use".to_owned()));
    let form = Form::new().file("file", &old).unwrap();
    let url = format!("{}/v1/assets/{asset}/file", server.address);
    let sent: Value = server
        .client
        .put(&url)
        .multipart(form)
        .send()
        .unwrap()
        .json()
        .unwrap();
    let failed = server.finished(sent["id"].as_str().unwrap());
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(failed["stages"][0]["code"], "bytes-in-use", "{failed:#}");
    // Not everybody who sees this asset may know of the other.
    assert!(!failed.to_string().contains(other), "{failed:#}");
    assert_eq!(shots(&server, &asset).len(), 3);
    // It is given up, and the asset is as it was.
    let pending = server.json(&format!("/v1/assets/{asset}"));
    let video = |asset: &Value| asset["media"]["streams"][0].clone();
    assert_eq!(
        video(&pending),
        video(&after),
        "the media are those of the file that is seen"
    );
    assert!(
        pending["replaced_by"]
            .as_str()
            .unwrap()
            .starts_with("store:")
    );
    let lines = Part::bytes(b"1\n00:00:00,100 --> 00:00:01,000\nwords\n".to_vec());
    let form = Form::new().part("file", lines.file_name("x.srt"));
    let path = format!("/v1/assets/{asset}/subtitles");
    let refused = server.post(&path).multipart(form).send().unwrap();
    assert_eq!(problem(refused), (409, "replacement-failed".to_owned()));
    let withdrawn = server.client.delete(&url).send().unwrap();
    assert_eq!(withdrawn.status(), 202);
    let withdrawn: Value = withdrawn.json().unwrap();
    assert_eq!(withdrawn["state"], "ready", "{withdrawn:#}");
    let failed = server.json(&format!("/v1/jobs/{}", failed["id"].as_str().unwrap()));
    assert_eq!(failed["state"], "cancelled", "{failed:#}");
    let given_up = server.client.delete(&url).send().unwrap();
    assert_eq!(problem(given_up), (404, "replacement-not-found".to_owned()));
    let kept = server.json(&format!("/v1/assets/{asset}"));
    assert_eq!(
        (&kept["uri"], &kept["blake3"]),
        (&after["uri"], &after["blake3"])
    );
    let stages = kept["stages"].as_array().unwrap();
    assert!(
        stages.iter().all(|stage| stage["state"] == "ready"),
        "{kept:#}"
    );
}

#[test]
fn a_file_that_is_no_video_replaces_nothing_and_the_next_one_does() {
    let Some(rushes) = Rushes::new() else { return };
    let (server, asset) = library(&rushes);
    let broken = rushes.folder.path().join("broken.mp4");
    std::fs::write(&broken, b"not a video at all").unwrap();
    let job: Value = put(&server, &asset, &json!({ "uri": broken }))
        .json()
        .unwrap();
    let job = server.finished(job["id"].as_str().unwrap());
    assert_eq!(job["state"], "failed", "{job:#}");
    let shown = server.json(&format!("/v1/assets/{asset}"));
    assert!(
        shown["uri"].as_str().unwrap().ends_with("/old.mp4"),
        "{shown:#}"
    );
    assert_eq!(shots(&server, &asset).len(), 2);
    // An export still names the file whose shots are seen.
    let body = json!({ "bin": "Picks", "format": "json" });
    let list: Value = server
        .post("/v1/exports")
        .json(&body)
        .send()
        .unwrap()
        .json()
        .unwrap();
    assert!(list.to_string().contains("old.mp4"), "{list:#}");
    assert!(!list.to_string().contains("broken.mp4"), "{list:#}");

    // By a resumable upload, in place of the broken one. The title stays.
    let titled = format!(
        "filename {},asset {},title {}",
        STANDARD.encode("graded.mp4"),
        STANDARD.encode(&asset),
        STANDARD.encode("Another")
    );
    let refused = server
        .post("/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", 10)
        .header("upload-metadata", titled)
        .send()
        .unwrap();
    assert_eq!(problem(refused), (400, "bad-request".to_owned()));
    let new = videos::made(&rushes.folder.path().join("new.mp4"), 1, 40, 2);
    let bytes = std::fs::read(new).unwrap();
    let metadata = format!(
        "filename {},asset {}",
        STANDARD.encode("graded.mp4"),
        STANDARD.encode(&asset)
    );
    let begun = server
        .post("/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", bytes.len())
        .header("upload-metadata", metadata)
        .send()
        .unwrap();
    assert_eq!(begun.status(), 201);
    let place = begun.headers()["location"].to_str().unwrap().to_owned();
    let sent = server
        .client
        .patch(format!("{}{place}", server.address))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", 0)
        .header("content-type", "application/offset+octet-stream")
        .body(bytes)
        .send()
        .unwrap();
    assert_eq!(sent.headers()["rushes-asset"], asset.as_str());
    let job = server.finished(sent.headers()["rushes-job"].to_str().unwrap());
    assert_eq!(job["state"], "ready", "{job:#}");
    assert_eq!(shots(&server, &asset).len(), 1);
    let shown = server.json(&format!("/v1/assets/{asset}"));
    assert!(
        shown["uri"].as_str().unwrap().ends_with("/graded.mp4"),
        "{shown:#}"
    );
    assert_eq!(shown["tags"], json!(["hero"]));

    // The upload goes with its asset.
    let url = format!("{}/v1/assets/{asset}", server.address);
    assert_eq!(server.client.delete(url).send().unwrap().status(), 204);
    crate::http::nothing_is_left_in(&rushes.data().join("store"));
}

#[test]
fn a_file_is_replaced_while_the_one_before_is_still_being_computed() {
    let Some(rushes) = Rushes::new() else { return };
    let long = videos::made(&rushes.folder.path().join("long.mp4"), 12, 50, 0);
    let new = videos::made(&rushes.folder.path().join("new.mp4"), 2, 40, 3);
    let root = rushes.folder.path().to_str().unwrap();
    let server = Server::start(&rushes, &["--media-root", root]);
    let body = json!({ "uri": long, "title": "Day 3" });
    let made: Value = server
        .post("/v1/assets")
        .json(&body)
        .send()
        .unwrap()
        .json()
        .unwrap();
    let (asset, first) = (&made["assets"][0]["asset"], &made["assets"][0]["job"]);
    let asset = asset.as_str().unwrap();
    let job: Value = put(&server, asset, &json!({ "uri": new })).json().unwrap();
    let job = server.finished(job["id"].as_str().unwrap());
    assert_eq!(job["state"], "ready", "{job:#}");
    // The first job ended with its file.
    let first = server.finished(first.as_str().unwrap());
    assert_eq!(first["state"], "cancelled", "{first:#}");
    let cancelled = server.json("/v1/jobs?state=cancelled");
    assert_eq!(cancelled["jobs"][0]["id"], first["id"], "{cancelled:#}");
    assert_eq!(shots(&server, asset).len(), 2);
    assert_eq!(
        server.json(&format!("/v1/assets/{asset}"))["title"],
        "Day 3"
    );
    // The same file again is no other file.
    let same: Value = put(&server, asset, &json!({ "uri": new })).json().unwrap();
    assert_eq!(same["state"], "ready", "{same:#}");
    let folder = put(&server, asset, &json!({ "uri": rushes.folder.path() }));
    assert_eq!(problem(folder).0, 400);
    let missing = put(
        &server,
        "01K00000000000000000000000",
        &json!({ "uri": new }),
    );
    assert_eq!(problem(missing), (404, "asset-not-found".to_owned()));
    assert!(files_in(&rushes.data().join("store")).contains(".mp4"));
}
