//! Whether bytes are text that a person wrote, and no data that is spelled in letters.

use super::xmp;

/// Bytes of the longest text that stays in a changed picture. The caption of IPTC may have 2000.
pub(crate) const LONGEST: usize = 4096;
/// Letters and digits without a break, from which on they are data.
const WORD: usize = 100;

/// Whether bytes are a text: UTF-8, or an 8-bit character set that is mostly ASCII.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
    let text = &bytes[..end];
    if text.len() > LONGEST || text.iter().any(|&b| is_control(u32::from(b))) {
        return false;
    }
    let ascii = text.iter().filter(|b| b.is_ascii()).count();
    let readable = std::str::from_utf8(text).is_ok()
        || (ascii * 4 >= text.len() * 3 && !text.iter().any(|b| (0x80..0xA0).contains(b)));
    readable && !is_data(text)
}

/// Whether bytes are a text of 16-bit characters, in either order.
pub(crate) fn is_wide_text(bytes: &[u8]) -> bool {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if bytes.len() > 2 * LONGEST || rest.iter().any(|&b| b != 0) {
        return false;
    }
    let reads = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = pairs.iter().copied().map(of).collect();
        let end = units.iter().rposition(|&u| u != 0).map_or(0, |p| p + 1);
        String::from_utf16(&units[..end]).is_ok_and(|text| {
            // Letters of one script share their upper byte; those of data do not.
            let blocks: std::collections::BTreeSet<u32> =
                text.chars().map(|c| u32::from(c) >> 12).collect();
            !text.chars().any(|c| is_control(u32::from(c)))
                && blocks.len() <= 6
                && is_text(text.as_bytes())
        })
    };
    reads(u16::from_le_bytes) || reads(u16::from_be_bytes)
}

const fn is_control(code: u32) -> bool {
    (code < 0x20 && !matches!(code, 9 | 10 | 13)) || code == 0x7F
}

fn is_data(text: &[u8]) -> bool {
    xmp::clean(text).is_some()
        || text
            .split(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'+' | b'='))
            .any(|word| word.len() > WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_text_and_data_is_none() {
        assert!(is_text(b"A caption, by Jane.\r\nSecond line"));
        assert!(is_text("Grüße aus Köln, 東京".as_bytes()));
        assert!(is_text(b"Gr\xFC\xDFe aus K\xF6ln\0\0"));
        let raw: Vec<u8> = (0..600_u32).map(|i| (i * 37 % 251) as u8).collect();
        assert!(!is_text(&raw));
        assert!(!is_text(&vec![200; 600]));
        assert!(!is_text("0a1b2c3d".repeat(80).as_bytes()));
        assert!(!is_text(&vec![b'a'; LONGEST + 1]));
        let wide: Vec<u8> = "Titel Köln"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(is_wide_text(&wide));
        assert!(!is_wide_text(&raw));
    }
}
