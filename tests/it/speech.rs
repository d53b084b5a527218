//! What is said in videos without subtitles.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::http::Server;
use crate::support::{Rushes, first, frames, material, speech_models, told, videos};

/// A binary that can hear, and the material; `None` if either is missing.
fn hearing() -> Option<(Rushes, PathBuf)> {
    let (rushes, material) = (Rushes::new()?, material()?);
    speech_models()?;
    Some((rushes, material))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A video of `shots` shots of 55 frames each with the sound that `sound` describes to ffmpeg.
fn speaking(rushes: &Rushes, name: &str, shots: usize, sound: &[&str]) -> PathBuf {
    let folder = rushes.folder.path();
    let picture = videos::made(
        &folder.join(format!("{name}.picture.mp4")),
        shots,
        55,
        shots,
    );
    let video = folder.join(name);
    let mut args = vec!["-i", text(&picture)];
    args.extend(sound);
    args.extend(["-map", "0:v", "-map", "1:a", "-c:v", "copy", text(&video)]);
    videos::ffmpeg(&args);
    std::fs::remove_file(picture).unwrap();
    video
}

fn asset_of<'a>(summary: &'a Value, name: &str) -> &'a str {
    let videos = summary["videos"].as_array().unwrap();
    let is_it = |video: &&Value| video["uri"].as_str().unwrap().ends_with(name);
    let video = videos.iter().find(is_it).unwrap();
    assert_eq!(video["state"], "ready", "{video:#}");
    video["asset"].as_str().unwrap()
}

/// All lines of an asset as one text.
fn said(transcript: &Value) -> String {
    let lines = transcript["lines"].as_array().unwrap().iter();
    let lines: Vec<&str> = lines.map(|line| line["text"].as_str().unwrap()).collect();
    lines.join(" ")
}

/// When a word begins, in milliseconds.
fn start_of(transcript: &Value, word: &str) -> u64 {
    let lines = transcript["lines"].as_array().unwrap().iter();
    let mut words = lines.flat_map(|line| line["words"].as_array().unwrap());
    let found = words.find(|found| found["text"] == word);
    let found = found.unwrap_or_else(|| panic!("no {word}: {transcript:#}"));
    found["start_ms"].as_u64().unwrap()
}

#[test]
fn what_is_said_is_found_until_there_are_subtitles() {
    let Some((rushes, material)) = hearing() else {
        return;
    };
    let jfk = material.join("audio/jfk.flac");
    let video = speaking(&rushes, "inauguration.mp4", 5, &["-i", text(&jfk)]);
    let summary = rushes.ingest(&[&video]);
    let asset = asset_of(&summary, "inauguration.mp4");
    let heard = rushes.json(&["search", "--in", "speech", "ask what your country can do"]);
    let evidence = &first(&heard)["evidence"];
    let line = &evidence["speech"];
    assert!(line["text"].as_str().unwrap().contains("country"), "{line}");
    assert!(!line["marks"].as_array().unwrap().is_empty(), "{line}");
    assert_eq!(evidence["dialogue"], Value::Null);
    let covered = &heard["coverage"]["speech"];
    assert_eq!(
        covered,
        &json!({ "ready": 1, "failed": 0, "installed": true })
    );
    // The shot is the one in which it is said.
    let (start, end) = frames(first(&heard));
    let at = line["start"]["frame"].as_u64().unwrap();
    assert!(
        at < end && start < line["end"]["frame"].as_u64().unwrap(),
        "{heard:#}"
    );
    // By default it is found too, and by what it means.
    let found = rushes.json(&["search", "fellow americans"]);
    assert!(!first(&found)["evidence"]["speech"].is_null(), "{found:#}");
    let meant = rushes.json(&["search", "--in", "meaning", "serve your nation"]);
    assert_eq!(
        first(&meant)["evidence"]["meaning"]["origin"],
        "speech",
        "{meant:#}"
    );
    let none = rushes.json(&["search", "--in", "dialogue", "fellow americans"]);
    assert_eq!(none["hits"], json!([]));

    let transcript = rushes.json(&["transcript", asset]);
    assert_eq!(transcript["origin"], "speech");
    assert!(
        start_of(&transcript, "fellow").abs_diff(1180) <= 120,
        "{transcript:#}"
    );
    let line = &transcript["lines"][0];
    assert_eq!(line["language"], "en");
    let ms = line["start"]["ms"].as_u64().unwrap();
    assert_eq!(line["start"]["frame"].as_u64().unwrap(), ms * 25 / 1000);
    let srt = rushes.run(&["transcript", asset, "--format", "srt"]);
    assert!(told(&srt).contains(" --> "), "{}", told(&srt));
    let shown = rushes.json(&["show", first(&heard)["shot"].as_str().unwrap()]);
    assert_eq!(shown["dialogue"][0]["origin"], "speech");

    // Subtitles win, and nobody listens any more.
    let subtitles = rushes.folder.path().join("lines.en.srt");
    std::fs::write(
        &subtitles,
        "1\n00:00:01,000 --> 00:00:02,000\nA sidecar salmon.\n",
    )
    .unwrap();
    let added = rushes.json(&["subtitles", "add", asset, text(&subtitles)]);
    rushes.ingest(&[&video]);
    let transcript = rushes.json(&["transcript", asset]);
    assert_eq!(
        (transcript["origin"].as_str(), said(&transcript).as_str()),
        (Some("subtitles"), "A sidecar salmon.")
    );
    let heard = rushes.json(&["search", "--in", "speech", "fellow americans"]);
    assert_eq!(heard["hits"], json!([]));
    // Without them it is listened to again.
    rushes.json(&[
        "subtitles",
        "remove",
        asset,
        added["track"]["id"].as_str().unwrap(),
    ]);
    rushes.ingest(&[&video]);
    let heard = rushes.json(&["search", "--in", "speech", "fellow americans"]);
    assert!(!first(&heard)["evidence"]["speech"].is_null());
    over_http(&rushes, asset);
}

