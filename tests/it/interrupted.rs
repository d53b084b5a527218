//! Interruptions by the user: deleting what is running, or pressing Ctrl-C twice.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Rushes, told, videos};

/// Waits until `done`, polling often; panics with `what` after a minute.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn deleting_a_video_does_not_end_the_ingest_of_others() {
    let Some(rushes) = Rushes::new() else { return };
    rushes.begin();
    let folder = rushes.folder.path().join("videos");
    std::fs::create_dir(&folder).unwrap();
    videos::made(&folder.join("a long.mp4"), 60, 60, 0);
    videos::made(&folder.join("short.mp4"), 3, 40, 1);
    let mut child = rushes
        .command(&["ingest", folder.to_str().unwrap(), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the long video was never registered", || {
        let titles = rushes.json(&["titles"]);
        titles
            .as_array()
            .unwrap()
            .iter()
            .any(|title| title["name"] == "a long")
    });
    let deleted = rushes.run(&["delete", "a long", "--yes"]);
    assert!(deleted.status.success(), "{}", told(&deleted));
    assert!(
        child.try_wait().unwrap().is_none(),
        "the ingest was over too soon to mean anything"
    );
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let states: Vec<&str> = summary["videos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|video| video["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["deleted", "ready"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
}

/// Whether the process has a handler for SIGINT; otherwise the first one would simply end it.
fn listens(child: &Child) -> bool {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 2 != 0)
}

#[test]
fn a_second_ctrl_c_ends_at_once_what_the_first_one_would_finish() {
    let Some(rushes) = Rushes::new() else { return };
    // Large enough that it is far from done when the signals arrive.
    let picture = rushes.folder.path().join("large.png");
    image::GrayImage::new(14_000, 14_000)
        .save(&picture)
        .unwrap();
    let out = rushes.folder.path().join("out");
    let mut child = rushes
        .command(&[
            "redact",
            picture.to_str().unwrap(),
            "-o",
            out.to_str().unwrap(),
            "--classes",
            "face",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it never listened", || listens(&child));
    let pid = Pid::from_child(&child);
    let mut status = None;
    until("it did not end", || {
        kill_process(pid, Signal::INT).ok();
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(130));
    // Nothing that looks like a result remains.
    let left: Vec<_> = std::fs::read_dir(&out)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name()).collect())
        .unwrap_or_default();
    assert!(!left.iter().any(|name| name == "large.png"), "{left:?}");
}
