//! A sheet of pictures in rows of four, each with two lines of text.

use embedded_graphics::mono_font::ascii;
use image::RgbImage;

use super::{Cell, GAP, PAPER, place, write};

/// Pictures in a row.
pub const COLUMNS: u32 = 4;
/// Size of a picture in pixels.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
/// Height of the two lines of text under each picture, in pixels.
const CAPTION: u32 = 44;

/// A contact sheet that is being drawn.
#[derive(Debug)]
pub struct ContactSheet {
    sheet: RgbImage,
    drawn: u32,
}

impl ContactSheet {
    /// An empty sheet with room for `count` pictures.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        Self::of_rows(COLUMNS.min(count), count.div_ceil(COLUMNS))
    }

    /// An empty sheet of this many columns and rows.
    #[must_use]
    pub fn of_rows(columns: u32, rows: u32) -> Self {
        let sheet = RgbImage::from_pixel(
            GAP + columns * (WIDTH + GAP),
            GAP + rows * (HEIGHT + CAPTION + GAP),
            PAPER,
        );
        Self { sheet, drawn: 0 }
    }

    /// Draws the next picture, or an empty frame, with its lines of text.
    pub fn add(&mut self, picture: Option<&RgbImage>, title: &str, span: &str) {
        let at = self.drawn;
        let cell = Cell {
            left: GAP + at % COLUMNS * (WIDTH + GAP),
            top: GAP + at / COLUMNS * (HEIGHT + CAPTION + GAP),
            width: WIDTH,
            height: HEIGHT,
        };
        place(&mut self.sheet, picture, cell);
        let (left, top) = (cell.left, cell.top + HEIGHT);
        let bold = &ascii::FONT_9X18_BOLD;
        write(&mut self.sheet, bold, title, (left, top + 4), WIDTH);
        let plain = &ascii::FONT_9X15;
        write(&mut self.sheet, plain, span, (left, top + 24), WIDTH);
        self.drawn += 1;
    }

    /// The sheet.
    #[must_use]
    pub fn into_picture(self) -> RgbImage {
        self.sheet
    }
}

/// The first line under a picture: its number, its title, and its file's name where that is another.
#[must_use]
pub fn heading(number: usize, title: &str, file: &str) -> String {
    if file.starts_with(title) {
        format!("{number}  {title}")
    } else {
        format!("{number}  {title}  {file}")
    }
}
