//! Converts a picture of any size to the square input of a network, as Pillow and torchvision do.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::kind::ErrorKind;

/// A picture in an encoder's input format: resized and cropped, RGB, 8 bits per channel. An encoder that looks at several
/// parts of a picture has their squares one below the other.
///
/// Only the encoder that prepared it can use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared(RgbImage);

impl Prepared {
    /// A picture that is already in the encoder's input format.
    #[must_use]
    pub const fn new(picture: RgbImage) -> Self {
        Self(picture)
    }

    /// Its pixels, row by row, as bytes of R, G and B.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_raw()
    }

    /// Its pixels.
    #[must_use]
    pub fn picture(&self) -> &RgbImage {
        &self.0
    }
}

/// Why a picture cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// It has no pixels.
    #[error("a picture of {width} x {height} pixels is empty")]
    Empty {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The resize failed.
    #[error("cannot resize a picture: {message}")]
    Resize {
        /// Cause.
        message: String,
    },
    /// It was prepared for another encoder.
    #[error("a picture prepared at {actual} pixels was passed to an encoder for {expected}")]
    Foreign {
        /// Its side.
        actual: u32,
        /// The encoder's.
        expected: u32,
    },
    /// The preprocessing parameters of the model are invalid.
    #[error("invalid preprocessing of the model: {problem}")]
    Parameters {
        /// The problem.
        problem: String,
    },
}

impl PreprocessError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty { .. } | Self::Parameters { .. } => ErrorKind::InvalidInput,
            Self::Resize { .. } | Self::Foreign { .. } => ErrorKind::Internal,
        }
    }
}

/// How a picture becomes a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The shorter side is resized to this many pixels, and the centre is cropped.
    CentreCrop {
        /// Length of the shorter side after the resize.
        shorter: u32,
    },
    /// Both sides are resized independently, which distorts the picture.
    Squash,
}

/// Filter of the resize. Both filters widen when they shrink a picture, like Pillow's ("antialias").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Pillow's bicubic, a Catmull-Rom spline (a = -0.5).
    Bicubic,
    /// A triangle.
    Bilinear,
}

/// Resize, crop and normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Preprocess {
    fit: Fit,
    filter: Filter,
    side: u32,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Preprocess {
    /// For squares of `side` pixels. `mean` is subtracted from channels of 0 to 255, then `std` divides.
    ///
    /// # Errors
    ///
    /// The square is empty or does not fit into the resized picture, or the results would not be finite.
    pub(crate) fn new(
        fit: Fit,
        filter: Filter,
        side: u32,
        mean: [f32; 3],
        std: [f32; 3],
    ) -> Result<Self, PreprocessError> {
        let fits = match fit {
            Fit::CentreCrop { shorter } => side <= shorter,
            Fit::Squash => true,
        };
        let finite = mean.iter().all(|m| m.is_finite()) && std.iter().all(|s| s.is_normal());
        if side == 0 || side > LARGEST_SIDE || !fits || !finite {
            let problem = format!("a square of {side} by {fit:?}, mean {mean:?}, std {std:?}");
            return Err(PreprocessError::Parameters { problem });
        }
        Ok(Self {
            fit,
            filter,
            side,
            mean,
            std,
        })
    }

    /// Side of the square, in pixels.
    pub(crate) fn side(&self) -> u32 {
        self.side
    }

    /// Subtracted from each channel of 0 to 255, and the divisor after that.
    pub(crate) fn normalisation(&self) -> ([f32; 3], [f32; 3]) {
        (self.mean, self.std)
    }

    /// Appends 3 × side × side numbers for each square: the red plane, then green, then blue.
    ///
    /// # Errors
    ///
    /// The picture was prepared for another encoder.
    pub(crate) fn append(
        &self,
        picture: &Prepared,
        planes: &mut Vec<f32>,
    ) -> Result<(), PreprocessError> {
        self.check(picture)?;
        let (pixels, _) = picture.as_bytes().as_chunks::<3>();
        let side = self.side as usize;
        for square in pixels.chunks_exact(side * side) {
            for channel in 0..3 {
                let (mean, std) = (self.mean[channel], self.std[channel]);
                planes.extend(
                    square
                        .iter()
                        .map(|pixel| (f32::from(pixel[channel]) - mean) / std),
                );
            }
        }
        Ok(())
    }

    /// # Errors
    ///
    /// The picture was prepared for another encoder.
    pub(crate) fn check(&self, picture: &Prepared) -> Result<(), PreprocessError> {
        let actual = picture.0.width();
        if actual == self.side {
            Ok(())
        } else {
            Err(PreprocessError::Foreign {
                actual,
                expected: self.side,
            })
        }
    }

    /// The square of a picture.
    ///
    /// Only the visible part is computed: the resize reads the part of the source that the crop shows. A
    /// picture of 20,000 × 10 pixels would otherwise become one of 512,000 × 256 in between.
    ///
    /// # Errors
    ///
    /// The picture has no pixels.
    pub(crate) fn prepare(&self, picture: &RgbImage) -> Result<Prepared, PreprocessError> {
        let (width, height) = picture.dimensions();
        if width == 0 || height == 0 {
            return Err(PreprocessError::Empty { width, height });
        }
        let (across, down) = match self.fit {
            Fit::CentreCrop { shorter } => {
                let shortest = u64::from(width.min(height));
                // The longer side is rounded down, as torchvision does.
                let resized = |length: u32| u64::from(length) * u64::from(shorter) / shortest;
                (
                    AxisCrop::centre(width, resized(width), self.side),
                    AxisCrop::centre(height, resized(height), self.side),
                )
            }
            Fit::Squash => (AxisCrop::whole(width), AxisCrop::whole(height)),
        };
        self.square(picture, across, down).map(Prepared)
    }

    /// Six squares of a picture, one below the other: the one of [`Preprocess::prepare`], the whole picture squashed, and
    /// each corner. A small thing at the edge of a wide picture is then large in one of them.
    ///
    /// # Errors
    ///
    /// The picture has no pixels.
    pub(crate) fn prepare_parts(&self, picture: &RgbImage) -> Result<Prepared, PreprocessError> {
        let (width, height) = picture.dimensions();
        let mut parts = self.prepare(picture)?.0.into_raw();
        let whole = [AxisCrop::whole(width), AxisCrop::whole(height)];
        parts.extend(self.square(picture, whole[0], whole[1])?.into_raw());
        for end_across in [false, true] {
            for end_down in [false, true] {
                let length = f64::from(width.min(height)) * CORNER;
                let across = AxisCrop::end(width, length, end_across);
                let down = AxisCrop::end(height, length, end_down);
                parts.extend(self.square(picture, across, down)?.into_raw());
            }
        }
        RgbImage::from_raw(self.side, self.side * PARTS, parts)
            .map(Prepared)
            .ok_or_else(|| PreprocessError::Resize {
                message: "the parts have another size".to_owned(),
            })
    }

    /// The part of a picture that two crops show, as a square.
    fn square(
        &self,
        picture: &RgbImage,
        across: AxisCrop,
        down: AxisCrop,
    ) -> Result<RgbImage, PreprocessError> {
        // Rows first, then columns, like Pillow. The intermediate result is rounded and clipped to bytes, so
        // the order matters.
        let height = picture.height();
        let rows = resize(
            picture,
            self.filter,
            (across, self.side),
            (AxisCrop::whole(height), height),
        )?;
        let whole = AxisCrop::whole(self.side);
        resize(&rows, self.filter, (whole, self.side), (down, self.side))
    }
}

