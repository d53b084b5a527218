//! Time without floating point: rational rates, presentation timestamps, SMPTE timecode.
//!
//! The presentation timestamp, in the time base of its stream, is the authoritative time of a frame. A frame
//! number is the rank of a frame in presentation order, from 0. SMPTE timecode (SMPTE ST 12-1) is derived from
//! the frame number and the rate, for people and edit lists.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Errors of textual rates and timecodes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not of the form `num/den` or `num`, or zero.
    #[error("{0:?} is not a frame rate; write it as a fraction such as 24000/1001, or as 25")]
    Rate(String),
    /// Not of the form `HH:MM:SS:FF` (or `;FF` for drop-frame), or out of range for its rate.
    #[error("{0:?} is not an SMPTE timecode at {1} frames per second; write it as HH:MM:SS:FF")]
    Timecode(String, Rate),
}

/// Milliseconds of so many samples at a rate in hertz, rounded down.
pub(crate) const fn ms_of_samples(samples: u64, rate: u32) -> u64 {
    let rate = if rate == 0 { 1 } else { rate };
    samples.saturating_mul(1000) / rate as u64
}

/// A rate in frames per second, or a time base in units per second, as a reduced fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    num: u32,
    den: u32,
}

impl Rate {
    /// The rate `num / den`, reduced; `None` if either is zero.
    #[must_use]
    pub const fn new(num: u32, den: u32) -> Option<Self> {
        if num == 0 || den == 0 {
            return None;
        }
        let (mut a, mut b) = (num, den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Some(Self {
            num: num / a,
            den: den / a,
        })
    }

    /// A clock with one tick per millisecond.
    pub const MILLISECONDS: Self = Self { num: 1000, den: 1 };

    /// Numerator.
    #[must_use]
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator.
    #[must_use]
    pub const fn den(self) -> u32 {
        self.den
    }

    /// Frames that SMPTE counts per second: 24 for 24000/1001, 30 for 30000/1001. At least 1.
    #[must_use]
    pub const fn nominal(self) -> u32 {
        // Rounded to nearest without overflow.
        let (whole, rest) = (self.num / self.den, self.num % self.den);
        let rounded = if rest >= self.den - rest {
            whole + 1
        } else {
            whole
        };
        if rounded == 0 { 1 } else { rounded }
    }

    /// Whether drop-frame counting is defined: 30000/1001 and its multiples (60000/1001 …).
    #[must_use]
    pub const fn allows_drop_frame(self) -> bool {
        self.den == 1001 && self.num.is_multiple_of(30_000)
    }

    /// Whole milliseconds (rounded down) from frame 0 to `frame` at this constant rate.
    #[must_use]
    pub fn ms_of(self, frame: u64) -> u64 {
        let ms = u128::from(frame) * 1000 * u128::from(self.den) / u128::from(self.num);
        u64::try_from(ms).unwrap_or(u64::MAX)
    }

    /// Converts `units` of a clock at this rate to units of a clock at `to`, rounded down; saturates at the
    /// limits of `i64`.
    #[must_use]
    pub fn rescale(self, units: i64, to: Self) -> i64 {
        let numerator = i128::from(units) * i128::from(self.den) * i128::from(to.num);
        let result = numerator.div_euclid(i128::from(self.num) * i128::from(to.den));
        i64::try_from(result).unwrap_or(if result < 0 { i64::MIN } else { i64::MAX })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl FromStr for Rate {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        num.parse()
            .ok()
            .zip(den.parse().ok())
            .and_then(|(num, den)| Self::new(num, den))
            .ok_or_else(|| TimeError::Rate(text.to_owned()))
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// How to write frame numbers as timecode: the rate, the counting, and the value of the first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timecode {
    /// Frames per second.
    pub rate: Rate,
    /// Whether two frame labels per minute are skipped to follow the clock (SMPTE ST 12-1).
    pub drop_frame: bool,
    /// The frame count of the source's own start timecode; 0 if it has none.
    pub start: u64,
}

impl Timecode {
    /// Counting from `00:00:00:00` at `rate`; drop-frame if the rate allows it.
    #[must_use]
    pub const fn from_zero(rate: Rate) -> Self {
        Self {
            rate,
            drop_frame: rate.allows_drop_frame(),
            start: 0,
        }
    }

    /// Counting from the source's own start timecode, e.g. `18:45:23:23` or `01:00:00;00`.
    ///
    /// # Errors
    /// [`TimeError::Timecode`] if the text is not a timecode at this rate.
    pub fn starting_at(rate: Rate, text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError::Timecode(text.to_owned(), rate);
        let drop_frame = text.contains([';', '.']) && rate.allows_drop_frame();
        let parts: Vec<u64> = text
            .split([':', ';', '.'])
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_not_a_number| bad())?;
        let &[hours, minutes, seconds, frames] = parts.as_slice() else {
            return Err(bad());
        };
        let nominal = u64::from(rate.nominal());
        if hours > 23 || minutes > 59 || seconds > 59 || frames >= nominal {
            return Err(bad());
        }
        let labels = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames;
        let start = if drop_frame {
            let minutes = hours * 60 + minutes;
            labels - Self::dropped_a_minute(rate) * (minutes - minutes / 10)
        } else {
            labels
        };
        Ok(Self {
            rate,
            drop_frame,
            start,
        })
    }

    /// The label at the rate `to` for the moment that `text` labels at the rate `from`.
    ///
    /// Exact if one rate counts a multiple of the other's labels, as 60000/1001 does of 30000/1001. Otherwise
    /// nominal: the label at or before that moment.
    ///
    /// # Errors
    /// [`TimeError::Timecode`] if the text is not a timecode at the rate `from`.
    pub fn relabel(text: &str, from: Rate, to: Rate) -> Result<String, TimeError> {
        Self::starting_at(from, text)?;
        let bad = || TimeError::Timecode(text.to_owned(), from);
        let at = text.rfind([':', ';', '.']).ok_or_else(bad)?;
        let (rest, frames) = text.split_at(at + 1);
        let frames: u64 = frames.parse().map_err(|_not_a_number| bad())?;
        let frames = frames * u64::from(to.nominal()) / u64::from(from.nominal());
        Ok(format!("{rest}{frames:02}"))
    }

    /// The timecode of frame number `frame` of the asset, e.g. `00:01:00;02`. Wraps after 24 hours.
    #[must_use]
    pub fn label(self, frame: u64) -> String {
        let nominal = u64::from(self.rate.nominal());
        let mut count = frame.saturating_add(self.start);
        if self.drop_frame {
            let dropped = Self::dropped_a_minute(self.rate);
            let a_minute = nominal * 60 - dropped;
            let ten_minutes = nominal * 600 - dropped * 9;
            let (tens, rest) = (count / ten_minutes, count % ten_minutes);
            // The first minute of every ten keeps all its labels.
            let minutes = rest.saturating_sub(dropped) / a_minute;
            count += dropped * (tens * 9 + minutes);
        }
        let (seconds, frames) = (count / nominal, count % nominal);
        let separator = if self.drop_frame { ';' } else { ':' };
        let width = if nominal > 100 { 3 } else { 2 };
        format!(
            "{:02}:{:02}:{:02}{separator}{frames:0width$}",
            seconds / 3600 % 24,
            seconds / 60 % 60,
            seconds % 60,
        )
    }

    /// Frames in so many hours of timecode.
    #[must_use]
    pub const fn frames_of_hours(self, hours: u64) -> u64 {
        let labels = hours * 3600 * self.rate.nominal() as u64;
        if self.drop_frame {
            // Of the 60 minutes of an hour, six keep all their labels.
            labels - hours * 54 * Self::dropped_a_minute(self.rate)
        } else {
            labels
        }
    }

    const fn dropped_a_minute(rate: Rate) -> u64 {
        rate.nominal() as u64 / 15
    }
}

/// The presentation time of each frame of an asset: the stored `timeline`.
///
/// Frame `n` is shown from `pts[n]` until `pts[n + 1]`, and the last one until `end_pts`. Timestamps are in
/// `time_base` units per second and strictly ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Units per second of the timestamps, e.g. 90000/1 or 12800/1.
    pub time_base: Rate,
    /// The nominal frame rate.
    pub rate: Rate,
    /// Whether frames are unevenly spaced, so that timecode is nominal.
    pub variable: bool,
    /// The source's own start timecode at this rate. If a timecode track counts at another rate, this is the
    /// timecode of the same moment.
    pub start_timecode: Option<String>,
    /// The timestamp of the start of the file (the earliest of all its streams), in `time_base`.
    pub origin_pts: i64,
    /// Presentation timestamp of each frame.
    pub pts: Vec<i64>,
    /// End of the last frame.
    pub end_pts: i64,
}

impl Timeline {
    /// Number of frames.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.pts.len() as u64
    }

