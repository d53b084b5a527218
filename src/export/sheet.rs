//! Contact sheets of a cut list: the picture of each pick, numbered in order, as PNG or PDF.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref};

use super::{CutList, ExportError, ExportSources, Pick, away, unchanged};
use crate::catalog::{CatalogError, previews};
use crate::sheet::{COLUMNS, ContactSheet, heading};

/// Rows of a page of a PDF.
const ROWS: u32 = 4;
/// A4 on its side, in points (ISO 216; 72 points are an inch).
const PAGE: (f32, f32) = (842.0, 595.0);
/// Space at the edges of a page, in points.
const EDGE: f32 = 24.0;
/// JPEG quality of pages, 1 to 100.
const QUALITY: u8 = 85;
/// The name of the picture on a page.
const PICTURE: Name<'_> = Name(b"Sheet");

/// Kinds of contact sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetKind {
    /// One picture.
    Png,
    /// Pages of sixteen pictures.
    Pdf,
}

impl SheetKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Png, Self::Pdf];

    /// Its name on the command line and in requests; also the extension of its files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Png => "a contact sheet, up to 400 picks",
            Self::Pdf => "a contact sheet to print, up to 2000 picks",
        }
    }

    /// The media type of its files.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Pdf => "application/pdf",
        }
    }

    /// The most picks, so that it fits into memory.
    const fn most(self) -> usize {
        match self {
            Self::Png => 400,
            Self::Pdf => 2000,
        }
    }
}

/// Draws a contact sheet.
///
/// # Errors
/// [`ExportError::TooManyPicks`]; or the catalogue or the store fails.
pub(super) async fn write(
    kind: SheetKind,
    list: &CutList,
    sources: &ExportSources,
) -> Result<Vec<u8>, ExportError> {
    if list.picks.len() > kind.most() {
        return Err(ExportError::TooManyPicks {
            format: kind.name(),
            most: kind.most(),
            found: list.picks.len(),
        });
    }
    match kind {
        SheetKind::Png => {
            let cells = cells(list, 0..list.picks.len(), sources).await?;
            let (png, _) = page(ContactSheet::new(cells.len()), cells, |picture, bytes| {
                picture.write_to(bytes, ImageFormat::Png)
            })
            .await?;
            Ok(png)
        }
        SheetKind::Pdf => {
            let per_page = (COLUMNS * ROWS) as usize;
            let mut pages = Vec::new();
            for first in (0..list.picks.len()).step_by(per_page) {
                let last = (first + per_page).min(list.picks.len());
                let cells = cells(list, first..last, sources).await?;
                let sheet = ContactSheet::of_rows(COLUMNS, ROWS);
                let jpeg = page(sheet, cells, |picture, bytes| {
                    picture.write_with_encoder(JpegEncoder::new_with_quality(bytes, QUALITY))
                });
                pages.push(jpeg.await?);
            }
            away(move || Ok(pdf(&pages))).await
        }
    }
}

/// What is drawn of a pick.
struct SheetCell {
    /// The thumbnail of the shot that shows its middle, if it has been made.
    jpeg: Option<Bytes>,
    title: String,
    span: String,
}

async fn cells(
    list: &CutList,
    picks: std::ops::Range<usize>,
    sources: &ExportSources,
) -> Result<Vec<SheetCell>, ExportError> {
    let mut cells = Vec::with_capacity(picks.len());
    for at in picks {
        let pick = &list.picks[at];
        let source = list.source(pick);
        let (first, end) = (
            source.timecode.label(pick.start),
            source.timecode.label(pick.end),
        );
        cells.push(SheetCell {
            jpeg: thumbnail(list, pick, sources).await?,
            title: heading(at + 1, &source.title, &source.file_name),
            span: format!("{first}  {end}"),
        });
    }
    Ok(cells)
}

async fn thumbnail(
    list: &CutList,
    pick: &Pick,
    sources: &ExportSources,
) -> Result<Option<Bytes>, ExportError> {
    let middle = u64::midpoint(pick.frames.0, pick.frames.1.saturating_sub(1));
    let mut db = sources.catalog.snapshot().await?;
    let asset = unchanged(&mut db, list.source(pick)).await?;
    let key = previews::thumbnail_at(&mut db, &asset, middle).await?;
    drop(db);
    match key {
        Some(key) => Ok(Some(sources.storage.get(&key).await?)),
        None => Ok(None),
    }
}

/// Draws a page and encodes it. Returns it with its width and height.
async fn page(
    mut sheet: ContactSheet,
    cells: Vec<SheetCell>,
    encode: impl FnOnce(&RgbImage, &mut Cursor<Vec<u8>>) -> image::ImageResult<()> + Send + 'static,
) -> Result<(Vec<u8>, (u32, u32)), ExportError> {
    away(move || {
        for cell in cells {
            let picture = match cell.jpeg.map(|jpeg| image::load_from_memory(&jpeg)) {
                None => None,
                Some(Ok(picture)) => Some(picture.into_rgb8()),
                Some(Err(_damaged)) => {
                    let what = "a thumbnail";
                    return Err(CatalogError::Corrupt { what }.into());
                }
            };
            sheet.add(picture.as_ref(), &cell.title, &cell.span);
        }
        let picture = sheet.into_picture();
        let mut bytes = Cursor::new(Vec::new());
        encode(&picture, &mut bytes)
            .map_err(|error| ExportError::Write(std::io::Error::other(error)))?;
        Ok((bytes.into_inner(), picture.dimensions()))
    })
    .await
}

/// A PDF (ISO 32000) with one JPEG per page, as large as it fits.
fn pdf(pages: &[(Vec<u8>, (u32, u32))]) -> Vec<u8> {
    let mut next = Ref::new(1);
    let (catalog, tree) = (next.bump(), next.bump());
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    let numbered: Vec<[Ref; 3]> = pages
        .iter()
        .map(|_page| [next.bump(), next.bump(), next.bump()])
        .collect();
    pdf.pages(tree)
        .kids(numbered.iter().map(|[page, ..]| *page))
        .count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    for ([page, image, content], (jpeg, size)) in numbered.into_iter().zip(pages) {
        let mut written = pdf.page(page);
        written.parent(tree);
        written.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1));
        written.contents(content);
        written.resources().x_objects().pair(PICTURE, image);
        written.finish();
        let mut object = pdf.image_xobject(image, jpeg);
        object.filter(Filter::DctDecode);
        object.width(i32::try_from(size.0).unwrap_or(i32::MAX));
        object.height(i32::try_from(size.1).unwrap_or(i32::MAX));
        object.color_space().device_rgb();
        object.bits_per_component(8);
        object.finish();
        let (width, height) = fitted(*size);
        let mut drawn = Content::new();
        drawn.save_state();
        let (left, bottom) = ((PAGE.0 - width) / 2.0, PAGE.1 - EDGE - height);
        drawn.transform([width, 0.0, 0.0, height, left, bottom]);
        drawn.x_object(PICTURE);
        drawn.restore_state();
        pdf.stream(content, &drawn.finish());
    }
    pdf.finish()
}

/// The size of a picture on a page, in points.
#[expect(
    clippy::cast_precision_loss,
    reason = "a sheet has a few thousand pixels"
)]
fn fitted((width, height): (u32, u32)) -> (f32, f32) {
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let scale = ((PAGE.0 - 2.0 * EDGE) / width).min((PAGE.1 - 2.0 * EDGE) / height);
    (width * scale, height * scale)
}
