//! The API beside its own description: schemathesis makes requests from the OpenAPI document, right ones and wrong ones,
//! and checks every answer against it.

use std::process::Command;

use serde_json::json;

use crate::http::Server;
use crate::support::{Rushes, readers, videos};

/// Requests made for each operation.
const EXAMPLES: &str = "25";

#[test]
fn every_answer_is_as_the_document_says() {
    let Some(python) = readers::python() else {
        return;
    };
    let Some(rushes) = Rushes::new() else { return };
    let rushes = rushes.with("RUSHES_SERVER__REQUESTS_PER_SECOND", "0");
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 3, 40, 0);
    let summary = rushes.ingest(&[&video]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    let made = rushes.json(&["key", "create", "tester", "--scope", "read,write,redact"]);
    let secret = made["secret"].as_str().unwrap();
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let bin = json!({ "name": "Picks", "picks": [{ "asset": summary["videos"][0]["asset"], "start": 0, "end": 9 }] });
    let created = server
        .post("/v1/bins")
        .bearer_auth(secret)
        .json(&bin)
        .send()
        .unwrap();
    assert_eq!(created.status(), 201);

    let tested = Command::new(python.with_file_name("st"))
        .args(["run", &format!("{}/openapi.json", server.address)])
        .args(["--header", &format!("authorization: Bearer {secret}")])
        .args([
            "--max-examples",
            EXAMPLES,
            "--seed",
            "1",
            "--phases",
            "examples,coverage,fuzzing",
        ])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance",
        ])
        .args(["--checks", "response_schema_conformance"])
        // Streams do not end, and the queue of work has keys of its own.
        .args(["--exclude-path-regex", "/events$|^/v1/work"])
        // It cannot write this content type; tests/it/resumable.rs does.
        .args(["--exclude-operation-id", "continue_upload"])
        .args([
            "--request-timeout",
            "60",
            "--continue-on-failure",
            "--no-color",
        ])
        .args([
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--generation-database",
            "none",
        ])
        .current_dir(rushes.folder.path())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&tested.stdout);
    assert!(
        tested.status.success(),
        "{report}\n{}",
        String::from_utf8_lossy(&tested.stderr)
    );
}