    /// The timestamp at which `frame` starts; `end_pts` for the frame after the last and beyond.
    #[must_use]
    pub fn pts_of(&self, frame: u64) -> i64 {
        usize::try_from(frame)
            .ok()
            .and_then(|frame| self.pts.get(frame).copied())
            .unwrap_or(self.end_pts)
    }

    /// Milliseconds, rounded down, from the start of the file to `frame`.
    #[must_use]
    pub fn ms_of(&self, frame: u64) -> u64 {
        self.ms_at(self.pts_of(frame))
    }

    /// Milliseconds, rounded down, from the start of the file to the timestamp `pts`.
    #[must_use]
    pub fn ms_at(&self, pts: i64) -> u64 {
        let units = i128::from(pts) - i128::from(self.origin_pts);
        let ms = units * 1000 * i128::from(self.time_base.den()) / i128::from(self.time_base.num());
        u64::try_from(ms.max(0)).unwrap_or(u64::MAX)
    }

    /// The frames `frames` of this video, limited to its length.
    #[must_use]
    pub fn stretch(&self, frames: &Range<u64>) -> Stretch {
        let end = frames.end.min(self.frames());
        let shown = (frames.start..end).map(|frame| self.pts_of(frame));
        Stretch {
            time_base: self.time_base,
            frames: frames.clone(),
            pts: shown.chain([self.pts_of(end)]).collect(),
        }
    }

