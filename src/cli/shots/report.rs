//! The shots of films, as JSON, as CSV and as a table.

use std::fmt::Write as _;
use std::path::PathBuf;

use rushes_workers::media::CorruptSpan;
use rushes_workers::segment::{Boundary, BoundaryKind, ShotScan};
use rushes_workers::time::{Rate, Timecode, Timeline};
use serde::Serialize;

use crate::cli::output;
use crate::search::Time;

/// The shots of a film; this is its JSON.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct FilmView {
    /// As it was named.
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
    /// Index of the first shot that shows nearly the same picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) same_as: Option<u64>,
}

/// A damaged stretch: between which moments, and the frames that are the first shown at or after these.
#[derive(Debug, Serialize)]
struct Damage {
    start: Time,
    end: Time,
}

/// A break in the clock of a file: the moment, and by how many milliseconds it jumps ahead, or falls back if negative.
#[derive(Debug, Serialize)]
struct BreakView {
    at: Time,
    by_ms: i64,
}

/// A film's own way of telling time.
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

impl FilmView {
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

    /// What is damaged, in a line; none if nothing is.
    fn damage(&self) -> Option<String> {
        let first = self.corrupt.first()?;
        Some(format!(
            "{}: damaged in {}, first at {} ms ({}); frames there may be missing, and --json says where",
            self.file,
            match self.corrupt.len() {
                1 => "one place".to_owned(),
                count => format!("{count} places"),
            },
            first.start.ms,
            first.start.smpte,
        ))
    }

    /// Where the clock of the file breaks, in a line; none if it does not.
    fn clock(&self) -> Option<String> {
        let first = self.clock_breaks.first()?;
        Some(format!(
            "{}: the clock of the file breaks {}, first at {} ms ({}); the film plays on without a gap",
            self.file,
            match self.clock_breaks.len() {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            },
            first.at.ms,
            first.at.smpte,
        ))
    }

    /// The line that sums the film up.
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

    /// A line a shot.
    fn csv(&self) -> String {
        let mut text = String::new();
        let file = quoted(&self.file);
        for (index, shot) in self.shots.iter().enumerate() {
            let ShotView {
                start,
                end,
                opening,
                same_as,
            } = shot;
            let same_as = same_as.map_or_else(String::new, |first| first.to_string());
            let written = writeln!(
                text,
                "{file},{index},{},{},{},{},{},{},{},{},{},{},{same_as}",
                start.frame,
                end.frame,
                start.ms,
                end.ms,
                start.smpte,
                end.smpte,
                opening.kind.as_str(),
                opening.start,
                opening.end,
                opening.confidence,
            );
            debug_assert!(written.is_ok(), "a string takes everything");
        }
        text
    }
}

const CSV_HEADER: &str = "file,shot,start_frame,end_frame,start_ms,end_ms,start_tc,end_tc,kind,in_start,in_end,confidence,same_as";

/// A field as RFC 4180 quotes it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// In which form results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Csv,
    Table,
}

/// Prints the films as they come; JSON at the end.
pub(super) struct Report {
    form: Form,
    /// Whether several films were named.
    several: bool,
    printed: usize,
    kept: Vec<FilmView>,
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

    pub(super) fn add(&mut self, film: FilmView, sheets: &[PathBuf]) {
        let complaints = [film.clock(), film.damage()];
        match self.form {
            Form::Json => self.kept.push(film),
            Form::Csv => {
                if self.printed == 0 {
                    output::line(CSV_HEADER);
                }
                output::line(film.csv().trim_end());
            }
            Form::Table => {
                if self.printed > 0 {
                    output::line("");
                }
                film.table();
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
        assert_eq!(quoted("a b.mp4"), "a b.mp4");
        assert_eq!(quoted("a,b.mp4"), "\"a,b.mp4\"");
        assert_eq!(quoted("a \"b\".mp4"), "\"a \"\"b\"\".mp4\"");
        assert_eq!(quoted("a\nb"), "\"a\nb\"");
    }
}
