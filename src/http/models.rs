//! `/v1/models`.

use axum::Json;
use axum::extract::State;
use rushes_models::{Kind, ModelError, Status};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::{Api, ApiError};
use crate::catalog::{CatalogError, tallies};
use crate::features::embeddings_of;
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
    /// Whether searches by sight use it.
    is_used: bool,
    /// Assets that have vectors of it; null for a key that does not see all titles.
    assets: Option<i64>,
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelList {
    /// In the order of their manifests.
    models: Vec<ModelView>,
    /// Assets in all; null for a key that does not see all titles.
    assets: Option<i64>,
}

/// The models: which are installed, which one is used, and how many assets have vectors of each.
#[utoipa::path(get, operation_id = "list_models", path = "/v1/models", tag = "models",
    responses((status = 200, description = "Success", body = ModelList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<ModelList>, ApiError> {
    let mut db = api.catalog.read().await?;
    let tallies = tallies(&mut db).await?;
    drop(db);
    let sees_all = caller.titles().is_none();
    let count = move |name: &str| sees_all.then(|| tallies.get(name).copied().unwrap_or(0));
    let store = api.models.clone();
    let used = api.settings.model.clone();
    let views = move || {
        let manifests = store.manifests().iter();
        let views = manifests.map(|manifest| {
            Ok::<_, ModelError>(ModelView {
                id: manifest.id.clone(),
                revision: manifest.revision.clone(),
                kind: manifest.kind,
                licence: manifest.licence.clone(),
                description: manifest.description.clone(),
                status: match store.status(manifest)? {
                    Status::Missing => "missing",
                    Status::Partial => "partial",
                    Status::Installed => "installed",
                },
                is_used: manifest.id == used,
                assets: count(&format!("published/{}", embeddings_of(&manifest.id))),
            })
        });
        let models = views.collect::<Result<_, _>>()?;
        Ok::<_, ModelError>(ModelList {
            models,
            assets: count("assets"),
        })
    };
    // It looks at files.
    let list = tokio::task::spawn_blocking(views).await;
    let list = list.map_err(|_died| CatalogError::Corrupt { what: "models" })?;
    Ok(Json(list.map_err(SearchError::from)?))
}
