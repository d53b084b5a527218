//! Values as they are compared.

use std::time::{Duration, UNIX_EPOCH};

use rushes_workers::time::Rate;

use super::FilterOp;
use super::fields::FieldKind;
use crate::catalog::metadata::MetadataValue;

/// Frame rates that differ by less are the same: `23.976` is 24000/1001.
const SAME_RATE: f64 = 0.0005;
const DAY_MS: f64 = 86_400_000.0;

/// A value as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    /// Text in lower case (ASCII), as SQLite's `NOCASE` compares it.
    Text(String),
    /// True or false.
    Flag(bool),
    /// All numbers from `low` to `high`, both included. A date is a whole day.
    Span {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
    },
}

impl Operand {
    /// A value of a field of this type; `None` if it is none.
    pub(super) fn read(kind: FieldKind, value: &MetadataValue) -> Option<Self> {
        let span = |low: f64, high: f64| {
            (low.is_finite() && high.is_finite()).then_some(Self::Span { low, high })
        };
        let exactly = |number: f64| span(number, number);
        let near = |rate: f64| span(rate - SAME_RATE, rate + SAME_RATE);
        match (kind, value) {
            (FieldKind::Text | FieldKind::Any, MetadataValue::Text(text)) => {
                Some(Self::Text(text.to_ascii_lowercase()))
            }
            (FieldKind::Any, &MetadataValue::Flag(flag)) => Some(Self::Flag(flag)),
            (
                FieldKind::Any | FieldKind::Number | FieldKind::Size | FieldKind::Share,
                &MetadataValue::Number(number),
            ) => exactly(number),
            (FieldKind::Rate, &MetadataValue::Number(number)) => near(number),
            (FieldKind::Rate, MetadataValue::Text(text)) => {
                let rate: Rate = text.parse().ok()?;
                near(f64::from(rate.num()) / f64::from(rate.den()))
            }
            (FieldKind::Share, MetadataValue::Text(text)) => {
                let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
                exactly(percent / 100.0)
            }
            (FieldKind::Size, MetadataValue::Text(text)) => {
                let size: bytesize::ByteSize = text.parse().ok()?;
                exactly(size.as_u64() as f64)
            }
            (FieldKind::Duration, MetadataValue::Text(text)) => exactly(milliseconds(text)? as f64),
            (FieldKind::Date, MetadataValue::Text(text)) => {
                let (from, length) = moment(text)?;
                span(from, from + length)
            }
            (FieldKind::Text, MetadataValue::Flag(_) | MetadataValue::Number(_))
            | (FieldKind::Number, MetadataValue::Flag(_) | MetadataValue::Text(_))
            | (FieldKind::Duration | FieldKind::Date, MetadataValue::Flag(_))
            | (FieldKind::Duration | FieldKind::Date, MetadataValue::Number(_))
            | (FieldKind::Size | FieldKind::Rate | FieldKind::Share, MetadataValue::Flag(_)) => {
                None
            }
        }
    }

    /// Whether one value can be both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Span { low, high },
                Self::Span {
                    low: from,
                    high: to,
                },
            ) => low <= to && from <= high,
            _ => self == other,
        }
    }

    /// Whether this value can be `op` than `bound`.
    pub(super) fn can_be(&self, op: FilterOp, bound: &Self) -> bool {
        let (
            Self::Span { low, high },
            Self::Span {
                low: from,
                high: to,
            },
        ) = (self, bound)
        else {
            return true;
        };
        match op {
            FilterOp::Gt => high > to,
            FilterOp::Gte => high >= from,
            FilterOp::Lt => low < from,
            FilterOp::Lte => low <= to,
            FilterOp::Eq | FilterOp::Ne | FilterOp::In | FilterOp::Not => true,
        }
    }

    /// Whether a value can lie above this bound and below the other.
    pub(super) fn leaves_room(&self, above: FilterOp, other: &Self, below: FilterOp) -> bool {
        let (
            Self::Span { low, high },
            Self::Span {
                low: from,
                high: to,
            },
        ) = (self, other)
        else {
            return true;
        };
        let (least, is_out) = if above == FilterOp::Gt {
            (high, true)
        } else {
            (low, false)
        };
        let (most, is_also_out) = if below == FilterOp::Lt {
            (from, true)
        } else {
            (to, false)
        };
        if is_out || is_also_out {
            least < most
        } else {
            least <= most
        }
    }
}

