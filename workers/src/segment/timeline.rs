//! The timeline of a film from the timestamps of its frames, as they come.

use crate::media::{MediaInfo, earliest};
use crate::time::{Rate, Timeline};

/// The timeline of a film before its first frame. Its rate is known in the end only.
pub(super) fn begin(info: &MediaInfo, time_base: Rate) -> Timeline {
    Timeline {
        time_base,
        rate: time_base,
        variable: false,
        start_timecode: info.start_timecode.clone(),
        origin_pts: earliest(&info.streams, time_base).unwrap_or(i64::MAX),
        pts: Vec::new(),
        end_pts: i64::MIN,
    }
}

/// Adds a frame, which is shown from `pts`.
pub(super) fn add(timeline: &mut Timeline, pts: i64) {
    if timeline.pts.is_empty() {
        timeline.origin_pts = timeline.origin_pts.min(pts);
    }
    timeline.pts.push(pts);
    timeline.end_pts = pts.saturating_add(1);
}

/// Ends a timeline of at least one frame.
pub(super) fn complete(timeline: &mut Timeline, info: &MediaInfo, end_pts: i64) {
    timeline.end_pts = timeline.end_pts.max(end_pts);
    let (pts, time_base) = (&timeline.pts, timeline.time_base);
    let video = info.video().map(|(_, video)| video);
    let declared = [
        video.and_then(|video| video.base_rate),
        video.and_then(|video| video.average_rate),
    ];
    let steady = declared
        .into_iter()
        .flatten()
        .find(|&rate| is_steady(pts, time_base, rate));
    timeline.rate = steady
        .or(declared[1])
        .or_else(|| mean_rate(pts, timeline.end_pts, time_base))
        .unwrap_or(time_base);
    timeline.variable = steady.is_none();
}

/// Whether every frame is where a constant rate puts it, up to the rounding of the time base.
fn is_steady(pts: &[i64], time_base: Rate, rate: Rate) -> bool {
    let Some(&first) = pts.first() else {
        return false;
    };
    let units = i128::from(time_base.num()) * i128::from(rate.den());
    let frames = i128::from(time_base.den()) * i128::from(rate.num());
    pts.iter().zip(0_i128..).all(|(&pts, number)| {
        // Exact distance from the ideal timestamp, in units times `frames`.
        let off = (i128::from(pts) - i128::from(first)) * frames - number * units;
        off.abs() <= frames
    })
}

fn mean_rate(pts: &[i64], end_pts: i64, time_base: Rate) -> Option<Rate> {
    let length = end_pts.checked_sub(*pts.first()?)?;
    let mut num = u128::from(time_base.num()) * pts.len() as u128;
    let mut den = u128::from(time_base.den()) * u128::try_from(length).ok()?;
    // A mean needs no more precision than fits.
    while num > u128::from(u32::MAX) || den > u128::from(u32::MAX) {
        num >>= 1;
        den >>= 1;
    }
    Rate::new(u32::try_from(num).ok()?, u32::try_from(den).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_milliseconds_is_steady_and_a_gap_is_not() {
        let time_base = Rate::new(1000, 1).unwrap();
        let film = Rate::new(24_000, 1001).unwrap();
        let mut pts: Vec<i64> = (0..1000)
            .map(|n| (n * 1_001_000 + 12_000) / 24_000)
            .collect();
        assert!(is_steady(&pts, time_base, film));
        pts.remove(500);
        assert!(!is_steady(&pts, time_base, film));
    }

    #[test]
    fn a_mean_rate_of_a_long_film_fits() {
        let pts: Vec<i64> = (0..200_000).map(|n| n * 512).collect();
        let mean = mean_rate(&pts, 200_000 * 512, Rate::new(12_800, 1).unwrap());
        assert_eq!(mean, Rate::new(25, 1));
    }
}
