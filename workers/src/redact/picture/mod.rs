//! Picture files whose samples are changed in places while everything else stays as it is, and that
//! are written back without any hidden copy of what they showed before.

mod allowed;
mod alpha;
mod edit;
mod error;
mod exif;
#[doc(hidden)]
pub mod fuzzing;
mod gpano;
mod hidden;
mod icc;
mod iptc;
mod jpeg;
mod notes;
mod packet;
mod people;
mod photoshop;
mod png;
mod raster;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod thumbnail;
mod tiff;
mod webp;
mod xmp;

use image::RgbImage;
use serde::{Deserialize, Serialize};

pub use crate::orientation::Orientation;
pub use alpha::Look;
pub use error::PictureError;
pub use gpano::GPano;
pub use hidden::{HiddenAction, HiddenCopy, HiddenKind};

/// The format of a picture file, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// ITU-T T.81.
    Jpeg,
    /// W3C PNG.
    Png,
    /// Google WebP.
    WebP,
    /// Adobe TIFF 6.0.
    Tiff,
}

impl Format {
    /// The media type of its files.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Tiff => "image/tiff",
        }
    }

    /// The format that bytes begin like.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::WebP),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            _ => None,
        }
    }
}

/// What a picture file says of itself, without its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The format.
    pub format: Format,
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// Bits a sample, as stored.
    pub bits: u8,
    /// Samples a pixel, as stored, alpha among them; one for a palette.
    pub channels: u8,
    /// How it is turned to stand upright.
    pub orientation: Orientation,
    /// The panorama it is.
    pub gpano: Option<GPano>,
}

/// What the formats find for [`Header`].
#[derive(Debug)]
struct Facts<'a> {
    width: u32,
    height: u32,
    bits: u8,
    channels: u8,
    /// Colour components once decoded.
    components: usize,
    exif: Option<&'a [u8]>,
    xmp: Option<&'a [u8]>,
}

/// Reads the header of a picture; no pixel is decoded.
///
/// # Errors
///
/// The bytes are no picture, a damaged one, or one of a kind that cannot be opened.
pub fn inspect(bytes: &[u8]) -> Result<Header, PictureError> {
    let format = Format::of(bytes).ok_or(PictureError::NotPicture)?;
    let facts = raster::facts(format, bytes)?;
    let orientation = facts.exif.and_then(exif::orientation).unwrap_or(0);
    Ok(Header {
        format,
        width: facts.width,
        height: facts.height,
        bits: facts.bits,
        channels: facts.channels,
        orientation: Orientation::from_exif(orientation),
        gpano: facts.xmp.and_then(gpano::read),
    })
}

/// What a picture may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureLimits {
    /// Pixels of a picture.
    pub max_pixels: u64,
    /// Bytes for its samples or coefficients.
    pub max_memory: u64,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self {
            max_pixels: 512_000_000,
            max_memory: 4 << 30,
        }
    }
}

impl PictureLimits {
    fn check_pixels(&self, width: u32, height: u32) -> Result<(), PictureError> {
        check(
            "pixels",
            u64::from(width) * u64::from(height),
            self.max_pixels,
        )
    }

    fn check_memory(&self, bytes: u64) -> Result<(), PictureError> {
        check("bytes of memory for samples", bytes, self.max_memory)
    }
}

fn check(what: &str, found: u64, allowed: u64) -> Result<(), PictureError> {
    if found > allowed {
        return Err(PictureError::Limit {
            what: what.to_owned(),
            found,
            allowed,
        });
    }
    Ok(())
}

/// A rectangle of samples of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// Samples in it.
    #[must_use]
    pub const fn area(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The 8 x 8 blocks it touches: columns and rows of blocks.
    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        let span = |start: u32, length: u32| {
            let end = if length == 0 {
                start / 8
            } else {
                (start + length).div_ceil(8)
            };
            (start / 8) as usize..end as usize
        };
        let columns = span(self.x, self.width);
        span(self.y, self.height).flat_map(move |by| columns.clone().map(move |bx| (bx, by)))
    }

    /// Its samples within a block: their place in the rectangle, and column and row in the block.
    fn within(self, bx: usize, by: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let (x0, y0) = (self.x as usize, self.y as usize);
        let (width, height) = (self.width as usize, self.height as usize);
        let columns = x0.max(bx * 8)..(x0 + width).min(bx * 8 + 8);
        let rows = y0.max(by * 8)..(y0 + height).min(by * 8 + 8);
        rows.flat_map(move |y| {
            columns
                .clone()
                .map(move |x| ((y - y0) * width + x - x0, x - bx * 8, y - by * 8))
        })
    }
}

/// A picture written back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The file.
    pub bytes: Vec<u8>,
    /// The hidden copies that were found, and what was done with them.
    pub hidden: Vec<HiddenCopy>,
}

/// An opened picture.
#[derive(Debug)]
pub struct Editor {
    header: Header,
    picture: Picture,
    forget_names: bool,
}

#[derive(Debug)]
enum Picture {
    Jpeg(Box<jpeg::Jpeg>),
    Raster(Box<raster::Raster>),
}

