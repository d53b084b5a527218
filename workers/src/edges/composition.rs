//! Where things are in a picture: luminance and gradients in a coarse grid.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the numbers are bounded by the size of the grid"
)]

use super::grey::{Grey, HEIGHT, WIDTH};

/// Cells in a row and in a column.
const CELLS: (usize, usize) = (12, 7);
/// Luminance; strength of the gradient; cosine and sine of its doubled angle, by its strength.
const CHANNELS: usize = 4;
/// Bytes of a composition.
pub(super) const COMPOSITION: usize = CELLS.0 * CELLS.1 * CHANNELS;

/// Gradients below this are noise, in grey levels per two pixels.
const NOISE: f32 = 6.0;
/// Standard deviation of a map below which a picture has nothing in it: in grey levels for luminance, and in the root of
/// grey levels for gradients.
const EMPTY: [f32; 2] = [3.0, 0.15];

/// The measures of a picture.
pub(super) struct Composition;

impl Composition {
    /// Two maps in the order of the cells, luminance and gradients, each without its mean and as long as the other. A map
    /// in which there is nothing is zero.
    pub(super) fn of(grey: &Grey) -> [i8; COMPOSITION] {
        let mut maps = [[0.0_f32; CELLS.0 * CELLS.1]; CHANNELS];
        for y in 0..HEIGHT {
            let rows = shares(y, HEIGHT, CELLS.1);
            for (x, &level) in grey.row(y).iter().enumerate() {
                let columns = shares(x, WIDTH, CELLS.0);
                let values = measures(grey, (x, y), level);
                for (row, down) in rows {
                    for (column, across) in columns {
                        let cell = row * CELLS.0 + column;
                        for (map, value) in maps.iter_mut().zip(values) {
                            map[cell] += down * across * value;
                        }
                    }
                }
            }
        }
        // So many pixels have their weight in a cell.
        let pixels = (WIDTH * HEIGHT) as f32 / (CELLS.0 * CELLS.1) as f32;
        maps.iter_mut().flatten().for_each(|value| *value /= pixels);
        let [luminance, gradients @ ..] = &mut maps;
        centre(luminance);
        // Directions have no preferred value; how busy a picture is all over is not where things are.
        centre(&mut gradients[0]);
        let mut packed = [0; COMPOSITION];
        let (of_luminance, of_gradients) = packed.split_at_mut(CELLS.0 * CELLS.1);
        pack(luminance, EMPTY[0], of_luminance);
        pack(gradients.as_flattened(), EMPTY[1], of_gradients);
        packed
    }
}

/// How alike two compositions are, 0 to 1: the mean of the correlations of their maps.
pub(super) fn likeness(one: &[i8], other: &[i8]) -> f32 {
    let (one, other) = (
        one.split_at(CELLS.0 * CELLS.1),
        other.split_at(CELLS.0 * CELLS.1),
    );
    let likeness = f32::midpoint(cosine(one.0, other.0), cosine(one.1, other.1));
    likeness.clamp(0.0, 1.0)
}

/// The cosine of the angle between two maps; 0 if one has nothing in it.
fn cosine(one: &[i8], other: &[i8]) -> f32 {
    let (mut dot, mut own, mut theirs) = (0_i32, 0_i32, 0_i32);
    for (&a, &b) in one.iter().zip(other) {
        let (a, b) = (i32::from(a), i32::from(b));
        dot += a * b;
        own += a * a;
        theirs += b * b;
    }
    let length = (own as f32 * theirs as f32).sqrt();
    if length > 0.0 {
        dot as f32 / length
    } else {
        0.0
    }
}

/// The measures of one pixel.
fn measures(grey: &Grey, (x, y): (usize, usize), level: u8) -> [f32; CHANNELS] {
    let (x, y) = (x.cast_signed(), y.cast_signed());
    let level_at = |x, y| f32::from(grey.at(x, y));
    let across = level_at(x + 1, y) - level_at(x - 1, y);
    let down = level_at(x, y + 1) - level_at(x, y - 1);
    let square = across.mul_add(across, down * down);
    let length = square.sqrt();
    if length < NOISE {
        return [f32::from(level), 0.0, 0.0, 0.0];
    }
    // The root keeps one strong edge from being all that is seen.
    let strength = (length - NOISE).sqrt();
    let cosine = (across * across - down * down) / square;
    let sine = 2.0 * across * down / square;
    [
        f32::from(level),
        strength,
        strength * cosine,
        strength * sine,
    ]
}

/// The two cells that share a pixel, with the weight of each, so that a step of a pixel is no step of a cell.
fn shares(at: usize, size: usize, cells: usize) -> [(usize, f32); 2] {
    let place =
        ((at as f32 + 0.5) * cells as f32 / size as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
    let cell = place.floor();
    let part = place - cell;
    #[expect(clippy::cast_sign_loss, reason = "it is clamped to the cells")]
    let cell = cell as usize;
    [(cell, 1.0 - part), ((cell + 1).min(cells - 1), part)]
}

fn centre(map: &mut [f32]) {
    let mean = map.iter().sum::<f32>() / map.len() as f32;
    map.iter_mut().for_each(|value| *value -= mean);
}

/// A map in bytes of full range; zero if it varies less than `empty`.
fn pack(map: &[f32], empty: f32, packed: &mut [i8]) {
    let square = map.iter().map(|value| value * value).sum::<f32>() / map.len() as f32;
    let largest = map
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    if square.sqrt() < empty {
        return;
    }
    for (byte, value) in packed.iter_mut().zip(map) {
        *byte = (127.0 * value / largest).round() as i8;
    }
}
