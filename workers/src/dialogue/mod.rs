//! Dialogue from subtitle files: SubRip (`.srt`) and WebVTT (`.vtt`).
//!
//! A file that cannot be read as it stands is refused with the line to mend, never guessed at: a
//! cue at the wrong time sends an editor to the wrong shot.

mod clock;
mod srt;
mod vtt;

use std::path::Path;

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Subtitle files larger than this are refused; a long film's is well under 1 MiB.
pub const MAX_SUBTITLE_BYTES: u64 = 16 * 1024 * 1024;

/// Longest tag in bytes.
const MAX_TAG: usize = 200;

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

/// What is wrong with a subtitle file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// The bytes are not UTF-8 (or UTF-16 with a byte-order mark).
    #[error(
        "byte {offset} is not UTF-8; if the file is in Latin-1, convert it with `iconv -f LATIN1 -t UTF-8`"
    )]
    Encoding {
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// A timing line that cannot be read.
    #[error("line {line}: {text:?} is not a cue time; write it as 00:01:02,000 --> 00:01:04,500")]
    Time {
        /// Line number, from 1.
        line: usize,
        /// The line as it stands.
        text: String,
    },
    /// A cue that begins before zero or ends before it begins.
    #[error("line {line}: {text:?} runs backwards or before zero; correct its times")]
    Negative {
        /// Line number, from 1.
        line: usize,
        /// The line as it stands.
        text: String,
    },
    /// A SubRip cue that begins before the one above it ends.
    #[error(
        "line {line}: this cue begins before the one above it ends; correct its times, or save the file as WebVTT, where cues may overlap"
    )]
    Overlap {
        /// Line number, from 1.
        line: usize,
    },
    /// Neither SubRip nor WebVTT.
    #[error("not a subtitle file; give SubRip (.srt) or WebVTT (.vtt)")]
    NotSubtitles,
}

impl DialogueError {
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

/// Whether a file name is that of a subtitle file this module reads.
#[must_use]
pub fn is_subtitle_name(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|ext| ext.eq_ignore_ascii_case("srt") || ext.eq_ignore_ascii_case("vtt"))
}

/// Whether `subtitle` is a sidecar of `film`, and its language: `film.srt`, `film.en.vtt`.
///
/// Both are bare file names. `Some(None)` is a sidecar that names no language.
#[must_use]
#[expect(
    clippy::option_option,
    reason = "not a sidecar, a sidecar without language, with one"
)]
pub fn sidecar_language(film: &str, subtitle: &str) -> Option<Option<String>> {
    if !is_subtitle_name(subtitle) {
        return None;
    }
    let film = film.rsplit_once('.').map_or(film, |(stem, _)| stem);
    let (stem, _) = subtitle.rsplit_once('.')?;
    let rest = stem.strip_prefix(film)?;
    if rest.is_empty() {
        return Some(None);
    }
    let language = rest.strip_prefix('.')?;
    let sound = (2..=12).contains(&language.len())
        && language
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    sound.then(|| Some(language.to_lowercase()))
}

/// Reads a subtitle file; the format is told by its content. Cues come back in order of time.
///
/// # Errors
/// [`DialogueError`] naming the first line that cannot be read.
pub fn parse(bytes: &[u8]) -> Result<Vec<TimedText>, DialogueError> {
    let text = decode(bytes)?;
    let mut cues = if text.trim_start().starts_with("WEBVTT") {
        vtt::parse(&text)?
    } else {
        srt::parse(&text)?
    };
    cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
    Ok(cues)
}

/// UTF-8, with or without a byte-order mark, or UTF-16 with one.
fn decode(bytes: &[u8]) -> Result<String, DialogueError> {
    let encoding = match bytes {
        [0xFF, 0xFE, ..] => Some(encoding_rs::UTF_16LE),
        [0xFE, 0xFF, ..] => Some(encoding_rs::UTF_16BE),
        _ => None,
    };
    if let Some(encoding) = encoding {
        let (text, malformed) = encoding.decode_with_bom_removal(bytes);
        return if malformed {
            Err(DialogueError::Encoding { offset: 0 })
        } else {
            Ok(text.into_owned())
        };
    }
    let text = std::str::from_utf8(bytes).map_err(|error| DialogueError::Encoding {
        offset: error.valid_up_to(),
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// A cue of these lines; none if it has no words or no length.
fn cue((start_ms, end_ms): (u64, u64), lines: &[&str]) -> Option<TimedText> {
    let text = plain(lines);
    (!text.is_empty() && end_ms > start_ms).then_some(TimedText {
        start_ms,
        end_ms,
        text,
    })
}

/// The words of a cue without tags (`<i>`, `<v Anna>`, `{\an8}`) and without blank lines.
fn plain(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let mut bare = String::with_capacity(line.len());
        let mut rest = *line;
        while let Some(open) = rest.find(['<', '{']) {
            let (before, tag) = rest.split_at(open);
            bare.push_str(before);
            let close = if tag.starts_with('<') { b'>' } else { b'}' };
            let looks_like_a_tag = tag
                .chars()
                .nth(1)
                .is_some_and(|c| c.is_ascii_alphanumeric() || c == '/' || c == '\\');
            // Tags are short; looking further would make a line of brackets slow.
            let end = looks_like_a_tag
                .then(|| tag.bytes().take(MAX_TAG).position(|byte| byte == close))
                .flatten();
            match end {
                Some(end) => rest = &tag[end + 1..],
                None => {
                    bare.push_str(&tag[..1]);
                    rest = &tag[1..];
                }
            }
        }
        bare.push_str(rest);
        let bare = bare
            .replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&nbsp;", " ");
        let bare = bare.trim();
        if !bare.is_empty() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(bare);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_are_told_by_name() {
        assert_eq!(sidecar_language("film.mp4", "film.srt"), Some(None));
        assert_eq!(
            sidecar_language("film.mp4", "film.en.vtt"),
            Some(Some("en".to_owned()))
        );
        assert_eq!(sidecar_language("film.mp4", "film2.srt"), None);
        assert_eq!(sidecar_language("film.mp4", "film.txt"), None);
        assert_eq!(
            sidecar_language("film.mp4", "film.the whole story.srt"),
            None
        );
    }

    #[test]
    fn latin_1_is_refused_with_the_way_to_convert_it() {
        let error = parse(b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n").unwrap_err();
        assert_eq!(error, DialogueError::Encoding { offset: 35 });
        assert!(error.to_string().contains("iconv"));
    }

    #[test]
    fn utf_16_with_a_byte_order_mark_is_read() {
        let text = "1\n00:00:01,000 --> 00:00:02,000\ncafé\n";
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(parse(&bytes).unwrap()[0].text, "café");
    }

    #[test]
    fn markup_goes_and_words_stay() {
        assert_eq!(plain(&["<i>Hello</i> {\\an8}there"]), "Hello there");
        assert_eq!(plain(&["<v Anna>1 < 2 &amp; 3", " "]), "1 < 2 & 3");
        assert_eq!(plain(&["a <", "{b"]), "a <\n{b");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            drop(parse(&bytes));
        }

        #[test]
        fn no_text_around_an_arrow_makes_it_panic(a in "\\PC*", b in "\\PC*") {
            drop(parse(format!("WEBVTT\n\n{a} --> {b}\nx\n").as_bytes()));
            drop(parse(format!("1\n{a} --> {b}\nx\n").as_bytes()));
            drop(plain(&[&a, &b]));
        }
    }
}
