//! Where a video is damaged.

use serde::{Deserialize, Serialize};

/// Most spans to record, so that the list stays short for any file.
const MOST: usize = 10_000;

/// A stretch of a video whose data is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorruptSpan {
    /// Timestamp of the start of the damage, in the timeline's time base.
    pub start_pts: i64,
    /// Timestamp of the end of the damage.
    pub end_pts: i64,
}

/// The damaged stretches of a video, ascending. Adjacent ones are merged.
///
/// The list does not depend on the order in which stretches are added, while it is short.
#[derive(Debug, Default)]
pub(super) struct Damage {
    spans: Vec<CorruptSpan>,
}

impl Damage {
    /// Adds a stretch and merges it with adjacent ones.
    pub(super) fn add(&mut self, start_pts: i64, end_pts: i64) {
        let end_pts = end_pts.max(start_pts);
        let first = self.spans.partition_point(|span| span.end_pts < start_pts);
        let after = self.spans.partition_point(|span| span.start_pts <= end_pts);
        let touched = self.spans.get(first..after).unwrap_or(&[]);
        let joined = touched
            .iter()
            .fold(CorruptSpan { start_pts, end_pts }, |joined, span| {
                CorruptSpan {
                    start_pts: joined.start_pts.min(span.start_pts),
                    end_pts: joined.end_pts.max(span.end_pts),
                }
            });
        self.spans.splice(first..after.max(first), [joined]);
        if self.spans.len() > MOST
            && let Some(last) = self.spans.pop()
            && let Some(before) = self.spans.last_mut()
        {
            before.end_pts = last.end_pts;
        }
    }

    /// All stretches so far.
    pub(super) fn spans(&self) -> &[CorruptSpan] {
        &self.spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(stretches: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut damage = Damage::default();
        for &(start, end) in stretches {
            damage.add(start, end);
        }
        let spans = damage.spans().iter();
        spans.map(|span| (span.start_pts, span.end_pts)).collect()
    }

    #[test]
    fn stretches_that_touch_are_one_in_whatever_order_they_come() {
        let stretches = [(40, 50), (10, 20), (20, 30), (60, 60), (29, 41)];
        let expected = [(10, 50), (60, 60)];
        assert_eq!(spans(&stretches), expected);
        let mut backwards = stretches;
        backwards.reverse();
        assert_eq!(spans(&backwards), expected);
    }

    #[test]
    fn the_list_stays_short() {
        let many: Vec<_> = (0..30_000).map(|n| (n * 10, n * 10 + 1)).collect();
        let spans = spans(&many);
        assert_eq!(spans.len(), MOST);
        assert_eq!(spans[0], (0, 1));
        assert_eq!(spans[MOST - 1], ((MOST as i64 - 1) * 10, 299_991));
    }
}
