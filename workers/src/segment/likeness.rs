//! Detects shots that look nearly the same: the two sides of a dialogue, or a recurring set.

use std::num::NonZeroU64;
use std::sync::LazyLock;

use super::Shot;
use crate::media::SmallFrame;

/// Side of the square picture for the transform.
const SIDE: usize = 32;

/// Frequencies to keep in each direction: 1 to 8.
const KEPT: usize = 8;

/// Largest Hamming distance of two hashes of the same picture.
///
/// Measured on eleven talking heads before one backdrop. Within a take at most 8 bits change, and between two
/// takes of one speaker 8 to 10. Any two frames of different speakers differ by 12 or more, the middle ones by
/// 14. Unrelated pictures differ by 20 and more.
const ALIKE: u32 = 10;

/// Smallest median size of the kept coefficients, in steps of luma. Below it the picture is even, and noise
/// would decide the bits. A talking head has 20 to 65.
const EVEN: f32 = 4.0;

/// Number of distinct hashes to compare later shots with, so that even a video of nothing but cuts costs
/// seconds.
const MAX_LOOKS: usize = 8192;

/// A perceptual hash of a frame: 64 bits, of which about half are set.
///
/// The luma is reduced to 32 by 32 and transformed by a DCT-II. For the frequencies 1 to 8 in both directions,
/// each bit says whether the coefficient is above the median of all (Zauner, *Implementation and Benchmarking
/// of Perceptual Image Hash Functions*, 2010). Brightness, contrast, noise and scale hardly change it; the
/// arrangement of the picture does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look(NonZeroU64);

impl Look {
    /// The hash of a frame; `None` if the frame is so even that there is nothing to compare.
    pub(super) fn of(frame: &SmallFrame) -> Option<Self> {
        let coefficients = BASIS.transform(&frame.planes[0]);
        let mut sizes = coefficients.map(f32::abs);
        if upper_median(&mut sizes) < EVEN {
            return None;
        }
        let mut sorted = coefficients;
        let median = upper_median(&mut sorted);
        let bits = coefficients
            .iter()
            .fold(0, |bits, &one| bits << 1 | u64::from(one >= median));
        NonZeroU64::new(bits).map(Self)
    }

    const fn is_like(self, other: Self) -> bool {
        (self.0.get() ^ other.0.get()).count_ones() <= ALIKE
    }
}

/// The upper of the two middle values.
fn upper_median(values: &mut [f32; KEPT * KEPT]) -> f32 {
    let (_, median, _) = values.select_nth_unstable_by(KEPT * KEPT / 2, f32::total_cmp);
    *median
}

/// Marks each shot whose middle frame looks like that of an earlier shot. The mark names the first such shot
/// among those that have no mark themselves. Shots with the same mark, and the shot that it names, therefore
/// belong together. `looks` has one entry per frame of the video.
pub(super) fn mark(shots: &mut [Shot], looks: &[Option<Look>]) {
    let mut firsts: Vec<(u64, Look)> = Vec::new();
    for (index, shot) in (0..).zip(shots) {
        let middle = usize::try_from(u64::midpoint(shot.start, shot.end)).unwrap_or(usize::MAX);
        let Some(look) = looks.get(middle).copied().flatten() else {
            continue;
        };
        let first = firsts.iter().find(|(_, first)| look.is_like(*first));
        shot.same_as = first.map(|&(first, _)| first);
        if first.is_none() && firsts.len() < MAX_LOOKS {
            firsts.push((index, look));
        }
    }
}

static BASIS: LazyLock<Basis> = LazyLock::new(Basis::new);

/// Reduction to [`SIDE`] and DCT-II combined: both are weighted sums of the same cells.
struct Basis {
    /// For each kept vertical frequency, the weight of each row of cells.
    down: [[f32; SmallFrame::HEIGHT]; KEPT],
    /// For each column of cells, its weight in each kept horizontal frequency.
    across: [[f32; KEPT]; SmallFrame::WIDTH],
}

impl Basis {
    fn new() -> Self {
        Self {
            down: std::array::from_fn(|kept| {
                std::array::from_fn(|row| weight(kept + 1, row, SmallFrame::HEIGHT))
            }),
            across: std::array::from_fn(|column| {
                std::array::from_fn(|kept| weight(kept + 1, column, SmallFrame::WIDTH))
            }),
        }
    }

