//! Another file for an asset that is there.

use super::FoundVideo;
use crate::catalog::{AssetId, Catalog, CatalogError, JobId, assets, jobs, replacements};
use crate::features::{self, Settings};

/// Makes `video` the next content of an asset and requests its features. Readers see the old content until those of the
/// new one are published.
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
