//! From footage to an editor's engine: MLT plays an exported timeline, and every picture that it renders is the source
//! frame that was asked for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Rushes, readers, videos};

const FRAMES: u32 = 300;
/// First and one-past-last frames of the picks, out of order on purpose.
const PICKS: [(u32, u32); 4] = [(0, 13), (101, 160), (37, 38), (290, 300)];

/// A video whose pictures show their own numbers, as `tests/readers/render.py` reads them.
pub(crate) fn counter(file: &Path, rate: &str, arguments: &[&str]) {
    let mut encoder = Command::new("ffmpeg")
        .args([
            "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "320x180", "-r", rate,
            "-i", "-",
        ])
        .args([
            "-f",
            "lavfi",
            "-i",
            "sine=440:r=48000",
            "-shortest",
            "-map",
            "0:v",
            "-map",
            "1:a",
        ])
        .args([
            "-c:v", "libx264", "-threads", "1", "-g", "12", "-pix_fmt", "yuv420p", "-crf", "12",
            "-c:a", "aac",
        ])
        .args(arguments)
        .arg(file)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = encoder.stdin.take().unwrap();
    for number in 0..FRAMES {
        let bars = (0..16).map(|bit| if number >> bit & 1 == 1 { 235 } else { 16 });
        let row: Vec<u8> = bars.flat_map(|level| [level; 20]).collect();
        pipe.write_all(&row.repeat(180)).unwrap();
    }
    drop(pipe);
    assert!(encoder.wait().unwrap().success());
}

