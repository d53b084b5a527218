//! `/v1/watches`: folders that the server watches.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::s3::on_s3;
use crate::support::s3_server::S3Server;
use crate::support::{Rushes, videos};

/// Waits until a watch is as wanted.
pub(crate) fn until(server: &Server, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until_answer(server, &format!("/v1/watches/{id}"), is_so)
}

/// Waits until the answer to a request is as wanted.
pub(crate) fn until_answer(server: &Server, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let answer = server.json(path);
        if is_so(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn create(
    server: &Server,
    uri: &str,
    title: Option<&str>,
) -> reqwest::blocking::Response {
    let body = json!({ "uri": uri, "title": title });
    server.post("/v1/watches").json(&body).send().unwrap()
}

pub(crate) fn id_of(created: reqwest::blocking::Response, status: u16) -> String {
    assert_eq!(created.status(), status, "{}", created.text().unwrap());
    let watch: Value = created.json().unwrap();
    watch["id"].as_str().unwrap().to_owned()
}

fn serve(rushes: &Rushes, root: &Path) -> Server {
    Server::start(rushes, &["--media-root", root.to_str().unwrap()])
}

#[test]
fn videos_of_a_watched_folder_are_ingested_and_refused_ones_are_listed() {
    let Some(rushes) = Rushes::new() else { return };
    let root = rushes.folder.path().join("root");
    let incoming = root.join("incoming");
    std::fs::create_dir_all(&incoming).unwrap();
    videos::made(&incoming.join("first.mp4"), 2, 30, 0);
    let server = serve(&rushes, &root);
    let uri = incoming.to_str().unwrap();
    let id = id_of(create(&server, uri, Some("Day 3")), 201);
    let again = format!("file://{uri}/");
    assert_eq!(id_of(create(&server, &again, None), 200), id);
    let watch = until(&server, &id, |watch| watch["ready"] == 1);
    assert_eq!(watch["state"], "watching");
    assert_eq!(watch["title"], "Day 3");
    let hits = server.search(&json!({ "text": "a pattern", "titles": ["Day 3"] }));
    assert_eq!(hits["hits"].as_array().unwrap().len(), 2);

    std::fs::write(
        incoming.join("prose.mp4"),
        "It was a dark night. ".repeat(50),
    )
    .unwrap();
    videos::made(&incoming.join("second.mp4"), 1, 30, 1);
    let watch = until(&server, &id, |watch| {
        watch["ready"] == 2 && watch["refused"] == 1
    });
    let refused = &watch["refusals"][0];
    assert!(refused["uri"].as_str().unwrap().ends_with("/prose.mp4"));
    assert!(
        refused["reason"].as_str().unwrap().contains("not"),
        "{refused}"
    );
    drop(server);

    // The server looks again after a restart, and what is there is ingested once.
    let server = serve(&rushes, &root);
    videos::made(&incoming.join("third.mp4"), 1, 30, 2);
    let watch = until(&server, &id, |watch| watch["ready"] == 3);
    assert_eq!(watch["title"], "Day 3");
    let assets = server.json("/v1/assets?title=Day%203");
    assert_eq!(assets["assets"].as_array().unwrap().len(), 4, "{assets:#}");

    // A folder that goes away is failing, until it is back.
    let aside = root.join("aside");
    std::fs::rename(&incoming, &aside).unwrap();
    let watch = until(&server, &id, |watch| watch["state"] == "failing");
    assert!(
        watch["reason"].as_str().unwrap().contains("incoming"),
        "{watch:#}"
    );
    drop(server);
    let server = serve(&rushes, &root);
    until(&server, &id, |watch| watch["state"] == "failing");
    std::fs::rename(&aside, &incoming).unwrap();
    until(&server, &id, |watch| {
        watch["state"] == "watching" && watch["ready"] == 3
    });

    let path = format!("{}/v1/watches/{id}", server.address);
    assert_eq!(server.client.delete(&path).send().unwrap().status(), 204);
    assert_eq!(
        problem(server.get(&format!("/v1/watches/{id}")).send().unwrap()),
        (404, "watch-not-found".to_owned())
    );
    assert_eq!(server.json("/v1/watches")["watches"], json!([]));
    drop(server);
    let server = serve(&rushes, &root);
    assert_eq!(server.json("/v1/watches")["watches"], json!([]));
    let assets = server.json("/v1/assets?title=Day%203");
    assert_eq!(
        assets["assets"].as_array().unwrap().len(),
        4,
        "its videos stay"
    );
}

#[test]
fn only_folders_below_the_media_roots_are_watched() {
    let Some(rushes) = Rushes::new() else { return };
    let root = rushes.folder.path().join("root");
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::write(root.join("file.txt"), "x").unwrap();
    let outside = rushes.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    let server = serve(&rushes, &root);
    let at = |name: &str| root.join(name).to_str().unwrap().to_owned();
    for (place, status, code) in [
        (
            outside.to_str().unwrap().to_owned(),
            400,
            "outside-media-roots",
        ),
        (at("link"), 400, "outside-media-roots"),
        (at("../outside"), 400, "outside-media-roots"),
        ("/etc".to_owned(), 400, "outside-media-roots"),
        ("s3://bucket/x/".to_owned(), 400, "outside-media-roots"),
        (at("missing"), 404, "file-not-found"),
        (at("file.txt"), 400, "not-a-folder"),
    ] {
        let refused = problem(create(&server, &place, None));
        assert_eq!(refused, (status, code.to_owned()), "{place}");
    }
    let nested = id_of(create(&server, &at("a/b"), None), 201);
    assert_eq!(
        problem(create(&server, &at("a"), None)),
        (400, "nested-watch".to_owned())
    );
    assert_eq!(problem(create(&server, &at(""), Some("\n"))).1, "bad-name");
    drop(server);
    // Another server may have other roots.
    let server = serve(&rushes, &outside);
    let watch = until(&server, &nested, |watch| watch["state"] == "failing");
    assert!(
        watch["reason"].as_str().unwrap().contains("media root"),
        "{watch:#}"
    );
}

#[test]
fn a_prefix_of_a_bucket_is_watched() {
    let buckets = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(buckets.path().join("footage/day1")).unwrap();
    videos::made(&buckets.path().join("footage/day1/a.mp4"), 2, 30, 0);
    let s3 = S3Server::start(buckets.path());
    let Some(rushes) = on_s3(&s3) else { return };
    let server = Server::start(&rushes, &["--media-root", "s3://footage/day1"]);
    let id = id_of(create(&server, "s3://footage/day1/", None), 201);
    until(&server, &id, |watch| watch["ready"] == 1);
}
