//! Which follower receives which event, and for how long.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};
use reqwest::blocking::Response;
use reqwest::blocking::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::{Rushes, videos};
use rushes::catalog::database;

fn key(rushes: &Rushes, args: &[&str]) -> String {
    let made = rushes.json(&[&["key", "create"], args].concat());
    made["secret"].as_str().unwrap().to_owned()
}

fn follow(server: &Server, key: &str) -> Response {
    let request = server.get("/v1/events").bearer_auth(key);
    request.timeout(Duration::from_secs(300)).send().unwrap()
}

/// Types and bodies of the events of a stream, until it ends.
fn events(answer: Response) -> impl Iterator<Item = (String, Value)> {
    assert_eq!(answer.status(), 200);
    let mut kind = String::new();
    let lines = BufReader::new(answer).lines().map_while(Result::ok);
    lines.filter_map(move |line| {
        if let Some(event) = line.strip_prefix("event: ") {
            event.clone_into(&mut kind);
        }
        let data = line.strip_prefix("data: ")?;
        Some((kind.clone(), serde_json::from_str(data).unwrap()))
    })
}

/// The address of a redaction of one picture, when it is done.
fn redacted(server: &Server, key: &str) -> String {
    let mut picture = std::io::Cursor::new(Vec::new());
    RgbImage::new(64, 48)
        .write_to(&mut picture, ImageFormat::Png)
        .unwrap();
    let form = Form::new()
        .text("settings", r#"{"classes": ["face"]}"#)
        .part("file", Part::bytes(picture.into_inner()).file_name("a.png"));
    let batch = server
        .post("/v1/redactions")
        .bearer_auth(key)
        .multipart(form);
    let batch: Value = batch.send().unwrap().json().unwrap();
    let link = batch["links"]["self"].as_str().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let state = server.get(link).bearer_auth(key).send().unwrap();
        let state: Value = state.json().unwrap();
        if state["state"] == "done" {
            break;
        }
        assert!(Instant::now() < deadline, "{state:#}");
    }
    link.to_owned()
}

#[test]
fn events_of_bins_titles_and_redactions_reach_those_who_see_them() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("one.mp4"), 1, 40, 0);
    let asset = rushes.ingest(&[&video])["videos"][0]["asset"].clone();
    let boss = key(&rushes, &["boss", "--scope", "admin"]);
    let editor = key(&rushes, &["editor", "--scope", "write", "--title", "one"]);
    let reader = key(&rushes, &["reader", "--scope", "read"]);
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let streams = [&boss, &editor, &reader].map(|key| events(follow(&server, key)));

    let send = |method: &str, path: &str, key: &str, body: &Value| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", server.address);
        let request = server.client.request(method, url).bearer_auth(key);
        let answer = request.json(body).send().unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().unwrap()
        );
    };
    let none = Value::Null;
    send("POST", "/v1/titles", &boss, &json!({ "name": "Two" }));
    send(
        "PATCH",
        "/v1/titles/Two",
        &boss,
        &json!({ "name": "Second" }),
    );
    send("DELETE", "/v1/titles/Second", &boss, &none);
    let asset = format!("/v1/assets/{}", asset.as_str().unwrap());
    send("PATCH", &asset, &editor, &json!({ "tags": ["hero"] }));
    send("POST", "/v1/bins", &boss, &json!({ "name": "Everybody's" }));
    send("POST", "/v1/bins", &editor, &json!({ "name": "Mine" }));
    let link = redacted(&server, &boss);
    send("DELETE", &link, &boss, &none);
    send("PATCH", "/v1/bins/Mine", &editor, &json!({ "name": "End" }));
    send("DELETE", "/v1/bins/End", &editor, &none);
    send("POST", "/v1/bins", &boss, &json!({ "name": "Last" }));

    let expected = [
        "title.created",
        "title.changed",
        "title.deleted",
        "asset.changed",
        "bin.created Everybody's",
        "bin.created Mine",
        "redaction.created",
        "redaction.done",
        "redaction.deleted",
        "bin.changed End",
        "bin.deleted End",
        "bin.created Last",
    ];
    let [all, own, read] = streams.map(|stream| {
        let mut heard = Vec::new();
        for (kind, event) in stream {
            let name = event["body"]["name"].as_str().unwrap_or_default();
            let is_bin = kind.starts_with("bin.");
            assert_eq!(event["bin"].is_string(), is_bin, "{event:#}");
            assert_eq!(
                event["redaction"].is_string(),
                kind.starts_with("redaction."),
                "{event:#}"
            );
            heard.push(if is_bin {
                format!("{kind} {name}")
            } else {
                kind
            });
            let last = heard.last().unwrap();
            if last == "bin.created Last"
                || (last == "bin.deleted End" && !heard.contains(&expected[4].to_owned()))
            {
                break;
            }
        }
        heard
    });
    assert_eq!(all, expected);
    let without = |parts: &[&str]| {
        let heard = expected
            .iter()
            .filter(|kind| !parts.iter().any(|part| kind.contains(part)));
        heard.map(|&kind| kind.to_owned()).collect::<Vec<_>>()
    };
    // Redactions need their own scope, and bins of others stay unknown, like other titles.
    assert_eq!(read, without(&["redaction."]));
    assert_eq!(own, without(&["redaction.", "title.", "Everybody", "Last"]));
}

