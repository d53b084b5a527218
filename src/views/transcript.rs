//! What is said in an asset, as JSON, SubRip and WebVTT.

use std::fmt::Write as _;

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
        let mut file = String::new();
        for (number, line) in (1_usize..).zip(&self.lines) {
            let (start, end) = (clock(line.start.ms, ','), clock(line.end.ms, ','));
            // Text takes everything.
            writeln!(
                file,
                "{number}\n{start} --> {end}\n{}\n",
                unbroken(&line.text)
            )
            .ok();
        }
        file
    }

    /// As a WebVTT file.
    #[must_use]
    pub fn to_vtt(&self) -> String {
        let mut file = "WEBVTT\n\n".to_owned();
        for line in &self.lines {
            let (start, end) = (clock(line.start.ms, '.'), clock(line.end.ms, '.'));
            let text = unbroken(&line.text);
            let text = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            writeln!(file, "{start} --> {end}\n{text}\n").ok();
        }
        file
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

/// An empty line would end the cue.
fn unbroken(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines.join("\n")
}

fn clock(ms: u64, mark: char) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{mark}{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(text: &str) -> Transcript {
        let clock = Clock::unknown();
        Transcript {
            asset: AssetId::new(),
            origin: Some(CueOrigin::Speech),
            lines: vec![TranscriptLine {
                text: text.to_owned(),
                start: clock.at(1, 3_723_004),
                end: clock.at(2, 3_724_500),
                language: None,
                confidence: Some(0.5),
                words: Vec::new(),
            }],
        }
    }

    #[test]
    fn files_are_those_of_their_formats() {
        let found = transcript("a < b\n\n& c");
        assert_eq!(
            found.to_srt(),
            "1\n01:02:03,004 --> 01:02:04,500\na < b\n& c\n\n"
        );
        assert_eq!(
            found.to_vtt(),
            "WEBVTT\n\n01:02:03.004 --> 01:02:04.500\na &lt; b\n&amp; c\n\n"
        );
    }

    #[test]
    fn files_are_read_again_as_they_were_written() {
        let found = transcript("So it is.");
        for file in [found.to_srt(), found.to_vtt()] {
            let read = rushes_workers::dialogue::parse(file.as_bytes()).unwrap();
            assert!(read.warnings.is_empty());
            let cue = &read.cues[0];
            assert_eq!(
                (cue.start_ms, cue.end_ms, cue.text.as_str()),
                (3_723_004, 3_724_500, "So it is.")
            );
        }
    }
}
