//! Replaces the file of an existing asset.

use super::FoundVideo;
use crate::catalog::{AssetId, Catalog, CatalogError, JobId, assets, jobs, replacements};
use crate::features::{self, Settings};

/// Makes `video` the next content of an asset and requests its features. Readers see the old content until its
/// results are published.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is no such asset; [`CatalogError::BytesInUse`] if another asset has this file.
pub async fn replace(
    catalog: &Catalog,
    asset: &AssetId,
    video: &FoundVideo,
    settings: &Settings,
) -> Result<JobId, CatalogError> {
    let mut tx = catalog.begin().await?;
    let asset = assets::get(&mut tx, asset).await?.id;
    replacements::begin(&mut tx, &asset, &video.locator, &video.sidecars).await?;
    let runs = features::request(&mut tx, &asset, settings).await?;
    let job = jobs::create(&mut tx, &asset, &runs).await?;
    tx.commit().await?;
    Ok(job)
}

/// Gives up a replacement that is not published yet. What had been requested of the old content, and subtitles that were
/// added or removed meanwhile, are requested now.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is no such asset or no replacement.
pub async fn withdraw_file(
    catalog: &Catalog,
    asset: &AssetId,
    settings: &Settings,
) -> Result<JobId, CatalogError> {
    let mut tx = catalog.begin().await?;
    let asset = assets::get(&mut tx, asset).await?.id;
    if !replacements::withdraw(&mut tx, &asset).await? {
        return Err(CatalogError::NotFound {
            what: "replacement",
            id: asset.to_string(),
        });
    }
    let runs = features::request(&mut tx, &asset, settings).await?;
    let job = jobs::create(&mut tx, &asset, &runs).await?;
    tx.commit().await?;
    Ok(job)
}
