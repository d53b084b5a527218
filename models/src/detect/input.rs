//! Converts a picture to the network's input, and boxes back to the picture.

use image::RgbImage;

use crate::manifest::{Colour, DetectorParameters, InputSize};
use crate::preprocess::{PreprocessError, stretched};

/// The placement of pictures of one size in the network's input: scaled, at the top left, padded on the other
/// sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    /// Width and height of the network's input.
    pub(super) input: [usize; 2],
    /// Size of the picture.
    picture: (u32, u32),
    /// Size of the picture inside the input.
    scaled: (u32, u32),
}

impl Frame {
    pub(super) fn of(picture: (u32, u32), parameters: &DetectorParameters) -> Self {
        match parameters.size {
            InputSize::MultipleOf { multiple_of } => {
                let up = |side: u32| side.div_ceil(multiple_of.max(1)) * multiple_of.max(1);
                Self {
                    input: [up(picture.0) as usize, up(picture.1) as usize],
                    picture,
                    scaled: picture,
                }
            }
            InputSize::Fixed { width, height } => Self {
                input: [width as usize, height as usize],
                picture,
                scaled: inside(picture, (width, height)),
            },
        }
    }

    /// A picture that is not scaled in an input of this width and height.
    #[cfg(test)]
    pub(super) const fn unscaled(input: [usize; 2], picture: (u32, u32)) -> Self {
        Self {
            input,
            picture,
            scaled: picture,
        }
    }

    /// Appends 3 × height × width numbers, one plane per channel.
    pub(super) fn append(
        &self,
        picture: &RgbImage,
        parameters: &DetectorParameters,
        planes: &mut Vec<f32>,
    ) -> Result<(), PreprocessError> {
        if self.scaled == self.picture {
            self.planes(picture.as_raw(), parameters, planes);
            return Ok(());
        }
        let scaled = stretched(picture, self.scaled.0, self.scaled.1)?;
        self.planes(scaled.as_raw(), parameters, planes);
        Ok(())
    }

    fn planes(&self, pixels: &[u8], parameters: &DetectorParameters, planes: &mut Vec<f32>) {
        let [width, height] = self.input;
        let (across, down) = (self.scaled.0 as usize, self.scaled.1 as usize);
        planes.reserve(3 * width * height);
        for plane in 0..3 {
            let channel = match parameters.colour {
                Colour::Rgb => plane,
                Colour::Bgr => 2 - plane,
            };
            let (mean, std) = (parameters.mean[plane], parameters.std[plane]);
            let table: Vec<f32> = (0..=u8::MAX).map(|v| (f32::from(v) - mean) / std).collect();
            let padding = (parameters.padding - mean) / std;
            for row in pixels.chunks_exact(across * 3).take(down) {
                let (triples, _) = row.as_chunks::<3>();
                planes.extend(triples.iter().map(|p| table[usize::from(p[channel])]));
                planes.extend(std::iter::repeat_n(padding, width - across));
            }
            planes.extend(std::iter::repeat_n(padding, width * (height - down)));
        }
    }

    /// Points of the input in pixels of the picture.
    #[expect(
        clippy::cast_precision_loss,
        reason = "sides of pictures are far below 2^24"
    )]
    pub(super) fn points<const N: usize>(self, points: [[f32; 2]; N]) -> [[f32; 2]; N] {
        let x = self.picture.0 as f32 / self.scaled.0 as f32;
        let y = self.picture.1 as f32 / self.scaled.1 as f32;
        points.map(|[across, down]| [across * x, down * y])
    }

    /// A box of the input in pixels of the picture, clipped to it; `None` if nothing is left.
    #[expect(
        clippy::cast_precision_loss,
        reason = "sides of pictures are far below 2^24"
    )]
    pub(super) fn to_picture(self, rect: [f32; 4]) -> Option<[f32; 4]> {
        let (width, height) = (self.picture.0 as f32, self.picture.1 as f32);
        let x = width / self.scaled.0 as f32;
        let y = height / self.scaled.1 as f32;
        let rect = [
            (rect[0] * x).clamp(0.0, width),
            (rect[1] * y).clamp(0.0, height),
            (rect[2] * x).clamp(0.0, width),
            (rect[3] * y).clamp(0.0, height),
        ];
        let sound = rect.iter().all(|v| v.is_finite()) && rect[0] < rect[2] && rect[1] < rect[3];
        sound.then_some(rect)
    }
}

/// The largest size of the same shape inside another, with each side at least one pixel.
fn inside(size: (u32, u32), bounds: (u32, u32)) -> (u32, u32) {
    let (w, h) = (u64::from(size.0.max(1)), u64::from(size.1.max(1)));
    let (bw, bh) = (u64::from(bounds.0), u64::from(bounds.1));
    let side = |v: u64| u32::try_from(v).unwrap_or(u32::MAX).max(1);
    if w * bh >= h * bw {
        (bounds.0, side(h * bw / w).min(bounds.1))
    } else {
        (side(w * bh / h).min(bounds.0), bounds.1)
    }
}
