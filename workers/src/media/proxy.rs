//! Proxies: one small mp4 for each shot.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Bounds, MediaError};
use crate::source::ByteSource;
use crate::time::Timeline;

/// How proxies are encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyParams {
    /// Height in pixels, rounded down to even; a smaller film keeps its own.
    pub height: u32,
    /// Constant rate factor of x264: 0 (lossless) to 51; lower is better and bigger.
    pub crf: u8,
    /// x264's preset, e.g. `veryfast`.
    pub preset: String,
    /// Bits per second of the AAC sound.
    pub audio_bit_rate: u32,
    /// Bytes one proxy may take; it is built in memory. A longer shot must be cut in pieces.
    pub max_bytes: u64,
    /// Threads that decode and encode; 0 for one for each core.
    pub threads: u32,
}

impl Default for ProxyParams {
    fn default() -> Self {
        Self {
            height: 480,
            crf: 26,
            preset: "veryfast".to_owned(),
            audio_bit_rate: 96_000,
            max_bytes: 512 << 20,
            threads: 0,
        }
    }
}

/// A film to cut.
pub struct Film<'a> {
    /// Its bytes.
    pub source: Box<dyn ByteSource>,
    /// Its timeline, as segmentation found it.
    pub timeline: &'a Timeline,
    /// What it may demand.
    pub bounds: &'a Bounds,
}

/// Where proxies go. An error ends the work.
pub trait CutOutput {
    /// `done` of `total` frames are encoded.
    ///
    /// # Errors
    /// Whatever is to stop the work.
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError>;

    /// The proxy of span `index` is complete.
    ///
    /// # Errors
    /// Whatever keeps it from being stored.
    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError>;
}

/// Encodes each span of frames `[start, end)` as a small mp4, in one pass over the film.
///
/// # Errors
/// [`MediaError::Spans`] if spans are not sorted, overlap or leave the film, and any error of
/// decoding, of encoding, or of `output`.
pub fn cut(
    _film: Film<'_>,
    _spans: &[Range<u64>],
    _params: &ProxyParams,
    _output: &mut dyn CutOutput,
) -> Result<(), MediaError> {
    Err(MediaError::Internal("not built yet".to_owned()))
}
