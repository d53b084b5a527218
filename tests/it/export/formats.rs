//! Every text format at every rate, read back by the adapters of `OpenTimelineIO`.

use std::path::{Path, PathBuf};

use rushes::export::{AudioTracks, CutList, ExportError, FORMATS, Marker, Pick, SourceFile};
use rushes_workers::time::{Rate, Timecode};
use serde_json::Value;

use crate::support::readers;

/// Frames of 24 hours at 60 a second and more: as long as any source here.
const LONG: u64 = 60 * 3600 * 24;

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

/// A list of three picks: at the very start, at an odd place, and a whole day in.
fn list(rate: Rate, start: &str) -> CutList {
    let timecode = Timecode::starting_at(rate, start).unwrap();
    let audio = Some(AudioTracks {
        channels: 2,
        sample_rate: 48_000,
    });
    let source = |name: &str, audio| SourceFile {
        asset: "01K00000000000000000000000".to_owned(),
        shots_run: "01K00000000000000000000001".parse().unwrap(),
        title: "Day & night <3>".to_owned(),
        url: format!("file:///footage/{name}.mov"),
        path: format!("/footage/{name}.mov"),
        file_name: format!("{name}.mov"),
        timecode,
        variable: false,
        frames: LONG,
        positions: None,
        audio,
        size: (1920, 1080),
    };
    let pick = |source, start, end, comment: &str| Pick {
        source,
        start,
        end,
        frames: (start, end),
        name: format!("pick {start}"),
        shot: Some(format!("01K00000000000000000000000.{start}-{end}")),
        note: Some("a \"note\"\nin two lines".to_owned()),
        markers: vec![Marker {
            frame: start + 1,
            name: "search".to_owned(),
            comment: comment.to_owned(),
        }],
    };
    CutList {
        name: "Best of <all> & more".to_owned(),
        rate,
        rate_is_requested: false,
        drop_frame: timecode.drop_frame,
        sources: vec![source("A001_C001", audio), source("B \u{fc}", None)],
        picks: vec![
            pick(0, 0, 25, "a car exploding"),
            pick(1, 1_001, 1_999, "merry christmas; \u{fc}"),
            pick(0, LONG - 86_400, LONG - 86_400 + 107, "dusk"),
        ],
    }
}

fn write_all(list: &CutList, folder: &Path) -> Vec<PathBuf> {
    let read = FORMATS
        .iter()
        .filter(|format| !matches!(format.name(), "csv" | "json"));
    let files = read.map(|format| {
        let file = folder.join("list").with_extension(format.extension());
        std::fs::write(&file, format.write(list).unwrap()).unwrap();
        file
    });
    files.collect()
}

#[test]
fn every_format_names_the_same_frames_at_every_rate() {
    let Some(python) = readers::python() else {
        return;
    };
    for (fraction, start) in [
        ("24000/1001", "18:45:23:23"),
        ("24", "00:00:00:00"),
        ("25", "18:45:23:23"),
        ("30000/1001", "01:00:00;00"),
        ("30000/1001", "18:45:23:23"),
        ("30", "10:00:00:00"),
        ("50", "09:59:59:49"),
        ("60000/1001", "18:45:23;23"),
        ("60", "00:00:00:00"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let list = list(rate(fraction), start);
        let files = write_all(&list, folder.path());
        let fps = f64::from(list.rate.num()) / f64::from(list.rate.den());
        let read = readers::timelines(&python, fps, &files);
        for (format, timeline) in read.as_object().unwrap() {
            let what = format!("{format} at {fraction} from {start}");
            check(&list, format, timeline, &what);
        }
    }
}

/// Frames a day of timecode has: where labels begin again.
fn day(list: &CutList) -> u64 {
    list.sources[0].timecode.frames_of_hours(24)
}

fn check(list: &CutList, format: &str, timeline: &Value, what: &str) {
    let clips = timeline["clips"].as_array().unwrap();
    assert_eq!(clips.len(), list.picks.len(), "{what}: {timeline:#}");
    for (clip, pick) in clips.iter().zip(&list.picks) {
        let source = list.source(pick);
        let expected = source.timecode.start + pick.start;
        // Formats that write timecode begin anew after a day.
        let expected = match format {
            "edl" | "ale" => expected % day(list),
            _ => expected,
        };
        assert_eq!(clip["first"], expected, "{what}: {clip:#}");
        assert_eq!(clip["frames"], pick.end - pick.start, "{what}: {clip:#}");
        let available = serde_json::json!([source.timecode.start, source.frames]);
        let comment = &pick.markers[0].comment;
        let has_marker = clip["markers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|text| text.as_str().unwrap().contains(comment));
        let url = clip["url"].as_str().unwrap_or_default();
        // What the reader hands on of each format.
        match format {
            "otio" | "fcpxml" | "xml" => {
                assert!(has_marker, "{what}: {clip:#}");
                assert!(
                    url.ends_with(&source.url["file://".len()..]),
                    "{what}: {clip:#}"
                );
                assert_eq!(clip["available"], available, "{what}: {clip:#}");
            }
            // The adapter does not read locators at drop-frame timecode.
            "edl" => assert!(has_marker || list.drop_frame, "{what}: {clip:#}"),
            _ => assert_eq!(format, "ale", "{what}"),
        }
    }
}

#[test]
fn what_a_format_cannot_carry_is_refused_by_name() {
    let write = |list: &CutList, name: &str| {
        let format = FORMATS.iter().find(|format| format.name() == name).unwrap();
        format.write(list).map(drop)
    };
    let odd = list(rate("1000/33"), "00:00:00:00");
    for name in ["ale", "fcp7"] {
        assert!(
            matches!(write(&odd, name), Err(ExportError::Rate { .. })),
            "{name}"
        );
    }
    assert!(write(&odd, "otio").is_ok() && write(&odd, "fcpxml").is_ok());
    let fast = list(rate("240"), "00:00:00:00");
    assert_eq!(write(&fast, "edl").unwrap_err().code(), "rate-not-carried");

    let mut mixed = list(rate("25"), "00:00:00:00");
    mixed.sources[1].timecode = Timecode::from_zero(rate("24"));
    for name in ["edl", "ale", "fcp7"] {
        assert_eq!(
            write(&mixed, name).unwrap_err().code(),
            "mixed-rates",
            "{name}"
        );
    }
    assert!(write(&mixed, "otio").is_ok() && write(&mixed, "fcpxml").is_ok());

    let asked = CutList {
        rate: rate("24"),
        rate_is_requested: true,
        ..list(rate("25"), "00:00:00:00")
    };
    for name in ["edl", "ale", "fcp7"] {
        let refused = write(&asked, name).unwrap_err();
        assert_eq!(refused.code(), "mixed-rates", "{name}");
        let said = refused.to_string();
        assert!(
            said.contains("leave out the rate") && said.contains("otio"),
            "{said}"
        );
    }
    assert!(write(&asked, "otio").is_ok());

    let mut many = list(rate("25"), "00:00:00:00");
    many.picks = vec![many.picks[0].clone(); 1000];
    assert_eq!(write(&many, "edl").unwrap_err().code(), "too-many-events");
    assert!(write(&many, "otio").is_ok());

    let mut long = list(rate("25"), "00:00:00:00");
    long.picks = vec![
        Pick {
            end: LONG,
            ..long.picks[0].clone()
        };
        3
    ];
    for name in ["edl", "fcp7", "fcpxml"] {
        assert_eq!(
            write(&long, name).unwrap_err().code(),
            "timeline-too-long",
            "{name}"
        );
    }
    assert!(write(&long, "otio").is_ok());
}
