//! Which frames are looked at for faces.

use crate::stages::looks::frame_at;

/// Time between two looks, in milliseconds.
const STEP_MS: u64 = 500;
/// Most looks at one shot, however long it is.
const MOST_LOOKS: u64 = 60;

/// The frames of a shot to look at, in order: the middles of equal parts.
pub(super) fn samples(
    (start, end): (u64, u64),
    ms_of: impl Fn(u64) -> u64,
) -> impl Iterator<Item = u64> {
    let (from, to) = (ms_of(start), ms_of(end));
    let length = to.saturating_sub(from);
    let parts = length.div_ceil(STEP_MS).clamp(1, MOST_LOOKS);
    let mut frames: Vec<u64> = (0..parts)
        .map(|part| from + (2 * part + 1) * length / (2 * parts))
        .map(|ms| frame_at(ms, (start, end), &ms_of))
        .collect();
    frames.dedup();
    frames.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shot_is_looked_at_twice_a_second_and_a_long_one_sixty_times() {
        let of = |start, end| samples((start, end), |frame| frame * 40).collect::<Vec<u64>>();
        assert_eq!(of(100, 101), [100]);
        assert_eq!(of(0, 75), [6, 18, 31, 43, 56, 68]);
        assert_eq!(of(0, 1_000_000).len(), 60);
        for frames in [of(3, 400), of(90, 91), of(0, 99)] {
            assert!(frames.is_sorted_by(|a, b| a < b), "{frames:?}");
        }
    }
}
