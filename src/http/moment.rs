//! Moments in parameters of requests.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::catalog::filter::rfc3339;

/// A moment in Unix milliseconds, written as such or as in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) i64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let ms = text.parse().ok().or_else(|| rfc3339(&text));
        ms.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no time; use one such as 2026-11-27T10:00:00Z or 2026-11-27T10:00:00%2B01:00, or Unix milliseconds"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_number() {
        let read = |text: &str| serde_json::from_value::<Moment>(text.into()).ok();
        assert_eq!(read("1700000000000"), Some(Moment(1_700_000_000_000)));
        assert_eq!(read("1970-01-01T01:00:01+01:00"), Some(Moment(1000)));
        assert_eq!(read("1970-01-01T00:00:01.5Z"), Some(Moment(1500)));
        for bad in ["", "yesterday", "1.5", "1970-01-01"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