#[test]
fn a_stream_ends_with_its_key() {
    let Some(rushes) = Rushes::new() else { return };
    let names = ["revoked", "rotated", "expired"];
    let keys = names.map(|name| key(&rushes, &[name, "--scope", "read"]));
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let streams = keys.each_ref().map(|key| events(follow(&server, key)));
    rushes.json(&["key", "revoke", "revoked"]);
    rushes.json(&["key", "rotate", "rotated"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = rushes.catalog().await;
        let mut tx = catalog.begin().await.unwrap();
        let expire = "UPDATE keys SET expires_at = 1 WHERE name = 'expired'";
        database::query(expire).execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    });
    // Each comes to its end, and brings nothing of what happens after.
    let secret = key(&rushes, &["writer", "--scope", "write"]);
    for (name, stream) in names.iter().zip(streams) {
        assert_eq!(stream.count(), 0, "{name}");
        let body = json!({ "name": name });
        let made = server
            .post("/v1/bins")
            .bearer_auth(&secret)
            .json(&body)
            .send()
            .unwrap();
        assert_eq!(made.status(), 201);
    }
}

#[test]
fn the_stream_of_a_job_ends_when_its_asset_moves_out_of_sight() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("one.mp4"), 1, 40, 0);
    rushes.ingest(&[&video]);
    let boss = key(&rushes, &["boss", "--scope", "write"]);
    let reader = key(&rushes, &["reader", "--scope", "read", "--title", "one"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = rushes.catalog().await;
        let mut tx = catalog.begin().await.unwrap();
        // No worker takes it, so the job is never over.
        let wait =
            "UPDATE runs SET state = 'pending', queue = 'nobody' WHERE feature = 'thumbnails'";
        database::query(wait).execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    });
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let get = |path: &str, key: &str| server.get(path).bearer_auth(key).send().unwrap();
    let listed: Value = get("/v1/jobs", &boss).json().unwrap();
    let title = server.post("/v1/titles").bearer_auth(&boss);
    let title = title.json(&json!({ "name": "Two" })).send().unwrap();
    assert_eq!(title.status(), 201);
    let mut own = events(follow(&server, &reader));
    let (job, asset) = (&listed["jobs"][0]["id"], &listed["jobs"][0]["asset"]);
    let path = format!("/v1/jobs/{}/events", job.as_str().unwrap());
    let mut stream = events(get(&path, &reader));
    let (_, shown) = stream.next().unwrap();
    assert_eq!(shown["state"], "pending", "{shown:#}");
    let url = format!("{}/v1/assets/{}", server.address, asset.as_str().unwrap());
    let moved = server.client.patch(url).bearer_auth(&boss);
    let moved = moved.json(&json!({ "title": "Two" })).send().unwrap();
    assert!(moved.status().is_success());
    assert_eq!(stream.count(), 0);
    let (kind, event) = own.next().unwrap();
    assert_eq!((&*kind, &event["asset"]), ("asset.left", asset));
    assert_eq!(get(&path, &reader).status(), 404);
    assert_eq!(get(&path, &boss).status(), 200);
}

#[test]
fn one_key_does_not_take_all_places() {
    let Some(rushes) = Rushes::new() else { return };
    let (greedy, other) = (
        key(&rushes, &["greedy", "--scope", "read"]),
        key(&rushes, &["other", "--scope", "read"]),
    );
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let mut held: Vec<Response> = (0..8).map(|_| follow(&server, &greedy)).collect();
    assert!(held.iter().all(|stream| stream.status() == 200));
    let refused = follow(&server, &greedy);
    assert_eq!(problem(refused), (429, "too-many-followers".to_owned()));
    assert_eq!(follow(&server, &other).status(), 200);
    // A place is free again once its stream has ended.
    drop(held.pop());
    let deadline = Instant::now() + Duration::from_secs(60);
    while follow(&server, &greedy).status() != 200 {
        assert!(Instant::now() < deadline, "the place is not given back");
    }
}
