//! Parses `00:01:02,500 --> 00:01:04,000`.

/// Separators between the two times; the first is the standard one.
const ARROWS: &[&str] = &["-->", "->", "\u{2014}>", "\u{2013}>", "\u{2192}"];

/// Largest number of hours.
const MAX_HOURS: u64 = 9999;

/// The kind of a line with regard to times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// Text.
    No,
    /// An invalid timing line.
    Bad,
    /// Start and end in milliseconds.
    Times(u64, u64),
}

/// Parses a line that may be a timing line.
pub(super) fn timing(line: &str) -> Timing {
    for arrow in ARROWS {
        let Some((start, rest)) = line.split_once(arrow) else {
            continue;
        };
        // Settings (`align:start`, `X1:…`) may follow the end time.
        let end = rest.split_whitespace().next().unwrap_or_default();
        match (milliseconds(start), milliseconds(end)) {
            // A negative start becomes 0; nothing is shown before that.
            (Some(start), Some(end)) if end >= 0 => {
                return Timing::Times(
                    u64::try_from(start).unwrap_or(0),
                    u64::try_from(end).unwrap_or(0),
                );
            }
            _ if *arrow == "-->" && (clock_like(start) || clock_like(end)) => return Timing::Bad,
            _ => {}
        }
    }
    Timing::No
}

/// Whether this is meant to be a time, valid or not.
pub(super) fn clock_like(text: &str) -> bool {
    let text = text.trim();
    text.contains(':')
        && text.chars().any(|c| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " \t:;,.->".contains(c))
}

/// `HH:MM:SS,mmm`, `HH:MM:SS.mmm` or `MM:SS.mmm` in milliseconds, and common variants: `1:02:03`,
/// `00:01:02:500`, `-00:00:01,000`, seconds from 60 to 99.
fn milliseconds(text: &str) -> Option<i64> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.replace('\u{ff1a}', ":");
    let (negative, text) = text
        .strip_prefix('-')
        .map_or((false, text.as_str()), |rest| (true, rest));
    let mut parts: Vec<&str> = text.split(':').collect();
    let mut fraction = "0";
    if let [_, _, _, thousandths] = parts[..] {
        fraction = thousandths;
        parts.pop();
    } else if let Some((seconds, rest)) = parts.last()?.split_once([',', '.', ';']) {
        fraction = rest;
        *parts.last_mut()? = seconds;
    }
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    let mut total = 0_u64;
    for (at, part) in parts.iter().enumerate() {
        let value = digits(part)?;
        if value > if at == 0 { MAX_HOURS } else { 99 } {
            return None;
        }
        total = total * 60 + value;
    }
    digits(fraction)?;
    let mut thousandths: String = fraction.chars().take(3).collect();
    while thousandths.len() < 3 {
        thousandths.push('0');
    }
    let total = i64::try_from(total * 1000 + digits(&thousandths)?).ok()?;
    Some(if negative { -total } else { total })
}

/// A number of plain digits; `str::parse` would accept a sign too.
pub(super) fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (line, start, end) in [
            ("00:01:02,500 --> 01:00:00,000", 62_500, 3_600_000),
            ("01:02.5 --> 01:03.000 align:start", 62_500, 63_000),
            ("1:2,5-->1:03", 62_500, 63_000),
            ("00:00:01:500 --> 00:00:02:000", 1_500, 2_000),
            ("00:00:01,000 -> 00:00:02,000", 1_000, 2_000),
            ("00:00:59,000 --> 00:00:60,000", 59_000, 60_000),
            ("00:00:01,0001 --> 00:00:02", 1_000, 2_000),
            ("-00:00:01,000 --> 00:00:02,000", 0, 2_000),
            ("00:00:02,000 --> 00:00:01,000", 2_000, 1_000),
            (
                "00: 00: 01,000 --> 00:00:02,000  X1:40 X2:600",
                1_000,
                2_000,
            ),
        ] {
            assert_eq!(timing(line), Timing::Times(start, end), "{line}");
        }
    }

    #[test]
    fn bad_times_and_words_are_told_apart() {
        for line in [
            "00:00:aa,000 --> 00:00:02,000",
            "00:00:01,000 -->",
            "00:00:01,000 --> 00:0x",
            "00:00:01,000 --> -00:00:01,000",
            "1:2:3:4:5 --> 00:00:02,000",
        ] {
            let found = timing(line);
            assert!(matches!(found, Timing::Bad | Timing::No), "{line}");
        }
        assert_eq!(timing("00:00:01,000 --> "), Timing::Bad);
        for line in ["press A --> B", "1 --> 2", "a -> b", "", "-->"] {
            assert_eq!(timing(line), Timing::No, "{line}");
        }
    }
}
