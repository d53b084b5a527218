//! The catalogue in PostgreSQL: the product does with it what it does with a file.

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

/// Answers without what differs each time: ids, times and scores' last digits.
fn plain(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                !matches!(
                    name.as_str(),
                    "id" | "shot"
                        | "asset"
                        | "job"
                        | "clip"
                        | "thumbnail"
                        | "page"
                        | "took_ms"
                        | "created_at"
                ) && !name.ends_with("_at")
                    && !name.ends_with("_url")
                    && !name.ends_with("_id")
            });
            members.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a catalogue answers after the same work, over every kind of statement that a user can cause.
fn answers(rushes: &Rushes) -> Vec<Value> {
    let folder = rushes.folder.path().join("videos");
    std::fs::create_dir(&folder).unwrap();
    let first_video = videos::made(&folder.join("Zebra.mp4"), 3, 40, 1);
    videos::made(&folder.join("apple.mp4"), 2, 40, 5);
    std::fs::write(
        first_video.with_extension("srt"),
        "1\n00:00:00,200 --> 00:00:01,200\nThe café is open\n",
    )
    .unwrap();
    let summary = rushes.ingest(&[&folder]);
    assert_eq!(
        summary["videos"].as_array().unwrap().len(),
        2,
        "{summary:#}"
    );
    for video in summary["videos"].as_array().unwrap() {
        assert_eq!(video["state"], "ready", "{video:#}");
    }
    let spoken = rushes.json(&["search", "--in", "dialogue", "cafe is open"]);
    assert_eq!(frames(first(&spoken)).0, 0);
    let shot = first(&spoken)["shot"].as_str().unwrap().to_owned();

    let server = Server::start(rushes, &[]);
    let tags = json!({ "tags": ["Größe", "night"], "note": "the running dogs" });
    let tagged = server
        .client
        .patch(format!("{}/v1/shots/{shot}", server.address))
        .json(&tags)
        .send()
        .unwrap();
    assert!(tagged.status().is_success(), "{}", tagged.text().unwrap());
    let bin = server
        .post("/v1/bins")
        .json(&json!({ "name": "picks" }))
        .send()
        .unwrap();
    let bin: Value = bin.json().unwrap();
    let items = format!("/v1/bins/{}/items", bin["id"].as_str().unwrap());
    let added = server
        .post(&items)
        .json(&json!({ "picks": [{ "shot": shot }] }))
        .send()
        .unwrap();
    assert!(added.status().is_success(), "{}", added.text().unwrap());
    let mut answers = vec![
        spoken,
        server.json("/v1/titles"),
        server.json("/v1/assets"),
        server.json("/v1/bins"),
        server.json(items.trim_end_matches("/items")),
        server.json(&format!("/v1/shots/{shot}")),
    ];
    for query in [
        json!({ "q": "a test card" }),
        json!({ "q": "tag:night" }),
        json!({ "q": "dog" }),
        json!({ "q": "TAG:GRÖSSE" }),
        json!({ "q": "width:>100 sort:title facet:title facet:codec facet:boundary facet:tag facet:rate" }),
        json!({ "q": "title:ZEBRA len:<5s facet:language" }),
        json!({ "q": "date:>2020-01-01 sort:newest" }),
        json!({ "q": "rate:25 height:<2000 sort:title" }),
    ] {
        let answer = server.post("/v1/search").json(&query).send().unwrap();
        let status = answer.status();
        let found: Value = answer.json().unwrap();
        assert!(status.is_success(), "{query}: {found:#}");
        answers.push(found);
    }
    drop(server);
    let deleted = rushes.run(&["delete", "apple", "--yes"]);
    assert!(deleted.status.success(), "{}", told(&deleted));
    answers.push(rushes.json(&["titles"]));
    answers.push(rushes.json(&["jobs"]));
    let root = rushes.folder.path().display().to_string();
    for answer in &mut answers {
        plain(answer);
        *answer = serde_json::from_str(&answer.to_string().replace(&root, "")).unwrap();
    }
    answers
}

#[test]
fn both_databases_answer_alike() {
    let Some(in_file) = Rushes::new() else { return };
    let expected = answers(&in_file);
    for (server, rushes) in each() {
        for (at, (found, expected)) in answers(&rushes).iter().zip(&expected).enumerate() {
            assert_eq!(
                format!("{found:#}"),
                format!("{expected:#}"),
                "answer {at} on {}",
                server.version
            );
        }
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
fn a_second_data_folder_on_the_same_database_is_refused_while_the_first_one_works() {
    for (server, rushes) in each() {
        let address = server.database();
        let (one, Some(other)) = (rushes.with("RUSHES_CATALOG__URL", &address), Rushes::new())
        else {
            return;
        };
        let other = other.with("RUSHES_CATALOG__URL", &address);
        let _serving = Server::start(&one, &[]);
        let refused = other.run(&["work"]);
        assert!(!refused.status.success());
        assert!(
            told(&refused).contains("rushes work --server"),
            "{}",
            told(&refused)
        );
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
