//! Contact sheets: many pictures at a glance, with captions. Only drawing; what is on them is for others to say.

mod contact;

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor as _};
use embedded_graphics::text::{Baseline, Text};
use embedded_graphics::{Drawable as _, Pixel};
use image::{Rgb, RgbImage};

pub use contact::{COLUMNS, ContactSheet, heading};

/// Space between pictures and at the edges, in pixels.
pub const GAP: u32 = 12;
/// Colour of the paper.
pub const PAPER: Rgb<u8> = Rgb([18, 18, 20]);
const FRAME: Rgb<u8> = Rgb([40, 40, 44]);

/// A cell of a sheet, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its left edge.
    pub left: u32,
    /// Its upper edge.
    pub top: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// Fits a picture into its cell on a dark background.
pub fn place(sheet: &mut RgbImage, picture: Option<&RgbImage>, cell: Cell) {
    for y in 0..cell.height {
        for x in 0..cell.width {
            sheet.put_pixel(cell.left + x, cell.top + y, FRAME);
        }
    }
    let Some(picture) = picture else { return };
    let (w, h) = (picture.width().max(1), picture.height().max(1));
    let fits_width = u64::from(w) * u64::from(cell.height) >= u64::from(h) * u64::from(cell.width);
    let (width, height) = if fits_width {
        (cell.width, (h * cell.width / w).max(1))
    } else {
        ((w * cell.height / h).max(1), cell.height)
    };
    let small = image::imageops::resize(
        picture,
        width,
        height,
        image::imageops::FilterType::CatmullRom,
    );
    let x = cell.left + (cell.width - width) / 2;
    let y = cell.top + (cell.height - height) / 2;
    image::imageops::overlay(sheet, &small, x.into(), y.into());
}

/// Writes as much of a line of text as fits into `room` pixels.
pub fn write(sheet: &mut RgbImage, font: &MonoFont<'_>, text: &str, at: (u32, u32), room: u32) {
    let room = room / font.character_size.width;
    // The font has ASCII only, so other letters become question marks.
    let text: String = text
        .chars()
        .take(room as usize)
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect();
    let style = MonoTextStyle::new(font, Rgb888::new(230, 230, 232));
    let at = Point::new(at.0.cast_signed(), at.1.cast_signed());
    let drawn = Text::with_baseline(&text, at, style, Baseline::Top).draw(&mut Canvas(sheet));
    match drawn {
        Ok(_end) => {}
        Err(never) => match never {},
    }
}

/// A picture as a draw target for text.
struct Canvas<'a>(&'a mut RgbImage);

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(at, colour) in pixels {
            let place = u32::try_from(at.x).ok().zip(u32::try_from(at.y).ok());
            if let Some(pixel) = place.and_then(|(x, y)| self.0.get_pixel_mut_checked(x, y)) {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}