fn over_http(rushes: &Rushes, asset: &str) {
    let server = Server::start(rushes, &[]);
    let transcript = server.json(&format!("/v1/assets/{asset}/transcript"));
    assert!(
        said(&transcript).contains("fellow Americans"),
        "{transcript:#}"
    );
    for (end, kind, begins) in [
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:0"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:0"),
    ] {
        let answer = server
            .get(&format!("/v1/assets/{asset}/transcript.{end}"))
            .send()
            .unwrap();
        assert_eq!(answer.headers()["content-type"], kind);
        let file = answer.text().unwrap();
        assert!(file.starts_with(begins), "{file}");
    }
}

#[test]
fn sound_of_any_shape_is_heard_and_no_sound_is_no_error() {
    let Some((rushes, material)) = hearing() else {
        return;
    };
    let jfk = material.join("audio/jfk.flac");
    let jfk = text(&jfk);
    let surround = "pan=7.1|FC=c0|FL=0.3*c0|SR=0.2*c0";
    let wide = ["-i", jfk, "-af", surround, "-ar", "48000", "-c:a", "flac"];
    let narrow = ["-i", jfk, "-ar", "8000", "-c:a", "pcm_s16le"];
    let late = ["-itsoffset", "3", "-i", jfk, "-c:a", "aac"];
    let noise = "anoisesrc=a=0.3:d=6[n];sine=f=330:d=6[s];[n][s]concat=n=2:v=0:a=1,aformat=channel_layouts=mono";
    let noise = ["-f", "lavfi", "-i", noise, "-c:a", "flac"];
    let whole = speaking(&rushes, "whole.mkv", 5, &["-i", jfk, "-c:a", "flac"]);
    let cut = rushes.folder.path().join("cut.mkv");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let videos = [
        speaking(&rushes, "wide.mkv", 5, &wide),
        speaking(&rushes, "narrow.mkv", 5, &narrow),
        speaking(&rushes, "late.mp4", 7, &late),
        speaking(&rushes, "noise.mkv", 5, &noise),
        cut,
        videos::made(&rushes.folder.path().join("silent.mp4"), 2, 40, 3),
    ];
    let summary = rushes.ingest(&videos.each_ref().map(PathBuf::as_path));
    let transcript = |name: &str| rushes.json(&["transcript", asset_of(&summary, name)]);
    for name in ["wide.mkv", "narrow.mkv"] {
        let found = transcript(name);
        let text = said(&found);
        assert!(
            text.contains("what you can do for your country"),
            "{name}: {text}"
        );
        assert!(
            start_of(&found, "fellow").abs_diff(1180) <= 150,
            "{name}: {found:#}"
        );
    }
    let late = transcript("late.mp4");
    assert!(start_of(&late, "fellow").abs_diff(4180) <= 120, "{late:#}");
    let cut = said(&transcript("cut.mkv"));
    assert!(
        cut.contains("Americans") && !cut.ends_with("your country"),
        "{cut}"
    );
    for name in ["noise.mkv", "silent.mp4"] {
        let none = transcript(name);
        assert_eq!(
            (&none["lines"], &none["origin"]),
            (&json!([]), &Value::Null)
        );
    }
    let found = rushes.json(&["search", "--in", "speech", "country"]);
    assert_eq!(found["coverage"]["speech"]["ready"], 6, "{found:#}");
}

