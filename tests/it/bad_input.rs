//! Bad files: each is reported with its cause, and the rest of the batch continues.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::videos::{ffmpeg, made};
use crate::support::{Rushes, told};

/// Files that are refused, each with a part of the reason.
fn bad_files(folder: &Path) -> Vec<(&'static str, &'static str)> {
    let file = |name: &str| folder.join(name);
    let write = |name: &str, bytes: &[u8]| std::fs::write(file(name), bytes).unwrap();
    write("empty.mp4", b"");
    write(
        "prose.mp4",
        &b"It was a dark and stormy night. ".repeat(100),
    );
    write(
        "concat.mp4",
        b"ffconcat version 1.0\nfile '/etc/passwd'\nfile good.mp4\n",
    );
    write(
        "playlist.mp4",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    );
    write("session.mp4", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
    let whole = std::fs::read(made(&file("whole.mp4"), 2, 40, 3)).unwrap();
    std::fs::remove_file(file("whole.mp4")).unwrap();
    // Without its index, which FFmpeg writes at the end.
    write("truncated.mp4", &whole[..whole.len() / 2]);
    let audio = file("audio.mp4");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "sine=d=1",
        "-c:a",
        "aac",
        audio.to_str().unwrap(),
    ]);
    vec![
        ("empty.mp4", "empty"),
        ("prose.mp4", "not"),
        ("concat.mp4", "not"),
        ("playlist.mp4", "not"),
        ("session.mp4", "not"),
        ("truncated.mp4", "the file is truncated"),
        ("audio.mp4", "no video"),
    ]
}

#[test]
fn every_bad_file_has_its_reason_and_good_ones_go_on() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    let bad = bad_files(&folder);
    made(&folder.join("good.mp4"), 2, 40, 5);
    let missing = folder.join("missing.mp4");
    let (summary, output) = rushes.json_any(&[
        "ingest",
        folder.to_str().unwrap(),
        missing.to_str().unwrap(),
    ]);
    assert!(
        !output.status.success(),
        "a batch with failures must say so"
    );
    let videos = summary["videos"].as_array().unwrap();
    for (name, reason) in &bad {
        let video = videos
            .iter()
            .find(|video| video["uri"].as_str().unwrap().ends_with(name));
        let video = video.unwrap_or_else(|| panic!("{name} is not in {summary:#}"));
        assert_eq!(video["state"], "failed", "{video:#}");
        let why = video["reasons"][0].as_str().unwrap_or_default();
        assert!(why.contains(name) && why.contains(reason), "{name}: {why}");
    }
    // Programs need not parse the sentences.
    let jobs = rushes.json(&["jobs", "--limit", "50"]);
    let stages = jobs["jobs"].as_array().unwrap().iter();
    let codes: Vec<&str> = stages
        .flat_map(|job| job["stages"].as_array().unwrap())
        .filter_map(|stage| stage["code"].as_str())
        .collect();
    for code in [
        "media-empty",
        "not-media",
        "media-truncated",
        "no-video",
        "input-failed",
    ] {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
    let good = videos
        .iter()
        .find(|video| video["title"] == "good")
        .unwrap();
    assert_eq!(
        (good["state"].as_str(), good["shots"].as_u64()),
        (Some("ready"), Some(2))
    );
    let refused = summary["refused"][0]["reason"].as_str().unwrap();
    assert!(
        refused.contains("missing.mp4") && refused.contains("no such file"),
        "{refused}"
    );
}

