//! Power spectra of overlapping windows, at times that do not drift.

use std::f32::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Cuts samples into windows, and transforms them.
pub(super) struct Spectra {
    rate: u64,
    /// Windows per second.
    per_second: u64,
    window: Vec<f32>,
    /// What makes the sum over all bins the mean square of the samples.
    scale: f32,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Samples from number `at` on.
    samples: Vec<f32>,
    at: u64,
    /// The number of the next window.
    next: u64,
    input: Vec<f32>,
    output: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f32>,
}

impl Spectra {
    /// Windows of `ms` milliseconds (Hann), `per_second` of them a second.
    pub(super) fn new(rate: u32, ms: u32, per_second: u32) -> Self {
        // An even number of samples is transformed faster.
        let length = (u64::from(rate) * u64::from(ms) / 1000).max(16);
        let length = length.next_multiple_of(2);
        let length = usize::try_from(length).unwrap_or(16);
        let window: Vec<f32> = (0..length)
            .map(|n| 0.5 - 0.5 * (TAU * n as f32 / length as f32).cos())
            .collect();
        let energy: f32 = window.iter().map(|x| x * x).sum();
        let fft = RealFftPlanner::new().plan_fft_forward(length);
        Self {
            rate: rate.into(),
            per_second: per_second.into(),
            scale: 2.0 / (length as f32 * energy),
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; length / 2 + 1],
            fft,
            window,
            samples: Vec::new(),
            at: 0,
            next: 0,
        }
    }

    /// The bin at a frequency in hertz.
    pub(super) fn bin(&self, hertz: u32) -> usize {
        let bin = u64::from(hertz) * self.window.len() as u64 / self.rate.max(1);
        usize::try_from(bin).map_or(self.power.len(), |bin| bin.min(self.power.len()))
    }

    /// Samples in a window.
    pub(super) const fn length(&self) -> usize {
        self.window.len()
    }

    /// The autocorrelation of the window at lags below `lags`, 1 at 0.
    pub(super) fn taper(&self, lags: usize) -> Vec<f32> {
        let at = |lag: usize| -> f32 {
            let later = self.window.iter().skip(lag);
            self.window.iter().zip(later).map(|(a, b)| a * b).sum()
        };
        (0..lags).map(|lag| at(lag) / at(0)).collect()
    }

    /// Passes on the power of each bin of every window that is complete with these samples.
    pub(super) fn push(&mut self, samples: &[f32], mut each: impl FnMut(&[f32])) {
        self.samples.extend_from_slice(samples);
        loop {
            let start = self.next * self.rate / self.per_second;
            let from = usize::try_from(start.saturating_sub(self.at)).unwrap_or(usize::MAX);
            let Some(window) = self
                .samples
                .get(from..from.saturating_add(self.window.len()))
            else {
                let done = from.min(self.samples.len());
                self.samples.drain(..done);
                self.at += done as u64;
                return;
            };
            for ((x, sample), weight) in self.input.iter_mut().zip(window).zip(&self.window) {
                *x = sample * weight;
            }
            let done =
                self.fft
                    .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch);
            // It fails only if a buffer has another length than it asked for.
            debug_assert!(done.is_ok());
            for (power, x) in self.power.iter_mut().zip(&self.output) {
                *power = x.norm_sqr() * self.scale;
            }
            each(&self.power);
            self.next += 1;
        }
    }
}

/// Power in decibels, not below `floor`.
pub(super) fn decibels(power: f32, floor: f32) -> f32 {
    (10.0 * power.max(f32::MIN_POSITIVE).log10()).max(floor)
}
