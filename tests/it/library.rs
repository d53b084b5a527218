//! Titles, assets and shots over HTTP: lists, changes, tags, notes.

use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::{Rushes, told, videos};

fn send(server: &Server, method: &str, path: &str, body: &Value) -> reqwest::blocking::Response {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let url = format!("{}{path}", server.address);
    server
        .client
        .request(method, url)
        .json(body)
        .send()
        .unwrap()
}

/// A server over three videos, "one", "two" and "three", and the ids of their assets.
fn library(rushes: &Rushes) -> (Server, Vec<String>) {
    let names = ["one", "two", "three"];
    let assets: Vec<String> = (0..)
        .zip(names)
        .map(|(seed, name)| {
            let file = videos::made(
                &rushes.folder.path().join(format!("{name}.mp4")),
                2,
                40,
                seed,
            );
            let summary = rushes.ingest(&[&file]);
            summary["videos"][0]["asset"].as_str().unwrap().to_owned()
        })
        .collect();
    (Server::start(rushes, &[]), assets)
}

#[test]
fn assets_are_listed_page_by_page() {
    let Some(rushes) = Rushes::new() else { return };
    let (server, assets) = library(&rushes);
    let (mut listed, mut page) = (Vec::new(), String::new());
    loop {
        let answer = server.json(&format!("/v1/assets?limit=2{page}"));
        listed.extend(answer["assets"].as_array().unwrap().clone());
        let Some(next) = answer["next"].as_str() else {
            break;
        };
        page = format!("&page={next}");
    }
    let ids: Vec<&str> = listed
        .iter()
        .map(|asset| asset["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, assets);
    assert!(
        listed
            .iter()
            .all(|asset| asset["state"] == "ready" && asset["shots"] == 2),
        "{listed:#?}"
    );
    for bad in [
        "limit=0",
        "limit=1001",
        "page=x",
        "state=finished",
        "colour=red",
    ] {
        assert_eq!(
            problem(server.get(&format!("/v1/assets?{bad}")).send().unwrap()).0,
            400,
            "{bad}"
        );
    }
}

#[test]
fn metadata_keep_their_types_and_tags_filter() {
    let Some(rushes) = Rushes::new() else { return };
    let (server, assets) = library(&rushes);
    let asset = format!("/v1/assets/{}", assets[0]);
    let change = json!({ "metadata": { "season": 2, "code": "2", "cleared": true }, "tags": ["b", "a", "b"] });
    assert_eq!(send(&server, "PATCH", &asset, &change).status(), 204);
    assert_eq!(
        send(
            &server,
            "PATCH",
            &asset,
            &json!({ "metadata": { "code": null } })
        )
        .status(),
        204
    );
    let shown = server.json(&asset);
    assert_eq!(
        shown["metadata"],
        json!({ "season": 2.0, "cleared": true }),
        "{shown:#}"
    );
    assert_eq!(shown["tags"], json!(["a", "b"]));
    let only = |query: &str| {
        server.json(&format!("/v1/assets?{query}"))["assets"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        [
            only("tag=a"),
            only("tag=c"),
            only("title=two"),
            only("name=THREE"),
            only("state=failed")
        ],
        [1, 0, 1, 1, 0]
    );
    let refused = send(
        &server,
        "PATCH",
        &asset,
        &json!({ "metadata": { "a b": 1 } }),
    );
    assert_eq!(problem(refused), (400, "bad-metadata".to_owned()));
}

#[test]
fn titles_are_made_renamed_merged_and_deleted() {
    let Some(rushes) = Rushes::new() else { return };
    let (server, assets) = library(&rushes);
    let asset = format!("/v1/assets/{}", assets[0]);
    let made = send(
        &server,
        "POST",
        "/v1/titles",
        &json!({ "name": "Trailer", "metadata": { "year": 2026 } }),
    );
    assert_eq!(made.status(), 201);
    let again = send(&server, "POST", "/v1/titles", &json!({ "name": "Trailer" }));
    assert_eq!(problem(again), (400, "name-in-use".to_owned()));
    assert_eq!(
        send(&server, "PATCH", &asset, &json!({ "title": "Trailer" })).status(),
        204
    );
    assert_eq!(server.json("/v1/titles/Trailer")["assets"], 1);
    // A title that was made by registering goes with its last asset.
    assert_eq!(problem(server.get("/v1/titles/one").send().unwrap()).0, 404);
    let merged: Value = send(
        &server,
        "POST",
        "/v1/titles/two/merge",
        &json!({ "into": "Trailer" }),
    )
    .json()
    .unwrap();
    assert_eq!(
        (&merged["assets"], &merged["metadata"]["year"]),
        (&json!(2), &json!(2026.0))
    );
    let renamed: Value = send(
        &server,
        "PATCH",
        "/v1/titles/Trailer",
        &json!({ "name": "Teaser" }),
    )
    .json()
    .unwrap();
    assert_eq!(renamed["name"], "Teaser");
    let hits = server.search(&json!({ "text": "a square", "titles": ["Teaser"], "limit": 50 }));
    assert_eq!(hits["coverage"]["total"], 2, "{hits:#}");
    assert_eq!(
        send(&server, "DELETE", "/v1/titles/Teaser", &Value::Null).status(),
        204
    );
    assert_eq!(
        server.json("/v1/assets")["assets"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn shots_are_listed_tagged_and_noted_and_jobs_retried() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("video.mp4"), 4, 40, 0);
    let summary = rushes.ingest(&[&file]);
    let asset = summary["videos"][0]["asset"].as_str().unwrap();
    let job = summary["videos"][0]["job"].as_str().unwrap();
    let server = Server::start(&rushes, &[]);

    let first = server.json(&format!("/v1/assets/{asset}/shots?limit=3"));
    assert_eq!(first["shots"].as_array().unwrap().len(), 3);
    let rest = server.json(&format!("/v1/assets/{asset}/shots?from={}", first["next"]));
    assert_eq!(
        (rest["shots"].as_array().unwrap().len(), &rest["next"]),
        (1, &Value::Null)
    );
    assert_eq!(rest["shots"][0]["start"]["frame"], 120);
    assert_eq!(rest["shots"][0]["in"]["kind"], "cut");

    let shot = rest["shots"][0]["shot"].as_str().unwrap();
    let path = format!("/v1/shots/{shot}");
    let noted: Value = send(
        &server,
        "PATCH",
        &path,
        &json!({ "tags": ["hero"], "note": "the one" }),
    )
    .json()
    .unwrap();
    assert_eq!(noted, json!({ "tags": ["hero"], "note": "the one" }));
    let kept: Value = send(&server, "PATCH", &path, &json!({ "note": "" }))
        .json()
        .unwrap();
    assert_eq!(kept, json!({ "tags": ["hero"], "note": null }));
    let listed = server.json(&format!("/v1/assets/{asset}/shots?from=120"));
    assert_eq!(listed["shots"][0]["tags"], json!(["hero"]));
    let absent = send(
        &server,
        "PATCH",
        &format!("/v1/shots/{asset}.1-2"),
        &json!({ "note": "x" }),
    );
    assert_eq!(problem(absent), (404, "shot-not-found".to_owned()));

    let retried = send(
        &server,
        "POST",
        &format!("/v1/jobs/{job}/retry"),
        &Value::Null,
    );
    assert_eq!(retried.status(), 202);
    let again: Value = send(
        &server,
        "POST",
        &format!("/v1/assets/{asset}/reprocess"),
        &Value::Null,
    )
    .json()
    .unwrap();
    assert_eq!(again["state"], "ready", "{again:#}");

    let models = server.json("/v1/models");
    let lite = models["models"]
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["id"] == "lite")
        .unwrap();
    assert_eq!(
        (&lite["status"], &lite["is_used"], &lite["assets"]),
        (&json!("installed"), &json!(true), &json!(1))
    );
}

#[test]
fn an_empty_title_is_deleted_on_the_command_line() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let made = server.post("/v1/titles").json(&json!({ "name": "Empty" }));
    assert_eq!(made.send().unwrap().status(), 201);
    let output = rushes.run(&["delete", "Empty", "--yes"]);
    assert!(output.status.success());
    let said = told(&output);
    assert!(
        said.contains("deleted 1 empty title from the catalogue"),
        "{said}"
    );
    let titles = server.json("/v1/titles");
    assert_eq!(titles["titles"], json!([]), "{titles:#}");
}
