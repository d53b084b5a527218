//! The catalogue in PostgreSQL: the product does with it what it does with a file.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::http::Server;
use crate::support::postgres::{PostgresServer, servers};
use crate::support::{Rushes, first, frames, told, videos};

/// A data folder with the catalogue in a new database of each server.
fn each() -> impl Iterator<Item = (&'static PostgresServer, Rushes)> {
    servers()
        .iter()
        .filter_map(|server| Some((server, Rushes::new()?.on(server))))
}

/// Titles and frames of hits, and counts of values.
fn essence(answer: &Value) -> Value {
    let hits = answer["hits"].as_array().unwrap().iter();
    let hits: Vec<Value> = hits
        .map(|hit| json!([hit["title"], frames(hit).0, frames(hit).1]))
        .collect();
    json!({ "hits": hits, "facets": answer["facets"] })
}

/// What a catalogue answers after the same work.
fn answers(rushes: &Rushes, folder: &Path) -> Vec<Value> {
    let summary = rushes.ingest(&[folder]);
    let videos = summary["videos"].as_array().unwrap();
    assert_eq!(videos.len(), 2, "{summary:#}");
    assert!(
        videos.iter().all(|video| video["state"] == "ready"),
        "{summary:#}"
    );
    let spoken = rushes.json(&["search", "--in", "dialogue", "cafe is open"]);
    assert_eq!(frames(first(&spoken)).0, 0);
    let shot = first(&spoken)["shot"].as_str().unwrap().to_owned();

    let server = Server::start(rushes, &[]);
    let tags = json!({ "tags": ["Größe", "night"], "note": "the running dogs" });
    let path = format!("{}/v1/shots/{shot}", server.address);
    let tagged = server.client.patch(path).json(&tags).send().unwrap();
    assert!(tagged.status().is_success(), "{}", tagged.text().unwrap());
    let named = json!({ "name": "picks" });
    let bin: Value = server
        .post("/v1/bins")
        .json(&named)
        .send()
        .unwrap()
        .json()
        .unwrap();
    let bin = format!("/v1/bins/{}", bin["id"].as_str().unwrap());
    let picks = json!({ "picks": [{ "shot": shot }] });
    let added = server
        .post(&format!("{bin}/items"))
        .json(&picks)
        .send()
        .unwrap();
    assert!(added.status().is_success(), "{}", added.text().unwrap());
    let bin = server.json(&bin);
    let mut answers = vec![
        essence(&spoken),
        json!([bin["name"], bin["revision"], bin["items"]]),
    ];
    for query in [
        "a test card",
        "tag:night",
        "dog",
        "tag:GRößE",
        "width:>100 sort:date facet:title,codec,boundary,tag,rate,width",
        "title:ZEBRA len:<5s facet:language",
        "date:>2020-01-01 sort:time",
        "rate:25 height:<2000 -tag:night",
    ] {
        let answer = server
            .post("/v1/search")
            .json(&json!({ "q": query }))
            .send()
            .unwrap();
        let status = answer.status();
        let found: Value = answer.json().unwrap();
        assert!(status.is_success(), "{query}: {found:#}");
        answers.push(json!([query, essence(&found)]));
    }
    drop(server);
    let deleted = rushes.run(&["delete", "apple", "--yes"]);
    assert!(deleted.status.success(), "{}", told(&deleted));
    for title in rushes.json(&["titles"]).as_array().unwrap() {
        answers.push(json!([title["name"], title["assets"], title["shots"]]));
    }
    answers
}

#[test]
fn both_databases_answer_alike() {
    let Some(in_file) = Rushes::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let zebra = videos::made(&folder.path().join("Zebra.mp4"), 3, 40, 1);
    videos::made(&folder.path().join("apple.mp4"), 2, 40, 4);
    let line = "1\n00:00:00,200 --> 00:00:01,200\nThe café is open\n";
    std::fs::write(zebra.with_extension("srt"), line).unwrap();
    let expected = answers(&in_file, folder.path());
    assert_eq!(
        expected[3][1]["hits"].as_array().unwrap().len(),
        1,
        "{expected:#?}"
    );
    for (server, rushes) in each() {
        let found = answers(&rushes, folder.path());
        assert_eq!(found, expected, "PostgreSQL {}", server.version);
        // Nothing of it is in a file.
        assert!(!rushes.data().join("catalog.db").try_exists().unwrap());
    }
}

#[test]
fn an_engine_that_was_killed_is_followed_by_the_next_one_at_once() {
    for (_, rushes) in each() {
        let video = videos::made(&rushes.folder.path().join("video.mp4"), 4, 40, 2);
        let mut killed = rushes
            .command(&["ingest", video.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It is somewhere in its work as soon as a run is leased.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let catalog = rushes.catalog().await;
            loop {
                let mut db = catalog.read().await.unwrap();
                let events = rushes::catalog::events::after(
                    &mut db,
                    0,
                    &rushes::catalog::events::EventFilter::ALL,
                    100,
                );
                if events
                    .await
                    .unwrap()
                    .iter()
                    .any(|event| event.kind == "stage.running")
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
            catalog.close().await;
        });
        killed.kill().unwrap();
        killed.wait().unwrap();
        let summary = rushes.ingest(&[&video]);
        assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
        assert_eq!(summary["videos"][0]["shots"], 4, "{summary:#}");
    }
}

#[test]
fn doctor_names_the_database_and_no_password() {
    for (server, rushes) in each() {
        let address = server.database().replace("rushes@", "rushes:hush@");
        let rushes = rushes.with("RUSHES_CATALOG__URL", &address);
        let (checks, output) = rushes.json_any(&["doctor"]);
        let checks = checks.as_array().unwrap();
        let catalogue = checks
            .iter()
            .find(|check| check["what"] == "catalogue")
            .unwrap();
        assert_eq!(catalogue["ok"], true, "{catalogue:#}");
        assert!(
            catalogue["found"].as_str().unwrap().contains("/test_"),
            "{catalogue:#}"
        );
        assert!(!told(&output).contains("hush"));
        let rushes = rushes.with(
            "RUSHES_CATALOG__URL",
            "postgres://a:hush@localhost/db?host=/nowhere",
        );
        let (checks, output) = rushes.json_any(&["doctor"]);
        let checks = checks.as_array().unwrap();
        let catalogue = checks
            .iter()
            .find(|check| check["what"] == "catalogue")
            .unwrap();
        assert_eq!(catalogue["ok"], false, "{catalogue:#}");
        assert!(!told(&output).contains("hush"));
    }
}
