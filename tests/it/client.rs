//! The clients that we ship: the Python client is the one that the document describes, and does what it says.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::http::Server;
use crate::support::{Rushes, readers, videos};

fn python(script: &Path, arguments: &[&str]) -> String {
    let run = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn the_python_client_is_the_one_that_the_document_describes() {
    let Some(rushes) = Rushes::new() else { return };
    let server = Server::start(&rushes, &[]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python");
    let fresh = rushes.folder.path().join("rushes_client.py");
    let document = format!("{}/openapi.json", server.address);
    python(
        &folder.join("generate.py"),
        &[&document, fresh.to_str().unwrap()],
    );
    let read = |file: &Path| std::fs::read_to_string(file).unwrap();
    assert!(
        read(&fresh) == read(&folder.join("rushes_client.py")),
        "clients/python/rushes_client.py is not what generate.py writes; run it on a server's /openapi.json"
    );
}

#[test]
fn a_script_gets_from_a_key_to_a_timeline() {
    let Some(rushes) = Rushes::new() else { return };
    let made = rushes.json(&["key", "create", "panel", "--scope", "write,redact"]);
    let video = videos::made(&rushes.folder.path().join("a \"b\".mp4"), 3, 40, 0);
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let arguments = [
        &server.address,
        made["secret"].as_str().unwrap(),
        video.to_str().unwrap(),
    ];
    let done = python(&readers::script("client.py"), &arguments);
    let done: Value = serde_json::from_str(done.lines().last().unwrap()).unwrap();
    let expected = json!({
        "title": "Größe \"1\"",
        "last": "ready",
        "clips": 3,
        "refused": [404, "bin-not-found"],
        "redacted": [true, true],
        "timeline": "From a script",
        "cuts": [[0, 39], [40, 79], [80, 119]],
    });
    assert_eq!(done, expected);
}
