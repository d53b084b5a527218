//! Dialogue from subtitle files: SubRip (`.srt`), WebVTT (`.vtt`), ASS and SSA, TTML.
//!
//! Files are read as leniently as by players. A problem is reported with its line, and costs at most its own
//! cue.

mod ass;
mod clock;
mod cues;
mod encoding;
mod markup;
mod sidecar;
mod srt;
mod ttml;
mod vtt;
mod write;

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use self::cues::end_all;
pub use self::cues::{Fault, Warning};
pub(crate) use self::markup::{ass as ass_text, plain as plain_text};
pub use self::sidecar::{SidecarName, is_subtitle_name, sidecar};
pub use self::write::{to_srt, to_vtt};

/// Largest subtitle file in bytes. That of a long video is well under 1 MiB.
pub const MAX_SUBTITLE_BYTES: u64 = 16 * 1024 * 1024;

/// One line of dialogue with its time, in milliseconds from the start of the file; end exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedText {
    /// Start.
    pub start_ms: u64,
    /// End; after `start_ms`.
    pub end_ms: u64,
    /// The text without markup; lines are joined by a line feed.
    pub text: String,
}

/// The contents of a subtitle file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtitles {
    /// By time. They may overlap.
    pub cues: Vec<TimedText>,
    /// Problems that did not prevent reading the file, one per kind, by line.
    pub warnings: Vec<Warning>,
}

/// Errors of subtitle files.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// The bytes are neither UTF-8 nor UTF-16, and their encoding is uncertain.
    #[error(
        "byte {offset} is not UTF-8, and there are too few such letters to identify the encoding; convert the file, \
         e.g. with `iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` (WINDOWS-1251 for Cyrillic, GB18030, BIG5, SHIFT_JIS, EUC-KR)"
    )]
    Encoding {
        /// Offset of the first invalid byte.
        offset: usize,
    },
    /// No cue can be read, because of invalid times.
    #[error("line {line}: {text:?} is not a cue time; write it as 00:01:02,000 --> 00:01:04,500")]
    Time {
        /// Line number of the first, from 1.
        line: usize,
        /// The line as written.
        text: String,
    },
    /// The file is in none of the formats.
    #[error(
        "not a subtitle file; use SubRip (.srt), WebVTT (.vtt), ASS or SSA (.ass, .ssa) or TTML (.ttml)"
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
    #[expect(clippy::unused_self, reason = "all errors of this project have `kind`")]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Reads a subtitle file. The format is recognised by its content.
///
/// # Errors
/// [`DialogueError`] if nothing in it can be read.
pub fn parse(bytes: &[u8]) -> Result<Subtitles, DialogueError> {
    let mut cues = cues::Cues::default();
    let text = encoding::decode(bytes, &mut cues)?;
    // Byte-order marks occur in the middle of concatenated files; DOS ended files with 0x1A.
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

/// The lines of a text, with Unix, Windows or old Macintosh line ends.
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
