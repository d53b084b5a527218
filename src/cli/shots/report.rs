//! The shots of videos as JSON, CSV and a table.

use std::path::PathBuf;

use rushes_workers::media::CorruptSpan;
use rushes_workers::segment::{Boundary, BoundaryKind, ShotScan};
use rushes_workers::time::{Rate, Timecode, Timeline};
use serde::Serialize;

use crate::cli::output;
use crate::views::Time;

/// The shots of a video, in their JSON form.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct VideoView {
    /// The name as given.
    pub(in crate::cli) file: String,
    rate: Rate,
    frames: u64,
    pub(in crate::cli) shots: Vec<ShotView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    corrupt: Vec<Damage>,
    /// Where the clock of the file breaks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clock_breaks: Vec<BreakView>,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct ShotView {
    pub(in crate::cli) start: Time,
    pub(in crate::cli) end: Time,
    #[serde(rename = "in")]
    pub(in crate::cli) opening: Boundary,
    /// Index of the first shot that looks nearly the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) same_as: Option<u64>,
}

/// A damaged stretch. The frames are the first ones shown at or after its two moments.
#[derive(Debug, Serialize)]
struct Damage {
    start: Time,
    end: Time,
}

/// A break in the clock of a file, and the size of the jump in milliseconds; negative if the clock falls back.
#[derive(Debug, Serialize)]
struct BreakView {
    at: Time,
    by_ms: i64,
}

/// Converts frames and timestamps of one video to times.
struct Clock<'a> {
    timeline: &'a Timeline,
    timecode: Timecode,
}

impl Clock<'_> {
    fn of_frame(&self, frame: u64) -> Time {
        Time {
            frame,
            ms: self.timeline.ms_of(frame),
            smpte: self.timecode.label(frame),
        }
    }

    fn of_pts(&self, pts: i64) -> Time {
        let frame = self.timeline.pts.partition_point(|&shown| shown < pts) as u64;
        Time {
            ms: self.timeline.ms_at(pts),
            ..self.of_frame(frame)
        }
    }

    fn damage(&self, span: &CorruptSpan) -> Damage {
        Damage {
            start: self.of_pts(span.start_pts),
            end: self.of_pts(span.end_pts),
        }
    }
}

impl VideoView {
    pub(super) fn new(file: &str, scan: &ShotScan) -> Self {
        let clock = Clock {
            timeline: &scan.timeline,
            timecode: scan.timeline.timecode(),
        };
        let shots = scan.shots.iter().map(|shot| ShotView {
            start: clock.of_frame(shot.start),
            end: clock.of_frame(shot.end),
            opening: shot.opening,
            same_as: shot.same_as,
        });
        Self {
            file: file.to_owned(),
            rate: scan.timeline.rate,
            frames: scan.timeline.frames(),
            shots: shots.collect(),
            corrupt: scan.corrupt.iter().map(|span| clock.damage(span)).collect(),
            clock_breaks: scan
                .clock_breaks
                .iter()
                .map(|found| BreakView {
                    at: clock.of_pts(found.at_pts),
                    by_ms: found.by_ms,
                })
                .collect(),
        }
    }

    /// One line about damage, if there is any.
    fn damage(&self) -> Option<String> {
        let first = self.corrupt.first()?;
        Some(format!(
            "{}: damaged in {}, first at {} ms ({}); frames may be missing there; --json lists the places",
            self.file,
            match self.corrupt.len() {
                1 => "one place".to_owned(),
                count => format!("{count} places"),
            },
            first.start.ms,
            first.start.smpte,
        ))
    }

    /// One line about breaks in the clock, if there are any.
    fn clock(&self) -> Option<String> {
        let first = self.clock_breaks.first()?;
        Some(format!(
            "{}: the clock of the file breaks {}, first at {} ms ({}); the breaks were repaired, so the video has no gap",
            self.file,
            match self.clock_breaks.len() {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            },
            first.at.ms,
            first.at.smpte,
        ))
    }

