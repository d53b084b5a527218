//! Avid log exchange: the picks as a bin of subclips, tab-delimited.

use std::fmt::Write as _;

use rushes_workers::time::Rate;

use super::names::{ReelNames, one_line};
use super::{CutList, ExportError, ExportFormat, SourceFile};

const COLUMNS: [&str; 10] = [
    "Name",
    "Tracks",
    "Start",
    "End",
    "Duration",
    "FPS",
    "Tape",
    "Source File",
    "Source Path",
    "Comments",
];

/// The format.
#[derive(Debug)]
pub(super) struct Ale;

impl ExportFormat for Ale {
    fn name(&self) -> &'static str {
        "ale"
    }

    fn purpose(&self) -> &'static str {
        "Avid log exchange, the picks as a bin"
    }

    fn extension(&self) -> &'static str {
        "ale"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let rate = list.single_rate(self.name())?;
        let fps = fps(rate).ok_or(ExportError::Rate {
            format: self.name(),
            rate,
        })?;
        let reels = ReelNames::of(list.sources.iter().map(|source| source.file_name.as_str()));
        let height = list.sources.iter().map(|source| source.size.1).max();
        let mut text = String::new();
        let _written = write!(
            text,
            "Heading\nFIELD_DELIM\tTABS\nVIDEO_FORMAT\t{}\nAUDIO_FORMAT\t48khz\nFPS\t{fps}\n\nColumn\n{}\n\nData\n",
            raster(height.unwrap_or_default()),
            COLUMNS.join("\t"),
        );
        for pick in &list.picks {
            let source = list.source(pick);
            let zero = rushes_workers::time::Timecode {
                start: 0,
                ..source.timecode
            };
            let comments = pick
                .note
                .iter()
                .chain(pick.markers.iter().map(|m| &m.comment));
            let comments: Vec<String> = comments.map(|text| one_line(text)).collect();
            let cells = [
                one_line(&pick.name),
                tracks(source),
                source.timecode.label(pick.start),
                source.timecode.label(pick.end),
                zero.label(pick.end - pick.start),
                fps.to_owned(),
                reels.of_source(pick.source).to_owned(),
                one_line(&source.file_name),
                one_line(&source.path),
                comments.join(" | "),
            ];
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        Ok(text.into_bytes())
    }
}

/// The rate as Avid writes it.
const fn fps(rate: Rate) -> Option<&'static str> {
    Some(match (rate.num(), rate.den()) {
        (24_000, 1001) => "23.976",
        (24, 1) => "24",
        (25, 1) => "25",
        (30_000, 1001) => "29.97",
        (30, 1) => "30",
        (48_000, 1001) => "47.952",
        (48, 1) => "48",
        (50, 1) => "50",
        (60_000, 1001) => "59.94",
        (60, 1) => "60",
        _ => return None,
    })
}

/// The project format that holds pictures of this height.
const fn raster(height: u32) -> &'static str {
    match height {
        0..=486 => "NTSC",
        487..=576 => "PAL",
        577..=720 => "720",
        721..=1080 => "1080",
        _ => "CUSTOM",
    }
}

/// Picture and each channel of sound: `VA1A2`.
fn tracks(source: &SourceFile) -> String {
    let channels = source.audio.map_or(0, |audio| audio.channels);
    let mut tracks = "V".to_owned();
    for channel in 1..=channels {
        let _written = write!(tracks, "A{channel}");
    }
    tracks
}
