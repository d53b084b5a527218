//! Pictures for models and people: frames sampled evenly, and thumbnails.

use image::RgbImage;

use super::MediaError;
use crate::source::ByteSource;

/// Which moment a thumbnail shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailAt {
    /// The first frame.
    Start,
    /// The frame shown in the middle of the clip.
    Middle,
}

/// Decodes `count` frames of a proxy, each shown in the middle of one of `count` equal parts of its
/// time, upright and with square pixels, no side longer than `max_side`.
///
/// A clip with fewer frames repeats them, so the answer always has `count` pictures.
///
/// # Errors
/// Any [`MediaError`] of opening or decoding; [`MediaError::NoFrames`] if nothing can be decoded.
pub fn sample_frames(
    _source: Box<dyn ByteSource>,
    _count: usize,
    _max_side: u32,
) -> Result<Vec<RgbImage>, MediaError> {
    Err(MediaError::Internal("not built yet".to_owned()))
}

/// A JPEG of one frame of a proxy, upright, with square pixels, `width` pixels wide or as wide as
/// the proxy if that is less.
///
/// # Errors
/// As [`sample_frames`].
pub fn thumbnail(
    _source: Box<dyn ByteSource>,
    _at: ThumbnailAt,
    _width: u32,
) -> Result<Vec<u8>, MediaError> {
    Err(MediaError::Internal("not built yet".to_owned()))
}
