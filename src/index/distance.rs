//! The distance of two vectors.

use std::sync::LazyLock;

use hnsw_rs::anndists::dist::distances::Distance;
use pulp::{Arch, Simd, WithSimd};

/// One minus the dot product, which for unit vectors is one minus the cosine of their angle.
///
/// Vectors slightly longer than 1 are accepted: the distance is clamped to 0 where rounding would make it
/// negative.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UnitDot;

impl Distance<f32> for UnitDot {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - dot(a, b)).max(0.0)
    }
}

/// The processor's features, detected once.
static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Dot product of two vectors of the same length, with the widest registers of the processor.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    ARCH.dispatch(Dot { a, b })
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, a_rest) = S::as_simd_f32s(self.a);
        let (b, b_rest) = S::as_simd_f32s(self.b);
        // Four sums, because a single sum would wait for each product.
        let mut sums = [simd.splat_f32s(0.0); 4];
        let ((a, a_last), (b, b_last)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..4 {
                sums[lane] = simd.mul_add_f32s(a[lane], b[lane], sums[lane]);
            }
        }
        for (&a, &b) in a_last.iter().zip(b_last) {
            sums[0] = simd.mul_add_f32s(a, b, sums[0]);
        }
        let halves = [
            simd.add_f32s(sums[0], sums[1]),
            simd.add_f32s(sums[2], sums[3]),
        ];
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
        simd.reduce_sum_f32s(simd.add_f32s(halves[0], halves[1])) + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_the_plain_one_at_every_length() {
        for length in [0, 1, 7, 8, 63, 64, 65, 384, 1152] {
            let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.37).sin()).collect();
            let b: Vec<f32> = (0..length).map(|i| (i as f32 * 0.11).cos()).collect();
            let plain: f64 = a
                .iter()
                .zip(&b)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-3, "{length}");
        }
    }

    #[test]
    fn vectors_that_are_too_long_are_near_and_stop_nothing() {
        assert!(UnitDot.eval(&[2.0, 0.0], &[2.0, 0.0]).abs() < 1e-9);
        assert!((UnitDot.eval(&[1.0, 0.0], &[-1.0, 0.0]) - 2.0).abs() < 1e-6);
    }
}
