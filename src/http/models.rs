//! `/v1/models`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rushes_models::{Kind, Manifest, ModelError, Status, with_causes};
use serde::Serialize;
use utoipa::ToSchema;

use super::problems::{ModelInUse, NotFound, Refused, SpaceNotReady};
use super::{Api, ApiError};
use crate::catalog::spaces::{self, SightModel, SpaceState};
use crate::catalog::{AssetId, Caller, CatalogError, failed, tallies};
use crate::features::{UnfitModel, activate_model, embed_beside, embeddings_of, remove_vectors};
use crate::search::SearchError;

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelView {
    /// Its id.
    #[schema(example = "lite")]
    id: String,
    /// Its revision.
    revision: String,
    /// What it does.
    #[schema(value_type = String)]
    kind: Kind,
    /// Its licence.
    licence: String,
    /// What it is, in a sentence.
    description: String,
    /// `missing`, `partial` or `installed`.
    #[schema(example = "installed")]
    status: &'static str,
    /// Whether searches by sight are answered by it.
    is_used: bool,
    /// Assets that have vectors of it; null for a key that does not see all titles.
    assets: Option<i64>,
    /// Its space, if its vectors are computed.
    space: Option<SpaceView>,
}

/// The vectors of a model for search by sight.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SpaceView {
    /// The space: model and revision.
    #[schema(example = "lite@0.1.0")]
    id: String,
    /// Length of a vector.
    dims: usize,
    /// `building`: searches that name it are refused. `built`: it can answer. `removing`: its vectors are being deleted.
    state: SpaceState,
    /// Assets whose vectors could not be computed; null for a key that does not see all titles.
    failed: Option<i64>,
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelList {
    /// In the order of their manifests.
    models: Vec<ModelView>,
    /// Assets in all; null for a key that does not see all titles.
    assets: Option<i64>,
}

impl From<UnfitModel> for ApiError {
    fn from(error: UnfitModel) -> Self {
        Self::new(error.kind(), &error.code(), with_causes(&error))
    }
}

/// The models: which are installed, which one is used, and how many assets have vectors of each.
#[utoipa::path(get, operation_id = "list_models", path = "/v1/models", tag = "models",
    responses((status = 200, description = "Success", body = ModelList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<ModelList>, ApiError> {
    Ok(Json(models(&api, &caller).await?))
}

/// Compute the vectors of a model beside those that searches are answered by, for all assets, in the background. The list
/// of models shows when they are complete, which is when the model can be activated.
#[utoipa::path(post, operation_id = "embed_model", path = "/v1/models/{id}/embed", tag = "models",
    params(("id" = String, Path, description = "The model")),
    responses((status = 202, description = "Begun, or begun before", body = ModelView), NotFound, Refused))]
pub(super) async fn embed(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ModelView>), ApiError> {
    embed_beside(&api.catalog, &api.models, &api.settings, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(one(&api, &caller, &id).await?)))
}

/// Answer searches by a model from now on, in one step. The vectors of the one before are kept and kept up to date, so that
/// the way back is as short.
#[utoipa::path(post, operation_id = "activate_model", path = "/v1/models/{id}/activate", tag = "models",
    params(("id" = String, Path, description = "The model")),
    responses((status = 200, description = "Searches are answered by it", body = ModelView), NotFound, SpaceNotReady))]
pub(super) async fn activate(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ModelView>, ApiError> {
    activate_model(&api.catalog, &api.settings, &id).await?;
    Ok(Json(one(&api, &caller, &id).await?))
}

/// Delete the vectors of a model that does not answer searches, in the background. The model itself stays installed.
#[utoipa::path(delete, operation_id = "remove_vectors", path = "/v1/models/{id}/vectors", tag = "models",
    params(("id" = String, Path, description = "The model")),
    responses((status = 202, description = "Begun", body = ModelView), NotFound, ModelInUse))]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ModelView>), ApiError> {
    remove_vectors(&api.catalog, &api.settings, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(one(&api, &caller, &id).await?)))
}

async fn one(api: &Api, caller: &Caller, id: &str) -> Result<ModelView, ApiError> {
    let list = models(api, caller).await?;
    let found = list.models.into_iter().find(|model| model.id == id);
    Ok(found.ok_or_else(|| CatalogError::NotFound {
        what: "model",
        id: id.to_owned(),
    })?)
}

/// What the catalogue knows of the models.
struct Known {
    tallies: HashMap<String, i64>,
    used: Vec<SightModel>,
    failed: HashMap<String, i64>,
    /// The model that answers searches.
    active: String,
    sees_all: bool,
}

impl Known {
    async fn read(api: &Api, caller: &Caller) -> Result<Self, CatalogError> {
        let mut db = api.catalog.snapshot().await?;
        let used = spaces::all(&mut db).await?;
        let mut failures = HashMap::new();
        for model in &used {
            let feature = embeddings_of(&model.model);
            let count = failed(&mut db, &feature, None::<[&AssetId; 0]>).await?;
            failures.insert(model.model.clone(), count);
        }
        let active = used.iter().find(|model| model.is_active);
        Ok(Self {
            tallies: tallies(&mut db).await?,
            active: active.map_or_else(|| api.settings.model.clone(), |one| one.model.clone()),
            used,
            failed: failures,
            sees_all: caller.titles().is_none(),
        })
    }

    fn count(&self, name: &str) -> Option<i64> {
        self.sees_all
            .then(|| self.tallies.get(name).copied().unwrap_or(0))
    }

    fn view(&self, manifest: &Manifest, status: Status) -> ModelView {
        let used = self.used.iter().find(|one| one.model == manifest.id);
        ModelView {
            id: manifest.id.clone(),
            revision: manifest.revision.clone(),
            kind: manifest.kind,
            licence: manifest.licence.clone(),
            description: manifest.description.clone(),
            status: match status {
                Status::Missing => "missing",
                Status::Partial => "partial",
                Status::Installed => "installed",
            },
            is_used: manifest.id == self.active,
            assets: self.count(&format!("published/{}", embeddings_of(&manifest.id))),
            space: used.map(|one| SpaceView {
                id: one.space.clone(),
                dims: one.space().dims,
                state: one.state,
                failed: self
                    .sees_all
                    .then(|| self.failed.get(&one.model).copied().unwrap_or(0)),
            }),
        }
    }
}

async fn models(api: &Api, caller: &Caller) -> Result<ModelList, ApiError> {
    let known = Known::read(api, caller).await?;
    let store = api.models.clone();
    let views = move || {
        let manifests = store.manifests().iter();
        let views = manifests
            .map(|manifest| Ok::<_, ModelError>(known.view(manifest, store.status(manifest)?)));
        Ok::<_, ModelError>(ModelList {
            models: views.collect::<Result<_, _>>()?,
            assets: known.count("assets"),
        })
    };
    // It looks at files.
    let list = tokio::task::spawn_blocking(views).await;
    let list = list.map_err(|_died| CatalogError::Corrupt { what: "models" })?;
    Ok(list.map_err(SearchError::from)?)
}
