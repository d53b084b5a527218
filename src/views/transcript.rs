//! What is said in an asset, as JSON, SubRip and WebVTT.

use rushes_workers::dialogue::{self, TimedText};
use rushes_workers::stages::SpokenWord;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{Clock, Time};
use crate::catalog::cues::{self, Cue, CueOrigin};
use crate::catalog::{AssetId, Catalog, CatalogError};

/// What is said in an asset.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Transcript {
    /// Id of the asset.
    #[schema(value_type = String)]
    pub asset: AssetId,
    /// Whether its lines are of subtitles or were heard; null if there are none.
    pub origin: Option<CueOrigin>,
    /// Its lines, by time.
    pub lines: Vec<TranscriptLine>,
}

/// A line of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TranscriptLine {
    /// The text.
    pub text: String,
    /// When it appears.
    pub start: Time,
    /// When it disappears; exclusive.
    pub end: Time,
    /// Language, if known.
    #[schema(example = "en")]
    pub language: Option<String>,
    /// How sure the model is of a line that was heard, 0 to 1; null for a line of subtitles.
    pub confidence: Option<f64>,
    /// The words of a line that was heard, with their times; empty for a line of subtitles.
    pub words: Vec<SpokenWord>,
}

impl Transcript {
    /// The published lines of an asset.
    ///
    /// # Errors
    /// If the catalogue fails or is damaged.
    pub async fn load(catalog: &Catalog, asset: &AssetId) -> Result<Self, CatalogError> {
        let mut db = catalog.snapshot().await?;
        let lines = cues::cues(&mut db, asset).await?;
        let scan = cues::scan_of(&mut db, asset).await?;
        drop(db);
        let clock = match scan {
            Some(scan) => Clock::parse(&scan)?,
            None => Clock::unknown(),
        };
        let origin = lines.first().map(|cue| cue.origin);
        let lines: Result<_, CatalogError> = lines.iter().map(|cue| line(cue, &clock)).collect();
        Ok(Self {
            asset: asset.clone(),
            origin,
            lines: lines?,
        })
    }

    /// As a SubRip file.
    #[must_use]
    pub fn to_srt(&self) -> String {
        dialogue::to_srt(&self.timed())
    }

    /// As a WebVTT file.
    #[must_use]
    pub fn to_vtt(&self) -> String {
        dialogue::to_vtt(&self.timed())
    }

    fn timed(&self) -> Vec<TimedText> {
        let lines = self.lines.iter();
        let timed = lines.map(|line| TimedText {
            start_ms: line.start.ms,
            end_ms: line.end.ms,
            text: line.text.clone(),
        });
        timed.collect()
    }
}

fn line(cue: &Cue, clock: &Clock) -> Result<TranscriptLine, CatalogError> {
    Ok(TranscriptLine {
        text: cue.text.clone(),
        start: clock.stored(cue.start_frame, cue.start_ms),
        end: clock.stored(cue.end_frame, cue.end_ms),
        language: cue.language.clone(),
        confidence: cue.confidence,
        words: cue.words()?,
    })
}
