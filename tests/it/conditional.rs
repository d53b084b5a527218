//! Entity tags of JSON: an answer that a client has is not sent again.

use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::{Rushes, videos};

fn tag(answer: &Response) -> String {
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

#[test]
fn an_answer_is_sent_again_when_it_has_changed() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let ask = |path: &str, known: &str| {
        let request = server.get(path).header("if-none-match", known);
        request.send().unwrap()
    };
    for path in [
        "/v1/titles",
        "/v1/assets",
        "/v1/jobs",
        "/v1/bins",
        "/openapi.json",
    ] {
        let first = server.get(path).send().unwrap();
        let known = tag(&first);
        assert!(known.starts_with('"'), "{path}: {known}");
        assert_eq!(
            first.headers()["cache-control"],
            "private, no-cache",
            "{path}"
        );
        assert!(!first.bytes().unwrap().is_empty());
        let again = ask(path, &known);
        assert_eq!(again.status(), 304, "{path}");
        assert_eq!(tag(&again), known);
        assert!(again.headers().get("content-type").is_none());
        assert!(again.bytes().unwrap().is_empty());
        assert_eq!(ask(path, "\"another\"").status(), 200);
        assert_eq!(ask(path, &format!("\"x\", W/{known}")).status(), 304);
    }
    // Another encoding is another representation.
    let packed = server
        .get("/openapi.json")
        .header("accept-encoding", "gzip")
        .send()
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let plain = server.get("/openapi.json").send().unwrap();
    assert_ne!(tag(&packed), tag(&plain));

    let titles = tag(&server.get("/v1/titles").send().unwrap());
    let made = server
        .post("/v1/titles")
        .json(&json!({ "name": "New" }))
        .send()
        .unwrap();
    assert_eq!(made.status(), 201);
    let changed = ask("/v1/titles", &titles);
    assert_eq!(changed.status(), 200);
    let changed: Value = changed.json().unwrap();
    assert_eq!(changed["titles"][0]["name"], "New");
    // Errors have no tag.
    let missing = ask("/v1/titles/nothing", "*");
    assert!(missing.headers().get("etag").is_none());
    assert_eq!(problem(missing).0, 404);
}

#[test]
fn the_tag_of_a_bin_guards_its_changes() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let made = server
        .post("/v1/bins")
        .json(&json!({ "name": "Picks" }))
        .send()
        .unwrap();
    assert_eq!(made.status(), 201);
    let known = tag(&server.get("/v1/bins/Picks").send().unwrap());
    let rename = |to: &str| {
        let url = format!("{}/v1/bins/Picks", server.address);
        let request = server.client.patch(url).header("if-match", &known);
        request.json(&json!({ "name": to })).send().unwrap()
    };
    let items = server
        .post("/v1/bins/Picks/items")
        .json(&json!({ "picks": [] }))
        .send()
        .unwrap();
    assert_eq!(items.status(), 201);
    assert_eq!(
        problem(rename("Mine")),
        (409, "changed-meanwhile".to_owned())
    );
    let newer = tag(&server.get("/v1/bins/Picks").send().unwrap());
    assert_ne!(newer, known);
    let url = format!("{}/v1/bins/Picks", server.address);
    let request = server.client.patch(url).header("if-match", &newer);
    assert_eq!(
        request
            .json(&json!({ "name": "Mine" }))
            .send()
            .unwrap()
            .status(),
        200
    );
}

#[test]
fn the_same_page_of_a_search_has_the_same_tag() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 3, 30, 0);
    rushes.ingest(&[&video]);
    let server = Server::start(&rushes, &[]);
    let ask = || {
        server
            .get("/v1/search?q=a%20pattern&limit=1")
            .send()
            .unwrap()
    };
    let tags: Vec<String> = (0..3).map(|_| tag(&ask())).collect();
    // A token changes every five minutes, perhaps just now.
    assert!(tags[0] == tags[1] || tags[1] == tags[2], "{tags:?}");
    let page: Value = ask().json().unwrap();
    let next = page["next"].as_str().unwrap();
    let path = format!("/v1/search?q=a%20pattern&limit=1&page={next}");
    let second: Value = server.get(&path).send().unwrap().json().unwrap();
    assert_eq!(second["hits"].as_array().unwrap().len(), 1);
    assert_ne!(second["hits"], page["hits"]);
}