    /// The frames shown at any time within `[start_ms, end_ms)`, as a half-open range of numbers.
    #[must_use]
    pub fn frames_within(&self, start_ms: u64, end_ms: u64) -> (u64, u64) {
        let frames = self.frames();
        // The first frame that ends after the start …
        let start = partition_point(frames, |frame| self.ms_of(frame + 1) <= start_ms);
        // … and the first that starts at or after the end.
        let end = partition_point(frames, |frame| self.ms_of(frame) < end_ms);
        (start, end.max(start))
    }

    /// The labels of frame numbers: from the source's start timecode if it is valid.
    #[must_use]
    pub fn timecode(&self) -> Timecode {
        self.start_timecode
            .as_deref()
            .and_then(|text| Timecode::starting_at(self.rate, text).ok())
            .unwrap_or_else(|| Timecode::from_zero(self.rate))
    }
}

/// Consecutive frames of a video with their presentation times: part of a [`Timeline`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Units per second of the timestamps.
    pub time_base: Rate,
    /// Which frames.
    pub frames: Range<u64>,
    /// The presentation time of each frame, followed by the end of the last one.
    pub pts: Vec<i64>,
}

impl Stretch {
    /// Whether it has at least one frame, one timestamp per frame, and one more, in ascending order.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let count = self.frames.end.checked_sub(self.frames.start);
        count.is_some_and(|count| {
            count > 0 && self.pts.len().checked_sub(1) == usize::try_from(count).ok()
        }) && self.pts.is_sorted_by(|a, b| a < b)
    }
}

