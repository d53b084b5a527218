//! Pictures within XMP packets (Adobe XMP specification, part 1): thumbnails, depth maps and whole
//! originals, all as base64 text.

use std::ops::Range;

/// Base64 digits from which on a value is taken for data, whatever it holds.
const LONG: usize = 1024;
/// Base64 digits of the shortest value that is looked into.
const SHORT: usize = 64;
/// Digits of every line of a value but its last.
const LINE: usize = 40;

/// A packet without its pictures, and the bytes taken out; none where there was nothing to take.
pub(crate) fn clean(packet: &[u8]) -> Option<(Vec<u8>, usize)> {
    if packet.contains(&0) {
        // UTF-16 or UTF-32: too rare to edit. Where data is found, the packet goes.
        let narrow: Vec<u8> = packet.iter().copied().filter(|&b| b != 0).collect();
        return (!values(&narrow).is_empty()).then(|| (Vec::new(), packet.len()));
    }
    let found = values(packet);
    if found.is_empty() {
        return None;
    }
    let mut kept = Vec::with_capacity(packet.len());
    let mut from = 0;
    for range in &found {
        kept.extend_from_slice(&packet[from..range.start]);
        from = range.end;
    }
    kept.extend_from_slice(&packet[from..]);
    let removed = packet.len() - kept.len();
    Some((kept, removed))
}

/// The values that hold data.
fn values(packet: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < packet.len() {
        if !is_digit(packet[at]) {
            at += 1;
            continue;
        }
        let start = at;
        // Lines of base64, joined by white space or its character references.
        let mut digits = Vec::new();
        let mut end = at;
        loop {
            let line = packet[at..].iter().take_while(|&&b| is_digit(b)).count();
            digits.extend_from_slice(&packet[at..at + line]);
            at += line;
            end = if line > 0 { at } else { end };
            let gap = gap(&packet[at..]);
            if line < LINE || gap == 0 {
                break;
            }
            at += gap;
        }
        if digits.len() >= LONG || (digits.len() >= SHORT && is_picture(&digits)) {
            found.push(start..end);
        }
    }
    found
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// The length of the white space at the beginning, in any of its forms.
fn gap(bytes: &[u8]) -> usize {
    const REFERENCES: [&[u8]; 8] = [
        b"&#xA;", b"&#xa;", b"&#10;", b"&#xD;", b"&#xd;", b"&#13;", b"&#x9;", b"&#9;",
    ];
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        if rest.first().is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        } else if let Some(reference) = REFERENCES.iter().find(|r| rest.starts_with(r)) {
            at += reference.len();
        } else {
            return at;
        }
    }
}

/// Whether base64 digits begin with a picture.
fn is_picture(digits: &[u8]) -> bool {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for &digit in digits.iter().take(24) {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    super::hidden::is_picture_start(&bytes)
}
