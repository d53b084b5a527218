//! Frames as stored, in RGB, neither turned nor scaled.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use image::RgbImage;

use super::MediaError;
use super::frames::Frame;
use super::picture::{Converter, Geometry};
use crate::orientation::Orientation;

/// Converts frames to RGB pictures of their own size.
#[derive(Default)]
pub struct RgbMaker {
    converter: Option<((u32, u32), Converter)>,
}

impl std::fmt::Debug for RgbMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RgbMaker").finish_non_exhaustive()
    }
}

impl RgbMaker {
    /// The frame as stored.
    ///
    /// # Errors
    /// [`MediaError::Decode`] if its pixel format cannot be converted.
    pub fn make(&mut self, frame: Frame) -> Result<RgbImage, MediaError> {
        let size = (frame.picture.width(), frame.picture.height());
        let converter = match self.converter.take() {
            Some((known, converter)) if known == size => converter,
            _ => as_stored(size, Pixel::RGB24),
        };
        let (_, converter) = self.converter.insert((size, converter));
        let picture = converter.convert(frame.picture)?;
        tight(&picture)
            .and_then(|pixels| RgbImage::from_raw(picture.width(), picture.height(), pixels))
            .ok_or_else(|| MediaError::Internal("a picture has too few pixels".to_owned()))
    }
}

/// The samples of an RGB frame without the padding of its rows.
fn tight(picture: &frame::Video) -> Option<Vec<u8>> {
    let row = picture.width() as usize * 3;
    let rows = picture.height() as usize;
    let mut pixels = Vec::with_capacity(row * rows);
    for line in picture.data(0).chunks(picture.stride(0)).take(rows) {
        pixels.extend_from_slice(line.get(..row)?);
    }
    Some(pixels)
}

/// A converter to another pixel format that changes nothing else, except to the range of BT.709.
pub(super) const fn as_stored(size: (u32, u32), format: Pixel) -> Converter {
    let geometry = Geometry {
        width: size.0,
        height: size.1,
        pixel_aspect: (1, 1),
        orientation: Orientation::Upright,
    };
    Converter::new(geometry, size, format)
}
