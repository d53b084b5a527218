//! A library with content of every kind.

use std::path::Path;

use reqwest::blocking::{RequestBuilder, multipart};
use serde_json::{Value, json};

use crate::http::Server;
use crate::people::{GROUNDS, speakers};
use crate::redactions::{accepted, faces, finished, jpeg, part};
use crate::support::{Rushes, first, material, models_with, told, videos};

/// The tables that have rows afterwards, besides those of people.
pub(super) const FILLED: [&str; 25] = [
    "annotations",
    "assets",
    "audit",
    "bin_items",
    "bins",
    "changes",
    "cues",
    "deliveries",
    "events",
    "idempotency",
    "index_marks",
    "job_runs",
    "jobs",
    "key_titles",
    "keys",
    "labels",
    "objects",
    "redaction_files",
    "redactions",
    "runs",
    "shots",
    "tallies",
    "vectors",
    "watches",
    "webhooks",
];

fn sent(request: RequestBuilder) -> Value {
    let answer = request.send().unwrap();
    let status = answer.status();
    let text = answer.text().unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// A library whose webhooks may lead to this machine.
pub(super) fn with_webhooks(rushes: Rushes) -> Rushes {
    rushes.with("RUSHES_SERVER__WEBHOOK_PRIVATE", "true")
}

/// Fills an empty library: two films, one with dialogue, and an upload, tags, a bin, keys, a webhook, a watched folder, a
/// redaction, and people where there is footage of them. Whether there is.
pub(super) fn fill(rushes: &Rushes, folder: &Path) -> bool {
    let zebra = videos::made(&folder.join("Zebra.mp4"), 3, 40, 1);
    videos::made(&folder.join("apple.mp4"), 2, 40, 4);
    let line = "1\n00:00:00,200 --> 00:00:01,200\nThe café is open\n";
    std::fs::write(zebra.with_extension("srt"), line).unwrap();
    rushes.json(&["key", "create", "panel", "--scope", "read"]);
    let shows_people = match (material(), models_with("faces")) {
        (Some(material), Some(_)) => {
            rushes.json(&["people", "on", "--because", GROUNDS]);
            speakers(&material, folder, 2);
            true
        }
        _ => false,
    };
    let summary = rushes.ingest(&[folder]);
    for video in summary["videos"].as_array().unwrap() {
        assert_eq!(video["state"], "ready", "{summary:#}");
    }
    let of_title = &[
        "key", "create", "agency", "--scope", "read", "--title", "Zebra",
    ];
    rushes.json(of_title);
    let spoken = rushes.json(&["search", "--in", "dialogue", "cafe is open"]);
    let shot = first(&spoken)["shot"].as_str().unwrap().to_owned();

    let server = Server::start(rushes, &["--media-root", folder.to_str().unwrap()]);
    let path = format!("{}/v1/shots/{shot}", server.address);
    let tags = json!({ "tags": ["Größe", "night"], "note": "the running dogs" });
    sent(server.client.patch(path).json(&tags));
    let named = json!({ "name": "picks" });
    let bin = server.post("/v1/bins").header("idempotency-key", "one");
    let bin = sent(bin.json(&named));
    let items = format!("/v1/bins/{}/items", bin["id"].as_str().unwrap());
    sent(
        server
            .post(&items)
            .json(&json!({ "picks": [{ "shot": shot }] })),
    );
    // Nothing listens on loopback's discard port.
    let webhook = json!({ "url": "https://127.0.0.1:9/", "types": ["asset."] });
    let webhook = sent(server.post("/v1/webhooks").json(&webhook));
    let watched = folder.join("incoming");
    std::fs::create_dir(&watched).unwrap();
    let uri = format!("file://{}", watched.display());
    sent(server.post("/v1/watches").json(&json!({ "uri": uri })));
    let form = faces().part("file", part(jpeg(1), "one.jpg"));
    let link = accepted(
        server
            .post("/v1/redactions")
            .multipart(form)
            .send()
            .unwrap(),
    );
    assert_eq!(finished(&server, &link)["state"], "done");
    let upload = videos::made(&folder.join("incoming/.upload.mp4"), 1, 30, 6);
    let form = multipart::Form::new().file("file", upload).unwrap();
    let made = sent(
        server
            .post("/v1/assets")
            .multipart(form.text("title", "Sent")),
    );
    let job = made["assets"][0]["job"].as_str().unwrap();
    assert_eq!(server.finished(job)["state"], "ready");
    // The sender notes deliveries a moment after the events.
    let path = format!(
        "/v1/webhooks/{}/deliveries",
        webhook["id"].as_str().unwrap()
    );
    let deliveries = std::iter::repeat_with(|| server.json(&path)["deliveries"].clone());
    assert!(deliveries.take(10_000).any(|list| list != json!([])));
    shows_people
}

/// Searches, without what is different each time or in each database.
pub(super) fn answers(rushes: &Rushes) -> Vec<Value> {
    let queries: [&[&str]; 6] = [
        &["search", "--in", "visual", "a test card", "-n", "50"],
        &["search", "cafe is open", "-n", "50"],
        &["search", "tag:night"],
        &["search", "dog"],
        &["search", "title:Sent facet:title,codec"],
        &["bin", "show", "picks"],
    ];
    let mut answers = Vec::new();
    for query in queries {
        let mut answer = rushes.json(query);
        answer.as_object_mut().unwrap().remove("next");
        // The two databases weigh words differently.
        for hit in answer["hits"].as_array_mut().into_iter().flatten() {
            if let Some(label) = hit["evidence"]["label"].as_object_mut() {
                label.remove("score").unwrap();
            }
        }
        answers.push(answer);
    }
    assert!(!answers[0]["hits"].as_array().unwrap().is_empty());
    assert_eq!(answers[2]["hits"].as_array().unwrap().len(), 1);
    answers
}

/// Runs a command that must fail, and returns what it says.
pub(super) fn refusal(rushes: &Rushes, args: &[&str]) -> String {
    let output = rushes.run(args);
    assert!(!output.status.success(), "{args:?}: {}", told(&output));
    told(&output)
}
