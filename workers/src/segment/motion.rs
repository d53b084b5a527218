//! Detects motion of the whole picture: a camera pan, or a push transition.

use crate::media::SmallFrame;

const WIDTH: usize = SmallFrame::WIDTH;
const HEIGHT: usize = SmallFrame::HEIGHT;

/// Largest motion in cells between two frames, across and down.
const FARTHEST: (isize, isize) = (20, 12);

/// Smallest mean difference of two frames, in steps of luma, at which motion can be measured.
const LEAST: f32 = 1.0;

/// Number of frames, or of steps between frames, to examine.
const LOOKS: usize = 8;

/// The share of the change between two frames that remains after the best shift: the median over a few steps.
/// It is below one half if the whole picture moves, and near 1 if it stands still, dissolves or is wiped. It is
/// 1 if nothing changes.
pub(super) fn left_by_shifting(lumas: &[&[u8]]) -> f32 {
    let steps = lumas.len().saturating_sub(1);
    let mut left: Vec<f32> = some(steps)
        .filter_map(|step| {
            let (before, after) = (lumas[step], lumas[step + 1]);
            let unmoved = shifted(before, after, 0, 0);
            (unmoved >= LEAST).then(|| nearest(before, after) / unmoved)
        })
        .collect();
    left.sort_by(f32::total_cmp);
    left.get(left.len() / 2).copied().unwrap_or(1.0)
}

/// How far `between` is from the result of a push, or a slide in or out, between `before` and `after`. It is
/// the mean difference from the nearest such picture, relative to the difference of the two. `None` if the
/// pictures move to and fro, unlike in a push.
pub(super) fn strangeness_of_push(between: &[&[u8]], before: &[u8], after: &[u8]) -> Option<f32> {
    let looks: Vec<&[u8]> = some(between.len()).map(|look| between[look]).collect();
    let apart = difference(before, after).max(LEAST);
    let mut composite = vec![0; WIDTH * HEIGHT];
    let mut least: Option<f32> = None;
    for way in WAYS {
        for moves in MOVES {
            let mut nearest = vec![(f32::INFINITY, 0); looks.len()];
            for shift in 1..way.length() {
                way.compose(moves, shift, before, after, &mut composite);
                for (nearest, look) in nearest.iter_mut().zip(&looks) {
                    let far = difference(look, &composite);
                    if far < nearest.0 {
                        *nearest = (far, shift);
                    }
                }
            }
            if nearest.is_sorted_by(|a, b| a.1 < b.1) {
                let sum: f32 = nearest.iter().map(|(far, _)| far).sum();
                #[expect(clippy::cast_precision_loss, reason = "a few looks")]
                let strange = sum / looks.len().max(1) as f32 / apart;
                least = Some(least.map_or(strange, |least| least.min(strange)));
            }
        }
    }
    least
}

/// Which of the two pictures moves.
#[derive(Debug, Clone, Copy)]
struct Moves {
    before: bool,
    after: bool,
}

const MOVES: [Moves; 3] = [
    Moves {
        before: true,
        after: true,
    },
    Moves {
        before: false,
        after: true,
    },
    Moves {
        before: true,
        after: false,
    },
];

/// The side from which the new picture enters.
#[derive(Debug, Clone, Copy)]
enum PushDirection {
    Right,
    Left,
    Bottom,
    Top,
}

const WAYS: [PushDirection; 4] = [
    PushDirection::Right,
    PushDirection::Left,
    PushDirection::Bottom,
    PushDirection::Top,
];

impl PushDirection {
    const fn length(self) -> usize {
        match self {
            Self::Right | Self::Left => WIDTH,
            Self::Bottom | Self::Top => HEIGHT,
        }
    }

    /// The picture after the new one has moved `shift` cells.
    fn compose(self, moves: Moves, shift: usize, before: &[u8], after: &[u8], out: &mut [u8]) {
        let length = self.length();
        for (row, cells) in out.chunks_exact_mut(WIDTH).enumerate() {
            for (column, cell) in cells.iter_mut().enumerate() {
                // The position along the motion, counted from the side at which the old picture leaves.
                let place = match self {
                    Self::Right => column,
                    Self::Left => WIDTH - 1 - column,
                    Self::Bottom => row,
                    Self::Top => HEIGHT - 1 - row,
                };
                let is_old = place < length - shift;
                let (picture, from) = match (is_old, moves) {
                    (true, Moves { before: true, .. }) => (before, place + shift),
                    (true, _) => (before, place),
                    (false, Moves { after: true, .. }) => (after, place + shift - length),
                    (false, _) => (after, place),
                };
                *cell = match self {
                    Self::Right => picture[row * WIDTH + from],
                    Self::Left => picture[row * WIDTH + WIDTH - 1 - from],
                    Self::Bottom => picture[from * WIDTH + column],
                    Self::Top => picture[(HEIGHT - 1 - from) * WIDTH + column],
                };
            }
        }
    }
}

