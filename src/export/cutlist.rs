//! What is exported: picks in order, each a span of frames of a source file.

use std::sync::Arc;

use rushes_workers::time::{Rate, Timecode};

use super::ExportError;
use crate::catalog::RunId;

/// Hours at which the record timecode of a list starts, as editors expect.
const RECORD_HOURS: u64 = 1;

/// Picks in order, to be cut one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct CutList {
    /// What to call it.
    pub name: String,
    /// Frames per second of the sequence.
    pub rate: Rate,
    /// Whether the rate was requested; otherwise it is that of most picks.
    pub rate_is_requested: bool,
    /// Whether the sequence counts drop-frame timecode.
    pub drop_frame: bool,
    /// The files that picks are cut from.
    pub sources: Vec<SourceFile>,
    /// The picks in order.
    pub picks: Vec<Pick>,
}

/// A file that picks are cut from.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFile {
    /// Id of the asset.
    pub asset: String,
    /// The run that found its shots. Frames are counted as in that run.
    pub shots_run: RunId,
    /// Name of its title.
    pub title: String,
    /// Where it is: a URL that editing programs open, `file:///…` where it lies in a folder.
    pub url: String,
    /// The path, where it lies in a folder; otherwise the URL.
    pub path: String,
    /// Its file name with the extension.
    pub file_name: String,
    /// How its frames are labelled: its rate, drop-frame or not, and its own start timecode.
    pub timecode: Timecode,
    /// Whether its frames are unevenly spaced. Positions are then those of the video played at its nominal rate, as
    /// an editing program conforms it.
    pub variable: bool,
    /// Frames in all, counted like the positions of picks.
    pub frames: u64,
    /// The position of each frame and of the end, where frames are unevenly spaced; elsewhere a frame's number is its
    /// position.
    pub positions: Option<Arc<[u64]>>,
    /// Its sound.
    pub audio: Option<AudioTracks>,
    /// Width and height as shown, in pixels.
    pub size: (u32, u32),
}

/// The sound of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTracks {
    /// Channels.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
}

/// One span of a source file.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Index into the sources.
    pub source: usize,
    /// First frame, with handles.
    pub start: u64,
    /// One past the last frame, with handles.
    pub end: u64,
    /// First frame and one past the last as the catalogue counts them, with handles. Other numbers than `start` and
    /// `end` only where the rate is variable.
    pub frames: (u64, u64),
    /// What to call it.
    pub name: String,
    /// Id of the shot, where the pick is one.
    pub shot: Option<String>,
    /// What a person noted.
    pub note: Option<String>,
    /// What is to be seen on it in the editing program.
    pub markers: Vec<Marker>,
}

/// A marker on a pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The frame it is on, counted like the pick's.
    pub frame: u64,
    /// In a few words: the query, or `dialogue`.
    pub name: String,
    /// All of it.
    pub comment: String,
}

/// Where a pick lies in the sequence, in frames of the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    /// First frame.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

impl SourceFile {
    /// Where a frame lies when the file is played at its nominal rate.
    #[must_use]
    pub fn position(&self, frame: u64) -> u64 {
        let Some(positions) = &self.positions else {
            return frame;
        };
        let at = usize::try_from(frame).ok().and_then(|at| positions.get(at));
        at.copied().unwrap_or(self.frames)
    }
}

impl CutList {
    /// The file of a pick.
    #[must_use]
    pub fn source(&self, pick: &Pick) -> &SourceFile {
        &self.sources[pick.source]
    }

    /// Where each pick lies in the sequence. A pick at the sequence's own rate keeps its frame count.
    #[must_use]
    pub fn record_spans(&self) -> Vec<RecordSpan> {
        let mut at = 0;
        let spans = self.picks.iter().map(|pick| {
            let frames = conform(
                pick.end - pick.start,
                self.source(pick).timecode.rate,
                self.rate,
            );
            let span = RecordSpan {
                start: at,
                end: at + frames,
            };
            at = span.end;
            span
        });
        spans.collect()
    }

    /// Frames of the sequence.
    #[must_use]
    pub fn record_frames(&self) -> u64 {
        self.record_spans().last().map_or(0, |span| span.end)
    }

    /// How the frames of the sequence are labelled: from one hour on, or from zero if it plays so long that the day
    /// would end before it does.
    ///
    /// # Errors
    /// [`ExportError::TooLong`] if it plays longer than a day.
    pub fn record_timecode(&self, format: &'static str) -> Result<Timecode, ExportError> {
        let counted = Timecode {
            rate: self.rate,
            drop_frame: self.drop_frame,
            start: 0,
        };
        let (hour, day) = (counted.frames_of_hours(1), counted.frames_of_hours(24));
        let frames = self.record_frames();
        if frames > day {
            return Err(ExportError::TooLong { format });
        }
        let start = if frames > day - hour {
            0
        } else {
            RECORD_HOURS * hour
        };
        Ok(Timecode { start, ..counted })
    }

    /// The one rate of all picks, for a format that has one for the whole list.
    ///
    /// # Errors
    /// [`ExportError::MixedRates`] if a pick has another; [`ExportError::OtherRate`] if all have another than the
    /// requested one.
    pub fn single_rate(&self, format: &'static str) -> Result<Rate, ExportError> {
        let mut rates = self
            .picks
            .iter()
            .map(|pick| self.source(pick).timecode.rate);
        let is_of_none = rates.clone().all(|rate| rate != self.rate);
        match rates.find(|&rate| rate != self.rate) {
            None => Ok(self.rate),
            Some(found) if self.rate_is_requested && is_of_none => Err(ExportError::OtherRate {
                format,
                asked: self.rate,
                found,
            }),
            Some(other) => Err(ExportError::MixedRates {
                format,
                first: self.rate,
                other,
            }),
        }
    }
}

/// As many frames at the rate `to` as play for as long as `frames` at the rate `from`, to the nearest; at least one.
fn conform(frames: u64, from: Rate, to: Rate) -> u64 {
    if from == to {
        return frames;
    }
    let numerator = u128::from(frames) * u128::from(from.den()) * u128::from(to.num());
    let denominator = u128::from(from.num()) * u128::from(to.den());
    let nearest = (2 * numerator + denominator) / (2 * denominator);
    u64::try_from(nearest).unwrap_or(u64::MAX).max(1)
}
