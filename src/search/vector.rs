//! Arithmetic on the vectors of queries.

/// Vectors that are shorter have no direction.
const LEAST: f64 = 1e-6;

/// The vector of length 1 in the same direction; `None` if it has none.
pub(super) fn unit(vector: &[f64]) -> Option<Vec<f32>> {
    // Scaled first, because squares overflow before their root does.
    let largest = vector.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let length = vector
        .iter()
        .map(|x| (x / largest).powi(2))
        .sum::<f64>()
        .sqrt()
        * largest;
    if length < LEAST {
        return None;
    }
    Some(vector.iter().map(|x| narrow(x / length)).collect())
}

/// The dot product, which is the cosine similarity of unit vectors.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the nearest value of less precision is what is meant"
)]
pub(super) const fn narrow(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_vector_has_the_direction_and_the_length_1() {
        assert_eq!(unit(&[3.0, 4.0]).unwrap(), [0.6, 0.8]);
        let long = unit(&[3e200, 4e200]).unwrap();
        assert!((dot(&long, &[0.6, 0.8]) - 1.0).abs() < 1e-6);
        for none in [
            &[][..],
            &[0.0, 0.0],
            &[1e-9, 0.0],
            &[f64::NAN],
            &[f64::INFINITY],
        ] {
            assert!(unit(none).is_none(), "{none:?}");
        }
    }
}
