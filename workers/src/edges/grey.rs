//! Small grey pictures, stretched to one size, so that places in pictures of any shape can be compared.

use image::RgbImage;

/// Width in pixels.
pub(super) const WIDTH: usize = 96;
/// Height in pixels.
pub(super) const HEIGHT: usize = 54;

/// A grey picture of [`WIDTH`] × [`HEIGHT`] pixels.
pub(super) struct Grey(Vec<u8>);

impl Grey {
    /// The luma (ITU-R BT.709) of a picture, each pixel the mean of those that it covers.
    pub(super) fn of(picture: &RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let luma: Vec<u32> = picture
            .pixels()
            .map(|pixel| {
                let [red, green, blue] = pixel.0.map(u32::from);
                (54 * red + 183 * green + 19 * blue) / 256
            })
            .collect();
        let mut grey = Vec::with_capacity(WIDTH * HEIGHT);
        for y in 0..HEIGHT {
            let rows = covered(y, HEIGHT, height);
            for x in 0..WIDTH {
                let columns = covered(x, WIDTH, width);
                let mut sum = 0;
                for row in rows.clone() {
                    sum += luma[row * width..][columns.clone()].iter().sum::<u32>();
                }
                let count = u32::try_from(rows.len() * columns.len()).unwrap_or(u32::MAX);
                grey.push(u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
            }
        }
        Self(grey)
    }

    /// A pixel. Beyond the edges are the pixels at the edges.
    pub(super) fn at(&self, x: isize, y: isize) -> u8 {
        let inside = |at: isize, size: usize| at.clamp(0, size.cast_signed() - 1).cast_unsigned();
        self.0[inside(y, HEIGHT) * WIDTH + inside(x, WIDTH)]
    }

    /// The pixels of a row, from left to right.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.0[y * WIDTH..][..WIDTH]
    }
}

/// The pixels of `size` that pixel `at` of `of` covers: at least one.
fn covered(at: usize, of: usize, size: usize) -> std::ops::Range<usize> {
    let start = at * size / of;
    let end = ((at + 1) * size / of).max(start + 1);
    start.min(size.saturating_sub(1))..end.min(size)
}
