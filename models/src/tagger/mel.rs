//! Log-mel spectrograms as `YAMNet` was trained on them: [`features.py`] of tensorflow/models, with
//! [`linear_to_mel_weight_matrix`] of TensorFlow.
//!
//! A frame is weighted by a periodic Hann window and padded with zeros behind. Bands are triangles that are straight on the mel
//! scale of HTK, 1127 ln(1 + f / 700), and 1 at their centres. The bin of 0 Hz belongs to none. They sum up magnitudes, not
//! powers. The result is ln(band + offset).
//!
//! [`features.py`]: https://github.com/tensorflow/models/blob/master/research/audioset/yamnet/features.py
//! [`linear_to_mel_weight_matrix`]: https://www.tensorflow.org/api_docs/python/tf/signal/linear_to_mel_weight_matrix

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use crate::manifest::{LogMelParameters, SpectrumKind};

/// Makes spectrograms of windows of one length.
pub(super) struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    taper: Vec<f32>,
    step: usize,
    /// For each band, its first bin and its weights from there.
    bands: Vec<(usize, Vec<f32>)>,
    spectrum: SpectrumKind,
    offset: f32,
}

impl LogMel {
    pub(super) fn new(parameters: &LogMelParameters, rate: u32) -> Self {
        let frame = parameters.frame(rate);
        let taper = (0..frame).map(|at| {
            let phase = 2.0 * PI * real(at) / real(frame);
            single(0.5 - 0.5 * phase.cos())
        });
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(parameters.fft),
            taper: taper.collect(),
            step: parameters.step(rate),
            bands: bands(parameters, rate),
            spectrum: parameters.spectrum,
            offset: parameters.offset,
        }
    }

    /// Mel bands.
    pub(super) fn bands(&self) -> usize {
        self.bands.len()
    }

    /// Whole frames in a window.
    pub(super) fn frames(&self, window: usize) -> usize {
        match window.checked_sub(self.taper.len()) {
            Some(rest) => rest / self.step + 1,
            None => 0,
        }
    }

    /// Appends frames × bands of a window.
    pub(super) fn append(&self, window: &[f32], to: &mut Vec<f32>) {
        let mut input = self.fft.make_input_vec();
        let mut output = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut bins = vec![0.0; output.len()];
        for frame in window.windows(self.taper.len()).step_by(self.step) {
            input.fill(0.0);
            for (value, (sample, taper)) in input.iter_mut().zip(frame.iter().zip(&self.taper)) {
                *value = sample * taper;
            }
            // The lengths of the buffers are those that the plan asks for.
            let done = self
                .fft
                .process_with_scratch(&mut input, &mut output, &mut scratch);
            if done.is_err() {
                output.fill(Complex32::default());
            }
            for (bin, value) in bins.iter_mut().zip(&output) {
                let power = value.norm_sqr();
                *bin = match self.spectrum {
                    SpectrumKind::Magnitude => power.sqrt(),
                    SpectrumKind::Power => power,
                };
            }
            to.extend(self.bands.iter().map(|(first, weights)| {
                let weighted = bins[*first..].iter().zip(weights);
                let sum: f32 = weighted.map(|(bin, weight)| bin * weight).sum();
                (sum + self.offset).ln()
            }));
        }
    }
}

/// The weights of the bins in each band.
fn bands(parameters: &LogMelParameters, rate: u32) -> Vec<(usize, Vec<f32>)> {
    let (low, high) = (mel(parameters.low_hz), mel(parameters.high_hz));
    let count = parameters.bands;
    let corners: Vec<f64> = (0..count + 2)
        .map(|at| low + (high - low) * real(at) / real(count + 1))
        .collect();
    let bins = parameters.fft / 2 + 1;
    let band = |corners: &[f64]| {
        let (low, centre, high) = (corners[0], corners[1], corners[2]);
        let weight = |bin: usize| {
            let mel = mel(real(bin) * f64::from(rate) / real(parameters.fft));
            let rise = (mel - low) / (centre - low);
            let fall = (high - mel) / (high - centre);
            rise.min(fall).max(0.0)
        };
        // A narrow band may lie between two bins.
        let first = (1..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(bins);
        let weights = (first..bins).map(weight).take_while(|&weight| weight > 0.0);
        (first, weights.map(single).collect())
    };
    corners.windows(3).map(band).collect()
}

fn mel(hertz: f64) -> f64 {
    1127.0 * (1.0 + hertz / 700.0).ln()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "small numbers of samples, bins and bands"
)]
const fn real(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "weights between 0 and 1")]
const fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters of `YAMNet`.
    pub(in crate::tagger) fn yamnet() -> LogMelParameters {
        LogMelParameters {
            frame_s: 0.025,
            step_s: 0.010,
            fft: 512,
            bands: 64,
            low_hz: 125.0,
            high_hz: 7500.0,
            spectrum: SpectrumKind::Magnitude,
            offset: 0.001,
        }
    }

    /// A rising tone and a pulse every 50 ms, of 15,600 samples. The integers make it the same everywhere.
    fn sound() -> Vec<f32> {
        let sample = |n: u32| {
            let phase = f64::from(n * n % 32_000) / 32_000.0;
            let pulse = if n.is_multiple_of(800) { 0.5 } else { 0.0 };
            single(0.25 * (2.0 * PI * phase).sin() + pulse)
        };
        (0..15_600).map(sample).collect()
    }

    #[test]
    fn bands_are_those_that_numpy_computes_from_the_published_definition() {
        // `fixtures/log-mel/make.py` made them, without this code.
        let golden: Vec<Vec<f32>> =
            serde_json::from_str(include_str!("../../fixtures/log-mel/golden.json")).unwrap();
        let mel = LogMel::new(&yamnet(), 16_000);
        let sound = sound();
        assert_eq!((mel.frames(sound.len()), mel.bands()), (96, 64));
        let mut found = Vec::new();
        mel.append(&sound, &mut found);
        assert_eq!(found.len(), 96 * 64);
        let frames = found.chunks_exact(64).step_by(8);
        assert_eq!(frames.len(), golden.len());
        let pairs = frames
            .flatten()
            .zip(golden.iter().flatten())
            .map(|(a, b)| (a - b).abs());
        let worst = pairs.fold(0.0, f32::max);
        // 32-bit floats, and five digits in the file. Powers instead of magnitudes differ by more than 1.
        assert!(worst < 2e-3, "{worst}");
    }

    #[test]
    fn silence_is_the_logarithm_of_the_offset() {
        let mel = LogMel::new(&yamnet(), 16_000);
        let mut found = Vec::new();
        mel.append(&[0.0; 400], &mut found);
        assert_eq!(found.len(), 64);
        assert!(
            found
                .iter()
                .all(|value| (value - 0.001_f32.ln()).abs() < 1e-6)
        );
        assert_eq!(mel.frames(399), 0);
    }
}
