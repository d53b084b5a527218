//! Failures from end to end: what a person reads has the file, its cause and the remedy, each once.

use std::path::Path;

use reqwest::blocking::multipart::{Form, Part};
use serde_json::Value;

use crate::http::Server;
use crate::support::{Rushes, told, videos};

/// Asserts that a text has each part exactly once.
fn assert_each_once(text: &str, parts: &[&str]) {
    for part in parts {
        assert_eq!(text.matches(part).count(), 1, "{part:?} in {text:?}");
    }
}

#[test]
fn the_reason_of_a_job_has_the_file_and_the_cause_once() {
    let Some(rushes) = Rushes::new() else { return };
    let whole = videos::made(&rushes.folder.path().join("whole.mp4"), 2, 40, 3);
    let bytes = std::fs::read(whole).unwrap();
    let video = rushes.folder.path().join("half.mp4");
    std::fs::write(&video, &bytes[..bytes.len() / 2]).unwrap();
    let (summary, _) = rushes.json_any(&["ingest", video.to_str().unwrap()]);
    let parts = ["half.mp4", "the file is truncated", "upload it again"];
    assert_each_once(summary["videos"][0]["reasons"][0].as_str().unwrap(), &parts);
    let jobs = rushes.json(&["jobs"]);
    let stages = jobs["jobs"][0]["stages"].as_array().unwrap();
    let failed = stages
        .iter()
        .find(|stage| stage["code"] == "media-truncated");
    assert_each_once(failed.unwrap()["reason"].as_str().unwrap(), &parts);
    // The same on standard error.
    let output = rushes.run(&["shots", video.to_str().unwrap()]);
    assert!(!output.status.success());
    assert_each_once(&told(&output), &parts);
}

#[test]
fn a_missing_file_is_reported_once() {
    let rushes = Rushes::without_models();
    let output = rushes.run(&["shots", "/there/is/no/video.mp4"]);
    assert!(!output.status.success());
    assert_each_once(&told(&output), &["video.mp4", "no such file"]);
    let output = rushes.run(&["--config", "/there/are/no/settings.toml", "jobs"]);
    assert!(!output.status.success());
    assert_each_once(
        &told(&output),
        &["settings.toml", "--config or RUSHES_CONFIG", "os error 2"],
    );
    let output = rushes.run(&["redact", "/there/is/no/picture.jpg", "--out", "/tmp/none"]);
    assert!(!output.status.success());
    assert_each_once(&told(&output), &["o such file", "os error 2"]);
    // The catalogue lies below a file.
    let file = rushes.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = rushes.run(&["--data", file.join("data").to_str().unwrap(), "jobs"]);
    assert!(!output.status.success());
    assert_each_once(&told(&output), &["os error 20"]);
    let data = rushes.folder.path().join("other");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(
        data.join("catalog.db"),
        "this is no database at all".repeat(100),
    )
    .unwrap();
    let output = rushes.run(&["--data", data.to_str().unwrap(), "jobs"]);
    assert!(!output.status.success());
    assert_each_once(
        &told(&output),
        &[
            "catalog.db",
            "cannot open the catalogue",
            "is not a database",
        ],
    );
}

#[test]
fn a_damaged_model_is_reported_with_its_cause() {
    let rushes = Rushes::without_models();
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let sound = Path::new(&root).join("models/fixtures/siglip");
    let folder = rushes.folder.path().join("cut");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(sound).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
    }
    let weights = folder.join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..5_000]).unwrap();
    let models = rushes.folder.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let rushes = rushes.with("RUSHES_MODELS", models.to_str().unwrap());
    let output = rushes.run(&[
        "models",
        "pull",
        "ours",
        "--model-dir",
        folder.to_str().unwrap(),
    ]);
    assert!(!output.status.success());
    assert_each_once(
        &told(&output),
        &[
            "model.safetensors",
            "rushes models verify ours",
            "invalid header length",
        ],
    );
}

#[test]
fn a_problem_has_its_cause_once() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 1, 30, 0);
    let summary = rushes.ingest(&[&video]);
    let asset = summary["videos"][0]["asset"].as_str().unwrap();
    let server = Server::start(&rushes, &[]);
    let file = Part::bytes(&b"Dear diary,\n"[..]).file_name("diary.srt");
    let answer = server
        .post(&format!("/v1/assets/{asset}/subtitles"))
        .multipart(Form::new().part("file", file))
        .send()
        .unwrap();
    assert_eq!(answer.status(), 422);
    let problem: Value = answer.json().unwrap();
    assert_each_once(
        problem["detail"].as_str().unwrap(),
        &["diary.srt", "not a subtitle file"],
    );
}
