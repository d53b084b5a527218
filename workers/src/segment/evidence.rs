//! Evidence that two frames must show, regardless of the network's verdict on what is between them.
//!
//! The limits come from videos like those of the training. One in fifty true boundaries exceeds them, and most
//! false reports of the network do.

use crate::media::SmallFrame;

/// Steps of luma by which a changed cell differs.
const CHANGED: u8 = 8;

/// Largest change of light, in steps of luma and of either chroma, that moves most cells.
const RELIT: [i16; 3] = [40, 16, 16];

/// The luma of black in a video of limited range.
const BLACK: f32 = 16.0;

/// Steps of luma above black up to which a picture is dark.
const DARK: f32 = 8.0;

/// Correlation of the pictures before and after a boundary from which they are the same picture, so that there
/// is no boundary.
pub(super) const SAME: f32 = 0.92;

/// The same if one of the two is [`LIGHTER`] times as light: a lamp or the sun.
pub(super) const SAME_RELIT: f32 = 0.6;
pub(super) const LIGHTER: f32 = 1.4;

/// The share of the cells whose luma differs, from 0 to 1. For a cut it is mostly more than half; for a caption
/// that appears, less than a fifth.
pub(super) fn changed(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let cells = a.planes[0].iter().zip(&b.planes[0]);
    let count = cells.filter(|(a, b)| a.abs_diff(**b) > CHANGED).count();
    share(count)
}

/// The share of the cells whose luma or colour differs, from 0 to 1.
pub(super) fn changed_at_all(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let differs =
        |plane: usize, cell: usize| a.planes[plane][cell].abs_diff(b.planes[plane][cell]) > CHANGED;
    let cells = 0..SmallFrame::CELLS;
    share(
        cells
            .filter(|&cell| (0..3).any(|plane| differs(plane, cell)))
            .count(),
    )
}

/// The share of the cells whose luma and colour stay, from 0 to 1, apart from a uniform change of light. A
/// change of more than [`RELIT`] steps does not count as such.
pub(super) fn kept(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let differences: [Vec<i16>; 3] = std::array::from_fn(|plane| {
        let cells = a.planes[plane].iter().zip(&b.planes[plane]);
        cells.map(|(&a, &b)| i16::from(b) - i16::from(a)).collect()
    });
    let shifts: [i16; 3] = std::array::from_fn(|plane| {
        let mut sorted = differences[plane].clone();
        let middle = sorted.len() / 2;
        let (_, median, _) = sorted.select_nth_unstable(middle);
        (*median).clamp(-RELIT[plane], RELIT[plane])
    });
    let stays = |plane: usize, cell: usize| {
        let left = differences[plane][cell] - shifts[plane];
        left.unsigned_abs() <= u16::from(CHANGED)
    };
    let cells = 0..SmallFrame::CELLS;
    share(
        cells
            .filter(|&cell| (0..3).all(|plane| stays(plane, cell)))
            .count(),
    )
}

/// The correlation of the two lumas, from -1 to 1, which measures similarity regardless of light. It is near 1
/// for one picture in two lights.
pub(super) fn correlation(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let (mean_a, mean_b) = (mean(&a.planes[0]), mean(&b.planes[0]));
    let mut products = [0.0_f32; 3];
    for (&a, &b) in a.planes[0].iter().zip(&b.planes[0]) {
        let (a, b) = (f32::from(a) - mean_a, f32::from(b) - mean_b);
        products[0] += a * b;
        products[1] += a * a;
        products[2] += b * b;
    }
    // An even picture resembles nothing.
    products[0] / (products[1] * products[2]).sqrt().max(1.0)
}

/// Distance of the lumas of `between` from the nearer of `before` and `after`, cell by cell, relative to the
/// distance of these two. It is near 0 in a wipe, where every cell shows one picture or the other, and about
/// one half if something else passes.
pub(super) fn strangeness(between: &[&[u8]], before: &[u8], after: &[u8]) -> f32 {
    let ends = || before.iter().zip(after);
    let apart: u32 = ends().map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    let strange = |luma: &&[u8]| -> u32 {
        let cells = luma.iter().zip(ends());
        cells
            .map(|(cell, (a, b))| u32::from(cell.abs_diff(*a).min(cell.abs_diff(*b))))
            .sum()
    };
    let strange: f64 = between.iter().map(|luma| f64::from(strange(luma))).sum();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a part of few digits"
    )]
    {
        (strange / (between.len().max(1) as f64 * f64::from(apart.max(1)))) as f32
    }
}

