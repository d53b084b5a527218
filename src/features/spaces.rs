//! The models whose vectors every video gets: the one that answers searches, and those built or kept beside it.

use rushes_models::Space;

use super::Settings;
use super::request::{embeddings_of, request_vectors};
use crate::catalog::database::Connection;
use crate::catalog::spaces::{self, SpaceState};
use crate::catalog::{Catalog, CatalogError};

/// Assets per transaction.
const BATCH: u32 = 100;

/// The settings for each model, and whether its vectors are computed in the background. The one that answers is first.
pub(super) async fn lineup(
    db: &mut Connection,
    settings: &Settings,
) -> Result<Vec<(Settings, bool)>, CatalogError> {
    let models = models(db, (&settings.model, &settings.space)).await?;
    let with = |(model, space)| Settings {
        model,
        space,
        ..settings.clone()
    };
    let models = models.into_iter().map(with).enumerate();
    Ok(models.map(|(at, settings)| (settings, at > 0)).collect())
}

/// The models whose vectors every video gets, with their spaces; the first one answers searches. `configured` is the one in
/// the settings.
///
/// # Errors
/// If the database fails.
pub async fn models(
    db: &mut Connection,
    configured: (&str, &Space),
) -> Result<Vec<(String, Space)>, CatalogError> {
    let models = spaces::all(db).await?;
    if models.is_empty() {
        return Ok(vec![(configured.0.to_owned(), configured.1.clone())]);
    }
    let used = models
        .into_iter()
        .filter(|model| model.state != SpaceState::Removing);
    Ok(used
        .map(|model| {
            // The files of the configured model may have changed since.
            let space = if model.model == configured.0 {
                configured.1.clone()
            } else {
                model.space()
            };
            (model.model, space)
        })
        .collect())
}

/// Carries on with what was begun: requests the vectors of models that are being built, marks those that are complete, and
/// deletes the vectors of those that are removed. `is_followed` says whether an index has all published vectors of a
/// feature.
///
/// # Errors
/// If the database fails.
pub async fn tend_spaces<F: Future<Output = Result<bool, CatalogError>>>(
    catalog: &Catalog,
    settings: &Settings,
    is_followed: impl Fn(String) -> F,
) -> Result<(), CatalogError> {
    let mut db = catalog.read().await?;
    let models = spaces::all(&mut db).await?;
    drop(db);
    for model in &models {
        match model.state {
            SpaceState::Built => {}
            SpaceState::Building => {
                let of_model = Settings {
                    model: model.model.clone(),
                    space: model.space(),
                    ..settings.clone()
                };
                request_missing(catalog, &of_model).await?;
                let feature = embeddings_of(&model.model);
                let active = models.iter().find(|model| model.is_active);
                let active = active.map_or(settings.model.as_str(), |model| &model.model);
                let mut db = catalog.read().await?;
                let waiting = spaces::waiting(&mut db, &feature, &embeddings_of(active)).await?;
                drop(db);
                if waiting == 0 && is_followed(feature).await? {
                    let mut tx = catalog.begin().await?;
                    spaces::mark_built(&mut tx, &model.model).await?;
                    tx.commit().await?;
                    tracing::info!(model = model.model, "the vectors of a model are complete");
                }
            }
            SpaceState::Removing => delete_vectors(catalog, &model.model).await?,
        }
    }
    Ok(())
}

/// Requests the vectors of a model for all videos that were registered before it was added.
async fn request_missing(catalog: &Catalog, settings: &Settings) -> Result<(), CatalogError> {
    let feature = embeddings_of(&settings.model);
    loop {
        let mut tx = catalog.begin().await?;
        let assets = spaces::without(&mut tx, &feature, BATCH).await?;
        if assets.is_empty() {
            return Ok(());
        }
        for (asset, proxies) in &assets {
            request_vectors(&mut tx, (asset, proxies), settings).await?;
        }
        tx.commit().await?;
    }
}

/// Deletes the vectors of a model that is removed, a few assets at a time.
///
/// # Errors
/// If the database fails.
pub async fn delete_vectors(catalog: &Catalog, model: &str) -> Result<(), CatalogError> {
    let feature = embeddings_of(model);
    loop {
        let mut tx = catalog.begin().await?;
        let done = spaces::drop_some(&mut tx, (model, &feature), BATCH).await?;
        tx.commit().await?;
        if done {
            return Ok(());
        }
    }
}
