//! A picture of any size to the square of numbers the classifier was trained on.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::LiteError;
use crate::manifest::ConseParameters;

/// Resize of the shorter side, centre crop and normalisation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preprocess {
    resize_side: u32,
    crop_side: u32,
    mean: f32,
    std: f32,
}

impl Preprocess {
    /// # Errors
    ///
    /// The crop is empty or does not fit into the resized picture, or the numbers would not be finite.
    pub(crate) fn new(parameters: &ConseParameters) -> Result<Self, LiteError> {
        let &ConseParameters {
            resize_side,
            crop_side,
            mean,
            std,
            ..
        } = parameters;
        if crop_side == 0 || crop_side > resize_side || !mean.is_finite() || !std.is_normal() {
            let problem = format!(
                "crop_side {crop_side} of resize_side {resize_side}, mean {mean}, std {std}"
            );
            return Err(LiteError::Parameters { problem });
        }
        Ok(Self {
            resize_side,
            crop_side,
            mean,
            std,
        })
    }

    /// Side of the square, in pixels.
    pub(crate) fn side(self) -> usize {
        self.crop_side as usize
    }

    /// Appends 3 × side × side numbers: the red plane, the green, the blue.
    ///
    /// # Errors
    ///
    /// The picture has no pixels.
    pub(crate) fn append(
        self,
        picture: &RgbImage,
        resizer: &mut Resizer,
        planes: &mut Vec<f32>,
    ) -> Result<(), LiteError> {
        let square = self.crop(picture, resizer)?;
        let (pixels, _) = square.buffer().as_chunks::<3>();
        for channel in 0..3 {
            planes.extend(
                pixels
                    .iter()
                    .map(|pixel| (f32::from(pixel[channel]) - self.mean) / self.std),
            );
        }
        Ok(())
    }

    /// The centre crop of the resized picture.
    ///
    /// Only the crop is computed: the resize reads the part of the source that the crop shows. A
    /// picture of 20,000 × 10 pixels would otherwise become one of 512,000 × 256 on the way.
    fn crop(self, picture: &RgbImage, resizer: &mut Resizer) -> Result<Image<'static>, LiteError> {
        let (width, height) = picture.dimensions();
        if width == 0 || height == 0 {
            return Err(LiteError::EmptyPicture { width, height });
        }
        let shorter = u64::from(width.min(height));
        // The longer side is rounded down, as torchvision does.
        let resized = |length: u32| u64::from(length) * u64::from(self.resize_side) / shorter;
        let (left, shown_width) = shown(width, resized(width), self.crop_side);
        let (top, shown_height) = shown(height, resized(height), self.crop_side);

        let source =
            ImageRef::new(width, height, picture.as_raw(), PixelType::U8x3).map_err(|e| {
                LiteError::Resize {
                    message: e.to_string(),
                }
            })?;
        let mut square = Image::new(self.crop_side, self.crop_side, PixelType::U8x3);
        // Antialiased Catmull-Rom is what Pillow calls bicubic.
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
            .crop(left, top, shown_width, shown_height);
        resizer
            .resize(&source, &mut square, &options)
            .map_err(|e| LiteError::Resize {
                message: e.to_string(),
            })?;
        Ok(square)
    }
}

/// Start and length, in source pixels, of what a centre crop of `crop` shows of an axis of `length`
/// pixels that is resized to `resized`.
#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of pictures are far below 2^52"
)]
fn shown(length: u32, resized: u64, crop: u32) -> (f64, f64) {
    // Half to even, as Python rounds.
    let start = ((resized as f64 - f64::from(crop)) / 2.0).round_ties_even();
    let scale = f64::from(length) / resized as f64;
    (start * scale, f64::from(crop) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITE: Preprocess = Preprocess {
        resize_side: 256,
        crop_side: 224,
        mean: 127.0,
        std: 128.0,
    };

    #[expect(clippy::cast_possible_truncation, reason = "any colours will do")]
    fn square(width: u32, height: u32) -> Result<Vec<f32>, LiteError> {
        let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 127]));
        let mut planes = Vec::new();
        LITE.append(&picture, &mut Resizer::new(), &mut planes)
            .map(|()| planes)
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
    fn a_picture_without_pixels_is_an_error() {
        assert!(matches!(
            square(0, 10),
            Err(LiteError::EmptyPicture {
                width: 0,
                height: 10
            })
        ));
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
