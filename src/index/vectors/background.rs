//! How similar shots are to a query in general.

/// Fewer shots say nothing about their distribution.
const FEWEST: usize = 20;

/// The distribution of a query's similarities over all shots of a space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// Mean similarity.
    pub mean: f32,
    /// Standard deviation.
    pub deviation: f32,
    /// Number of shots in the space.
    pub shots: usize,
}

impl Background {
    pub(super) fn of(sample: &[f32], shots: usize) -> Option<Self> {
        if sample.len() < FEWEST {
            return None;
        }
        let count = sample.len() as f32;
        let mean = sample.iter().sum::<f32>() / count;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / count;
        Some(Self {
            mean,
            deviation: variance.sqrt(),
            shots,
        })
    }

    /// How far a similarity is above the one that the best of this many unrelated shots would have by chance, in
    /// standard deviations. The chance is that of a normal distribution (Cramér 1946, section 28.6).
    #[must_use]
    pub fn excess(&self, similarity: f32) -> f32 {
        let deviations = (similarity - self.mean) / self.deviation.max(f32::MIN_POSITIVE);
        let twice_log = 2.0 * (self.shots.max(2) as f32).ln();
        let by_chance = twice_log.sqrt()
            - (twice_log.ln() - std::f32::consts::LN_2 + (4.0 * std::f32::consts::PI).ln())
                / (2.0 * twice_log.sqrt());
        deviations - by_chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_many_by_chance_has_no_excess() {
        // The largest of a thousand normal numbers is 3.24 on average.
        let sample: Vec<f32> = (0..100)
            .map(|n| if n % 2 == 0 { 0.1 } else { 0.3 })
            .collect();
        let background = Background::of(&sample, 1000).unwrap();
        assert!((background.mean - 0.2).abs() < 1e-6 && (background.deviation - 0.1).abs() < 1e-6);
        assert!(background.excess(0.2 + 0.324).abs() < 0.15);
        assert!(background.excess(0.9) > 3.0);
        assert_eq!(Background::of(&sample[..19], 1000), None);
    }
}
