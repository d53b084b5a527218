//! Thumbnails made again from a changed picture.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};

/// Pixels a thumbnail may have; a greater one is not made again but removed.
const MAX_PIXELS: u64 = 4 << 20;

/// A JPEG of `size` that shows `picture`, in at most `room` bytes; none where it does not fit.
///
/// Cameras give all thumbnails one shape, with bars where the picture has another.
pub(crate) fn encode(picture: &RgbImage, size: (u32, u32), room: usize) -> Option<Vec<u8>> {
    if u64::from(size.0) * u64::from(size.1) > MAX_PIXELS {
        return None;
    }
    let (width, height) = inner(picture.dimensions(), size);
    let small = imageops::thumbnail(picture, width, height);
    let mut canvas = RgbImage::new(size.0, size.1);
    let (left, top) = ((size.0 - width) / 2, (size.1 - height) / 2);
    imageops::replace(&mut canvas, &small, i64::from(left), i64::from(top));
    [85, 75, 65, 50, 35, 20, 10, 3]
        .into_iter()
        .find_map(|quality| {
            let mut out = Vec::new();
            JpegEncoder::new_with_quality(&mut out, quality)
                .write_image(&canvas, size.0, size.1, ExtendedColorType::Rgb8)
                .ok()?;
            (out.len() <= room).then_some(out)
        })
}

/// The greatest size of the shape of `picture` within `size`; `size` itself where both are of
/// nearly one shape.
fn inner(picture: (u32, u32), size: (u32, u32)) -> (u32, u32) {
    let of = |a: u32, b: u32, c: u32| -> u32 {
        let scaled = u64::from(a) * u64::from(b) / u64::from(c.max(1));
        u32::try_from(scaled).unwrap_or(u32::MAX)
    };
    let height = of(size.0, picture.1, picture.0).max(1);
    let width = of(size.1, picture.0, picture.1).max(1);
    if height < size.1 {
        let near = size.1 - height <= size.1 / 32 + 1;
        (size.0, if near { size.1 } else { height })
    } else {
        let near = size.0 - width.min(size.0) <= size.0 / 32 + 1;
        (if near { size.0 } else { width.min(size.0) }, size.1)
    }
}
