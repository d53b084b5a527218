//! CMX 3600 edit decision lists, as Resolve, Premiere and Avid read them.
//!
//! One video track, timecode of frames counted at the nominal rate. Reel names keep to the eight characters that the
//! format has; the file's own name follows in a comment.

use std::fmt::Write as _;

use super::names::{ReelNames, one_line};
use super::{CutList, ExportError, ExportFormat, SourceFile};

/// Events that three digits number.
const MOST_EVENTS: usize = 999;
/// The highest rate whose frames two digits count.
const MOST_LABELS: u32 = 100;

/// The format.
#[derive(Debug)]
pub(super) struct Edl;

impl ExportFormat for Edl {
    fn name(&self) -> &'static str {
        "edl"
    }

    fn purpose(&self) -> &'static str {
        "CMX 3600 list for any editing program; one rate, 999 events"
    }

    fn extension(&self) -> &'static str {
        "edl"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let rate = list.single_rate(self.name())?;
        if rate.nominal() > MOST_LABELS {
            return Err(ExportError::Rate {
                format: self.name(),
                rate,
            });
        }
        if list.picks.len() > MOST_EVENTS {
            return Err(ExportError::TooManyEvents {
                format: self.name(),
                most: MOST_EVENTS,
                found: list.picks.len(),
            });
        }
        let record = list.record_timecode(self.name())?;
        let reels = ReelNames::of(list.sources.iter().map(|source| source.file_name.as_str()));
        let mut text = format!("TITLE: {}\n", one_line(&list.name));
        // The mode of the record timecode; where a source counts otherwise, a line before its event says so.
        let mut mode = list.drop_frame;
        fcm(&mut text, mode);
        for ((number, pick), span) in (1..).zip(&list.picks).zip(list.record_spans()) {
            let source = list.source(pick);
            if source.timecode.drop_frame != mode {
                mode = source.timecode.drop_frame;
                fcm(&mut text, mode);
            }
            let label = |frame| source.timecode.label(frame);
            let _written = writeln!(
                text,
                "\n{number:03}  {reel:<8} {tracks:<5} C        {} {} {} {}",
                label(pick.start),
                label(pick.end),
                record.label(span.start),
                record.label(span.end),
                reel = reels.of_source(pick.source),
                tracks = tracks(source),
            );
            let mut comment = |key: &str, value: &str| {
                let _written = writeln!(text, "* {key}: {}", one_line(value));
            };
            comment("FROM CLIP NAME", &source.file_name);
            comment("SOURCE FILE", &source.path);
            if let Some(note) = &pick.note {
                comment("COMMENT", note);
            }
            for marker in &pick.markers {
                let at = record.label(span.start + marker.frame.saturating_sub(pick.start));
                comment(
                    "LOC",
                    &format!("{at} RED     {}", one_line(&marker.comment)),
                );
            }
        }
        Ok(text.into_bytes())
    }
}

fn fcm(text: &mut String, drop_frame: bool) {
    text.push_str(if drop_frame {
        "FCM: DROP FRAME\n"
    } else {
        "FCM: NON-DROP FRAME\n"
    });
}

/// Picture, with the channels of sound that the format can name.
fn tracks(source: &SourceFile) -> &'static str {
    match source.audio.map_or(0, |audio| audio.channels) {
        0 => "V",
        1 => "B",
        _ => "AA/V",
    }
}
