//! The part of a manifest that describes a network that names sounds.

use serde::{Deserialize, Serialize};

/// The sample rates that sound is converted to, in hertz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=96_000;
/// The longest window, in seconds.
const LONGEST: f64 = 60.0;

/// Parameters of an ONNX network that says which sounds are heard in a window of sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaggerParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// The network among the files. It has one input.
    pub weights: String,
    /// Samples per second that it was trained on, of one channel.
    pub sample_rate: u32,
    /// Length of the sound that it hears at once, in seconds.
    pub window_s: f64,
    /// From the start of one window to the start of the next, in seconds.
    pub hop_s: f64,
    /// What it is given.
    pub input: TaggerInput,
    /// Name of the output with a score for each class; the first output if it is missing.
    #[serde(default)]
    pub output: Option<String>,
    /// What its scores are.
    pub scores: ScoreKind,
    /// The names of its classes, in the order of its scores.
    pub classes: ClassNames,
    /// Score, 0 to 1, from which a sound counts as heard.
    pub threshold: f32,
}

/// What a network is given of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TaggerInput {
    /// The samples, -1 to 1: `[windows, samples]`, or `[samples]` for a network that takes one window.
    Waveform,
    /// Logarithms of mel bands: `[windows, frames, bands]`, or `[windows, 1, frames, bands]`.
    LogMel(LogMelParameters),
}

/// A log-mel spectrogram on the scale of HTK, as `YAMNet` and `VGGish` have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogMelParameters {
    /// Length of a frame, in seconds.
    pub frame_s: f64,
    /// From the start of one frame to the start of the next, in seconds.
    pub step_s: f64,
    /// Samples of the Fourier transform; what a frame does not fill is zero.
    pub fft: usize,
    /// Mel bands.
    pub bands: usize,
    /// Lower edge of the lowest band, in hertz.
    pub low_hz: f64,
    /// Upper edge of the highest band, in hertz.
    pub high_hz: f64,
    /// What the bands sum up.
    pub spectrum: SpectrumKind,
    /// Added to a band before the logarithm.
    pub offset: f32,
}

/// What mel bands sum up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpectrumKind {
    /// Magnitudes.
    Magnitude,
    /// Squares of magnitudes.
    Power,
}

/// What the scores of a network are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// Probabilities, 0 to 1.
    Probabilities,
    /// What the logistic function makes probabilities of.
    Logits,
}

/// The names of classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ClassNames {
    /// In the manifest.
    Listed(Vec<String>),
    /// In a file: a table of comma-separated values with a column `display_name`, as AudioSet has it, or one name a line.
    InFile {
        /// The file among the files; its ending `.csv` says which.
        file: String,
    },
}

impl TaggerParameters {
    /// Samples of a window.
    #[must_use]
    pub fn window(&self) -> usize {
        samples(self.window_s, self.sample_rate)
    }

    /// Samples from the start of one window to the start of the next.
    #[must_use]
    pub fn hop(&self) -> usize {
        samples(self.hop_s, self.sample_rate)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !RATES.contains(&self.sample_rate) {
            let (low, high) = (RATES.start(), RATES.end());
            return Err(format!(
                "sample_rate {} is not {low} to {high} hertz",
                self.sample_rate
            ));
        }
        if !(self.window_s > 0.0 && self.window_s <= LONGEST) || self.window() == 0 {
            return Err(format!(
                "window_s {} is not above 0 and up to {LONGEST} seconds",
                self.window_s
            ));
        }
        if !(self.hop_s > 0.0 && self.hop_s <= self.window_s) || self.hop() == 0 {
            return Err(format!(
                "hop_s {} is not above 0 and up to window_s, {}; sound between windows would not be heard",
                self.hop_s, self.window_s
            ));
        }
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return Err(format!(
                "threshold {} is not above 0 and up to 1",
                self.threshold
            ));
        }
        if let ClassNames::Listed(names) = &self.classes
            && names.iter().all(|name| name.trim().is_empty())
        {
            return Err("classes is empty; name what the network hears".to_owned());
        }
        match &self.input {
            TaggerInput::Waveform => Ok(()),
            TaggerInput::LogMel(mel) => mel.check(self.sample_rate, self.window()),
        }
    }
}

impl LogMelParameters {
    /// Samples of a frame.
    pub(crate) fn frame(&self, sample_rate: u32) -> usize {
        samples(self.frame_s, sample_rate)
    }

    /// Samples from the start of one frame to the start of the next.
    pub(crate) fn step(&self, sample_rate: u32) -> usize {
        samples(self.step_s, sample_rate)
    }

    fn check(&self, sample_rate: u32, window: usize) -> Result<(), String> {
        let (frame, step) = (self.frame(sample_rate), self.step(sample_rate));
        if frame == 0 || step == 0 || frame > window {
            return Err(format!(
                "frame_s {} and step_s {} make no frames of a window of {window} samples",
                self.frame_s, self.step_s
            ));
        }
        if self.fft < frame || self.fft > 1 << 16 {
            return Err(format!(
                "fft {} is not from the {frame} samples of a frame up to 65536",
                self.fft
            ));
        }
        if !(1..=1024).contains(&self.bands) {
            return Err(format!("bands {} is not 1 to 1024", self.bands));
        }
        let highest = f64::from(sample_rate) / 2.0;
        if !(self.low_hz >= 0.0 && self.low_hz < self.high_hz && self.high_hz <= highest) {
            return Err(format!(
                "low_hz {} and high_hz {} are not in this order from 0 to {highest}",
                self.low_hz, self.high_hz
            ));
        }
        if !(self.offset.is_finite() && self.offset > 0.0) {
            return Err(format!(
                "offset {} is not above 0; silence would have no logarithm",
                self.offset
            ));
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths of up to a minute; negative and infinite ones become 0 and the largest"
)]
fn samples(seconds: f64, rate: u32) -> usize {
    (seconds * f64::from(rate)).round() as usize
}
