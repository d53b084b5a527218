//! Subtitle tracks that are added and removed after a video was ingested.

use reqwest::blocking::multipart::{Form, Part};
use rushes_workers::stages::Feature;
use serde_json::{Value, json};

use crate::http::{Server, files_in, problem};
use crate::support::{Rushes, first, videos};

fn srt(line: &str) -> String {
    format!("1\n00:00:00,100 --> 00:00:01,000\n{line}\n")
}

/// A video with a text stream in it and a file beside it.
fn ingested(rushes: &Rushes) -> String {
    let plain = videos::made(&rushes.folder.path().join("plain.mp4"), 2, 40, 0);
    let inside = rushes.folder.path().join("inside.srt");
    std::fs::write(&inside, srt("an embedded elephant")).unwrap();
    let video = rushes.folder.path().join("video.mkv");
    videos::ffmpeg(&[
        "-i",
        plain.to_str().unwrap(),
        "-i",
        inside.to_str().unwrap(),
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-metadata:s:s:0",
        "language=ger",
        video.to_str().unwrap(),
    ]);
    let beside = rushes.folder.path().join("video.en.srt");
    std::fs::write(beside, srt("a sidecar salmon")).unwrap();
    let summary = rushes.ingest(&[&video]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    summary["videos"][0]["asset"].as_str().unwrap().to_owned()
}

fn tracks(server: &Server, asset: &str) -> Vec<(String, String, Value)> {
    let listed = server.json(&format!("/v1/assets/{asset}/subtitles"));
    let tracks = listed["tracks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tracks
        .map(|track| {
            (
                text(&track["id"]),
                text(&track["origin"]),
                track["language"].clone(),
            )
        })
        .collect()
}

/// Whether a line is found.
fn is_found(server: &Server, line: &str) -> bool {
    let found = server.search(&json!({ "text": line, "modalities": ["dialogue"] }));
    found["hits"].as_array().unwrap().iter().any(|hit| {
        let said = hit["evidence"]["dialogue"]["text"]
            .as_str()
            .unwrap_or_default();
        said.contains(line)
    })
}

fn add(
    server: &Server,
    asset: &str,
    name: &str,
    text: &str,
    language: Option<&str>,
) -> reqwest::blocking::Response {
    let file = Part::bytes(text.as_bytes().to_vec()).file_name(name.to_owned());
    let mut form = Form::new().part("file", file);
    if let Some(language) = language {
        form = form.text("language", language.to_owned());
    }
    let path = format!("/v1/assets/{asset}/subtitles");
    server.post(&path).multipart(form).send().unwrap()
}

/// Every feature has a stage in the job, and each is ready. Pictures are not read in these tests, sound is not measured or
/// named, and people are not looked at.
fn all_stages_are_ready(job: &Value) {
    let stages = job["stages"].as_array().unwrap();
    let left_out = [
        Feature::Text,
        Feature::Sound,
        Feature::SoundTags,
        Feature::People,
    ];
    for feature in Feature::ALL.iter().filter(|one| !left_out.contains(one)) {
        let is_of = |stage: &&Value| {
            let name = stage["feature"].as_str().unwrap();
            name.split('/').next() == Some(feature.as_str())
        };
        let stage = stages.iter().find(is_of);
        assert_eq!(
            stage.map(|stage| &stage["state"]),
            Some(&json!("ready")),
            "{feature}: {job:#}"
        );
    }
    assert_eq!(stages.len(), Feature::ALL.len() - left_out.len(), "{job:#}");
}

#[test]
fn tracks_are_added_and_removed_and_the_dialogue_follows() {
    let Some(rushes) = Rushes::new() else { return };
    let asset = ingested(&rushes);
    let server = Server::start(&rushes, &[]);
    let listed = tracks(&server, &asset);
    let origins: Vec<(&str, &Value)> = listed
        .iter()
        .map(|(_, origin, language)| (origin.as_str(), language))
        .collect();
    assert_eq!(
        origins,
        [("embedded", &json!("ger")), ("sidecar", &json!("en"))]
    );
    assert!(is_found(&server, "elephant") && is_found(&server, "salmon"));

    // Two more, one with the language in its name.
    let added = add(
        &server,
        &asset,
        "lines.de.srt",
        &srt("ein neuer otter"),
        None,
    );
    assert_eq!(added.status(), 201);
    let added: Value = added.json().unwrap();
    assert_eq!(
        (
            &added["track"]["origin"],
            &added["track"]["language"],
            &added["track"]["file"]
        ),
        (&json!("uploaded"), &json!("de"), &json!("lines.de.srt"))
    );
    server.finished(added["job"]["id"].as_str().unwrap());
    // A client that lost the answer sends it again.
    let again = add(
        &server,
        &asset,
        "lines.de.srt",
        &srt("ein neuer otter"),
        None,
    );
    let again: Value = again.json().unwrap();
    assert_eq!(again["track"], added["track"]);
    let other = add(
        &server,
        &asset,
        "x.vtt",
        "WEBVTT\n\n00:00.100 --> 00:01.000\nun perro\n",
        Some("es-MX"),
    );
    let other: Value = other.json().unwrap();
    let job = server.finished(other["job"]["id"].as_str().unwrap());
    assert_eq!(job["state"], "ready", "{job:#}");
    assert_eq!(tracks(&server, &asset).len(), 4);
    for line in ["elephant", "salmon", "otter", "perro"] {
        assert!(is_found(&server, line), "{line}");
    }
    all_stages_are_ready(&job);
    assert_eq!(server.json(&format!("/v1/assets/{asset}"))["shots"], 2);

    // Each kind is removed; what is in the video or beside it is not touched.
    let remove = |track: &str| {
        let url = format!("{}/v1/assets/{asset}/subtitles/{track}", server.address);
        server.client.delete(url).send().unwrap()
    };
    for track in [
        &listed[0].0,
        &listed[1].0,
        &added["track"]["id"].as_str().unwrap().to_owned(),
    ] {
        let removed = remove(track);
        assert_eq!(removed.status(), 202, "{track}");
        let job: Value = removed.json().unwrap();
        assert_eq!(
            server.finished(job["id"].as_str().unwrap())["state"],
            "ready"
        );
        assert_eq!(
            problem(remove(track)),
            (404, "subtitles-not-found".to_owned())
        );
    }
    assert_eq!(tracks(&server, &asset).len(), 1);
    for line in ["elephant", "salmon", "otter"] {
        assert!(!is_found(&server, line), "{line}");
    }
    assert!(is_found(&server, "perro"));
    assert!(rushes.folder.path().join("video.en.srt").is_file());
    // It stays removed when the folder is ingested again.
    rushes.ingest(&[&rushes.folder.path().join("video.mkv")]);
    assert_eq!(tracks(&server, &asset).len(), 1);
    drop(server);
    rushes.run(&["delete", "video", "--yes"]);
    assert!(!files_in(&rushes.data().join("store")).contains(".srt"));
}

#[test]
fn what_is_no_subtitle_file_is_refused_at_once() {
    let Some(rushes) = Rushes::new() else { return };
    let asset = ingested(&rushes);
    let server = Server::start(&rushes, &[]);
    for (name, text, language, expected) in [
        ("a.srt", "no cues in here", None, (422, "not-subtitles")),
        (
            "a.srt",
            &*srt("x"),
            Some("klingon language"),
            (400, "bad-language"),
        ),
    ] {
        let (status, code) = problem(add(&server, &asset, name, text, language));
        assert_eq!((status, code.as_str()), expected, "{text}");
    }
    let missing = add(
        &server,
        "01K00000000000000000000000",
        "a.srt",
        &srt("x"),
        None,
    );
    assert_eq!(problem(missing), (404, "asset-not-found".to_owned()));
    let form = Form::new().text("language", "en");
    let path = format!("/v1/assets/{asset}/subtitles");
    let empty = server.post(&path).multipart(form).send().unwrap();
    assert_eq!(problem(empty), (400, "bad-upload".to_owned()));
    assert_eq!(tracks(&server, &asset).len(), 2);
    assert!(!files_in(&rushes.data().join("store")).contains(".srt"));
}

#[test]
fn the_command_line_lists_adds_and_removes_tracks() {
    let Some(rushes) = Rushes::new() else { return };
    let asset = ingested(&rushes);
    let file = rushes.folder.path().join("more words.fr.srt");
    std::fs::write(&file, srt("un poisson")).unwrap();
    let added = rushes.json(&["subtitles", "add", &asset, file.to_str().unwrap()]);
    assert_eq!(added["track"]["language"], "fr", "{added:#}");
    let listed = rushes.json(&["subtitles", "list", &asset]);
    assert_eq!(listed["tracks"].as_array().unwrap().len(), 3, "{listed:#}");
    // Ingesting does what was queued.
    rushes.ingest(&[&rushes.folder.path().join("video.mkv")]);
    let found = rushes.json(&["search", "--in", "dialogue", "poisson"]);
    assert_eq!(first(&found)["evidence"]["dialogue"]["text"], "un poisson");
    let track = added["track"]["id"].as_str().unwrap();
    rushes.json(&["subtitles", "remove", &asset, track]);
    rushes.ingest(&[&rushes.folder.path().join("video.mkv")]);
    let gone = rushes.json(&["search", "--in", "dialogue", "poisson"]);
    assert_eq!(gone["hits"].as_array().unwrap().len(), 0, "{gone:#}");
    assert!(
        !rushes
            .run(&["subtitles", "remove", &asset, track])
            .status
            .success()
    );
}

#[test]
fn subtitles_that_come_with_a_copy_of_a_known_video_are_kept() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 2, 40, 0);
    let asset = rushes.ingest(&[&video])["videos"][0]["asset"].clone();
    let server = Server::start(&rushes, &[]);
    let lines = Part::bytes(srt("a copied cormorant").into_bytes()).file_name("x.en.srt");
    let form = Form::new().file("file", &video).unwrap();
    let form = form.part("subtitles", lines);
    let sent = server.post("/v1/assets").multipart(form).send().unwrap();
    let sent: Value = sent.json().unwrap();
    let job = server.finished(sent["assets"][0]["job"].as_str().unwrap());
    assert_eq!(
        (&job["state"], &job["asset"]),
        (&json!("ready"), &asset),
        "{job:#}"
    );
    assert!(is_found(&server, "cormorant"));
    let asset = asset.as_str().unwrap();
    let listed = tracks(&server, asset);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1, "uploaded");
    // It is still there when something else is computed again.
    let more = add(&server, asset, "y.srt", &srt("a second seal"), None);
    let more: Value = more.json().unwrap();
    let job = server.finished(more["job"]["id"].as_str().unwrap());
    all_stages_are_ready(&job);
    assert!(is_found(&server, "cormorant") && is_found(&server, "seal"));
}
