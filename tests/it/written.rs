//! What is written in the pictures: read when a video is ingested, and found by its words.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::videos::ffmpeg;
use crate::support::{Rushes, first, frames, material};

/// With a model that reads.
fn reading() -> Option<Rushes> {
    let rushes = Rushes::new()?;
    crate::support::models_with("ppocr-v5")?;
    Some(rushes.with("RUSHES_MODELS__PICTURE_TO_TEXT", "ppocr-v5"))
}

/// Three shots of three seconds: a sign, nothing, and a subtitle of two lines that is burnt in.
fn cards(folder: &Path) -> PathBuf {
    let file = folder.join("cards.mp4");
    let write = |text: &str, size: u32, place: &str| {
        format!(
            "drawtext=font='DejaVu Sans':text='{text}':fontsize={size}:fontcolor=white:borderw=2:{place}"
        )
    };
    let sign = write("HARBOUR DINER", 80, "x=120:y=90");
    let upper = write("You said you would be here", 34, "x=(w-tw)/2:y=610");
    let lower = write("before the rain came.", 34, "x=(w-tw)/2:y=655");
    let graph = format!(
        "gradients=s=1280x720:seed=7:c0=0x203040:c1=0x406080:x0=0:y0=0:x1=1280:y1=720:speed=0.01:r=25:d=3,{sign}[a];\
         mandelbrot=s=1280x720:end_scale=0.1:rate=25,trim=end_frame=75,setpts=PTS-STARTPTS[b];\
         gradients=s=1280x720:seed=7:c0=0x804020:c1=0xc0a060:x0=0:y0=720:x1=1280:y1=0:speed=0.01:r=25:d=3,{upper},{lower}[c];\
         [a][b][c]concat=n=3:v=1:a=0,format=yuv420p[v]"
    );
    let out = file.to_str().unwrap();
    ffmpeg(&[
        "-filter_complex",
        &graph,
        "-map",
        "[v]",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        out,
    ]);
    file
}

fn found(rushes: &Rushes, query: &[&str]) -> Value {
    let mut args = vec!["search"];
    args.extend(query);
    rushes.json(&args)
}

#[test]
fn what_is_written_in_the_pictures_is_found_by_its_words() {
    let Some(rushes) = reading() else { return };
    let job = rushes.ingest(&[&cards(rushes.folder.path())]);
    assert_eq!(job["videos"][0]["state"], "ready", "{job:#}");
    let answer = found(&rushes, &["--in", "text", "harbour diner"]);
    let hit = first(&answer);
    assert_eq!(frames(hit), (0, 75));
    let text = &hit["evidence"]["text"];
    assert_eq!(text["text"], "HARBOUR DINER");
    assert_eq!(
        text["marks"],
        json!([{"start": 0, "end": 7}, {"start": 8, "end": 13}])
    );
    let place: Vec<f64> = text["place"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_f64().unwrap())
        .collect();
    assert!(
        (place[0] - 120.0 / 1280.0).abs() < 0.02 && (place[1] - 90.0 / 720.0).abs() < 0.03,
        "{place:?}"
    );
    assert_eq!(answer["hits"].as_array().unwrap().len(), 1);
    // Two lines below each other are one text, and words may be misspelt.
    let answer = found(&rushes, &["written:\"here before the rain\""]);
    assert_eq!(frames(first(&answer)), (150, 225));
    let answer = found(&rushes, &["--in", "text", "harbor dinner"]);
    assert_eq!(frames(first(&answer)), (0, 75));
    // Without a modality it is searched too, and what nobody wrote is not found by it.
    let answer = found(&rushes, &["harbour diner"]);
    assert_eq!(frames(first(&answer)), (0, 75));
    assert!(
        answer["modalities"]
            .as_array()
            .unwrap()
            .contains(&json!("text")),
        "{answer:#}"
    );
    assert_eq!(
        found(&rushes, &["--in", "text", "submarine"])["hits"],
        json!([])
    );
    assert_eq!(
        answer["coverage"]["text"],
        json!({"ready": 1, "failed": 0, "installed": true})
    );
    let shot = rushes.json(&["show", hit["shot"].as_str().unwrap()]);
    assert_eq!(shot["text"][0]["text"], "HARBOUR DINER");
}

#[test]
fn a_model_that_is_missing_is_said_and_what_was_not_read_is_read_later() {
    let Some(reading) = reading() else { return };
    let blind = reading.with("RUSHES_MODELS__PICTURE_TO_TEXT", "");
    blind.ingest(&[&cards(blind.folder.path())]);
    let answer = found(&blind, &["--in", "text", "harbour"]);
    assert_eq!(answer["hits"], json!([]));
    assert_eq!(answer["coverage"]["ready"], 0);
    let rushes = blind.with("RUSHES_MODELS__PICTURE_TO_TEXT", "ppocr-v5");
    let answer = found(&rushes, &["--in", "text", "harbour"]);
    assert_eq!(
        answer["coverage"]["text"],
        json!({"ready": 0, "failed": 0, "installed": true})
    );
    rushes.ingest(&[&rushes.folder.path().join("cards.mp4")]);
    let answer = found(&rushes, &["--in", "text", "harbour"]);
    assert_eq!(frames(first(&answer)), (0, 75));
}