/// A picture in another size, by a triangle filter that widens when it shrinks.
///
/// # Errors
///
/// The picture is empty.
pub(crate) fn stretched(
    picture: &RgbImage,
    width: u32,
    height: u32,
) -> Result<RgbImage, PreprocessError> {
    let whole = (
        AxisCrop::whole(picture.width()),
        AxisCrop::whole(picture.height()),
    );
    resize(
        picture,
        Filter::Bilinear,
        (whole.0, width),
        (whole.1, height),
    )
}

/// Resizes the visible part of each axis to this many pixels.
fn resize(
    picture: &RgbImage,
    filter: Filter,
    (across, width): (AxisCrop, u32),
    (down, height): (AxisCrop, u32),
) -> Result<RgbImage, PreprocessError> {
    let failed = |message: String| PreprocessError::Resize { message };
    let (from_width, from_height) = picture.dimensions();
    let source = ImageRef::new(from_width, from_height, picture.as_raw(), PixelType::U8x3)
        .map_err(|e| failed(e.to_string()))?;
    let mut resized = Image::new(width, height, PixelType::U8x3);
    let filter = match filter {
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Bilinear => FilterType::Bilinear,
    };
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .crop(across.from, down.from, across.length, down.length);
    Resizer::new()
        .resize(&source, &mut resized, &options)
        .map_err(|e| failed(e.to_string()))?;
    RgbImage::from_raw(width, height, resized.into_vec())
        .ok_or_else(|| failed("the result has another size".to_owned()))
}

/// Squares of [`Preprocess::prepare_parts`].
pub(crate) const PARTS: u32 = 6;
/// Side of a corner, as a share of the picture's shorter side.
const CORNER: f64 = 0.6;

/// Largest side of an encoder's input; a damaged file may contain any number.
const LARGEST_SIDE: u32 = 4096;

/// The visible part of an axis, to be resized to the side of the square: start and length in source pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct AxisCrop {
    from: f64,
    length: f64,
}

impl AxisCrop {
    /// All of an axis of `length` pixels.
    fn whole(length: u32) -> Self {
        Self {
            from: 0.0,
            length: f64::from(length),
        }
    }

