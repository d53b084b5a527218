//! A fixed random rotation of vectors.
//!
//! Encoders put much of a vector's length into few of its values. After a random rotation every value carries
//! about as much as any other, so one step size and one sign per value lose little (`RaBitQ`, Gao and Long 2024,
//! arXiv 2405.12497). The rotation is a product of random signs and Walsh-Hadamard transforms, which takes
//! O(n log n) instead of a matrix product.

/// Vectors are padded with zeros to a multiple of this, so that codes fill whole registers.
const STEP: usize = 64;
/// Rounds of signs and transforms. Two rounds spread a vector with a single value other than 0 over all values.
const ROUNDS: usize = 2;
/// Start of the signs. It is part of the format of segments.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Length of a rotated vector of `dims` values.
pub(super) const fn padded(dims: usize) -> usize {
    dims.next_multiple_of(STEP)
}

/// The vector, padded and rotated. Lengths and dot products stay the same.
pub(super) fn rotated(vector: &[f32]) -> Vec<f32> {
    let mut vector = vector.to_vec();
    vector.resize(padded(vector.len()).max(STEP), 0.0);
    let length = vector.len();
    // The transform needs a power of two. Two overlapping ones cover any length.
    let power = 1 << length.ilog2();
    let mut signs = SEED;
    for _ in 0..ROUNDS {
        for from in [0, length - power] {
            for value in &mut vector {
                // xorshift64 (Marsaglia 2003).
                signs ^= signs << 13;
                signs ^= signs >> 7;
                signs ^= signs << 17;
                if signs >> 63 == 1 {
                    *value = -*value;
                }
            }
            transform(&mut vector[from..from + power]);
        }
    }
    vector
}

/// The orthonormal Walsh-Hadamard transform of a power of two of values.
fn transform(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (a, b) = pair.split_at_mut(half);
            for (a, b) in a.iter_mut().zip(b) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = (values.len() as f32).sqrt().recip();
    values.iter_mut().for_each(|value| *value *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::vectors::kernel::dot;

    #[test]
    fn a_rotation_keeps_dot_products_and_spreads_values() {
        for dims in [2, 64, 384, 512, 1152] {
            let wave = |phase: f32| -> Vec<f32> {
                (0..dims).map(|n| (n as f32 * 0.37 + phase).sin()).collect()
            };
            let (a, b) = (wave(0.0), wave(1.0));
            let plain: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            let turned = dot(&rotated(&a), &rotated(&b));
            assert!(
                (plain - turned).abs() < 1e-3 * dims as f32,
                "{dims}: {plain} {turned}"
            );

            let mut one = vec![0.0; dims];
            one[dims / 2] = 1.0;
            let spread = rotated(&one);
            let most = spread.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!(most < 8.0 / (spread.len() as f32).sqrt(), "{dims}: {most}");
        }
    }
}
