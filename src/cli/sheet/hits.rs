//! The contact sheet of a search: the thumbnail of each hit, with a caption.

use std::path::Path;

use anyhow::Context as _;
use image::RgbImage;

use super::UnfinishedSheet;
use crate::app::App;
use crate::catalog::shots;
use crate::ingest::file_name;
use crate::search::Hit;
use crate::sheet::{ContactSheet, heading};

/// Draws `hits` into the PNG `file`.
pub(in crate::cli) async fn draw(app: &App, hits: &[Hit], file: &Path) -> anyhow::Result<()> {
    let mut sheet = ContactSheet::new(hits.len());
    for (number, hit) in (1..).zip(hits) {
        let thumbnail = thumbnail(app, hit).await?;
        let title = heading(number, &hit.place.title, &file_name(&hit.place.asset.uri));
        let span = format!("{}  {}", hit.place.start.smpte, hit.place.end.smpte);
        sheet.add(thumbnail.as_ref(), &title, &span);
    }
    UnfinishedSheet::write(&sheet.into_picture(), file)?.show()?;
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