impl Editor {
    /// Opens a picture. Its samples are decoded when they are first asked for.
    ///
    /// # Errors
    ///
    /// As [`inspect`]; also a picture beyond the limits, or cut short.
    pub fn open(bytes: Vec<u8>, limits: &PictureLimits) -> Result<Self, PictureError> {
        let header = inspect(&bytes)?;
        let picture = match header.format {
            Format::Jpeg => Picture::Jpeg(Box::new(jpeg::Jpeg::open(bytes, limits)?)),
            Format::Png | Format::WebP | Format::Tiff => {
                let raster = raster::Raster::open(bytes, header.format, limits)?;
                Picture::Raster(Box::new(raster))
            }
        };
        Ok(Self {
            header,
            picture,
            forget_names: false,
        })
    }

    /// What the file says of itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The picture as it was opened, as stored (not turned), in 8-bit RGB, without alpha.
    ///
    /// # Errors
    ///
    /// Damaged data.
    pub fn rgb(&self) -> Result<RgbImage, PictureError> {
        match &self.picture {
            Picture::Jpeg(jpeg) => jpeg.rgb(),
            Picture::Raster(raster) => raster.rgb(),
        }
    }

    /// The ways to look at the picture, so that whatever any viewer shows is seen: one, or several where parts of it
    /// are transparent.
    ///
    /// # Errors
    ///
    /// Damaged data.
    pub fn looks(&self) -> Result<&'static [Look], PictureError> {
        match &self.picture {
            Picture::Raster(raster) if raster.is_transparent()? => Ok(&Look::ALL),
            Picture::Jpeg(_) | Picture::Raster(_) => Ok(&[Look::Colours]),
        }
    }

    /// What is seen of the picture, as stored (not turned).
    ///
    /// # Errors
    ///
    /// Damaged data.
    pub fn look(&self, look: Look) -> Result<RgbImage, PictureError> {
        match &self.picture {
            Picture::Raster(raster) if look != Look::Colours => raster.look(look),
            Picture::Jpeg(_) | Picture::Raster(_) => self.rgb(),
        }
    }

    /// Components, alpha among them, which is the last.
    #[must_use]
    pub fn components(&self) -> usize {
        match &self.picture {
            Picture::Jpeg(jpeg) => jpeg.components(),
            Picture::Raster(raster) => raster.components(),
        }
    }

    /// Pixels of the picture a sample of a component stands for, across and down.
    ///
    /// # Panics
    ///
    /// Where there is no such component.
    #[must_use]
    pub fn step(&self, component: usize) -> (u32, u32) {
        match &self.picture {
            Picture::Jpeg(jpeg) => jpeg.step(component),
            Picture::Raster(_) => (1, 1),
        }
    }

    /// Samples of a component, across and down.
    ///
    /// # Panics
    ///
    /// Where there is no such component.
    #[must_use]
    pub fn size(&self, component: usize) -> (u32, u32) {
        match &self.picture {
            Picture::Jpeg(jpeg) => jpeg.size(component),
            Picture::Raster(raster) => raster.size(),
        }
    }

    /// The samples of a component within `rect`, row by row, in its own range (0 to 255, or 65535
    /// for 16 bits).
    ///
    /// # Errors
    ///
    /// Damaged data, or a rectangle outside the component.
    pub fn read(&self, component: usize, rect: Rect) -> Result<Vec<f32>, PictureError> {
        self.check_rect(component, rect)?;
        match &self.picture {
            Picture::Jpeg(jpeg) => jpeg.read(component, rect),
            Picture::Raster(raster) => raster.read(component, rect),
        }
    }

    /// Replaces those samples of a component within `rect` whose `changed` is true. Both slices have
    /// one value for each sample of `rect`, row by row.
    ///
    /// # Errors
    ///
    /// Damaged data, a rectangle outside the component, slices of another length, or a changed
    /// sample that is no number.
    pub fn write(
        &mut self,
        component: usize,
        rect: Rect,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), PictureError> {
        self.check_rect(component, rect)?;
        if samples.len() != rect.area() || changed.len() != rect.area() {
            return Err(PictureError::Internal(
                "samples do not fill their rectangle".to_owned(),
            ));
        }
        if samples.iter().zip(changed).any(|(s, &c)| c && s.is_nan()) {
            return Err(PictureError::Internal("a sample is no number".to_owned()));
        }
        match &mut self.picture {
            Picture::Jpeg(jpeg) => jpeg.write(component, rect, samples, changed),
            Picture::Raster(raster) => raster.write(component, rect, samples, changed),
        }
    }

    /// Leaves out the names of the people in the picture when it is written: those of regions in XMP, of IPTC,
    /// and of makers' notes.
    pub const fn forget_names(&mut self) {
        self.forget_names = true;
    }

    /// Writes the picture back without its hidden copies. Where nothing was changed and nothing was
    /// hidden, these are the very bytes that were opened.
    ///
    /// # Errors
    ///
    /// The picture cannot be written.
    pub fn finish(self) -> Result<Finished, PictureError> {
        let (bytes, hidden) = match self.picture {
            Picture::Jpeg(jpeg) => jpeg.finish(self.forget_names)?,
            Picture::Raster(raster) => raster.finish(self.forget_names)?,
        };
        Ok(Finished { bytes, hidden })
    }

    fn check_rect(&self, component: usize, rect: Rect) -> Result<(), PictureError> {
        let inside = component < self.components() && {
            let (width, height) = self.size(component);
            let fits = |start: u32, length: u32, size| {
                start.checked_add(length).is_some_and(|end| end <= size)
            };
            fits(rect.x, rect.width, width) && fits(rect.y, rect.height, height)
        };
        if inside {
            Ok(())
        } else {
            Err(PictureError::Internal(
                "a rectangle lies outside the picture".to_owned(),
            ))
        }
    }
}