/// The light of the lighter of two frames, relative to the other.
pub(super) fn light(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let ratio = above_black(&a.planes[0]) / above_black(&b.planes[0]);
    ratio.max(1.0 / ratio)
}

/// The light of the darkest of `between`, relative to the darker of `before` and `after`. It is about 1 or more
/// in a dissolve, whose light is between those of both pictures, and less if a lamp dims and comes back. It is
/// 1 if both are too dark to tell.
pub(super) fn dip(between: &[&[u8]], before: &[u8], after: &[u8]) -> f32 {
    let darker = above_black(before).min(above_black(after));
    if darker < DARK {
        return 1.0;
    }
    let darkest = between.iter().map(|luma| above_black(luma));
    darkest.fold(f32::INFINITY, f32::min) / darker
}

fn above_black(luma: &[u8]) -> f32 {
    (mean(luma) - BLACK).max(1.0)
}

/// The standard deviation of the luma, in steps; about 1 for an even picture.
pub(super) fn spread(frame: &SmallFrame) -> f32 {
    let mean = mean(&frame.planes[0]);
    let squares: f32 = frame.planes[0]
        .iter()
        .map(|&cell| (f32::from(cell) - mean).powi(2))
        .sum();
    (squares * share(1)).sqrt()
}

fn mean(luma: &[u8]) -> f32 {
    let sum: u32 = luma.iter().map(|&cell| u32::from(cell)).sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 255 times the number of cells"
    )]
    {
        sum as f32 * share(1)
    }
}

/// `cells` as a share of all cells.
pub(super) fn share(cells: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a grid has few cells")]
    {
        cells as f32 / SmallFrame::CELLS as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_in_another_light_is_alike_and_an_even_one_is_like_none() {
        let picture = SmallFrame::of_luma(|index| u8::try_from(index % 97 + 40).unwrap());
        let darker = SmallFrame::of_luma(|index| u8::try_from((index % 97 + 40) / 2).unwrap());
        let grey = SmallFrame::of_luma(|_| 90);
        assert!(correlation(&picture, &darker) > 0.99);
        assert!(light(&picture, &darker) > 1.9 && light(&darker, &picture) > 1.9);
        assert!(correlation(&picture, &grey).abs() < 0.01);
        assert!(spread(&grey) < 0.1 && spread(&picture) > 20.0);
    }

    #[test]
    fn half_of_each_picture_is_not_strange_and_a_third_picture_is() {
        let before = SmallFrame::of_luma(|index| u8::try_from(index % 90 + 20).unwrap());
        let after = SmallFrame::of_luma(|index| u8::try_from(index % 70 + 160).unwrap());
        let half = SmallFrame::of_luma(|index| {
            if index % 64 < 32 {
                before.planes[0][index]
            } else {
                after.planes[0][index]
            }
        });
        let strange = |between: &SmallFrame| {
            let [between, before, after] =
                [between, &before, &after].map(|frame| &*frame.planes[0]);
            strangeness(&[between, between], before, after)
        };
        assert!(strange(&half) < 0.01);
        assert!(strange(&SmallFrame::grey()) > 0.3);
    }

    #[test]
    fn the_light_of_a_dissolve_does_not_dip_and_that_of_a_lamp_does() {
        let [light, dark, lower, black] =
            [200, 90, 50, 18].map(|luma| SmallFrame::of_luma(|_| luma));
        let dip = |between: &SmallFrame, before: &SmallFrame, after: &SmallFrame| {
            let [between, before, after] = [between, before, after].map(|frame| &*frame.planes[0]);
            dip(&[before, between, after], before, after)
        };
        assert!(dip(&dark, &light, &lower) >= 1.0);
        assert!(dip(&lower, &light, &dark) < 0.5);
        assert!(dip(&black, &black, &light) >= 1.0);
    }

    #[test]
    fn the_part_that_changed_is_counted() {
        let before = SmallFrame::of_luma(|_| 100);
        let after = SmallFrame::of_luma(|index| if index % 4 == 0 { 120 } else { 104 });
        assert!((changed(&before, &after) - 0.25).abs() < 1e-6);
    }
}
