//! The discrete cosine transform of 8 x 8 blocks (ITU-T T.81, A.3.3), in separable floats. Most coefficients of a
//! photograph are zero, and the way from them to samples passes over those.

use std::sync::LazyLock;

/// Natural position (row * 8 + column) of each coefficient in zigzag order (T.81, figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// `BASIS[u][x]`: the value at sample x of the orthonormal basis function u.
static BASIS: LazyLock<[[f32; 8]; 8]> = LazyLock::new(|| {
    let mut basis = [[0.0; 8]; 8];
    for (u, row) in (0_u8..).zip(basis.iter_mut()) {
        let scale = if u == 0 { 0.125_f64.sqrt() } else { 0.5 };
        for (x, value) in (0_u8..).zip(row.iter_mut()) {
            let angle = (2.0 * f64::from(x) + 1.0) * f64::from(u) * std::f64::consts::PI / 16.0;
            *value = single(scale * angle.cos());
        }
    }
    basis
});

#[expect(clippy::cast_possible_truncation, reason = "rounding is wanted")]
const fn single(value: f64) -> f32 {
    value as f32
}

/// The samples of a block, row by row, around 128 and not yet held to 0 to 255.
pub(crate) fn to_samples(block: &[i16; 64], quantiser: &[u16; 64]) -> [f32; 64] {
    let basis = &*BASIS;
    let mut rows = [[0.0; 8]; 8];
    let mut is_used = [false; 8];
    for ((&at, &value), &step) in ZIGZAG.iter().zip(block).zip(quantiser) {
        if value != 0 {
            let coefficient = f32::from(value) * f32::from(step);
            let (down, across) = (usize::from(at) / 8, usize::from(at) % 8);
            is_used[down] = true;
            for (sum, wave) in rows[down].iter_mut().zip(&basis[across]) {
                *sum += coefficient * wave;
            }
        }
    }
    let mut samples = [128.0; 64];
    for ((row, waves), _) in rows
        .iter()
        .zip(basis)
        .zip(is_used)
        .filter(|(_, used)| *used)
    {
        for (line, wave) in samples.as_chunks_mut::<8>().0.iter_mut().zip(waves) {
            for (sample, value) in line.iter_mut().zip(row) {
                *sample += value * wave;
            }
        }
    }
    samples
}

/// The quantised coefficients of samples around 128.
pub(crate) fn to_block(samples: &[f32; 64], quantiser: &[u16; 64]) -> [i16; 64] {
    let mut shifted = *samples;
    for sample in &mut shifted {
        *sample -= 128.0;
    }
    let coefficients = transform(&shifted);
    let mut block = [0; 64];
    for ((&at, value), &step) in ZIGZAG.iter().zip(&mut block).zip(quantiser) {
        *value = quantise(coefficients[usize::from(at)] / f32::from(step));
    }
    block
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "held to the range of baseline coefficients (T.81, F.1.2)"
)]
fn quantise(value: f32) -> i16 {
    value.round().clamp(-1023.0, 1023.0) as i16
}

fn transform(input: &[f32; 64]) -> [f32; 64] {
    let basis = &*BASIS;
    let mut rows = [0.0; 64];
    for y in 0..8 {
        for out in 0..8 {
            let mut sum = 0.0;
            for of in 0..8 {
                sum += input[y * 8 + of] * basis[out][of];
            }
            rows[y * 8 + out] = sum;
        }
    }
    let mut done = [0.0; 64];
    for out in 0..8 {
        for of in 0..8 {
            let factor = basis[out][of];
            for x in 0..8 {
                done[out * 8 + x] += rows[of * 8 + x] * factor;
            }
        }
    }
    done
}