pub(super) fn ingested(rushes: &Rushes, file: &Path) -> String {
    let summary = rushes.ingest(&[file]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    summary["videos"][0]["asset"].as_str().unwrap().to_owned()
}

/// Exports the picks through a bin.
fn exported(rushes: &Rushes, asset: &str, format: &str) -> PathBuf {
    let spans: Vec<String> = PICKS
        .iter()
        .map(|(a, b)| format!("{asset}.{a}-{b}"))
        .collect();
    let bin = format!("picks of {asset}");
    let known = rushes.json(&["bin", "list"]);
    if !known["bins"]
        .as_array()
        .unwrap()
        .iter()
        .any(|one| one["name"] == bin.as_str())
    {
        let mut add = vec!["bin", "add", &bin];
        add.extend(spans.iter().map(String::as_str));
        assert_eq!(rushes.json(&add)["items"], PICKS.len());
    }
    let file = rushes.folder.path().join(format!("{asset}.{format}"));
    let done = rushes.json(&[
        "export",
        "--bin",
        &bin,
        "-f",
        format,
        "-o",
        file.to_str().unwrap(),
    ]);
    assert_eq!(done["picks"], PICKS.len());
    file
}

#[test]
fn an_editors_engine_shows_the_frames_that_were_picked() {
    let Some(python) = readers::python() else {
        return;
    };
    let Some(rushes) = Rushes::new() else { return };
    let expected: Vec<u32> = PICKS.iter().flat_map(|&(start, end)| start..end).collect();
    for (rate, timecode) in [
        ("24000/1001", "18:45:23:23"),
        ("25", "18:45:23:23"),
        ("30000/1001", "01:00:00;00"),
        ("30000/1001", "18:45:23:23"),
        ("60000/1001", "01:00:00;00"),
    ] {
        let name = format!(
            "{} {}.mov",
            rate.replace('/', "-"),
            timecode.replace(':', "-")
        );
        let file = rushes.folder.path().join(name);
        counter(&file, rate, &["-timecode", timecode]);
        let asset = ingested(&rushes, &file);
        let bin = rushes.json(&["show", &format!("{asset}.0-{FRAMES}")]);
        assert_eq!(bin["start"]["smpte"], timecode, "{bin:#}");
        for format in ["otio", "otioz"] {
            let shown = readers::rendered(&python, &exported(&rushes, &asset, format));
            assert_eq!(shown, expected, "{format} at {rate} from {timecode}");
        }
        let files = ["edl", "xml", "fcpxml", "ale"].map(|extension| {
            let format = if extension == "xml" {
                "fcp7"
            } else {
                extension
            };
            let file = exported(&rushes, &asset, format);
            let named = file.with_extension(extension);
            std::fs::rename(&file, &named).unwrap();
            named
        });
        agree_on_frames(&python, rate, timecode, &files);
    }
}

/// Other formats name the same spans, on the clock of the source.
fn agree_on_frames(python: &Path, rate: &str, timecode: &str, files: &[PathBuf]) {
    let rate: rushes_workers::time::Rate = rate.parse().unwrap();
    let start = rushes_workers::time::Timecode::starting_at(rate, timecode)
        .unwrap()
        .start;
    let read = readers::timelines(python, f64::from(rate.num()) / f64::from(rate.den()), files);
    for (format, timeline) in read.as_object().unwrap() {
        let clips = timeline["clips"].as_array().unwrap();
        assert_eq!(clips.len(), PICKS.len(), "{format}: {timeline:#}");
        for (clip, (first, end)) in clips.iter().zip(PICKS) {
            let span = serde_json::json!([clip["first"], clip["frames"]]);
            let expected = serde_json::json!([start + u64::from(first), end - first]);
            assert_eq!(span, expected, "{format} at {rate}: {clip:#}");
        }
    }
}

#[test]
fn picks_of_a_variable_rate_show_their_own_frames_and_no_others() {
    let Some(python) = readers::python() else {
        return;
    };
    let Some(rushes) = Rushes::new() else { return };
    let file = rushes.folder.path().join("uneven.mp4");
    // 25 frames a second with every fifth frame late and a gap after each seventh.
    let uneven = "settb=1/90000,setpts=N*3600+floor(N/7)*1700+if(mod(N\\,5)\\,0\\,900)";
    counter(
        &file,
        "25",
        &[
            "-vf",
            uneven,
            "-fps_mode",
            "vfr",
            "-enc_time_base:v",
            "1/90000",
        ],
    );
    let asset = ingested(&rushes, &file);
    let shown = readers::rendered(&python, &exported(&rushes, &asset, "otio"));
    let mut rest = shown.as_slice();
    for (start, end) in PICKS {
        let count = rest
            .iter()
            .take_while(|number| (start..end).contains(*number))
            .count();
        let (part, others) = rest.split_at(count);
        assert!(
            part.is_sorted() && part.first() <= Some(&(start + 1)),
            "{start}-{end}: {shown:?}"
        );
        // Of two frames that share one tick of the nominal rate, only one can be shown.
        assert!(
            part.last() >= Some(&end.saturating_sub(2).max(start)),
            "{start}-{end}: {shown:?}"
        );
        rest = others;
    }
    assert!(rest.is_empty(), "{shown:?}");
}

#[test]
fn a_bin_keeps_its_order_its_trims_and_its_notes() {
    let Some(rushes) = Rushes::new() else { return };
    let file = videos::made(&rushes.folder.path().join("video.mp4"), 3, 40, 0);
    let asset = ingested(&rushes, &file);
    let shots = [
        format!("{asset}.0-40"),
        format!("{asset}.40-80"),
        format!("{asset}.80-120"),
    ];
    let bin = rushes.json(&[
        "bin",
        "add",
        "Picks",
        &shots[0],
        &shots[1],
        &shots[2],
        "--note",
        "first look",
    ]);
    let item = |bin: &Value, at: usize| bin["picks"][at]["id"].as_str().unwrap().to_owned();
    let moved = rushes.json(&["bin", "move", "Picks", &item(&bin, 2), "0"]);
    assert_eq!(moved["picks"][0]["shot"], shots[2]);
    let trimmed = rushes.json(&[
        "bin",
        "trim",
        "Picks",
        &item(&bin, 0),
        "--start",
        "5",
        "--end",
        "39",
    ]);
    assert_eq!(trimmed["picks"][1]["shot"], format!("{asset}.5-39"));
    let noted = rushes.json(&["bin", "note", "Picks", &item(&bin, 1), "better"]);
    assert_eq!(noted["picks"][2]["note"], "better");
    let removed = rushes.json(&["bin", "remove", "Picks", &item(&bin, 1)]);
    assert_eq!(removed["items"], 2);
    assert_eq!(removed["revision"], bin["revision"].as_i64().unwrap() + 4);

    for bad in [
        &[
            "bin",
            "trim",
            "Picks",
            &item(&bin, 0),
            "--start",
            "39",
            "--end",
            "39",
        ][..],
        &["bin", "add", "Picks", &format!("{asset}.100-121")],
        &["bin", "create", "Picks"],
        &["bin", "create", " "],
        &["bin", "show", "nothing"],
        &["export", "--bin", "nothing", "-f", "otio"],
        &["export", &shots[0], "-f", "avi"],
        &["export", "-f", "edl"],
    ] {
        let refused = rushes.run(bad);
        assert!(!refused.status.success(), "{bad:?}");
        assert!(!refused.stderr.is_empty(), "{bad:?}");
    }
    // Nothing of what was refused is left.
    assert_eq!(
        rushes.json(&["bin", "show", "Picks"])["picks"],
        removed["picks"]
    );
}
