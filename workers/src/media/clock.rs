//! Makes timestamps ascend, whatever the file states.

use super::probe::MILLISECONDS;
use crate::time::Rate;

/// Makes timestamps ascend.
#[derive(Debug)]
pub(super) struct Clock {
    /// Timestamp and duration of the last frame.
    last: Option<(i64, i64)>,
    first: Option<i64>,
    time_base: Rate,
    /// Offset of every timestamp since the last break in the file's clock.
    shift: i64,
    /// Duration of a frame that states none, in units; at least 1.
    usual: i64,
}

impl Clock {
    pub(super) fn new(time_base: Rate, rate: Option<Rate>) -> Self {
        let usual = rate.map_or(1, |rate| {
            let units = u64::from(time_base.num()) * u64::from(rate.den());
            let frames = u64::from(time_base.den()) * u64::from(rate.num());
            i64::try_from(units / frames.max(1)).unwrap_or(1).max(1)
        });
        Self {
            last: None,
            first: None,
            time_base,
            shift: 0,
            usual,
        }
    }

    /// End of the last frame on the presentation clock.
    pub(super) const fn end(&self) -> i64 {
        match self.last {
            Some((pts, duration)) => pts.saturating_add(duration),
            None => 0,
        }
    }

    /// Milliseconds from the first frame to the last.
    pub(super) fn played_ms(&self) -> u64 {
        let units = self.first.zip(self.last);
        let units = units.map_or(0, |(first, (last, _))| last.saturating_sub(first));
        u64::try_from(self.time_base.rescale(units, MILLISECONDS)).unwrap_or(0)
    }

    /// Present offset of the file's own timestamps.
    pub(super) const fn shift(&self) -> i64 {
        self.shift
    }

    /// The timestamp of the next frame, from the file's timestamp and the frame's duration (0 if unknown).
    pub(super) fn stamp(&mut self, timestamp: Option<i64>, duration: i64) -> i64 {
        let duration = if duration > 0 { duration } else { self.usual };
        let pts = match (timestamp, self.last) {
            (None, _) => self.end(),
            (Some(timestamp), None) => timestamp,
            (Some(timestamp), Some((last, _))) => {
                let shifted = timestamp.saturating_add(self.shift);
                if shifted > last {
                    shifted
                } else if last - shifted < self.usual.max(duration) {
                    last.saturating_add(1)
                } else {
                    self.shift = self.end().saturating_sub(timestamp);
                    self.end()
                }
            }
        };
        self.first.get_or_insert(pts);
        self.last = Some((pts, duration));
        pts
    }
}

/// Chooses between the two timestamps that a decoder passes on, like FFmpeg's "best effort".
///
/// FFmpeg counts over all frames of a decoder how often each kind of timestamp fails to ascend, and uses the
/// kind that fails less. If several decoders share a video, this must be counted outside of them.
#[derive(Debug, Default)]
pub(super) struct BestEffort {
    presentation: Trust,
    decoding: Trust,
}

/// The reliability of one kind of timestamp.
#[derive(Debug, Default)]
struct Trust {
    last: Option<i64>,
    faults: u64,
}

impl Trust {
    fn see(&mut self, timestamp: i64) {
        if self.last.is_some_and(|last| timestamp <= last) {
            self.faults += 1;
        }
        self.last = Some(timestamp);
    }
}

impl BestEffort {
    /// The timestamp of the next frame, from its own and from that of the packet that released it.
    pub(super) fn choose(&mut self, pts: Option<i64>, dts: Option<i64>) -> Option<i64> {
        match (dts, pts) {
            (Some(dts), _) => self.decoding.see(dts),
            (None, Some(pts)) => self.decoding.last = Some(pts),
            (None, None) => {}
        }
        match (pts, dts) {
            (Some(pts), _) => self.presentation.see(pts),
            (None, Some(dts)) => self.presentation.last = Some(dts),
            (None, None) => {}
        }
        if self.presentation.faults <= self.decoding.faults {
            pts.or(dts)
        } else {
            dts.or(pts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_timestamp_that_ascends_is_trusted() {
        let mut effort = BestEffort::default();
        assert_eq!(effort.choose(Some(40), Some(0)), Some(40));
        assert_eq!(effort.choose(None, Some(10)), Some(10));
        assert_eq!(effort.choose(Some(60), None), Some(60));
        assert_eq!(effort.choose(None, None), None);
        // Now the presentation timestamp falls back and the other does not.
        assert_eq!(effort.choose(Some(20), Some(80)), Some(80));
        assert_eq!(effort.choose(Some(100), Some(90)), Some(90));
    }

    fn clock() -> Clock {
        Clock::new(Rate::new(1000, 1).unwrap(), Rate::new(25, 1))
    }

    fn stamps(timestamps: &[Option<i64>]) -> Vec<i64> {
        let mut clock = clock();
        timestamps
            .iter()
            .map(|&timestamp| clock.stamp(timestamp, 0))
            .collect()
    }

    #[test]
    fn good_timestamps_are_kept() {
        assert_eq!(stamps(&[Some(500), Some(540), Some(700)]), [500, 540, 700]);
    }

    #[test]
    fn a_missing_timestamp_follows_the_previous_frame() {
        assert_eq!(stamps(&[None, None, Some(90)]), [0, 40, 90]);
    }

    #[test]
    fn a_repeated_timestamp_does_not_push_those_that_follow() {
        assert_eq!(stamps(&[Some(0), Some(0), Some(40)]), [0, 1, 40]);
    }

    #[test]
    fn a_break_in_the_clock_shifts_all_that_follow() {
        let broken = [Some(5000), Some(5040), Some(0), Some(40), Some(80)];
        assert_eq!(stamps(&broken), [5000, 5040, 5080, 5120, 5160]);
    }
}
