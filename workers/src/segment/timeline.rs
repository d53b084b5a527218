//! Builds the timeline of a video from the timestamps of its frames.

use crate::media::{MediaInfo, earliest};
use crate::time::{Rate, Timecode, Timeline};

/// The timeline of a video before its first frame. The rate is only known at the end.
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

/// Adds a frame shown from `pts`.
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
    let video = info.video().map(|(_, video)| video);
    let declared = [
        video.and_then(|video| video.base_rate),
        video.and_then(|video| video.average_rate),
    ];
    (timeline.rate, timeline.variable) = rate_of(&timeline.pts, timeline.time_base, declared);
    if let (Some(label), Some(from)) = (&timeline.start_timecode, info.timecode_rate)
        && let Ok(label) = Timecode::relabel(label, from, timeline.rate)
    {
        timeline.start_timecode = Some(label);
    }
}

/// Common frame rates, as fractions.
const USUAL: [(u32, u32); 16] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (10, 1),
    (12, 1),
    (15, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
    (240, 1),
];

/// Average number of consecutive frames at a rate that makes it the video's rate.
const RUN: usize = 4;

/// The rate that the frames support, and whether it is variable. A declared rate takes precedence over a common
/// one, and a rate that all frames keep over one that most keep. If there is none, it is the mean rate.
fn rate_of(pts: &[i64], time_base: Rate, declared: [Option<Rate>; 2]) -> (Rate, bool) {
    let usual = USUAL.iter().filter_map(|&(num, den)| Rate::new(num, den));
    let candidates = declared.into_iter().flatten().chain(usual);
    let best = candidates
        .map(|rate| (runs(pts, time_base, rate), rate))
        .min_by_key(|&(runs, _)| runs);
    match best {
        Some((runs, rate)) if runs <= 1 => (rate, false),
        Some((runs, rate)) if runs.saturating_mul(RUN) <= pts.len() => (rate, true),
        _ => (mean_rate(pts, time_base).unwrap_or(time_base), true),
    }
}

/// The number of runs in which every frame is where a constant rate puts it, up to the rounding of the time
/// base. A first frame that an edit list shortens counts as part of the run that it starts.
fn runs(pts: &[i64], time_base: Rate, rate: Rate) -> usize {
    let units = i128::from(time_base.num()) * i128::from(rate.den());
    let frames = i128::from(time_base.den()) * i128::from(rate.num());
    if units < frames && pts.len() > 1 {
        // Faster than the clock's resolution.
        return usize::MAX;
    }
    // Exact distance from the ideal timestamp, in units times `frames`.
    let off = |from: i64, to: i64, number: i128| {
        (i128::from(to) - i128::from(from)) * frames - number * units
    };
    let pts = match pts {
        [first, second, _, ..] if off(*first, *second, 1) < -frames => &pts[1..],
        all => all,
    };
    let mut runs = 0;
    let mut run: Option<(i64, i128)> = None;
    for &shown in pts {
        run = match run {
            Some((first, number)) if off(first, shown, number).abs() <= frames => {
                Some((first, number + 1))
            }
            _ => {
                runs += 1;
                Some((shown, 1))
            }
        };
    }
    runs
}

/// The mean rate, rounded to a thousandth of a frame per second.
fn mean_rate(pts: &[i64], time_base: Rate) -> Option<Rate> {
    let length = pts.last()?.checked_sub(*pts.first()?)?;
    let length = u128::try_from(length).ok().filter(|&length| length > 0)?;
    let steps = (pts.len() as u128).checked_sub(1)?;
    let length = length * u128::from(time_base.den());
    let thousandths = (steps * 1000 * u128::from(time_base.num()) + length / 2) / length;
    Rate::new(u32::try_from(thousandths).ok()?, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(num: u32, den: u32) -> Option<Rate> {
        Rate::new(num, den)
    }

    fn at(time_base: u32, rate: Rate, frames: i64) -> Vec<i64> {
        let units = i64::from(time_base) * i64::from(rate.den());
        let per = i64::from(rate.num());
        (0..frames).map(|n| (n * units + per / 2) / per).collect()
    }

    #[test]
    fn rounding_to_milliseconds_is_steady_and_a_gap_is_not() {
        let (base, video) = (rate(1000, 1).unwrap(), rate(24_000, 1001).unwrap());
        let mut pts = at(1000, video, 1000);
        assert_eq!(rate_of(&pts, base, [Some(video), None]), (video, false));
        assert_eq!(rate_of(&pts, base, [None, None]), (video, false));
        pts.remove(500);
        assert_eq!(rate_of(&pts, base, [Some(video), None]), (video, true));
    }

    #[test]
    fn one_gap_leaves_the_rate_that_the_frames_have() {
        let (base, video) = (rate(24_000, 1).unwrap(), rate(24, 1).unwrap());
        let mut pts = at(24_000, video, 100);
        for shown in &mut pts[60..] {
            *shown += 7777;
        }
        let declared = [rate(24_000, 1), rate(5_220_000, 224_999)];
        assert_eq!(rate_of(&pts, base, declared), (video, true));
    }

    #[test]
    fn frames_that_come_as_they_like_have_a_mean_rate() {
        let base = rate(1000, 1).unwrap();
        // 30 frames in 968 ms, of a container that declares its clock.
        let jitter = [0, 5, -6, 3, -4, 6, 1, -5];
        let pts: Vec<i64> = (0..30)
            .map(|n| n * 968 / 29 + jitter[usize::try_from(n).unwrap() % 8] + 6)
            .collect();
        let (found, variable) = rate_of(&pts, base, [rate(1000, 1), rate(1000, 1)]);
        assert!(variable);
        assert!((29..=31).contains(&found.nominal()), "{found}");
    }

    #[test]
    fn an_edit_list_that_cuts_into_the_first_frame_leaves_the_rate() {
        let (base, video) = (rate(30_000, 1).unwrap(), rate(30_000, 1001).unwrap());
        let mut pts = at(30_000, video, 50);
        pts[0] += 400;
        let declared = [Some(video), rate(51_000, 1841)];
        assert_eq!(rate_of(&pts, base, declared), (video, false));
    }

    #[test]
    fn a_mean_rate_of_a_long_video_fits() {
        let pts: Vec<i64> = (0..200_000).map(|n| n * 512).collect();
        let mean = mean_rate(&pts, Rate::new(12_800, 1).unwrap());
        assert_eq!(mean, Rate::new(25, 1));
    }
}
