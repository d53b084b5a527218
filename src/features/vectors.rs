//! Checks vectors from a worker.

/// Tolerance for the length of a vector, which should be 1. Half precision costs 5e-4.
const UNIT_TOLERANCE: f64 = 1e-3;

/// Why `vectors` are not one unit vector of `dims` values for each of `count` things, in words.
pub(super) fn fault_of_vectors(
    vectors: &[Vec<f32>],
    (thing, count): (&str, usize),
    dims: usize,
) -> Option<String> {
    if vectors.len() != count {
        return Some(format!("{} vectors for {count} {thing}s", vectors.len()));
    }
    vectors.iter().enumerate().find_map(|(at, vector)| {
        if vector.len() != dims {
            let length = vector.len();
            Some(format!(
                "the vector of {thing} {at} has {length} numbers, not {dims}"
            ))
        } else if vector.iter().any(|x| !x.is_finite()) {
            Some(format!(
                "the vector of {thing} {at} holds values that are not finite"
            ))
        } else {
            let length = length(vector);
            // A shot without a picture has a zero vector, which is similar to nothing and does no harm.
            let is_unit = (length - 1.0).abs() <= UNIT_TOLERANCE || length == 0.0;
            (!is_unit).then(|| {
                format!("the vector of {thing} {at} has length {length:.4}, not 1; vectors must be normalised")
            })
        }
    })
}

/// The length in double precision. In single precision, the error of a sum of a thousand squares is as large as
/// the tolerance.
fn length(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|&x| f64::from(x) * f64::from(x));
    squares.sum::<f64>().sqrt()
}
