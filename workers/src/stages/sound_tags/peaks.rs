//! Sums up what was heard in windows to what is heard in shots.

use std::collections::BTreeMap;

use super::SoundTag;
use super::naming::{NamedWindow, NamedWindows};
use crate::time::Timeline;

/// Sounds of a shot that are kept, the most likely ones.
const MOST: usize = 12;

/// The sounds of each shot, with the moment at which each is most likely.
pub(super) fn peaks(
    named: &NamedWindows,
    shots: &[(u64, u64)],
    timeline: &Timeline,
) -> Vec<SoundTag> {
    let mut tags = Vec::new();
    for (shot, &(start, end)) in (0..).zip(shots) {
        let span = (timeline.ms_of(start), timeline.ms_of(end));
        let mut best: BTreeMap<usize, (f32, u64)> = BTreeMap::new();
        for window in within(named, span) {
            for &(class, score) in &window.heard {
                let peak = best.entry(class).or_insert((score, window.ms));
                if score > peak.0 {
                    *peak = (score, window.ms);
                }
            }
        }
        let mut best: Vec<(usize, (f32, u64))> = best.into_iter().collect();
        best.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
        best.truncate(MOST);
        for (class, (score, ms)) in best {
            let Some(name) = named.names.get(class).filter(|name| !name.is_empty()) else {
                continue;
            };
            // The window of a short shot may have its middle outside of the shot.
            let ms = ms.clamp(span.0, span.1.saturating_sub(1).max(span.0));
            let (frame, _) = timeline.frames_within(ms, ms + 1);
            tags.push(SoundTag {
                shot,
                name: name.clone(),
                score,
                frame: frame.clamp(start, end.saturating_sub(1).max(start)),
                ms,
            });
        }
    }
    tags
}

/// The windows of a shot: those with their middle in it. A shot that has none because it is short has the nearest one, if that
/// reaches its middle.
fn within(named: &NamedWindows, (start, end): (u64, u64)) -> &[NamedWindow] {
    let windows = &named.windows;
    let from = windows.partition_point(|window| window.ms < start);
    let to = windows.partition_point(|window| window.ms < end);
    if from < to {
        return &windows[from..to];
    }
    let middle = u64::midpoint(start, end);
    let near = from.saturating_sub(1)..(from + 1).min(windows.len());
    let nearest = near
        .min_by_key(|&at| windows[at].ms.abs_diff(middle))
        .filter(|&at| windows[at].ms.abs_diff(middle) <= named.length / 2);
    nearest.map_or(&[], |at| &windows[at..=at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Rate;

    #[test]
    fn a_shot_has_the_windows_in_it_or_the_one_that_reaches_it() {
        let window = |ms, heard: &[(usize, f32)]| NamedWindow {
            ms,
            heard: heard.to_vec(),
        };
        let named = NamedWindows {
            tagger: "t@1".to_owned(),
            names: ["Siren", "Applause", ""].map(str::to_owned).to_vec(),
            length: 1000,
            windows: vec![
                window(500, &[(0, 0.6)]),
                window(1000, &[(0, 0.9), (1, 0.5)]),
                window(1500, &[(0, 0.9), (2, 0.8)]),
                window(4000, &[(1, 0.7)]),
            ],
        };
        let timeline = Timeline {
            time_base: Rate::new(1000, 1).unwrap(),
            rate: Rate::new(25, 1).unwrap(),
            variable: false,
            start_timecode: None,
            origin_pts: 0,
            pts: (0..150).map(|frame| frame * 40).collect(),
            end_pts: 6000,
        };
        // 25 frames per second: 0 to 1.2 s, 1.2 to 1.4 s, 1.4 to 2 s, 2 to 3 s, 3 to 6 s.
        let shots = [(0, 30), (30, 35), (35, 50), (50, 75), (75, 150)];
        let found = peaks(&named, &shots, &timeline);
        let brief: Vec<(u64, &str, f32, u64, u64)> = found
            .iter()
            .map(|tag| (tag.shot, tag.name.as_str(), tag.score, tag.ms, tag.frame))
            .collect();
        assert_eq!(
            brief,
            [
                (0, "Siren", 0.9, 1000, 25),
                (0, "Applause", 0.5, 1000, 25),
                // The nearest window, at the edge of the shot.
                (1, "Siren", 0.9, 1399, 34),
                (2, "Siren", 0.9, 1500, 37),
                (4, "Applause", 0.7, 4000, 100),
            ]
        );
    }
}
