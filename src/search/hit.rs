//! The answer, in the one JSON shape of the command line and of HTTP.

use rushes_workers::time::{Rate, Timecode};
use serde::Serialize;
use utoipa::ToSchema;

use super::SearchError;
use super::fusion::Fused;
use super::recall::{Evidence, Match};
use crate::catalog::records::ShotsRecord;
use crate::catalog::shots::{Cue, Opening, Shot};
use crate::catalog::{AssetId, CatalogError, ShotId};

/// A point in time in its three forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Time {
    /// Frame number, from 0.
    pub frame: u64,
    /// Milliseconds from the start of the file, rounded down.
    pub ms: u64,
    /// SMPTE timecode; nominal where the frame rate varies.
    #[schema(example = "01:00:12:07")]
    pub smpte: String,
}

/// Which file a shot is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AssetRef {
    /// Id of the asset.
    #[schema(value_type = String)]
    pub id: AssetId,
    /// Where the file is.
    pub uri: String,
}

/// Which shot it is and where it lies.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Place {
    /// Id of the shot.
    #[schema(value_type = String)]
    pub shot: ShotId,
    /// Name of its title.
    pub title: String,
    /// Its file.
    pub asset: AssetRef,
    /// First frame.
    pub start: Time,
    /// One past the last frame.
    pub end: Time,
    /// Frame rate as a fraction.
    #[schema(value_type = String, example = "24000/1001")]
    pub rate: Rate,
}

/// A shot in a result.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Hit {
    /// Which shot it is.
    #[serde(flatten)]
    pub place: Place,
    /// Fused by rank: the sum of 1 / (60 + rank) over the recalls that found it. Higher is better. Each recall's own
    /// measure is in the evidence.
    pub score: f64,
    /// Why it is here.
    pub evidence: Evidence,
}

/// How much of what was searched can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coverage {
    /// Assets whose shots can be found: by sight, or by dialogue where nothing else was searched.
    pub ready: i64,
    /// Assets in scope.
    pub total: i64,
    /// The same of dialogue; absent if it was not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<DialogueCoverage>,
}

/// How much of the dialogue can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DialogueCoverage {
    /// Assets whose subtitles were read, or that have none.
    pub ready: i64,
    /// Assets whose subtitles could not be read; the reasons are in their jobs.
    pub failed: i64,
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Answer {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Token of the next page; null on the last.
    pub next: Option<String>,
    /// How complete the answer is.
    pub coverage: Coverage,
}

/// A shot with all there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShotDetail {
    /// Which shot it is.
    #[serde(flatten)]
    pub place: Place,
    /// Whether the frame rate varies, so that timecode is nominal.
    pub variable_rate: bool,
    /// The boundary with which it begins.
    #[serde(rename = "in")]
    pub opening: BoundaryView,
    /// The boundary with which it ends; null where the video ends with it.
    #[serde(rename = "out")]
    pub closing: Option<BoundaryView>,
    /// The first shot of the film that shows nearly the same picture; null where no earlier one does.
    #[schema(value_type = Option<String>)]
    pub same_as: Option<ShotId>,
    /// What is said during it.
    pub dialogue: Vec<Line>,
}

/// A boundary between two shots.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BoundaryView {
    /// `start` of the video, `cut`, `fade`, `dissolve`, `wipe`, or `continued` within a take that was too long.
    #[schema(example = "dissolve")]
    pub kind: String,
    /// First frame of the transition; of a cut, the first frame of the new shot. Null where an earlier version
    /// found the shot; ingest the video again to have it.
    pub start: Option<u64>,
    /// The frame after the transition; of a cut, equal to `start`.
    pub end: Option<u64>,
    /// How sure the detector was, 0 to 1.
    pub confidence: f64,
}

impl From<&Opening> for BoundaryView {
    fn from(opening: &Opening) -> Self {
        Self {
            kind: opening.kind.clone(),
            start: opening.start_frame.map(i64::cast_unsigned),
            end: opening.end_frame.map(i64::cast_unsigned),
            confidence: opening.confidence,
        }
    }
}

/// A line of dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// The words.
    pub text: String,
    /// When it appears.
    pub start: Time,
    /// When it disappears; exclusive.
    pub end: Time,
    /// Language, where known.
    pub language: Option<String>,
}

/// How the frames of a shot's asset are labelled.
pub(super) struct Clock {
    rate: Rate,
    variable: bool,
    timecode: Timecode,
}

impl Clock {
    pub(super) fn of(shot: &Shot) -> Result<Self, CatalogError> {
        let damaged = |_| CatalogError::Corrupt {
            what: "the result of a run",
        };
        let scan: ShotsRecord = serde_json::from_str(&shot.scan).map_err(damaged)?;
        let (rate, start_timecode) = (scan.rate, scan.start_timecode);
        let timecode = start_timecode
            .and_then(|text| Timecode::starting_at(rate, &text).ok())
            .unwrap_or_else(|| Timecode::from_zero(rate));
        Ok(Self {
            rate,
            variable: scan.variable,
            timecode,
        })
    }

    pub(super) fn at(&self, frame: u64, ms: u64) -> Time {
        Time {
            frame,
            ms,
            smpte: self.timecode.label(frame),
        }
    }

    fn stored(&self, frame: i64, ms: i64) -> Time {
        self.at(frame.cast_unsigned(), ms.cast_unsigned())
    }
}

impl Place {
    fn new(shot: &Shot, clock: &Clock) -> Self {
        Self {
            shot: shot.id(),
            title: shot.title.clone(),
            asset: AssetRef {
                id: shot.asset_id.clone(),
                uri: shot.uri.clone(),
            },
            start: clock.stored(shot.start_frame, shot.start_ms),
            end: clock.stored(shot.end_frame, shot.end_ms),
            rate: clock.rate,
        }
    }
}

impl Hit {
    pub(super) fn new(shot: &Shot, clock: &Clock, found: &Fused<Match>) -> Self {
        Self {
            place: Place::new(shot, clock),
            score: found.score,
            evidence: Evidence::of(&found.matches, clock),
        }
    }
}

impl ShotDetail {
    pub(super) fn new(shot: &Shot, cues: &[Cue]) -> Result<Self, SearchError> {
        let clock = Clock::of(shot)?;
        let dialogue = cues
            .iter()
            .filter(|cue| cue.start_frame < shot.end_frame && cue.end_frame > shot.start_frame)
            .map(|cue| Line {
                text: cue.text.clone(),
                start: clock.stored(cue.start_frame, cue.start_ms),
                end: clock.stored(cue.end_frame, cue.end_ms),
                language: cue.language.clone(),
            })
            .collect();
        Ok(Self {
            place: Place::new(shot, &clock),
            variable_rate: clock.variable,
            opening: (&shot.opening).into(),
            closing: shot.closing().as_ref().map(BoundaryView::from),
            same_as: shot.same_as(),
            dialogue,
        })
    }
}
