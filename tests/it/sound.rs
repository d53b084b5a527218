//! How shots sound: levels, bangs, silence.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::http::Server;
use crate::support::{Rushes, first, frames, material, told, videos};

/// Quiet noise for 11 s, a burst of noise at 3 s, and silence from 8.8 s on.
const BANG: &str = "aevalsrc=if(lt(t\\,8.8)\\,0.003*(random(0)*2-1)+gte(t\\,3)*0.7*(random(1)*2-1)*exp(-9*(t-3))\\,0):d=11:s=48000";

fn listening() -> Option<Rushes> {
    Some(Rushes::new()?.with("RUSHES_WORK__SOUND", "true"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A video of 5 shots of 55 frames each with the sound that `sound` describes to ffmpeg.
fn sounding(rushes: &Rushes, name: &str, sound: &[&str]) -> PathBuf {
    let folder = rushes.folder.path();
    let seed = name.bytes().map(usize::from).sum::<usize>() % 50;
    let picture = videos::made(&folder.join(format!("{name}.picture.mp4")), 5, 55, seed);
    let video = folder.join(name);
    let mut args = vec!["-i", text(&picture)];
    args.extend(sound);
    args.extend(["-map", "0:v", "-map", "1:a", "-c:v", "copy", text(&video)]);
    videos::ffmpeg(&args);
    std::fs::remove_file(picture).unwrap();
    video
}

fn shots(answer: &Value) -> Vec<(u64, u64)> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(frames).collect()
}

#[test]
fn shots_are_found_by_how_they_sound() {
    let Some(rushes) = listening() else { return };
    let video = sounding(
        &rushes,
        "blast.mp4",
        &["-f", "lavfi", "-i", BANG, "-c:a", "aac"],
    );
    rushes.ingest(&[&video]);
    let found = |query: &str| shots(&rushes.json(&["search", query]));
    assert_eq!(found("bangs:>0"), [(55, 110)]);
    assert_eq!(found("silent:yes"), [(220, 275)]);
    assert_eq!(found("silence:>=99%"), [(220, 275)]);
    assert_eq!(found("loudness:>-30"), [(55, 110)]);
    assert_eq!(
        found("silent:no -bangs:1 loudness:<-40"),
        [(0, 55), (110, 165), (165, 220)]
    );
    let counted = rushes.json(&["search", "silent:no,yes facet:silent,bangs"]);
    assert_eq!(
        counted["facets"]["silent"][0],
        json!({ "value": "no", "count": 4 })
    );

    let by_loudness = |order: &str, what: &str| found(&format!("{what} sort:{order}"));
    let loudest = by_loudness("loudest", "bangs:>=0");
    assert_eq!((loudest[0], loudest[4]), ((55, 110), (220, 275)));
    let quietest = by_loudness("quietest", "bangs:>=0");
    assert_eq!((quietest[0], quietest[4]), ((220, 275), (55, 110)));
    // What was found is sorted in the same way.
    let seen = by_loudness("quietest", "in:visual pattern");
    assert_eq!(
        (seen.first(), seen.last()),
        (Some(&(220, 275)), Some(&(55, 110)))
    );

    // A word of the query names what was measured. The evidence says what and when.
    let answer = rushes.json(&["search", "--in", "sound", "a car exploding"]);
    assert_eq!(shots(&answer), [(55, 110)]);
    let evidence = &first(&answer)["evidence"]["sound"];
    assert_eq!(
        (&evidence["kind"], &evidence["word"]),
        (&json!("bang"), &json!("exploding"))
    );
    assert!(
        evidence["at"]["ms"].as_u64().unwrap().abs_diff(3000) <= 100,
        "{evidence}"
    );
    assert!(evidence["strength"].as_f64().unwrap() > 10.0, "{evidence}");
    let covered = json!({ "ready": 1, "failed": 0, "installed": true });
    assert_eq!(answer["coverage"]["sound"], covered);
    // It takes part unasked where a word names a sound, and only there. It never puts other evidence last.
    let unasked = rushes.json(&["search", "explosion"]);
    assert!(
        unasked["modalities"]
            .as_array()
            .unwrap()
            .contains(&json!("sound"))
    );
    let with = |hit: &&Value| !hit["evidence"]["sound"].is_null();
    assert_eq!(
        unasked["hits"]
            .as_array()
            .unwrap()
            .iter()
            .filter(with)
            .count(),
        1
    );
    let other = rushes.json(&["search", "a red car"]);
    assert!(
        !other["modalities"]
            .as_array()
            .unwrap()
            .contains(&json!("sound"))
    );
    let quiet = rushes.json(&["search", "sound:silence"]);
    assert_eq!(first(&quiet)["evidence"]["sound"]["kind"], "silence");

    let id = first(&answer)["shot"].as_str().unwrap();
    let shown = told(&rushes.run(&["show", id]));
    assert!(
        shown.contains("LUFS") && shown.contains("bang at 00:00:03"),
        "{shown}"
    );
    let server = Server::start(&rushes, &[]);
    let detail = server.json(&format!("/v1/shots/{id}"));
    assert_eq!(
        detail["sound"]["bangs"].as_array().unwrap().len(),
        1,
        "{detail:#}"
    );
    assert!(
        detail["sound"]["peak"].as_f64().unwrap() > -20.0,
        "{detail:#}"
    );
}

#[test]
fn sound_of_any_shape_is_measured_and_no_sound_is_silence() {
    let Some(rushes) = listening() else { return };
    let tone = "sine=f=1000:d=11:r=48000,volume=6dB";
    let lavfi = ["-f", "lavfi", "-i", tone];
    let shape = |more: &[&'static str]| [&lavfi[..], more].concat();
    let wide = shape(&["-af", "pan=7.1|FC=c0|LFE=c0", "-c:a", "flac"]);
    let narrow = shape(&["-ar", "8000", "-c:a", "pcm_s16le"]);
    let late = [
        "-itsoffset",
        "4.6",
        "-f",
        "lavfi",
        "-i",
        "sine=f=1000:d=6.4:r=48000",
        "-c:a",
        "aac",
    ];
    let whole = sounding(&rushes, "whole.mkv", &shape(&["-c:a", "flac"]));
    let cut = rushes.folder.path().join("cut.mkv");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let plain = videos::made(&rushes.folder.path().join("plain.mp4"), 2, 40, 3);
    let none = rushes.folder.path().join("none.mp4");
    videos::ffmpeg(&["-i", text(&plain), "-an", "-c:v", "copy", text(&none)]);
    let videos = [
        whole,
        cut,
        sounding(&rushes, "wide.mkv", &wide),
        sounding(&rushes, "narrow.mkv", &narrow),
        sounding(&rushes, "late.mp4", &late),
        none,
    ];
    let summary = rushes.ingest(&videos.each_ref().map(PathBuf::as_path));
    let loudness = |name: &str, start: u64| {
        let videos = summary["videos"].as_array().unwrap();
        let is_it = |video: &&Value| video["uri"].as_str().unwrap().ends_with(name);
        let video = videos.iter().find(is_it).unwrap();
        assert_eq!(video["state"], "ready", "{video:#}");
        let asset = video["asset"].as_str().unwrap();
        let all = rushes.json(&["search", &format!("asset:{asset}"), "--limit", "50"]);
        let hits = all["hits"].as_array().unwrap();
        let hit = hits.iter().find(|hit| frames(hit).0 == start).unwrap();
        let shown = rushes.json(&["show", hit["shot"].as_str().unwrap()]);
        shown["sound"].clone()
    };
    let level = |name: &str, start: u64| loudness(name, start)["loudness"].as_f64();
    // FFmpeg's sine is at -18.06 dBFS; 6 dB more, and 3 dB less of one channel than of two (BS.1770).
    for name in ["whole.mkv", "wide.mkv", "narrow.mkv"] {
        let found = level(name, 110).unwrap();
        assert!((found + 15.1).abs() < 0.2, "{name}: {found}");
    }
    assert_eq!(level("late.mp4", 0), None);
    assert_eq!(loudness("late.mp4", 55)["silence"], 1.0);
    assert!((level("late.mp4", 165).unwrap() + 21.1).abs() < 0.2);
    assert!(level("cut.mkv", 0).is_some());
    let none = loudness("none.mp4", 0);
    assert_eq!(
        (&none["silence"], &none["loudness"]),
        (&json!(1.0), &Value::Null)
    );
}

#[test]
fn no_speech_of_the_material_bangs() {
    let (Some(rushes), Some(material)) = (listening(), material()) else {
        return;
    };
    let jfk = material.join("audio/jfk.flac");
    let mut videos = vec![sounding(
        &rushes,
        "jfk.mkv",
        &["-i", text(&jfk), "-c:a", "copy"],
    )];
    let clips = std::fs::read_dir(material.join("grid")).unwrap();
    let clips = clips.map(|entry| entry.unwrap().path());
    videos.extend(clips.filter(|path| path.extension().is_some_and(|end| end == "mpg")));
    assert!(videos.len() > 5);
    rushes.ingest(&videos.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let all = rushes.json(&["search", "silent:no", "--limit", "100"]);
    assert!(shots(&all).len() >= videos.len(), "{all:#}");
    let banging = rushes.json(&["search", "bangs:>0"]);
    assert_eq!(banging["hits"], json!([]));
    let spoken = rushes.json(&["search", "voice:>50%", "--limit", "100"]);
    assert!(
        shots(&spoken).len() * 10 >= shots(&all).len() * 9,
        "{spoken:#}"
    );
    assert_eq!(rushes.json(&["search", "music:>50%"])["hits"], json!([]));
}

#[test]
fn what_was_not_measured_is_said() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("plain.mp4"), 2, 40, 5);
    rushes.ingest(&[&video]);
    let found = rushes.json(&["search", "--in", "sound", "gunshot"]);
    let nobody = json!({ "ready": 0, "failed": 0, "installed": false });
    assert_eq!(found["coverage"]["sound"], nobody);
    let shown = told(&rushes.run(&["search", "--in", "sound", "gunshot"]));
    assert!(shown.contains("was not measured for sound"), "{shown}");
}