/// The first of `0..count` for which `before` is false, if it is true up to some point.
fn partition_point(count: u64, before: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn a_rate_is_reduced_and_survives_its_text() {
        assert_eq!(rate("50/2"), rate("25"));
        assert_eq!(rate("24000/1001").to_string(), "24000/1001");
        for bad in ["", "0", "1/0", "a/b", "-25"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_hour_of_23_976_is_not_an_hour_of_timecode() {
        let tc = Timecode::from_zero(rate("24000/1001"));
        assert_eq!(tc.label(86_400), "01:00:00:00");
        assert_eq!(tc.rate.ms_of(86_400), 3_603_600);
    }

    #[test]
    fn drop_frame_skips_two_labels_a_minute_except_each_tenth() {
        let tc = Timecode::from_zero(rate("30000/1001"));
        assert_eq!(tc.label(1799), "00:00:59;29");
        assert_eq!(tc.label(1800), "00:01:00;02");
        assert_eq!(tc.label(17_981), "00:09:59;29");
        assert_eq!(tc.label(17_982), "00:10:00;00");
        assert_eq!(tc.label(107_892), "01:00:00;00");
    }

    #[test]
    fn the_sources_own_timecode_is_the_start() {
        let tc = Timecode::starting_at(rate("25"), "18:45:23:23").unwrap();
        assert_eq!(tc.label(0), "18:45:23:23");
        assert_eq!(tc.label(2), "18:45:24:00");
        assert!(Timecode::starting_at(rate("25"), "18:45:23:25").is_err());
        assert!(Timecode::starting_at(rate("25"), "noon").is_err());
    }

    #[test]
    fn a_label_of_a_slower_count_is_that_of_the_same_moment() {
        let (slow, fast) = (rate("30000/1001"), rate("60000/1001"));
        let relabel = |text, from, to| Timecode::relabel(text, from, to).unwrap();
        assert_eq!(relabel("01:00:00;20", slow, fast), "01:00:00;40");
        assert_eq!(relabel("01:00:00:29", slow, fast), "01:00:00:58");
        assert_eq!(relabel("01:00:00;41", fast, slow), "01:00:00;20");
        assert_eq!(
            relabel("10:00:00:20", rate("25"), rate("25")),
            "10:00:00:20"
        );
        // The frame count since midnight is twice that of the slower rate, with or without dropped labels.
        for text in ["00:01:00;02", "00:09:59;29", "00:10:00;00", "23:59:59;29"] {
            let before = Timecode::starting_at(slow, text).unwrap().start;
            let after = Timecode::starting_at(fast, &relabel(text, slow, fast))
                .unwrap()
                .start;
            assert_eq!(after, before * 2, "{text}");
        }
        assert!(Timecode::relabel("01:00:00:30", slow, fast).is_err());
    }

    #[test]
    fn a_delayed_start_counts_from_the_start_of_the_file() {
        let timeline = Timeline {
            time_base: rate("1000"),
            rate: rate("25"),
            variable: false,
            start_timecode: None,
            origin_pts: 100,
            pts: vec![600, 640, 680],
            end_pts: 720,
        };
        assert_eq!(timeline.ms_of(0), 500);
        assert_eq!(timeline.ms_of(3), 620);
    }

    #[test]
    fn a_cue_lies_on_the_frames_during_which_it_is_shown() {
        let timeline = Timeline {
            time_base: rate("1000"),
            rate: rate("25"),
            variable: false,
            start_timecode: None,
            origin_pts: 0,
            pts: (0..75).map(|frame| frame * 40).collect(),
            end_pts: 3000,
        };
        assert_eq!(timeline.frames_within(0, 3000), (0, 75));
        assert_eq!(timeline.frames_within(1000, 1001), (25, 26));
        assert_eq!(timeline.frames_within(1039, 1040), (25, 26));
        assert_eq!(timeline.frames_within(5000, 6000), (75, 75));
    }

    proptest! {
        #[test]
        fn a_timecode_label_reads_back_as_its_frame(frame in 0_u64..2_589_408, which in 0_usize..6) {
            let rate = rate(["24", "25", "24000/1001", "30000/1001", "60000/1001", "30"][which]);
            let tc = Timecode::from_zero(rate);
            let a_day = if tc.drop_frame { 2_589_408 } else { u64::from(rate.nominal()) * 86_400 };
            let frame = frame % a_day;
            let back = Timecode::starting_at(rate, &tc.label(frame)).unwrap();
            prop_assert_eq!(back.start, frame);
        }
    }
}
