//! How likely a shot shows what a text asks for.
//!
//! A similarity says which shot is nearest, and not whether it is near. What is near differs between models and
//! between texts. So a similarity is compared with those of all shots to the same text: the nearest of a thousand
//! unrelated shots is some way above the average too, and what counts is the part beyond that.

use crate::index::Background;

/// The confidence from which a shot is a likely match.
pub const LIKELY: f32 = 0.5;

/// How similarities of a model become confidences: a logistic function of a weighted sum.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Calibration {
    /// Weight of the similarity.
    similarity: f32,
    /// Weight of its excess over the best of unrelated shots by chance, in standard deviations.
    excess: f32,
    /// The sum at which the confidence is [`LIKELY`].
    middle: f32,
    /// Slope of the function.
    slope: f32,
}

/// Measured by `benches/cutoff`: half of the classes that are in 250 photographs, and of those that are not, chose the
/// middle; the other half gave the figures in RESULTS.
const LITE: Calibration = Calibration {
    similarity: 1.0,
    excess: 0.05,
    middle: 0.408,
    slope: 13.0,
};

/// The same for `scenes`. Fewer pages of what is absent are below it, and fewer of what is there above.
const SCENES: Calibration = Calibration {
    similarity: 1.0,
    excess: 0.15,
    middle: 0.505,
    slope: 13.0,
};

/// For models that were not measured. The middle is that of `lite` by the excess alone.
const OTHERS: Calibration = Calibration {
    similarity: 0.0,
    excess: 1.0,
    middle: 1.5,
    slope: 1.5,
};

/// How likely a shot of this similarity to a text shows what the text says, from 0 to 1.
#[must_use]
pub fn confidence(model: &str, background: &Background, similarity: f32) -> f32 {
    let calibration = match model {
        "lite" => LITE,
        "scenes" => SCENES,
        _ => OTHERS,
    };
    let sum =
        calibration.similarity * similarity + calibration.excess * background.excess(similarity);
    (1.0 + (-calibration.slope * (sum - calibration.middle)).exp()).recip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_grows_with_the_similarity_and_shrinks_with_the_number_of_shots() {
        let background = |shots| Background {
            mean: 0.0,
            deviation: 0.1,
            shots,
        };
        for model in ["lite", "scenes", "another"] {
            let of = |similarity, shots| confidence(model, &background(shots), similarity);
            assert!(of(0.9, 1000) > 0.9 && of(0.05, 1000) < 0.1, "{model}");
            assert!(of(0.4, 1_000_000) < of(0.4, 100), "{model}");
        }
    }
}
