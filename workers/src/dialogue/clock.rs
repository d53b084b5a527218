//! Reading `00:01:02,500 --> 00:01:04,000`.

use super::DialogueError;

/// The start and end, in milliseconds, of the timing line `line`, whose number is `number`.
pub(super) fn range(line: &str, number: usize) -> Result<(u64, u64), DialogueError> {
    let bad = || DialogueError::Time {
        line: number,
        text: line.trim().to_owned(),
    };
    let (start, rest) = line.split_once("-->").ok_or_else(bad)?;
    // Settings (`align:start`, `X1:…`) may follow the end time.
    let end = rest.split_whitespace().next().ok_or_else(bad)?;
    let negative = |time: &str| time.trim_start().starts_with('-');
    let backwards = || DialogueError::Negative {
        line: number,
        text: line.trim().to_owned(),
    };
    if negative(start) || negative(end) {
        return Err(backwards());
    }
    let start = milliseconds(start.trim()).ok_or_else(bad)?;
    let end = milliseconds(end).ok_or_else(bad)?;
    if end < start {
        return Err(backwards());
    }
    Ok((start, end))
}

/// `HH:MM:SS,mmm`, `HH:MM:SS.mmm` or `MM:SS.mmm` in milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once([',', '.']).unwrap_or((text, "0"));
    let mut total = 0_u64;
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) || fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    for (at, part) in parts.iter().enumerate() {
        let value = digits(part)?;
        if (at > 0 && value > 59) || value > 9999 {
            return None;
        }
        total = total * 60 + value;
    }
    let scale = [100, 10, 1][fraction.len() - 1];
    Some(total * 1000 + digits(fraction)? * scale)
}

/// A number of plain digits; `str::parse` would also take a sign.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_time_are_read() {
        assert_eq!(
            range("00:01:02,500 --> 01:00:00,000", 1),
            Ok((62_500, 3_600_000))
        );
        assert_eq!(
            range("01:02.5 --> 01:03.000 align:start", 1),
            Ok((62_500, 63_000))
        );
    }

    #[test]
    fn backwards_and_negative_cues_name_their_line() {
        for text in [
            "00:00:02,000 --> 00:00:01,000",
            "-00:00:02,000 --> 00:00:01,000",
        ] {
            let error = range(text, 7).unwrap_err();
            assert!(
                matches!(error, DialogueError::Negative { line: 7, .. }),
                "{error}"
            );
        }
        for text in [
            "a --> b",
            "00:00:99,000 --> 00:01:00,000",
            "1 --> 2",
            "00:00:01,0000 --> 00:00:02",
        ] {
            let error = range(text, 3).unwrap_err();
            assert!(
                matches!(error, DialogueError::Time { line: 3, .. }),
                "{error}"
            );
        }
    }
}
