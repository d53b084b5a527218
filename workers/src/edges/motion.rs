//! Where things move in a picture: a coarse field of vectors, by matching blocks.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the numbers are bounded by the size of the picture"
)]

use super::grey::{Grey, HEIGHT, WIDTH};

/// Vectors in a row and in a column.
const FIELD: (usize, usize) = (8, 5);
/// Bytes of a field.
pub(super) const MOTION: usize = FIELD.0 * FIELD.1 * 2;

/// Side of a block in pixels.
const BLOCK: isize = 16;
/// How far a block is looked for, in pixels.
const REACH: (isize, isize) = (12, 8);
/// Difference of two blocks that are the same, but for noise: 1.5 grey levels per pixel.
const SAME: u32 = 384;
/// Mean deviation of a block below which it has nothing to follow, in grey levels.
const FLAT: f32 = 3.0;
/// How much better a match must be for each pixel that it is further away, as a difference of blocks. Of equal matches
/// the nearest counts.
const INERTIA: u32 = 26;
/// Units of a stored vector per width of the picture and second.
const UNIT: f32 = 64.0;
/// Sum of motions that is noise, in stored units.
const REST: f32 = 8.0;

/// The motion of a picture.
pub(super) struct Motion;

impl Motion {
    /// The motion of the blocks of `edge`, which are looked for in `inner`, `seconds` later. Vectors are in units of
    /// a 64th of the width of the picture per second, horizontal and vertical by turns.
    pub(super) fn of(edge: &Grey, inner: &Grey, seconds: f64) -> [i8; MOTION] {
        let mut field = [[0.0_f32; FIELD.0 * FIELD.1]; 2];
        if seconds == 0.0 {
            return [0; MOTION];
        }
        let scale = UNIT / WIDTH as f32 / seconds as f32;
        for row in 0..FIELD.1 {
            for column in 0..FIELD.0 {
                let corner = |at: usize, of: usize, size: usize| {
                    let middle = (2 * at + 1) * size / (2 * of);
                    let first = middle.cast_signed() - BLOCK / 2;
                    first.clamp(0, size.cast_signed() - BLOCK)
                };
                let block = (corner(column, FIELD.0, WIDTH), corner(row, FIELD.1, HEIGHT));
                let (across, down) = displacement(edge, inner, block);
                let cell = row * FIELD.0 + column;
                field[0][cell] = scale * across;
                field[1][cell] = scale * down;
            }
        }
        let [across, down] = field.map(|component| smooth(&component));
        let mut packed = [0; MOTION];
        let cells = across.iter().zip(&down);
        for (bytes, (across, down)) in packed.as_chunks_mut::<2>().0.iter_mut().zip(cells) {
            *bytes = [across, down].map(|value| value.round().clamp(-127.0, 127.0) as i8);
        }
        packed
    }
}

/// How alike two fields are, 0 to 1: the share of the motion in both that they have in common.
pub(super) fn likeness(one: &[i8], other: &[i8]) -> f32 {
    let length = |[across, down]: [f32; 2]| across.hypot(down);
    let (mut apart, mut all) = (0.0, 0.0);
    let pairs = one.as_chunks::<2>().0.iter().zip(other.as_chunks::<2>().0);
    for (own, theirs) in pairs {
        let (own, theirs) = (own.map(f32::from), theirs.map(f32::from));
        apart += length([own[0] - theirs[0], own[1] - theirs[1]]);
        all += length(own) + length(theirs);
    }
    1.0 - apart / (all + REST)
}

/// How far the block of `edge` at `corner` is away in `inner`, in pixels.
fn displacement(edge: &Grey, inner: &Grey, corner: (isize, isize)) -> (f32, f32) {
    let still = difference(edge, inner, corner, (0, 0), u32::MAX);
    if still <= SAME || deviation(edge, corner) < FLAT {
        return (0.0, 0.0);
    }
    let (mut best, mut at) = (still, (0, 0));
    for down in -REACH.1..=REACH.1 {
        for across in -REACH.0..=REACH.0 {
            let there = (across, down);
            let found = difference(edge, inner, corner, there, best) + inertia(there);
            if found < best {
                (best, at) = (found, there);
            }
        }
    }
    if at == (0, 0) {
        return (0.0, 0.0);
    }
    let near = |across: isize, down: isize| {
        let there = (at.0 + across, at.1 + down);
        difference(edge, inner, corner, there, u32::MAX) as f32
    };
    let here = near(0, 0);
    let across = at.0 as f32 + between(near(-1, 0), here, near(1, 0));
    let down = at.1 as f32 + between(near(0, -1), here, near(0, 1));
    (across, down)
}

/// How much better a match must be that is this far away.
fn inertia((across, down): (isize, isize)) -> u32 {
    let square = across.unsigned_abs().pow(2) + down.unsigned_abs().pow(2);
    INERTIA * u32::try_from(square.isqrt()).unwrap_or(u32::MAX)
}

/// Where between its neighbours the lowest point of a parabola lies, at most half a step away.
fn between(before: f32, here: f32, after: f32) -> f32 {
    let bend = before + after - 2.0 * here;
    if bend > 0.0 {
        ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5)
    } else {
        0.0
    }
}

/// The sum of differences of a block and one that is displaced; given up once it is more than `most`.
fn difference(
    edge: &Grey,
    inner: &Grey,
    (left, top): (isize, isize),
    (across, down): (isize, isize),
    most: u32,
) -> u32 {
    let mut sum = 0;
    for y in top..top + BLOCK {
        for x in left..left + BLOCK {
            let other = inner.at(x + across, y + down);
            sum += u32::from(edge.at(x, y).abs_diff(other));
        }
        if sum > most {
            break;
        }
    }
    sum
}

/// The mean deviation of the pixels of a block from their mean.
fn deviation(grey: &Grey, (left, top): (isize, isize)) -> f32 {
    let levels = || (top..top + BLOCK).flat_map(move |y| (left..left + BLOCK).map(move |x| (x, y)));
    let pixels = (BLOCK * BLOCK) as f32;
    let mean = levels().map(|(x, y)| f32::from(grey.at(x, y))).sum::<f32>() / pixels;
    let apart = levels().map(|(x, y)| (f32::from(grey.at(x, y)) - mean).abs());
    apart.sum::<f32>() / pixels
}

/// A component of the field, each value with a part of its neighbours, so that a small step is a small difference.
fn smooth(component: &[f32; FIELD.0 * FIELD.1]) -> [f32; FIELD.0 * FIELD.1] {
    let at = |column: isize, row: isize| {
        let column = column.clamp(0, FIELD.0.cast_signed() - 1).cast_unsigned();
        let row = row.clamp(0, FIELD.1.cast_signed() - 1).cast_unsigned();
        component[row * FIELD.0 + column]
    };
    std::array::from_fn(|cell| {
        let column = (cell % FIELD.0).cast_signed();
        let row = (cell / FIELD.0).cast_signed();
        let line =
            |row: isize| (at(column - 1, row) + 2.0 * at(column, row) + at(column + 1, row)) / 4.0;
        (line(row - 1) + 2.0 * line(row) + line(row + 1)) / 4.0
    })
}
