//! Arithmetic on embedding vectors.

/// Scales a vector to length 1. A vector of length 0, or with a value that is not finite, becomes zeros.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = if length.is_normal() {
        length.recip()
    } else {
        0.0
    };
    vector
        .iter_mut()
        .for_each(|x| *x = if scale > 0.0 { *x * scale } else { 0.0 });
}

/// The mean of unit vectors, scaled to length 1, which makes a shot's vector from those of its frames. The
/// length is that of the shortest; no frames give an empty vector.
#[must_use]
pub fn mean_pool(frames: &[Vec<f32>]) -> Vec<f32> {
    let dims = frames.iter().map(Vec::len).min().unwrap_or(0);
    let mut sum = vec![0.0; dims];
    for frame in frames {
        sum.iter_mut().zip(frame).for_each(|(sum, x)| *sum += x);
    }
    normalise(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_of_one_frame_is_the_frame() {
        assert_eq!(mean_pool(&[vec![0.6, 0.8]]), [0.6, 0.8]);
    }

    #[test]
    fn the_pool_has_length_one_and_lies_between_its_frames() {
        let pool = mean_pool(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert!(
            pool.iter().all(|x| (x - 0.5_f32.sqrt()).abs() < 1e-6),
            "{pool:?}"
        );
    }

    #[test]
    fn frames_that_cancel_and_no_frames_make_no_numbers_up() {
        assert_eq!(mean_pool(&[vec![1.0, 0.0], vec![-1.0, 0.0]]), [0.0, 0.0]);
        assert!(mean_pool(&[]).is_empty());
        assert_eq!(mean_pool(&[vec![f32::NAN, 1.0]]), [0.0, 0.0]);
    }
}
