//! Dialogue from subtitle files: SubRip (`.srt`), WebVTT (`.vtt`), ASS and SSA, TTML.
//!
//! Files are read as players read them. What is wrong with one is reported by line, and costs no more than
//! the cue it is in.

mod ass;
mod clock;
mod cues;
mod encoding;
mod markup;
mod sidecar;
mod srt;
mod ttml;
mod vtt;

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use self::cues::end_all;
pub use self::cues::{Fault, Warning};
pub(crate) use self::markup::{ass as ass_text, plain as plain_text};
pub use self::sidecar::{SidecarName, is_subtitle_name, sidecar};

/// Subtitle files larger than this are refused; a long video's is well under 1 MiB.
pub const MAX_SUBTITLE_BYTES: u64 = 16 * 1024 * 1024;

/// One line of dialogue with its time, in milliseconds from the start of the file; end exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedText {
    /// When it appears.
    pub start_ms: u64,
    /// When it disappears; after `start_ms`.
    pub end_ms: u64,
    /// The words, without markup; lines are joined by a line feed.
    pub text: String,
}

/// What a subtitle file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtitles {
    /// In order of time. They may overlap.
    pub cues: Vec<TimedText>,
    /// What was wrong but did not keep the file from being read, a kind of fault each, by line.
    pub warnings: Vec<Warning>,
}

/// What is wrong with a subtitle file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// The bytes are not UTF-8 or UTF-16, and it is not certain which other encoding they are in.
    #[error(
        "byte {offset} is not UTF-8, and there are too few such letters to tell the encoding; convert the file, \
         e.g. with `iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` (WINDOWS-1251 for Cyrillic, GB18030, BIG5, SHIFT_JIS, EUC-KR)"
    )]
    Encoding {
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// No cue can be read, for its times.
    #[error("line {line}: {text:?} is not a cue time; write it as 00:01:02,000 --> 00:01:04,500")]
    Time {
        /// Line number of the first, from 1.
        line: usize,
        /// The line as it stands.
        text: String,
    },
    /// None of the formats.
    #[error(
        "not a subtitle file; give SubRip (.srt), WebVTT (.vtt), ASS or SSA (.ass, .ssa) or TTML (.ttml)"
    )]
    NotSubtitles,
}

impl DialogueError {
    /// The stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding { .. } => "unknown-encoding",
            Self::Time { .. } => "bad-cue-time",
            Self::NotSubtitles => "not-subtitles",
        }
    }

    /// Always the input's fault.
    #[must_use]
    #[expect(
        clippy::unused_self,
        reason = "every error of this house answers `kind`"
    )]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Reads a subtitle file; the format is recognised by its content.
///
/// # Errors
/// [`DialogueError`] if nothing of it can be read.
pub fn parse(bytes: &[u8]) -> Result<Subtitles, DialogueError> {
    let mut cues = cues::Cues::default();
    let text = encoding::decode(bytes, &mut cues)?;
    // Byte-order marks are in the middle where files were joined; DOS ended files with 0x1A.
    let text = text.replace(['\u{feff}', '\0', '\u{1a}'], "");
    if ttml::looks_like(&text) {
        ttml::parse(&text, &mut cues);
        return cues.finish();
    }
    let lines = lines(&text);
    let first = lines.iter().find(|line| !line.trim().is_empty());
    if first.is_some_and(|line| line.trim_start().starts_with("WEBVTT")) {
        vtt::parse(&lines, &mut cues);
    } else if ass::looks_like(&lines) {
        ass::parse(&lines, &mut cues);
    } else if !srt::parse(&lines, &mut cues) {
        return Err(DialogueError::NotSubtitles);
    }
    cues.finish()
}

/// The lines of a text, whether they end like those of Unix, Windows or the old Macintosh.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        lines.push(&rest[..at]);
        let end = &rest[at..];
        rest = end.strip_prefix("\r\n").unwrap_or_else(|| &end[1..]);
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

#[cfg(test)]
mod tests;