    /// The kept coefficients of a plane of [`SmallFrame::CELLS`] cells, lowest frequencies first.
    fn transform(&self, luma: &[u8]) -> [f32; KEPT * KEPT] {
        let mut columns = [[0.0_f32; SmallFrame::WIDTH]; KEPT];
        for (row, cells) in luma.chunks_exact(SmallFrame::WIDTH).enumerate() {
            let mut line = [0.0; SmallFrame::WIDTH];
            for (value, &cell) in line.iter_mut().zip(cells) {
                *value = f32::from(cell);
            }
            for (sums, weights) in columns.iter_mut().zip(&self.down) {
                for (sum, value) in sums.iter_mut().zip(&line) {
                    *sum += weights[row] * value;
                }
            }
        }
        let mut kept = [0.0; KEPT * KEPT];
        for (sums, columns) in kept.chunks_exact_mut(KEPT).zip(&columns) {
            for (value, weights) in columns.iter().zip(&self.across) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
        kept
    }
}

/// The weight of cell `cell` of `cells` in the orthonormal DCT-II coefficient `frequency` of the line reduced
/// to [`SIDE`] values, each the mean of the cells it covers.
#[expect(clippy::cast_precision_loss, reason = "numbers below 100")]
#[expect(
    clippy::cast_possible_truncation,
    reason = "weights are kept in 32 bits"
)]
fn weight(frequency: usize, cell: usize, cells: usize) -> f32 {
    let (frequency, side, cells) = (frequency as f64, SIDE as f64, cells as f64);
    let cell = cell as f64;
    let a_value = cells / side;
    let sum: f64 = (0..SIDE)
        .map(|value| {
            let value = value as f64;
            let (start, end) = (value * a_value, (value + 1.0) * a_value);
            let covered = (end.min(cell + 1.0) - start.max(cell)).max(0.0) / a_value;
            let angle = std::f64::consts::PI * (2.0 * value + 1.0) * frequency / (2.0 * side);
            covered * angle.cos()
        })
        .sum();
    (sum * (2.0 / side).sqrt()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Boundary, BoundaryKind};

    /// A frame whose luma is a function of column and row.
    fn frame(luma: impl Fn(usize, usize) -> u8) -> SmallFrame {
        let mut frame = SmallFrame::grey();
        for (at, cell) in frame.planes[0].iter_mut().enumerate() {
            *cell = luma(at % SmallFrame::WIDTH, at / SmallFrame::WIDTH);
        }
        frame
    }

    /// Discs of light at positions determined by `seed`.
    fn scene(seed: usize) -> SmallFrame {
        frame(|x, y| {
            let lit = (0..6).any(|disc| {
                let (cx, cy) = ((seed * 29 + disc * 23) % 64, (seed * 17 + disc * 13) % 36);
                x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) < 40 + 10 * disc
            });
            if lit { 200 } else { 40 }
        })
    }

    fn marks(frames: &[Option<Look>]) -> Vec<Option<u64>> {
        let mut shots: Vec<Shot> = (0..frames.len() as u64)
            .map(|at| Shot {
                start: at,
                end: at + 1,
                opening: Boundary {
                    kind: BoundaryKind::Cut,
                    start: at,
                    end: at,
                    confidence: 1.0,
                },
                same_as: None,
            })
            .collect();
        mark(&mut shots, frames);
        shots.iter().map(|shot| shot.same_as).collect()
    }

    #[test]
    fn a_coefficient_is_that_of_the_transform_itself() {
        // A cosine of frequencies 3 and 2, drawn on the reduced picture, is one coefficient.
        let wave = |k: f64, at: f64, of: f64| (std::f64::consts::PI * k * (at + 0.5) / of).cos();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a luma"
        )]
        let picture = frame(|x, y| {
            (128.0 + 100.0 * wave(3.0, x as f64, 64.0) * wave(2.0, y as f64, 36.0)).round() as u8
        });
        let found = BASIS.transform(&picture.planes[0]);
        // Row by vertical frequency, from 1. The amplitude of an orthonormal DCT is half the side.
        let place = KEPT + 2;
        assert!((found[place] - 100.0 * 16.0).abs() < 20.0, "{found:?}");
        for (at, one) in found.iter().enumerate() {
            assert!(at == place || one.abs() < 20.0, "{at}: {one}");
        }
    }

    #[test]
    fn light_contrast_and_noise_hardly_change_a_look() {
        let (plain, other) = (scene(1), scene(2));
        let look = Look::of(&plain).unwrap();
        let dimmed = frame(|x, y| {
            let cell = plain.planes[0][y * SmallFrame::WIDTH + x];
            let noise = u8::try_from((x * 7 + y * 13) % 5).unwrap_or(0);
            cell / 2 + 20 + noise
        });
        assert!(look.is_like(Look::of(&dimmed).unwrap()));
        assert!(!look.is_like(Look::of(&other).unwrap()));
    }

    #[test]
    fn an_even_picture_looks_like_nothing() {
        for luma in [0, 16, 128, 255] {
            assert_eq!(Look::of(&frame(|_, _| luma)), None, "{luma}");
        }
        let noisy = frame(|x, y| 16 + u8::try_from((x * 7 + y * 13) % 3).unwrap_or(0));
        assert_eq!(Look::of(&noisy), None);
    }

    #[test]
    fn shots_that_alternate_are_marked_with_the_first_of_their_kind() {
        let (a, b) = (Look::of(&scene(1)), Look::of(&scene(2)));
        assert_eq!(
            marks(&[a, b, None, a, b, a, None]),
            [None, None, None, Some(0), Some(1), Some(0), None]
        );
    }

    #[test]
    fn a_mark_names_a_shot_that_has_none() {
        let look = |bits: u64| NonZeroU64::new(bits).map(Look);
        // Each is like its neighbour, but the first and the last differ.
        let drift = [look(0xffff), look(0xffff << 5), look(0xffff << 10)];
        assert_eq!(marks(&drift), [None, Some(0), None]);
    }
}