/// `4s`, `1.5s`, `250ms`, `2m`, `1h` in milliseconds.
#[must_use]
pub fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let duration = Duration::try_from_secs_f64(number * seconds).ok()?;
    u64::try_from(duration.as_millis()).ok()
}

/// A day or a moment: its first millisecond since 1970, and its length less one millisecond.
fn moment(text: &str) -> Option<(f64, f64)> {
    let text = text.trim();
    let (whole, length) = if text.len() == "2026-01-01".len() {
        (format!("{text}T00:00:00Z"), DAY_MS - 1.0)
    } else {
        (text.to_owned(), 0.0)
    };
    Some((rfc3339(&whole)? as f64, length))
}

/// A moment as in RFC 3339, such as `2026-01-01T12:00:00Z` or `2026-01-01T12:00:00+01:00`, in milliseconds since 1970;
/// `None` if it is none, or earlier.
#[must_use]
pub fn rfc3339(text: &str) -> Option<i64> {
    const OFFSET: usize = "+01:00".len();
    let text = text.trim();
    let (local, offset) = match text
        .len()
        .checked_sub(OFFSET)
        .and_then(|at| text.split_at_checked(at))
    {
        Some((local, offset))
            if offset.starts_with(['+', '-']) && local.len() >= "2026-01-01T12:00:00".len() =>
        {
            (format!("{local}Z"), minutes(offset)?)
        }
        _ => (text.to_owned(), 0),
    };
    let time = humantime::parse_rfc3339(&local).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let local = i64::try_from(since.as_millis()).ok()?;
    Some(local - offset * 60_000).filter(|&at| at >= 0)
}

/// The minutes of an offset such as `+01:00`.
fn minutes(offset: &str) -> Option<i64> {
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |digits: &str, most: i64| {
        let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .parse()
            .ok()
            .filter(|&number: &i64| is_plain && number <= most)
    };
    let total = number(hours, 23)? * 60 + number(minutes, 59)?;
    Some(if offset.starts_with('-') {
        -total
    } else {
        total
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_units() {
        let span = |kind, text: &str| {
            let read = Operand::read(kind, &MetadataValue::Text(text.to_owned()));
            match read {
                Some(Operand::Span { low, high }) => Some((low, high)),
                _ => None,
            }
        };
        assert_eq!(span(FieldKind::Duration, "1.5s"), Some((1500.0, 1500.0)));
        assert_eq!(
            span(FieldKind::Duration, "2m"),
            Some((120_000.0, 120_000.0))
        );
        assert_eq!(span(FieldKind::Duration, "-2s"), None);
        assert_eq!(span(FieldKind::Duration, "2"), None);
        assert_eq!(span(FieldKind::Duration, "1.2.3s"), None);
        assert_eq!(span(FieldKind::Size, "2 kB"), Some((2000.0, 2000.0)));
        let day = span(FieldKind::Date, "1970-01-02").unwrap();
        assert_eq!(day, (DAY_MS, 2.0 * DAY_MS - 1.0));
        let moment = span(FieldKind::Date, "1970-01-01T00:00:01Z").unwrap();
        assert_eq!(moment, (1000.0, 1000.0));
        for (moment, ms) in [
            ("1970-01-01T01:00:01+01:00", Some((1000.0, 1000.0))),
            (
                "1970-01-01T00:30:00-00:45",
                Some((4_500_000.0, 4_500_000.0)),
            ),
            ("1970-01-01T00:00:00+00:01", None),
            ("1970-01-02T00:00:00+1:00", None),
            ("1970-01-02T00:00:00+24:00", None),
            ("1970-01-02T00:00:00", None),
            ("1970-01-02+01:00", None),
        ] {
            assert_eq!(span(FieldKind::Date, moment), ms, "{moment}");
        }
        assert_eq!(span(FieldKind::Date, "2026-13-01"), None);
        assert_eq!(span(FieldKind::Date, "\u{1F600}abcdef"), None);
        let film = span(FieldKind::Rate, "24000/1001").unwrap();
        assert!(film.0 < 23.976 && 23.976 < film.1);
    }
}
