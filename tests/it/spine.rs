//! From a video to the right shot.

use std::collections::HashSet;

use serde_json::Value;

use crate::golden;
use crate::support::{Rushes, first, frames, material, told, videos};

#[test]
fn real_videos_are_found_by_sight_and_by_dialogue() {
    let (Some(material), Some(rushes)) = (material(), Rushes::new()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (video, said) = videos::grid(&material, folder.path());
    let summary = rushes.ingest(&[&material.join("video"), &video]);
    for video in summary["videos"].as_array().unwrap() {
        assert_eq!(video["state"], "ready", "{video:#}");
    }

    let bottles = rushes.json(&["search", "bottles"]);
    assert!(
        uri(first(&bottles)).ends_with("intel_bottle-detection.mp4"),
        "{bottles:#}"
    );
    let bicycle = rushes.json(&["search", "bicycle"]);
    assert!(uri(first(&bicycle)).ends_with("bikes.mp4"), "{bicycle:#}");
    assert_eq!(bicycle["coverage"]["ready"], bicycle["coverage"]["total"]);

    let wanted = said
        .iter()
        .position(|line| line.contains("blue at f"))
        .unwrap() as u64;
    let spoken = rushes.json(&["search", "--in", "dialogue", "blue at f"]);
    let hit = first(&spoken);
    assert_eq!(frames(hit), (wanted * 75, wanted * 75 + 75), "{hit:#}");
    assert_eq!(hit["rate"], "25/1");
    assert!(
        hit["evidence"]["dialogue"]["text"]
            .as_str()
            .unwrap()
            .contains("blue at f")
    );
    assert_eq!(
        hit["evidence"]["dialogue"]["start"]["frame"],
        wanted * 75 + 5
    );

    // A shot is not similar to itself, and a search within a title stays there.
    let shot = first(&bicycle)["shot"].as_str().unwrap();
    let similar = rushes.json(&["similar", shot]);
    assert!(ids(&similar).iter().all(|id| id != shot));
    let scoped = rushes.json(&["search", "a street", "--title", "bikes"]);
    assert!(!ids(&scoped).is_empty());
    assert!(
        scoped["hits"]
            .as_array()
            .unwrap()
            .iter()
            .all(|hit| hit["title"] == "bikes")
    );

    golden::check(&rushes);
    pages_join_to_the_whole(&rushes);
    a_picture_finds_the_shot_it_was_taken_from(&rushes, shot);
    only_likely_hits_are_picked(&rushes);
    rebuilding_changes_nothing(&rushes);
    deleting_takes_a_video_out(&rushes);
}

fn pages_join_to_the_whole(rushes: &Rushes) {
    let whole = ids(&rushes.json(&["search", "--in", "visual", "a car", "-n", "15"]));
    let mut joined = Vec::new();
    let mut page: Option<String> = None;
    while joined.len() < 15 {
        let mut args = vec!["search", "--in", "visual", "a car", "-n", "5"];
        if let Some(token) = &page {
            args.extend(["--page", token]);
        }
        let answer = rushes.json(&args);
        joined.extend(ids(&answer));
        page = answer["next"].as_str().map(str::to_owned);
        if page.is_none() {
            break;
        }
    }
    assert_eq!(joined, whole);
    assert_eq!(joined.iter().collect::<HashSet<_>>().len(), joined.len());
}

fn a_picture_finds_the_shot_it_was_taken_from(rushes: &Rushes, shot: &str) {
    let still = rushes.folder.path().join("still.jpg");
    let saved = rushes.run(&["show", shot, "--thumbnail", still.to_str().unwrap()]);
    assert!(saved.status.success());
    let answer = rushes.json(&["similar", still.to_str().unwrap(), "-n", "3"]);
    assert!(ids(&answer).iter().any(|id| id == shot), "{answer:#}");
}

fn only_likely_hits_are_picked(rushes: &Rushes) {
    let count = |args: &[&str]| {
        let bin = rushes.json(&[&["bin", "add"], args].concat());
        bin["picks"].as_array().unwrap().len()
    };
    let search = |text: &'static str| ["--search", text, "-n", "50"];
    let bicycle = search("in:visual bicycle");
    let said = told(&rushes.run(&[&["bin", "add", "likely"], &bicycle[..]].concat()));
    assert!(
        said.contains("left out") && said.contains("--unlikely"),
        "{said}"
    );
    let likely = rushes.json(&["bin", "show", "likely"]);
    let likely = likely["picks"].as_array().unwrap().len();
    assert!(likely > 0);
    let all = count(&[&["all"], &bicycle[..], &["--unlikely"]].concat());
    assert!(likely < all, "{likely} of {all}");
    // Nothing is like that, so nothing is picked or exported.
    let spaceship = search("in:visual a spaceship");
    for command in [
        &["bin", "add", "none"][..],
        &["export", "-f", "csv", "-o", "-"][..],
    ] {
        let refused = rushes.run(&[command, &spaceship[..]].concat());
        assert!(!refused.status.success(), "{}", told(&refused));
        assert!(
            told(&refused).contains("--unlikely takes the nearest"),
            "{}",
            told(&refused)
        );
    }
    let nearest = count(&[&["none"], &spaceship[..], &["--unlikely"]].concat());
    assert_eq!(nearest, all);
    // What was made without a search is taken as it is.
    let export = ["export", "-f", "csv", "-o", "-", "--bin", "none"];
    assert!(rushes.run(&export).status.success());
}

fn rebuilding_changes_nothing(rushes: &Rushes) {
    let before = ids(&rushes.json(&["search", "a street with cars", "-n", "10"]));
    let rebuilt = rushes.json(&["index", "rebuild"]);
    assert!(rebuilt["vectors"].as_u64().unwrap() > 20);
    assert_eq!(
        ids(&rushes.json(&["search", "a street with cars", "-n", "10"])),
        before
    );
}

fn deleting_takes_a_video_out(rushes: &Rushes) {
    rushes.json(&["delete", "bikes", "--yes"]);
    let answer = rushes.json(&["search", "bicycle", "-n", "50"]);
    assert!(
        answer["hits"]
            .as_array()
            .unwrap()
            .iter()
            .all(|hit| hit["title"] != "bikes")
    );
    let titles = rushes.json(&["titles"]);
    assert!(
        titles
            .as_array()
            .unwrap()
            .iter()
            .all(|title| title["name"] != "bikes")
    );
}

#[test]
fn a_made_video_is_cut_where_it_was_joined_and_stays_one_asset() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("made.mp4"), 4, 50, 0);
    let copy = rushes.folder.path().join("copy.mp4");
    std::fs::copy(&video, &copy).unwrap();
    let summary = rushes.ingest(&[&video, &copy]);
    let outcomes = summary["videos"].as_array().unwrap();
    assert_eq!(outcomes.len(), 2);
    // The same bytes twice are one asset.
    assert_eq!(outcomes[0]["asset"], outcomes[1]["asset"]);
    assert_eq!(outcomes[0]["shots"], 4);
    let answer = rushes.json(&["search", "--in", "visual", "a test pattern", "-n", "50"]);
    let mut found: Vec<(u64, u64)> = answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(frames)
        .collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 50), (50, 100), (100, 150), (150, 200)]);
    assert_eq!(outcomes[1]["new"], false);
    // A touched file has the same bytes, and its old address stays valid.
    let touched = std::process::Command::new("touch")
        .arg(&video)
        .status()
        .unwrap();
    assert!(touched.success());
    assert_eq!(
        rushes.ingest(&[&video])["videos"][0]["asset"],
        outcomes[0]["asset"]
    );
    // Again: nothing new, nothing computed.
    let again = rushes.ingest(&[&video]);
    assert_eq!(again["videos"][0]["new"], false);
    assert_eq!(again["videos"][0]["asset"], outcomes[0]["asset"]);
    assert_eq!(rushes.json(&["titles"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_video_that_was_renamed_or_overwritten_is_where_it_is_now() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    let (a, b) = (folder.join("a.mp4"), folder.join("b.mp4"));
    videos::made(&a, 2, 40, 0);
    let asset = rushes.ingest(&[&folder])["videos"][0]["asset"].clone();
    std::fs::rename(&a, &b).unwrap();
    let renamed = rushes.ingest(&[&folder]);
    assert_eq!(renamed["videos"][0]["asset"], asset);
    let found = rushes.json(&["search", "--in", "visual", "a pattern"]);
    assert!(uri(first(&found)).ends_with("b.mp4"), "{found:#}");
    // Other bytes under the same name: the old shots are gone.
    videos::made(&b, 3, 40, 3);
    rushes.ingest(&[&folder]);
    let found = rushes.json(&["search", "--in", "visual", "a pattern"]);
    assert_eq!(found["hits"].as_array().unwrap().len(), 3, "{found:#}");
    assert!(
        ids(&found)
            .iter()
            .all(|id| !id.starts_with(asset.as_str().unwrap()))
    );
}

#[test]
fn a_bad_subtitle_file_that_was_taken_away_is_forgotten() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("z.mp4"), 1, 30, 0);
    std::fs::write(video.with_extension("srt"), "garbage").unwrap();
    let (failed, _) = rushes.json_any(&["ingest", video.to_str().unwrap()]);
    assert_eq!(failed["videos"][0]["state"], "failed");
    std::fs::remove_file(video.with_extension("srt")).unwrap();
    assert_eq!(rushes.ingest(&[&video])["videos"][0]["state"], "ready");
}

#[test]
fn new_subtitles_beside_a_known_video_become_findable() {
    let Some(rushes) = Rushes::new() else { return };
    let video = videos::made(&rushes.folder.path().join("talk.mp4"), 2, 50, 1);
    rushes.ingest(&[&video]);
    let nothing = rushes.json(&["search", "--in", "dialogue", "merry christmas"]);
    assert!(ids(&nothing).is_empty());
    std::fs::write(
        video.with_extension("en.vtt"),
        "WEBVTT\n\n00:02.100 --> 00:03.500\nMerry Christmas, everybody!\n",
    )
    .unwrap();
    rushes.ingest(&[&video]);
    let answer = rushes.json(&["search", "--in", "dialogue", "merry christmas"]);
    assert_eq!(frames(first(&answer)), (50, 100), "{answer:#}");
}

fn uri(hit: &Value) -> &str {
    hit["asset"]["uri"].as_str().unwrap()
}

fn ids(answer: &Value) -> Vec<String> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| hit["shot"].as_str().unwrap().to_owned())
        .collect()
}
