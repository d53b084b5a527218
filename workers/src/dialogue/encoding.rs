//! Converts bytes to text.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::DialogueError;
use super::cues::{Cues, Fault};

/// Letters beyond ASCII that are needed to identify an encoding.
const ENOUGH: usize = 12;

/// Valid UTF-8 letters beyond ASCII required per invalid sequence. Text in other encodings seldom contains
/// valid UTF-8 sequences.
const MOSTLY: usize = 4;

/// The text of a subtitle file: UTF-8 or UTF-16, or else an older encoding if it is certain.
pub(super) fn decode(bytes: &[u8], cues: &mut Cues) -> Result<String, DialogueError> {
    if let Some(encoding) = utf_16(bytes) {
        let (text, _) = encoding.decode_with_bom_removal(bytes);
        let damaged = text.matches('\u{fffd}').count();
        // One may be the end of a truncated file.
        if damaged > 1 + text.chars().count() / 100 {
            return Err(DialogueError::Encoding { offset: 0 });
        }
        return Ok(noting_damage(text.into_owned(), damaged, cues));
    }
    let escapes = bytes.windows(2).any(|pair| pair == b"\x1b$");
    let offset = match std::str::from_utf8(bytes) {
        Ok(text) if !escapes => return Ok(text.to_owned()),
        Ok(_) => 0,
        Err(error) => error.valid_up_to(),
    };
    let (whole, damaged) = letters(bytes);
    if !escapes && whole >= MOSTLY * damaged {
        let text = String::from_utf8_lossy(bytes).into_owned();
        return Ok(noting_damage(text, damaged, cues));
    }
    if whole > damaged {
        return Err(DialogueError::Encoding { offset });
    }
    let (text, encoding) = detect(bytes).ok_or(DialogueError::Encoding { offset })?;
    cues.warn(line_of(&text, |c| !c.is_ascii()), Fault::Guessed(encoding));
    Ok(text)
}

/// UTF-16, recognised by its byte-order mark, or by the arrow of a timing line.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let holds = |arrow: &[u8]| {
        let mut units = bytes.windows(arrow.len()).step_by(2);
        units.any(|window| window == arrow)
    };
    match bytes {
        [0xFF, 0xFE, ..] => Some(UTF_16LE),
        [0xFE, 0xFF, ..] => Some(UTF_16BE),
        _ if holds(b"-\0-\0>\0") => Some(UTF_16LE),
        _ if holds(b"\0-\0-\0>") => Some(UTF_16BE),
        _ => None,
    }
}

fn noting_damage(text: String, damaged: usize, cues: &mut Cues) -> String {
    if damaged > 0 {
        cues.warn(line_of(&text, |c| c == '\u{fffd}'), Fault::Letters);
    }
    text
}

/// Number of the line, from 1, with the first letter for which `is` is true.
fn line_of(text: &str, is: impl Fn(char) -> bool) -> usize {
    let up_to = text.find(is).map_or(text.len(), |at| at + 1);
    let up_to = text.ceil_char_boundary(up_to);
    super::lines(&text[..up_to]).len()
}

/// Counts in bytes read as UTF-8: the letters beyond ASCII, and the invalid sequences.
fn letters(bytes: &[u8]) -> (usize, usize) {
    let (mut whole, mut damaged) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    (whole, damaged)
}

/// The text in an encoding from before Unicode, and the encoding's WHATWG name, if there is no doubt.
///
/// A detector always returns its best guess. The guess is certain if there is enough text, if it explains every
/// byte with letters in use, and if each half of the lines alone leads to the same text.
fn detect(bytes: &[u8]) -> Option<(String, &'static str)> {
    let strange = |line: &&[u8]| line.iter().any(|byte| !byte.is_ascii() || *byte == 0x1b);
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(strange).collect();
    let encoding = guess(lines.iter().copied());
    let text = sound(encoding, bytes)?;
    if text.chars().filter(|c| !c.is_ascii()).count() < ENOUGH {
        return None;
    }
    let half = |from: usize| guess(lines.iter().copied().skip(from).step_by(2));
    let agree = [0, 1]
        .into_iter()
        .all(|from| sound(half(from), bytes).as_deref() == Some(text.as_str()));
    agree.then_some((text, encoding.name()))
}

fn guess<'a>(lines: impl Iterator<Item = &'a [u8]>) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    for line in lines {
        detector.feed(line, false);
        detector.feed(b"\n", false);
    }
    detector.feed(b"", true);
    detector.guess(None, Utf8Detection::Deny)
}

/// The text in `encoding`, if every byte decodes to a character in common use.
fn sound(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    let senseless = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}');
    (!text.contains(senseless)).then(|| text.into_owned())
}
