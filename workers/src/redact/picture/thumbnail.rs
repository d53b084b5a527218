//! Thumbnails: whether they show the picture, and others in their place where they do not.

use std::cell::OnceCell;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};

use super::error::PictureError;
use super::hidden::{HiddenAction, HiddenCopy, HiddenKind};
use super::jpeg::Jpeg;
use super::rules::Rules;
use super::{PictureLimits, allowed, exif};

/// Pixels a thumbnail may have; a greater one is not made again but removed.
const MAX_PIXELS: u64 = 4 << 20;

/// The longer side of the picture once it is made smaller for all comparisons.
const REDUCED: u32 = 320;
/// Columns and rows, at most, in which thumbnail and picture are compared.
const GRID: (u32, u32) = (32, 24);
/// How far both may be apart, of 255: all over the grid, and at one place of it.
const APART: (u32, u32) = (12, 48);

/// The picture that thumbnails belong to, decoded when the first is met.
pub(crate) struct Origin<'a> {
    decode: &'a dyn Fn() -> Result<RgbImage, PictureError>,
    rules: Rules,
    picture: OnceCell<Option<RgbImage>>,
    reduced: OnceCell<RgbImage>,
}

impl<'a> Origin<'a> {
    /// Where samples of it were changed, no thumbnail belongs to it.
    pub(crate) const fn new(
        rules: Rules,
        decode: &'a dyn Fn() -> Result<RgbImage, PictureError>,
    ) -> Self {
        Self {
            decode,
            rules,
            picture: OnceCell::new(),
            reduced: OnceCell::new(),
        }
    }

    pub(crate) const fn is_changed(&self) -> bool {
        self.rules.changed
    }

    pub(crate) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// None where it is damaged.
    fn picture(&self) -> Option<&RgbImage> {
        self.picture.get_or_init(|| (self.decode)().ok()).as_ref()
    }

    /// Whether a JPEG is a thumbnail of the picture as it is now. Of a cropped or retouched one it
    /// may still be that of what was there before.
    pub(crate) fn belongs(&self, jpeg: &[u8]) -> bool {
        let limits = PictureLimits {
            max_pixels: MAX_PIXELS,
            max_memory: MAX_PIXELS * 8,
        };
        !self.rules.changed
            && Jpeg::open(jpeg.to_vec(), &limits)
                .and_then(|jpeg| jpeg.rgb())
                .is_ok_and(|thumbnail| self.is_shown_by(&thumbnail))
    }

    /// Whether this is a thumbnail of the picture as it is now.
    pub(crate) fn is_shown_by(&self, thumbnail: &RgbImage) -> bool {
        let Some(picture) = self.picture().filter(|_| !self.rules.changed) else {
            return false;
        };
        let size = thumbnail.dimensions();
        if size.0 == 0 || size.1 == 0 {
            return false;
        }
        let reduced = self.reduced.get_or_init(|| {
            let (width, height) = picture.dimensions();
            let side = |length: u32| {
                let longer = u64::from(width.max(height).max(REDUCED));
                let side = u64::from(length) * u64::from(REDUCED) / longer;
                u32::try_from(side).unwrap_or(length).clamp(1, length)
            };
            imageops::thumbnail(picture, side(width), side(height))
        });
        let (width, height) = inner(picture.dimensions(), size);
        let (left, top) = ((size.0 - width) / 2, (size.1 - height) / 2);
        let shown = imageops::crop_imm(thumbnail, left, top, width, height).to_image();
        let apart = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b));
        let grid = (width.min(GRID.0), height.min(GRID.1));
        let small = |picture: &RgbImage| {
            image::DynamicImage::from(imageops::thumbnail(picture, grid.0, grid.1)).into_luma8()
        };
        let (own, its) = (small(reduced), small(&shown));
        let differences: Vec<u32> = own.iter().zip(its.iter()).map(apart).collect();
        differences.iter().sum::<u32>() < APART.0 * grid.0 * grid.1
            && differences.iter().all(|&d| d < APART.1)
    }
}

/// Takes the pictures out of an EXIF block, and makes its thumbnail again where it does not show the
/// picture. The length of the block stays.
pub(crate) fn clean_exif(block: &mut [u8], origin: &Origin<'_>, hidden: &mut Vec<HiddenCopy>) {
    let slot = exif::clean(block, &|jpeg| origin.belongs(jpeg), hidden);
    if origin.is_changed() {
        allowed::empty_rest(block, slot.as_ref(), origin.rules(), hidden);
    }
    let Some(slot) = slot else {
        return;
    };
    let new = origin
        .picture()
        .and_then(|picture| encode(picture, slot.size, slot.range.len()));
    slot.fill(block, new.as_deref());
    hidden.push(HiddenCopy::new(
        HiddenKind::ExifThumbnail,
        slot.range.len(),
        if new.is_some() {
            HiddenAction::Remade
        } else {
            HiddenAction::Removed
        },
    ));
}

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
