//! Whether sudden sounds come in a regular beat: the autocorrelation of the flux.

use std::collections::VecDeque;

use super::bangs::RATE;

/// Windows per second, and in the 6 seconds that are judged together.
const SECOND: usize = RATE as usize;
const WHOLE: usize = 6 * SECOND;
/// Lags of beats: from 240 to 50 a minute.
const LAGS: std::ops::RangeInclusive<usize> = SECOND / 4..=SECOND * 6 / 5;
/// The least autocorrelation of a beat.
const REGULAR: f32 = 0.5;
/// The least mean flux in decibels: without sudden sounds there is no beat.
const LEAST: f32 = 0.5;

/// Judges seconds, each by the 6 around it.
pub(super) struct Beat {
    flux: VecDeque<f32>,
}

impl Beat {
    pub(super) fn new() -> Self {
        Self {
            flux: VecDeque::from(vec![0.0; WHOLE / 2 - SECOND / 2]),
        }
    }

    /// Takes the flux of the next window. Returns whether there is a beat in the next second that can be judged.
    pub(super) fn push(&mut self, flux: f32) -> Option<bool> {
        self.flux.push_back(flux);
        if self.flux.len() < WHOLE {
            return None;
        }
        let is_regular = is_regular(self.flux.make_contiguous());
        self.flux.drain(..SECOND);
        Some(is_regular)
    }
}

fn is_regular(flux: &[f32]) -> bool {
    let mean = flux.iter().sum::<f32>() / flux.len() as f32;
    if mean < LEAST {
        return false;
    }
    let flux: Vec<f32> = flux.iter().map(|x| x - mean).collect();
    let at = |lag: usize| -> f32 {
        let pairs = flux.iter().zip(&flux[lag..]);
        let sum: f32 = pairs.map(|(a, b)| a * b).sum();
        sum / (flux.len() - lag) as f32
    };
    // A beat of one window may be a window off.
    let near = |lag: usize| at(lag) + 0.5 * (at(lag - 1) + at(lag + 1));
    let whole = at(0) + at(1);
    whole > 0.0 && LAGS.map(near).fold(0.0, f32::max) >= REGULAR * whole
}