    /// The summary line of the video.
    fn summary(&self) -> String {
        let kinds = [
            BoundaryKind::Cut,
            BoundaryKind::Dissolve,
            BoundaryKind::Fade,
            BoundaryKind::Wipe,
            BoundaryKind::Continued,
        ];
        let mut parts = vec![
            format!("shots {}", self.shots.len()),
            format!("frames {}", self.frames),
            format!("rate {}", self.rate),
        ];
        for kind in kinds {
            let of_kind = |shot: &&ShotView| shot.opening.kind == kind;
            let count = self.shots.iter().filter(of_kind).count();
            if count > 0 {
                parts.push(format!("{} {count}", kind.as_str()));
            }
        }
        let again = self.shots.iter().filter(|shot| shot.same_as.is_some());
        let again = again.count();
        if again > 0 {
            parts.push(format!("same as an earlier one {again}"));
        }
        format!("{}: {}", self.file, parts.join(", "))
    }

    fn table(&self) {
        let rows = self.shots.iter().enumerate().map(|(index, shot)| {
            vec![
                index.to_string(),
                shot.start.smpte.clone(),
                shot.end.smpte.clone(),
                shot.start.frame.to_string(),
                shot.end.frame.to_string(),
                format!(
                    "{} ({:.2})",
                    shot.opening.kind.as_str(),
                    shot.opening.confidence
                ),
                shot.same_as
                    .map_or_else(String::new, |first| first.to_string()),
            ]
        });
        let headers = [
            "shot",
            "in",
            "out",
            "first",
            "end",
            "begins with",
            "same as",
        ];
        output::table(&headers, rows.collect());
        output::line(&self.summary());
    }

    /// One row per shot, with the columns of [`COLUMNS`].
    fn rows(&self) -> impl Iterator<Item = [String; COLUMNS.len()]> {
        self.shots.iter().enumerate().map(|(index, shot)| {
            let ShotView {
                start,
                end,
                opening,
                same_as,
            } = shot;
            [
                self.file.clone(),
                index.to_string(),
                start.frame.to_string(),
                end.frame.to_string(),
                start.ms.to_string(),
                end.ms.to_string(),
                start.smpte.clone(),
                end.smpte.clone(),
                opening.kind.as_str().to_owned(),
                opening.start.to_string(),
                opening.end.to_string(),
                opening.confidence.to_string(),
                same_as.map_or_else(String::new, |first| first.to_string()),
            ]
        })
    }
}

const COLUMNS: [&str; 13] = [
    "file",
    "shot",
    "start_frame",
    "end_frame",
    "start_ms",
    "end_ms",
    "start_tc",
    "end_tc",
    "kind",
    "in_start",
    "in_end",
    "confidence",
    "same_as",
];

/// Rows as CSV (RFC 4180, with plain line feeds).
fn as_csv(rows: impl Iterator<Item = [String; COLUMNS.len()]>) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Csv,
    Table,
}

/// Prints each video as it is done; JSON is printed at the end.
pub(super) struct Report {
    form: Form,
    /// Whether several videos were given.
    several: bool,
    printed: usize,
    kept: Vec<VideoView>,
}

impl Report {
    pub(super) const fn new(form: Form, several: bool) -> Self {
        Self {
            form,
            several,
            printed: 0,
            kept: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, video: VideoView, sheets: &[PathBuf]) -> anyhow::Result<()> {
        let complaints = [video.clock(), video.damage()];
        match self.form {
            Form::Json => self.kept.push(video),
            Form::Csv => {
                let header = (self.printed == 0).then(|| COLUMNS.map(str::to_owned));
                let text = as_csv(header.into_iter().chain(video.rows()))?;
                output::line(text.trim_end_matches('\n'));
            }
            Form::Table => {
                if self.printed > 0 {
                    output::line("");
                }
                video.table();
                for sheet in sheets {
                    output::line(&format!("contact sheet: {}", sheet.display()));
                }
            }
        }
        self.printed += 1;
        if self.form != Form::Json {
            for complaint in complaints.iter().flatten() {
                output::complain(complaint);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        match (self.form, self.several, self.kept.as_slice()) {
            (Form::Json, true, all) => output::json(&all),
            (Form::Json, false, [only]) => output::json(only),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let written = |file: &str| {
            let mut row = [const { String::new() }; COLUMNS.len()];
            file.clone_into(&mut row[0]);
            let text = as_csv([row].into_iter()).unwrap();
            text.strip_suffix(",,,,,,,,,,,,\n").unwrap().to_owned()
        };
        assert_eq!(written("a b.mp4"), "a b.mp4");
        assert_eq!(written("a,b.mp4"), "\"a,b.mp4\"");
        assert_eq!(written("a \"b\".mp4"), "\"a \"\"b\"\".mp4\"");
        assert_eq!(written("a\nb"), "\"a\nb\"");
    }
}
