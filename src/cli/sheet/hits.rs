//! The contact sheet of a search: the thumbnail of each hit, with a caption.

use std::path::Path;

use anyhow::Context as _;
use embedded_graphics::mono_font::ascii;
use image::RgbImage;

use super::{Cell, GAP, PAPER, UnfinishedSheet, place, write};
use crate::app::App;
use crate::catalog::shots;
use crate::ingest::file_name;
use crate::search::Hit;

const COLUMNS: u32 = 4;
/// Size of a thumbnail in pixels.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
/// Height of the two lines of text under each thumbnail, in pixels.
const CAPTION: u32 = 44;

/// Draws `hits` into the PNG `file`.
pub(in crate::cli) async fn draw(app: &App, hits: &[Hit], file: &Path) -> anyhow::Result<()> {
    let count = u32::try_from(hits.len()).unwrap_or(u32::MAX).max(1);
    let (columns, rows) = (COLUMNS.min(count), count.div_ceil(COLUMNS));
    let mut sheet = RgbImage::from_pixel(
        GAP + columns * (WIDTH + GAP),
        GAP + rows * (HEIGHT + CAPTION + GAP),
        PAPER,
    );
    for (at, hit) in (0..).zip(hits) {
        let cell = Cell {
            left: GAP + at % COLUMNS * (WIDTH + GAP),
            top: GAP + at / COLUMNS * (HEIGHT + CAPTION + GAP),
            width: WIDTH,
            height: HEIGHT,
        };
        let thumbnail = thumbnail(app, hit).await?;
        place(&mut sheet, thumbnail.as_ref(), cell);
        caption(&mut sheet, at + 1, hit, (cell.left, cell.top + HEIGHT));
    }
    UnfinishedSheet::write(&sheet, file)?.show()?;
    Ok(())
}

async fn thumbnail(app: &App, hit: &Hit) -> anyhow::Result<Option<RgbImage>> {
    let mut db = app.catalog.read().await?;
    let Some(key) = shots::get(&mut db, &hit.place.shot).await?.thumbnail else {
        return Ok(None);
    };
    drop(db);
    let jpeg = app.storage.get(&key).await?;
    let picture = image::load_from_memory(&jpeg).with_context(|| {
        format!(
            "the stored thumbnail {key} is damaged; delete the video from the catalogue and \
                 ingest it again"
        )
    })?;
    Ok(Some(picture.into_rgb8()))
}

fn caption(sheet: &mut RgbImage, number: u32, hit: &Hit, (left, top): (u32, u32)) {
    let file = file_name(&hit.place.asset.uri);
    let title = if file.starts_with(&hit.place.title) {
        format!("{number}  {}", hit.place.title)
    } else {
        format!("{number}  {}  {file}", hit.place.title)
    };
    let span = format!("{}  {}", hit.place.start.smpte, hit.place.end.smpte);
    write(
        sheet,
        &ascii::FONT_9X18_BOLD,
        &title,
        (left, top + 4),
        WIDTH,
    );
    write(sheet, &ascii::FONT_9X15, &span, (left, top + 24), WIDTH);
}
