//! Lines of text as strips of one height, as the reader sees them.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a picture are far below 2^24 and not negative where they are cast"
)]

use image::RgbImage;

use super::find::LineBox;

/// Height of a strip in pixels.
pub(super) const HEIGHT: usize = 48;
/// Width that shorter strips are padded to.
pub(super) const LEAST_WIDTH: usize = 320;
/// Width of the longest strip. Longer lines are made narrower.
const MOST_WIDTH: usize = 3200;
/// Most samples per pixel of a strip and direction.
const MOST_SAMPLES: usize = 8;

/// A line of text, level and of height [`HEIGHT`].
pub(super) struct Strip {
    width: usize,
    /// Red, green and blue from 0 to 255, row by row.
    pixels: Vec<[f32; 3]>,
}

impl Strip {
    /// Cuts a line out of a picture.
    pub(super) fn of(picture: &RgbImage, place: &LineBox) -> Self {
        let (length, height) = (LineBox::length(place.right), LineBox::length(place.down));
        let wanted = (HEIGHT as f32 * length / height.max(1.0)).ceil();
        let width = (wanted as usize).clamp(1, MOST_WIDTH);
        // As many samples per pixel as the line has pixels there, so that large letters keep their strokes.
        let samples = (height / HEIGHT as f32).ceil() as usize;
        let samples = samples.clamp(1, MOST_SAMPLES);
        let mut pixels = Vec::with_capacity(width * HEIGHT);
        for row in 0..HEIGHT {
            for column in 0..width {
                let mut sum = [0.0; 3];
                for sample in 0..samples * samples {
                    let part = |at: usize, n: usize, of: usize| {
                        (at as f32 + (n as f32 + 0.5) / samples as f32) / of as f32
                    };
                    let r = part(column, sample % samples, width);
                    let d = part(row, sample / samples, HEIGHT);
                    let at =
                        [0, 1].map(|i| place.origin[i] + r * place.right[i] + d * place.down[i]);
                    let colour = between(picture, at);
                    sum = [0, 1, 2].map(|i| sum[i] + colour[i]);
                }
                let count = (samples * samples) as f32;
                pixels.push(sum.map(|s| s / count));
            }
        }
        Self { width, pixels }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Appends its planes in the order blue, green, red, from -1 to 1, with zeros up to `width`.
    pub(super) fn append(&self, width: usize, planes: &mut Vec<f32>) {
        for plane in [2, 1, 0] {
            for row in self.pixels.chunks_exact(self.width) {
                planes.extend(row.iter().map(|pixel| pixel[plane] / 127.5 - 1.0));
                planes.extend(std::iter::repeat_n(0.0, width - self.width));
            }
        }
    }
}

/// The colour at a place between pixels. Beyond the edge the picture continues as at its edge.
fn between(picture: &RgbImage, [x, y]: [f32; 2]) -> [f32; 3] {
    let (width, height) = picture.dimensions();
    let clamped = |at: f32, end: u32| (at - 0.5).clamp(0.0, (end - 1) as f32);
    let (x, y) = (clamped(x, width), clamped(y, height));
    let (left, top) = (x.floor(), y.floor());
    let pixel = |dx: u32, dy: u32| {
        let column = (left as u32 + dx).min(width - 1);
        let row = (top as u32 + dy).min(height - 1);
        picture.get_pixel(column, row).0.map(f32::from)
    };
    let (fx, fy) = (x - left, y - top);
    let (a, b, c, d) = (pixel(0, 0), pixel(1, 0), pixel(0, 1), pixel(1, 1));
    [0, 1, 2].map(|i| {
        let upper = a[i] + (b[i] - a[i]) * fx;
        let lower = c[i] + (d[i] - c[i]) * fx;
        upper + (lower - upper) * fy
    })
}