/// Up to [`LOOKS`] values of `0..count`, evenly spaced.
fn some(count: usize) -> impl Iterator<Item = usize> {
    let looks = count.min(LOOKS);
    (0..looks).map(move |look| look * count.saturating_sub(1) / looks.saturating_sub(1).max(1))
}

fn nearest(before: &[u8], after: &[u8]) -> f32 {
    let (across, down) = FARTHEST;
    (-down..=down)
        .flat_map(|dy| (-across..=across).map(move |dx| (dx, dy)))
        .map(|(dx, dy)| shifted(before, after, dx, dy))
        .fold(f32::INFINITY, f32::min)
}

/// The mean difference of two lumas where they overlap, with the first one shifted.
fn shifted(before: &[u8], after: &[u8], dx: isize, dy: isize) -> f32 {
    let (width, height) = (WIDTH - dx.unsigned_abs(), HEIGHT - dy.unsigned_abs());
    let skipped = |by: isize| usize::try_from(by).unwrap_or(0);
    let row = |luma: &[u8], row: usize, dx: isize, dy: isize| {
        let start = (row + skipped(dy)) * WIDTH + skipped(dx);
        start..(start + width).min(luma.len())
    };
    let sum = (0..height)
        .map(|number| {
            let (from, to) = (row(before, number, dx, dy), row(after, number, -dx, -dy));
            total(&before[from], &after[to])
        })
        .sum();
    mean(sum, width * height)
}

fn difference(a: &[u8], b: &[u8]) -> f32 {
    mean(total(a, b), a.len())
}

fn total(a: &[u8], b: &[u8]) -> u32 {
    let cells = a.iter().zip(b);
    cells.map(|(&a, &b)| u32::from(a.abs_diff(b))).sum()
}

fn mean(sum: u32, cells: usize) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 255 times the number of cells"
    )]
    {
        sum as f32 / cells.max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture without repetition, and smooth, so that neighbouring cells are similar.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "lumas from 23 to 233"
    )]
    fn picture(seed: f32) -> Vec<u8> {
        let cell = |index: usize| {
            let (x, y) = ((index % WIDTH) as f32, (index / WIDTH) as f32);
            let wave =
                (x * 0.31 * seed).sin() + (y * 0.43 + seed).cos() + (x * y * 0.011 + seed).sin();
            (128.0 + 35.0 * wave) as u8
        };
        (0..WIDTH * HEIGHT).map(cell).collect()
    }

    fn slices(frames: &[Vec<u8>]) -> Vec<&[u8]> {
        frames.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn a_push_moves_the_whole_picture_and_is_known_as_one() {
        let (before, after) = (picture(1.0), picture(2.3));
        for way in WAYS {
            let frames: Vec<_> = (1..way.length() / 4)
                .map(|step| {
                    let mut frame = before.clone();
                    way.compose(MOVES[0], 4 * step, &before, &after, &mut frame);
                    frame
                })
                .collect();
            assert!(left_by_shifting(&slices(&frames)) < 0.5, "{way:?}");
            let strange = strangeness_of_push(&slices(&frames), &before, &after).unwrap();
            assert!(strange < 0.01, "{way:?}: {strange}");
        }
    }

    #[test]
    fn a_dissolve_does_not_move_and_is_no_push() {
        let (before, after) = (picture(1.0), picture(2.3));
        let frames: Vec<Vec<u8>> = (1..12)
            .map(|step| {
                let mix = |(&a, &b): (&u8, &u8)| {
                    let mixed = (u32::from(a) * (12 - step) + u32::from(b) * step) / 12;
                    u8::try_from(mixed).unwrap()
                };
                before.iter().zip(&after).map(mix).collect()
            })
            .collect();
        assert!(left_by_shifting(&slices(&frames)) > 0.8);
        let strange = strangeness_of_push(&slices(&frames), &before, &after);
        assert!(strange.is_none_or(|strange| strange > 0.2), "{strange:?}");
    }

    #[test]
    fn nothing_moves_in_a_still_picture() {
        let frames = vec![picture(1.0); 5];
        assert!(left_by_shifting(&slices(&frames)) >= 1.0);
        assert!(left_by_shifting(&[]) >= 1.0);
    }
}
