//! Which frames of a video the detectors look at.

use serde::{Deserialize, Serialize};

use crate::time::Rate;

/// Nothing is shown later than this after the last look, in seconds, unless the user chooses. It is a little more than two
/// frames at 23.976 frames a second, so every other frame is looked at from there to 35 frames a second. That hides what
/// looking at every frame hides, in all but the fewest cases (`benches/RESULTS.md`).
const LONGEST: f64 = 0.085;

/// Which frames are looked at. The first always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Pace {
    /// Every n-th.
    Every(u32),
    /// So many that none is shown more than this many ticks after the last one that was looked at.
    Within(i64),
}

impl Pace {
    /// What the user chose, or else what follows from the clock, in ticks a second.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a part of a second in ticks; saturates"
    )]
    pub(super) fn new(every: Option<u32>, clock: Rate) -> Self {
        let ticks = f64::from(clock.num()) / f64::from(clock.den());
        every.map_or_else(|| Self::Within((ticks * LONGEST) as i64), Self::Every)
    }

    /// Whether a frame is looked at. `last` is when the last one that was looked at is shown, and `next` when the frame
    /// after this one is, if there is one: until then this one is seen.
    pub(super) fn wants(self, number: u64, last: Option<i64>, next: Option<i64>) -> bool {
        match self {
            Self::Every(every) => number.is_multiple_of(u64::from(every.max(1))),
            Self::Within(longest) => match (last, next) {
                (Some(last), Some(next)) => next.saturating_sub(last) > longest,
                _ => true,
            },
        }
    }

    /// Whether the frames that were looked at are those that had to be, as far as it is safe to look at more.
    pub(super) fn is_kept(self, pts: &[i64], looked: &[usize]) -> bool {
        let mut looked = looked.iter().copied().peekable();
        let mut last = None;
        for (at, &time) in pts.iter().enumerate() {
            let number = u64::try_from(at).unwrap_or(u64::MAX);
            if looked.next_if_eq(&at).is_some() {
                last = Some(time);
            } else if self.wants(number, last, pts.get(at + 1).copied()) {
                return false;
            }
        }
        looked.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames that are looked at of those shown at these times.
    fn looked(pace: Pace, pts: &[i64]) -> Vec<usize> {
        let mut last = None;
        let mut looked = Vec::new();
        for (at, &time) in pts.iter().enumerate() {
            if pace.wants(at as u64, last, pts.get(at + 1).copied()) {
                last = Some(time);
                looked.push(at);
            }
        }
        assert!(pace.is_kept(pts, &looked));
        looked
    }

    #[test]
    fn every_other_frame_of_films_and_every_one_where_they_are_rare() {
        let clock = Rate::new(24_000, 1).unwrap();
        let pace = Pace::new(None, clock);
        for (ticks, expected) in [
            (1001, 2),
            (960, 2),
            (800, 2),
            (400, 5),
            (2400, 1),
            (24_000, 1),
        ] {
            let pts: Vec<i64> = (0..41).map(|n| n * ticks).collect();
            let looked = looked(pace, &pts);
            let steps: Vec<usize> = looked.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert_eq!(steps[0], expected, "{ticks}");
            // The last frame is looked at, whenever it comes.
            let (last, steps) = steps.split_last().unwrap();
            assert!(steps.iter().all(|step| *step == expected) && *last <= expected);
        }
    }

    #[test]
    fn what_is_shown_for_long_is_looked_at_whatever_the_rate_is_on_average() {
        let pace = Pace::new(None, Rate::MILLISECONDS);
        // Fast, then a still that stays, then slow.
        assert_eq!(
            looked(pace, &[0, 20, 40, 60, 80, 100, 5000, 5160, 5320]),
            [0, 4, 5, 6, 7, 8]
        );
        assert_eq!(
            looked(Pace::new(Some(4), Rate::MILLISECONDS), &[0, 20, 40, 60, 80]),
            [0, 4]
        );
    }

    #[test]
    fn a_frame_that_was_left_out_is_noticed() {
        let pace = Pace::new(None, Rate::MILLISECONDS);
        let pts: Vec<i64> = (0..10).map(|n| n * 40).collect();
        let whole = looked(pace, &pts);
        for left_out in 0..whole.len() {
            let mut fewer = whole.clone();
            fewer.remove(left_out);
            assert!(!pace.is_kept(&pts, &fewer), "{left_out}");
        }
        assert!(pace.is_kept(&pts, &(0..10).collect::<Vec<_>>()));
        assert!(!pace.is_kept(&pts, &[0, 1, 20]));
    }
}
