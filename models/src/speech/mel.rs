//! The log-mel spectrogram that Whisper was trained on: 16 kHz, windows of 25 ms every 10 ms, mel bands on Slaney's
//! scale with unit area, decibels by ten limited to 80 dB below the loudest.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use super::{HEARD_RATE, WINDOW, WINDOW_FRAMES};

/// Samples of a window.
const LENGTH: usize = 400;
/// Samples between the starts of two windows.
pub(super) const HOP: usize = 160;
/// Below it mels are linear in the frequency, above logarithmic.
const BREAK_HZ: f64 = 1000.0;
/// Hertz per mel below that.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
/// Mels per factor of 6.4 in the frequency above that.
const MELS_PER_FACTOR: f64 = 27.0;
const FACTOR: f64 = 6.4;
/// Energies below it count as silence.
const FLOOR: f32 = 1e-10;

/// Makes spectrograms of 30 seconds.
pub(super) struct Mel {
    fft: Arc<dyn RealToComplex<f32>>,
    taper: Vec<f32>,
    /// For each band, its first bin and its weights from there.
    bands: Vec<(usize, Vec<f32>)>,
}

impl Mel {
    pub(super) fn new(bands: usize) -> Self {
        let taper = (0..LENGTH).map(|at| {
            let phase = 2.0 * PI * real(at) / real(LENGTH);
            single(0.5 - 0.5 * phase.cos())
        });
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(LENGTH),
            taper: taper.collect(),
            bands: filters(bands),
        }
    }

    /// Bands × frames of the first 30 seconds of `samples`. What is missing is silence.
    pub(super) fn spectrogram(&self, samples: &[f32]) -> Vec<f32> {
        let heard = &samples[..samples.len().min(WINDOW)];
        let mut spectrogram = vec![0.0; self.bands.len() * WINDOW_FRAMES];
        let mut input = vec![0.0; LENGTH];
        let mut output = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut powers = vec![0.0; output.len()];
        let mut loudest = f32::MIN;
        for frame in 0..WINDOW_FRAMES {
            for (at, (value, taper)) in input.iter_mut().zip(&self.taper).enumerate() {
                *value = reflected(heard, frame * HOP + at) * taper;
            }
            // The lengths of the buffers are those that the plan asks for.
            if self
                .fft
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .is_err()
            {
                continue;
            }
            for (power, value) in powers.iter_mut().zip(&output) {
                *power = Complex32::norm_sqr(value);
            }
            for (band, (first, weights)) in self.bands.iter().enumerate() {
                let energy: f32 = powers[*first..]
                    .iter()
                    .zip(weights)
                    .map(|(power, weight)| power * weight)
                    .sum();
                let level = energy.max(FLOOR).log10();
                loudest = loudest.max(level);
                spectrogram[band * WINDOW_FRAMES + frame] = level;
            }
        }
        for level in &mut spectrogram {
            *level = (level.max(loudest - 8.0) + 4.0) / 4.0;
        }
        spectrogram
    }
}

/// The sample at a place that counts from half a window before the first sample. Before the first sample the sound is
/// mirrored, after the last there is silence.
fn reflected(samples: &[f32], place: usize) -> f32 {
    let at = place.abs_diff(LENGTH / 2);
    samples.get(at).copied().unwrap_or(0.0)
}

/// Triangular filters, each of unit area, with centres that are evenly spaced in mels.
fn filters(count: usize) -> Vec<(usize, Vec<f32>)> {
    let highest = mel_of(f64::from(HEARD_RATE) / 2.0);
    let corners: Vec<f64> = (0..count + 2)
        .map(|at| hertz_of(highest * real(at) / real(count + 1)))
        .collect();
    let bins = LENGTH / 2 + 1;
    let filter = |corners: &[f64]| {
        let (low, centre, high) = (corners[0], corners[1], corners[2]);
        let weight = |bin: usize| {
            let hertz = real(bin) * f64::from(HEARD_RATE) / real(LENGTH);
            let rise = (hertz - low) / (centre - low);
            let fall = (high - hertz) / (high - centre);
            rise.min(fall).max(0.0) * 2.0 / (high - low)
        };
        let first = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..bins).map(weight).take_while(|&weight| weight > 0.0);
        (first, weights.map(single).collect())
    };
    corners.windows(3).map(filter).collect()
}

fn mel_of(hertz: f64) -> f64 {
    if hertz < BREAK_HZ {
        hertz / HZ_PER_MEL
    } else {
        BREAK_HZ / HZ_PER_MEL + (hertz / BREAK_HZ).ln() * MELS_PER_FACTOR / FACTOR.ln()
    }
}

fn hertz_of(mel: f64) -> f64 {
    let linear = BREAK_HZ / HZ_PER_MEL;
    if mel < linear {
        mel * HZ_PER_MEL
    } else {
        BREAK_HZ * ((mel - linear) * FACTOR.ln() / MELS_PER_FACTOR).exp()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "small numbers of bins and bands"
)]
const fn real(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "weights between 0 and 1")]
const fn single(value: f64) -> f32 {
    value as f32
}
