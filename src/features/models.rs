//! Which models can be used for search by sight, and how one is added beside the others.

use rushes_models::{ErrorKind, Kind, ModelError, ModelStore, Space, is_installed, space_of};
use thiserror::Error;

use super::Settings;
use crate::catalog::{Catalog, CatalogError, spaces};

/// Why a model cannot be used for search by sight.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnfitModel {
    /// There is no such model, or its files cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It is for something else.
    #[error("{0} is not a model for search by sight; `rushes models list` shows what each is for")]
    NotForSight(String),
    /// It was not pulled.
    #[error("the model {0} is not installed; run `rushes models pull {0}`")]
    NotInstalled(String),
    /// The catalogue failed, or does not allow it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl UnfitModel {
    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> std::borrow::Cow<'static, str> {
        match self {
            Self::Model(error) if error.kind() == ErrorKind::NotFound => "model-not-found".into(),
            Self::Model(error) => error.kind().as_str().into(),
            Self::NotForSight(_) => "not-for-sight".into(),
            Self::NotInstalled(_) => "model-not-installed".into(),
            Self::Catalog(error) => error.code(),
        }
    }

    /// What a caller should do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Model(error) => error.kind(),
            Self::NotForSight(_) => ErrorKind::InvalidInput,
            Self::NotInstalled(_) => ErrorKind::Unsupported,
            Self::Catalog(error) => error.kind(),
        }
    }
}

/// The space of an installed model for search by sight. It reads files.
fn space_for_sight(store: &ModelStore, model: &str) -> Result<Space, UnfitModel> {
    let manifest = store.manifests().get(model).map_err(ModelError::from)?;
    if manifest.kind != Kind::TextToShot {
        return Err(UnfitModel::NotForSight(model.to_owned()));
    }
    if !is_installed(store, model)? {
        return Err(UnfitModel::NotInstalled(model.to_owned()));
    }
    Ok(space_of(store, model)?)
}

/// Begins to compute the vectors of `model` beside those that searches are answered by. The process that runs the engine
/// computes them in the background.
///
/// # Errors
/// [`UnfitModel`]; nothing is begun then.
pub async fn embed_beside(
    catalog: &Catalog,
    store: &ModelStore,
    settings: &Settings,
    model: &str,
) -> Result<(), UnfitModel> {
    let (store, id) = (store.clone(), model.to_owned());
    let space = tokio::task::spawn_blocking(move || space_for_sight(&store, &id)).await;
    let space = space.map_err(|_died| CatalogError::Corrupt { what: "a model" })??;
    let mut tx = catalog.begin().await?;
    let first = (settings.model.as_str(), &settings.space);
    spaces::add(&mut tx, (model, &space), first).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(())
}

/// Makes `model` the one that answers searches, in one step; the others are kept beside it.
///
/// # Errors
/// [`CatalogError::NotFound`] if its vectors are not computed, [`CatalogError::SpaceNotReady`] if they are not complete.
pub async fn activate_model(
    catalog: &Catalog,
    settings: &Settings,
    model: &str,
) -> Result<(), CatalogError> {
    let mut tx = catalog.begin().await?;
    if model == settings.model && spaces::all(&mut tx).await?.is_empty() {
        // It answers already.
        return Ok(());
    }
    spaces::activate(&mut tx, model).await?;
    Ok(tx.commit().await?)
}

/// Begins to delete the vectors of `model`. The process that runs the engine deletes them.
///
/// # Errors
/// [`CatalogError::NotFound`] if there are none, [`CatalogError::ModelInUse`] if searches are answered by it.
pub async fn remove_vectors(
    catalog: &Catalog,
    settings: &Settings,
    model: &str,
) -> Result<(), CatalogError> {
    let mut tx = catalog.begin().await?;
    if model == settings.model && spaces::all(&mut tx).await?.is_empty() {
        return Err(CatalogError::ModelInUse(model.to_owned()));
    }
    spaces::remove(&mut tx, model).await?;
    Ok(tx.commit().await?)
}