#[test]
fn each_shot_of_joined_clips_has_its_own_lines() {
    let Some((rushes, material)) = hearing() else {
        return;
    };
    let clips = ["id2_vcd_swwp2s", "sbia1a", "lwbsza"];
    let clips = clips.map(|clip| material.join(format!("grid/{clip}.mpg")));
    let mut args: Vec<&str> = clips.iter().flat_map(|clip| ["-i", text(clip)]).collect();
    let joined = "[0:v][0:a][1:v][1:a][2:v][2:a]concat=n=3:v=1:a=1[v][a]";
    let video = rushes.folder.path().join("grid.mp4");
    args.extend([
        "-filter_complex",
        joined,
        "-map",
        "[v]",
        "-map",
        "[a]",
        text(&video),
    ]);
    videos::ffmpeg(&args);
    let summary = rushes.ingest(&[&video]);
    let transcript = rushes.json(&["transcript", asset_of(&summary, "grid.mp4")]);
    for (clip, word) in [(0, "soon"), (1, "again"), (2, "again")] {
        let lines = transcript["lines"].as_array().unwrap().iter();
        let here = lines.filter(|line| {
            let middle = (line["start"]["frame"].as_u64().unwrap()
                + line["end"]["frame"].as_u64().unwrap())
                / 2;
            middle / 75 == clip
        });
        let texts: Vec<String> = here
            .map(|line| line["text"].as_str().unwrap().to_lowercase())
            .collect();
        assert!(
            texts.iter().any(|text| text.contains(word)),
            "{clip}: {transcript:#}"
        );
    }
}

#[test]
fn without_the_model_it_is_said_that_nobody_listened() {
    let Some(rushes) = Rushes::new() else { return };
    let models = crate::support::models().unwrap();
    let few = rushes.folder.path().join("models");
    std::fs::create_dir(&few).unwrap();
    for id in ["lite", "minilm", "onnxruntime"] {
        std::os::unix::fs::symlink(models.join(id), few.join(id)).unwrap();
    }
    let rushes = rushes.with("RUSHES_MODELS", text(&few));
    let video = videos::made(&rushes.folder.path().join("silent.mp4"), 2, 40, 5);
    let ingested = rushes.run(&["ingest", text(&video)]);
    let fix = "rushes models pull whisper-base";
    assert!(
        ingested.status.success() && told(&ingested).contains(fix),
        "{}",
        told(&ingested)
    );
    let found = rushes.json(&["search", "fellow americans"]);
    let nobody = json!({ "ready": 0, "failed": 0, "installed": false });
    assert_eq!(found["coverage"]["speech"], nobody);
    let shown = rushes.run(&["search", "fellow americans"]);
    assert!(
        told(&shown).contains("was not listened to"),
        "{}",
        told(&shown)
    );
    let checked = rushes.run(&["doctor"]);
    assert!(
        told(&checked).contains("whisper-base is not installed"),
        "{}",
        told(&checked)
    );
    // Switched off, nobody misses it.
    let settings = rushes.folder.path().join("settings.toml");
    std::fs::write(&settings, "[models]\nspeech_to_text = \"\"\n").unwrap();
    let rushes = rushes.with("RUSHES_CONFIG", text(&settings));
    let found = rushes.json(&["search", "fellow americans"]);
    assert_eq!(found["coverage"].get("speech"), None);
}
