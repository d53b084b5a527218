//! The walk of `docs/integrators.md`, word for word: its shell blocks, one after the other, against a real server.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::export::frames::counter;
use crate::support::certificate::certificate;
use crate::support::{Rushes, missing, readers, told, variable};

/// The shell blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```sh\n") {
        let (block, after) = after.split_once("```").unwrap();
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

/// A port that nobody has.
fn free_port() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One script of all blocks: the server runs in the background, and a failure of any command ends it.
fn script(page: &str) -> String {
    let mut script = "set -euo pipefail\ntrap 'kill $SERVING' EXIT\n".to_owned();
    for block in blocks(page) {
        for line in block.lines() {
            script += line;
            if line.starts_with("rushes serve ") {
                script += " & SERVING=$!\n\
                           curl -s --retry 100 --retry-delay 1 --retry-all-errors https://rushes.example:7420/healthz";
            }
            script += "\n";
        }
    }
    script
}

/// Whether the programs are there that the page calls.
fn has_programs() -> bool {
    let has = |name: &str| Command::new(name).arg("--version").output().is_ok();
    let lacking: Vec<_> = ["bash", "curl", "jq"]
        .into_iter()
        .filter(|name| !has(name))
        .collect();
    if !lacking.is_empty() {
        missing(
            "readers",
            &format!(
                "{} must be installed; `make test` does it",
                lacking.join(" and ")
            ),
        );
    }
    lacking.is_empty()
}

#[test]
fn the_walk_from_a_key_to_a_timeline_works_as_it_is_written() {
    let (Some(rushes), Some(python)) = (Rushes::new(), readers::python()) else {
        return;
    };
    if !has_programs() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/integrators.md")).unwrap();
    let folder = rushes.folder.path();
    let footage = folder.join("footage");
    std::fs::create_dir(&footage).unwrap();
    counter(&footage.join("reel1.mov"), "25", &[]);
    counter(
        &footage.join("reel1-regraded.mov"),
        "25",
        &["-metadata", "comment=regraded"],
    );
    std::fs::write(
        footage.join("reel1.de.srt"),
        "1\n00:00:00,100 --> 00:00:01,000\nhallo\n",
    )
    .unwrap();
    certificate(folder, "DNS:rushes.example");
    // The names of the page lead to this machine, and every refusal ends the script.
    let port = free_port();
    let curl = format!(
        "connect-to = \"rushes.example:7420:127.0.0.1:{port}\"\ncacert = \"cert.pem\"\nfail-with-body\n"
    );
    std::fs::write(folder.join(".curlrc"), curl).unwrap();
    // Commands may go over several lines.
    let script = script(&page.replace("\\\n", ""))
        .replace("0.0.0.0:7420", &format!("0.0.0.0:{port}"))
        .replace("/footage", footage.to_str().unwrap());
    let binary = Path::new(env!("CARGO_BIN_EXE_rushes")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), variable("PATH").unwrap());
    let environment = rushes.command(&[]);
    let walked = Command::new("bash")
        .args(["-x", "-c", &script])
        .current_dir(folder)
        .envs(
            environment
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", path)
        .env("CURL_HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(walked.status.success(), "{}", told(&walked));

    // What the page says of answers holds: a job that is ready, and a timeline that plays the picks with their handles.
    let said = told(&walked);
    assert!(
        said.contains("event: job") && said.contains(r#""state":"ready""#),
        "{said}"
    );
    assert!(said.contains("whsec_"), "{said}");
    let otio = folder.join("trailer.otio");
    let list: Value = serde_json::from_slice(&std::fs::read(&otio).unwrap()).unwrap();
    assert_eq!(list["name"], "Trailer", "{list:#}");
    let shown = readers::rendered(&python, &otio);
    let expected: Vec<u32> = (18..88).chain(108..172).collect();
    assert_eq!(shown, expected);
}