#[test]
fn bad_subtitles_fail_by_themselves_and_the_video_is_still_found() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    let cases: [(&str, &[u8], &str); 2] = [
        (
            "latin",
            b"1\n00:00:00,100 --> 00:00:01,000\ncaf\xe9\n",
            "iconv",
        ),
        ("prose", b"Dear diary,\n", "not a subtitle file"),
    ];
    for (seed, (name, srt, _)) in cases.iter().enumerate() {
        made(&folder.join(name).with_extension("mp4"), 1, 30, seed);
        std::fs::write(folder.join(name).with_extension("srt"), srt).unwrap();
    }
    let (summary, _) = rushes.json_any(&["ingest", folder.to_str().unwrap()]);
    for (name, _, reason) in cases {
        let videos = summary["videos"].as_array().unwrap();
        let video = videos.iter().find(|video| video["title"] == name).unwrap();
        let why = video["reasons"][0].as_str().unwrap();
        assert!(
            why.contains(&format!("{name}.srt")) && why.contains(reason),
            "{why}"
        );
        assert_eq!(video["shots"], 1);
        let found = rushes.json(&["search", "--in", "visual", "a pattern", "--title", name]);
        assert_eq!(found["hits"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn faults_of_subtitles_are_told_and_cost_no_words() {
    let Some(rushes) = Rushes::new() else { return };
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    made(&folder.join("video.mp4"), 1, 30, 3);
    let lines = "1\n00:00:00,100 --> 00:00:01,000\nred herring\n2\n00:00:00,500 --> 00:00:00,400\nblue whale\n";
    std::fs::write(folder.join("video.srt"), lines).unwrap();
    std::fs::write(folder.join("video.de.vtt"), "Dear diary,\n").unwrap();
    std::fs::write(folder.join("video.take2.srt"), "Dear diary,\n").unwrap();
    let summary = rushes.ingest(&[&folder]);
    let video = &summary["videos"][0];
    assert_eq!(video["state"], "ready", "{video:#}");
    let warnings: Vec<&str> = video["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap())
        .collect();
    let warned = |parts: &[&str]| {
        warnings
            .iter()
            .any(|w| parts.iter().all(|part| w.contains(part)))
    };
    assert!(
        warned(&["video.de.vtt", "not a subtitle file"]),
        "{warnings:#?}"
    );
    assert!(
        warned(&["video.srt: line 5", "starts before the previous one ends"]),
        "{warnings:#?}"
    );
    assert!(
        warned(&["video.srt: line 5", "does not end after it starts"]),
        "{warnings:#?}"
    );
    assert!(
        warned(&["video.srt: line 4", "no blank line"]),
        "{warnings:#?}"
    );
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    for words in ["red herring", "blue whale"] {
        let found = rushes.json(&["search", "--in", "dialogue", words]);
        assert_eq!(found["hits"].as_array().unwrap().len(), 1, "{words}");
    }
    // People who do not read JSON see it too.
    let again = rushes.run(&["ingest", folder.to_str().unwrap()]);
    assert!(told(&again).contains("warning: "), "{}", told(&again));
}

#[test]
fn a_damaged_middle_is_passed_over() {
    let Some(rushes) = Rushes::new() else { return };
    let video = made(&rushes.folder.path().join("torn.mp4"), 4, 50, 6);
    let mut bytes = std::fs::read(&video).unwrap();
    let (from, to) = (bytes.len() * 45 / 100, bytes.len() * 47 / 100);
    bytes[from..to].fill(0xA5);
    std::fs::write(&video, bytes).unwrap();
    let summary = rushes.ingest(&[&video]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    assert!(summary["videos"][0]["shots"].as_u64().unwrap() >= 2);
}

#[test]
fn a_file_that_may_not_be_read_is_refused() {
    let Some(rushes) = Rushes::new() else { return };
    let video = made(&rushes.folder.path().join("secret.mp4"), 1, 30, 0);
    std::fs::set_permissions(&video, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = rushes.command(&["ingest", video.to_str().unwrap(), "--json"]);
    if std::fs::File::open(&video).is_ok() {
        // The user is root, who may read every file until that right is removed.
        let mut without_rights = Command::new("setpriv");
        without_rights
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(command.get_program())
            .args(command.get_args())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null());
        command = without_rights;
    }
    let output = command.output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", told(&output)));
    let why = summary["refused"][0]["reason"].as_str().unwrap();
    assert!(why.contains("permission denied"), "{why}");
}

#[test]
fn ingest_without_the_model_says_how_to_get_it() {
    let Some(rushes) = Rushes::new() else { return };
    let empty = tempfile::tempdir().unwrap();
    let rushes = rushes.with("RUSHES_MODELS", empty.path().to_str().unwrap());
    let video = made(&rushes.folder.path().join("video.mp4"), 1, 30, 0);
    let output = rushes.run(&["ingest", video.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(
        told(&output).contains("rushes models pull lite"),
        "{}",
        told(&output)
    );
}
