//! Contact sheets: the hits' thumbnails with their timecodes, for looking at many at once.

use std::path::Path;

use anyhow::Context as _;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, ascii};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor as _};
use embedded_graphics::text::{Baseline, Text};
use embedded_graphics::{Drawable as _, Pixel};
use image::{Rgb, RgbImage};

use crate::app::App;
use crate::catalog::shots;
use crate::ingest::file_name;
use crate::search::Hit;

const COLUMNS: u32 = 4;
/// Size of a picture on the sheet.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
/// Room for two lines of text under each picture.
const CAPTION: u32 = 44;
const GAP: u32 = 12;
const PAPER: Rgb<u8> = Rgb([18, 18, 20]);
const FRAME: Rgb<u8> = Rgb([40, 40, 44]);

/// Draws `hits` into the PNG `file`.
pub(super) async fn draw(app: &App, hits: &[Hit], file: &Path) -> anyhow::Result<()> {
    let count = u32::try_from(hits.len()).unwrap_or(u32::MAX).max(1);
    let (columns, rows) = (COLUMNS.min(count), count.div_ceil(COLUMNS));
    let mut sheet = RgbImage::from_pixel(
        GAP + columns * (WIDTH + GAP),
        GAP + rows * (HEIGHT + CAPTION + GAP),
        PAPER,
    );
    for (at, hit) in (0..).zip(hits) {
        let left = GAP + at % COLUMNS * (WIDTH + GAP);
        let top = GAP + at / COLUMNS * (HEIGHT + CAPTION + GAP);
        let thumbnail = thumbnail(app, hit).await?;
        place(&mut sheet, thumbnail.as_ref(), left, top);
        caption(&mut sheet, at + 1, hit, left, top + HEIGHT);
    }
    sheet
        .save_with_format(file, image::ImageFormat::Png)
        .with_context(|| format!("{}: the contact sheet cannot be written", file.display()))
}

async fn thumbnail(app: &App, hit: &Hit) -> anyhow::Result<Option<RgbImage>> {
    let mut db = app.catalog.read().await?;
    let Some(key) = shots::get(&mut db, &hit.place.shot).await?.thumbnail else {
        return Ok(None);
    };
    drop(db);
    let jpeg = app.storage.get(&key).await?;
    let picture = image::load_from_memory(&jpeg)
        .with_context(|| format!("the stored thumbnail {key} is damaged; delete the film from the catalogue and ingest it again"))?;
    Ok(Some(picture.into_rgb8()))
}

/// Puts a thumbnail into its place, whole, on a dark field.
fn place(sheet: &mut RgbImage, thumbnail: Option<&RgbImage>, left: u32, top: u32) {
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            sheet.put_pixel(left + x, top + y, FRAME);
        }
    }
    let Some(thumbnail) = thumbnail else { return };
    let (w, h) = (thumbnail.width().max(1), thumbnail.height().max(1));
    let fits_width = u64::from(w) * u64::from(HEIGHT) >= u64::from(h) * u64::from(WIDTH);
    let (width, height) = if fits_width {
        (WIDTH, (h * WIDTH / w).max(1))
    } else {
        ((w * HEIGHT / h).max(1), HEIGHT)
    };
    let small = image::imageops::resize(
        thumbnail,
        width,
        height,
        image::imageops::FilterType::CatmullRom,
    );
    let (x, y) = (left + (WIDTH - width) / 2, top + (HEIGHT - height) / 2);
    image::imageops::overlay(sheet, &small, x.into(), y.into());
}

fn caption(sheet: &mut RgbImage, number: u32, hit: &Hit, left: u32, top: u32) {
    let file = file_name(&hit.place.asset.uri);
    let title = if file.starts_with(&hit.place.title) {
        format!("{number}  {}", hit.place.title)
    } else {
        format!("{number}  {}  {file}", hit.place.title)
    };
    let span = format!("{}  {}", hit.place.start.smpte, hit.place.end.smpte);
    write(sheet, &ascii::FONT_9X18_BOLD, &title, left, top + 4);
    write(sheet, &ascii::FONT_9X15, &span, left, top + 24);
}

fn write(sheet: &mut RgbImage, font: &MonoFont<'_>, text: &str, left: u32, top: u32) {
    let room = WIDTH / font.character_size.width;
    // The font has ASCII only; other letters become question marks.
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
    let at = Point::new(left.cast_signed(), top.cast_signed());
    let drawn = Text::with_baseline(&text, at, style, Baseline::Top).draw(&mut Canvas(sheet));
    match drawn {
        Ok(_end) => {}
        Err(never) => match never {},
    }
}

/// A picture as something text can be drawn on.
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