/// One shot of nine seconds with a sign, and four subtitles that are burnt in: one when the whole picture is looked at, and
/// short ones in between and before.
fn subtitled(folder: &Path) -> PathBuf {
    let file = folder.join("burnt.mp4");
    let line = |text: &str, from: f32, to: f32| {
        format!(
            "drawtext=font='DejaVu Sans':text='{text}':fontsize=36:fontcolor=white:borderw=2:x=(w-tw)/2:y=640:\
             enable='between(t,{from},{to})'"
        )
    };
    let lines = [
        line("Listen to the wind", 0.9, 1.9),
        line("Who is knocking at this hour", 2.0, 3.0),
        line("Only the lighthouse keeper", 5.0, 6.2),
        line("Then let him in at once", 7.0, 8.0),
    ];
    let graph = format!(
        "gradients=s=1280x720:seed=7:c0=0x203040:c1=0x406080:x0=0:y0=0:x1=1280:y1=720:speed=0.01:r=25:d=9,\
         drawtext=font='DejaVu Sans':text='HARBOUR DINER':fontsize=80:fontcolor=white:borderw=2:x=120:y=90,{}[v]",
        lines.join(",")
    );
    let out = file.to_str().unwrap();
    ffmpeg(&[
        "-filter_complex",
        &graph,
        "-map",
        "[v]",
        "-c:v",
        "libx264",
        "-pix_fmt",
        "yuv420p",
        out,
    ]);
    file
}

#[test]
fn subtitles_that_are_burnt_in_become_dialogue_on_wish() {
    let Some(rushes) = reading() else { return };
    let job = rushes.ingest(&[&subtitled(rushes.folder.path())]);
    let asset = job["videos"][0]["asset"].as_str().unwrap();
    let dialogue = ["--in", "dialogue", "lighthouse keeper"];
    assert_eq!(found(&rushes, &dialogue)["hits"], json!([]));
    let added = rushes.json(&["subtitles", "from-pictures", asset, "--language", "en"]);
    let track = added["track"]["id"].as_str().unwrap();
    assert_eq!(added["track"]["origin"], "pictures");
    assert_eq!(added["track"]["language"], "en");
    // The same wish again makes no second track.
    let again = rushes.json(&["subtitles", "from-pictures", asset, "--language", "en"]);
    assert_eq!(again["track"]["id"], track);
    // Another language takes the place of the first.
    let german = rushes.json(&["subtitles", "from-pictures", asset, "--language", "de"]);
    assert_ne!(german["track"]["id"], track);
    let again = rushes.json(&["subtitles", "from-pictures", asset, "--language", "en"]);
    let track = again["track"]["id"].as_str().unwrap();
    let tracks = rushes.json(&["subtitles", "list", asset]);
    assert_eq!(tracks["tracks"].as_array().unwrap().len(), 1, "{tracks:#}");
    rushes.ingest(&[&rushes.folder.path().join("burnt.mp4")]);
    let answer = found(&rushes, &dialogue);
    let said = &first(&answer)["evidence"]["dialogue"];
    assert_eq!(said["text"], "Only the lighthouse keeper");
    let (start, end) = (said["start"]["ms"].as_u64(), said["end"]["ms"].as_u64());
    assert!((4740..5320).contains(&start.unwrap()), "{said:#}");
    assert!((5800..6500).contains(&end.unwrap()), "{said:#}");
    let transcript = rushes.json(&["transcript", asset]);
    let lines = transcript["lines"].as_array().unwrap().iter();
    let lines: Vec<&str> = lines.map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "Listen to the wind",
            "Who is knocking at this hour",
            "Only the lighthouse keeper",
            "Then let him in at once"
        ]
    );
    rushes.json(&["subtitles", "remove", asset, track]);
    rushes.ingest(&[&rushes.folder.path().join("burnt.mp4")]);
    assert_eq!(found(&rushes, &dialogue)["hits"], json!([]));
}

#[test]
fn pictures_without_subtitles_or_unread_ones_make_no_track() {
    let Some(reading) = reading() else { return };
    let blind = reading.with("RUSHES_MODELS__PICTURE_TO_TEXT", "");
    let cards = cards(blind.folder.path());
    let job = blind.ingest(&[&cards]);
    let asset = job["videos"][0]["asset"].as_str().unwrap();
    let wish = ["subtitles", "from-pictures", asset];
    let refused = blind.run(&wish);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("rushes models pull ppocr-v5"), "{said}");
    let rushes = blind.with("RUSHES_MODELS__PICTURE_TO_TEXT", "ppocr-v5");
    rushes.ingest(&[&cards]);
    // One subtitle is taken for a sign.
    let refused = rushes.run(&wish);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("none of the 2 texts"), "{said}");
    let tracks = rushes.json(&["subtitles", "list", asset]);
    assert_eq!(tracks["tracks"], json!([]));
}

#[test]
fn a_taxi_on_a_street_is_found_by_the_sign_on_its_roof() {
    let (Some(rushes), Some(material)) = (reading(), material()) else {
        return;
    };
    rushes.ingest(&[&material.join("video/bikes.mp4")]);
    let answer = found(&rushes, &["--in", "text", "taxi"]);
    assert_eq!(frames(first(&answer)), (30, 76));
}