    /// The first or last `part` pixels of an axis of `length` pixels.
    fn end(length: u32, part: f64, last: bool) -> Self {
        let from = if last { f64::from(length) - part } else { 0.0 };
        Self { from, length: part }
    }

    /// The part that a centre crop of `side` shows of an axis of `length` pixels resized to `resized`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths of pictures are far below 2^52"
    )]
    fn centre(length: u32, resized: u64, side: u32) -> Self {
        // Half to even, as in Python.
        let start = ((resized as f64 - f64::from(side)) / 2.0).round_ties_even();
        let scale = f64::from(length) / resized as f64;
        Self {
            from: start * scale,
            length: f64::from(side) * scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lite() -> Preprocess {
        Preprocess::new(
            Fit::CentreCrop { shorter: 256 },
            Filter::Bicubic,
            224,
            [127.0; 3],
            [128.0; 3],
        )
        .unwrap()
    }

    #[expect(clippy::cast_possible_truncation, reason = "any colours will do")]
    fn square(width: u32, height: u32) -> Result<Vec<f32>, PreprocessError> {
        let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 127]));
        let mut planes = Vec::new();
        let prepared = lite().prepare(&picture)?;
        lite().append(&prepared, &mut planes).map(|()| planes)
    }

    #[test]
    fn every_shape_of_picture_becomes_the_same_square() {
        for (width, height) in [
            (1, 1),
            (1, 300),
            (20_000, 10),
            (3, 20_000),
            (224, 224),
            (640, 480),
        ] {
            assert_eq!(
                square(width, height).unwrap().len(),
                3 * 224 * 224,
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn parts_show_the_centre_the_whole_and_the_corners() {
        let colours = [[250, 0, 0], [0, 250, 0], [0, 0, 250], [250, 250, 250]];
        let picture = RgbImage::from_fn(640, 360, |x, y| {
            image::Rgb(colours[usize::from(x >= 320) * 2 + usize::from(y >= 180)])
        });
        let parts = lite().prepare_parts(&picture).unwrap();
        assert_eq!(parts.picture().dimensions(), (224, 224 * PARTS));
        let centre = lite().prepare(&picture).unwrap();
        assert!(parts.as_bytes().starts_with(centre.as_bytes()));
        // The outer pixel of each corner has the colour of its quarter.
        for (corner, colour) in (0..).zip(colours) {
            let (right, bottom) = (corner / 2, corner % 2);
            let top = 224 * (2 + corner);
            let pixel = parts.picture().get_pixel(right * 223, top + bottom * 223);
            assert_eq!(pixel.0, colour, "corner {corner}");
        }
        let mut planes = Vec::new();
        lite().append(&parts, &mut planes).unwrap();
        assert_eq!(planes.len(), 6 * 3 * 224 * 224);
        let mut alone = Vec::new();
        lite().append(&centre, &mut alone).unwrap();
        assert_eq!(planes[..alone.len()], alone);
        for (width, height) in [(1, 1), (20_000, 10), (3, 20_000)] {
            let parts = lite().prepare_parts(&RgbImage::new(width, height)).unwrap();
            assert_eq!(parts.picture().height(), 224 * PARTS, "{width}x{height}");
        }
    }

    #[test]
    fn a_picture_without_pixels_is_an_error() {
        assert!(matches!(
            square(0, 10),
            Err(PreprocessError::Empty {
                width: 0,
                height: 10
            })
        ));
    }

    #[test]
    fn a_picture_prepared_for_another_encoder_is_refused() {
        let other = Preprocess::new(Fit::Squash, Filter::Bilinear, 32, [0.0; 3], [1.0; 3]).unwrap();
        let prepared = other.prepare(&RgbImage::new(9, 4)).unwrap();
        let error = lite().append(&prepared, &mut Vec::new()).unwrap_err();
        assert!(matches!(
            error,
            PreprocessError::Foreign {
                actual: 32,
                expected: 224
            }
        ));
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let made = |fit, side, std| Preprocess::new(fit, Filter::Bicubic, side, [0.0; 3], [std; 3]);
        assert!(made(Fit::Squash, 0, 1.0).is_err());
        assert!(made(Fit::Squash, 1 << 20, 1.0).is_err());
        assert!(made(Fit::Squash, 224, 0.0).is_err());
        assert!(made(Fit::CentreCrop { shorter: 200 }, 224, 1.0).is_err());
    }

    #[test]
    #[expect(
        clippy::float_cmp,
        reason = "pixels that are only copied give exact numbers"
    )]
    fn a_picture_of_the_resized_size_is_only_cropped_and_normalised() {
        let planes = square(256, 256).unwrap();
        assert_eq!(
            planes[0],
            (16.0 - 127.0) / 128.0,
            "the crop starts at column 16"
        );
        assert_eq!(planes[224 * 224], (16.0 - 127.0) / 128.0, "and at row 16");
        assert!(planes[2 * 224 * 224..].iter().all(|&blue| blue == 0.0));
    }
}
