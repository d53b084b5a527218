//! `/v1/titles`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::assets::Title;
use crate::catalog::database;
use crate::catalog::metadata::{self, Metadata, MetadataChange};
use crate::catalog::titles::{self, TitleRow};
use crate::catalog::{Caller, CatalogError, TitleId, assets};

/// All titles.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TitleList {
    /// By name.
    titles: Vec<Title>,
}

/// A title with what people added to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TitleView {
    /// Id.
    #[schema(value_type = String)]
    id: TitleId,
    /// What a viewer would call it. Unique.
    name: String,
    /// Metadata by key: text, numbers, true and false.
    #[schema(value_type = Object)]
    metadata: Metadata,
    /// Assets in it.
    assets: i64,
    /// Shots that can be found.
    shots: i64,
    /// When it was made, Unix milliseconds.
    created_ms: i64,
}

/// A new title.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTitle {
    /// What a viewer would call it. Unique.
    #[schema(example = "Big Buck Bunny")]
    name: String,
    /// Metadata by key: text, numbers, true and false.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: MetadataChange,
}

/// What changes of a title; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TitleChange {
    /// Its new name.
    name: Option<String>,
    /// Values by key; null removes a key, and other keys stay.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: MetadataChange,
}

/// Which title to merge into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeBody {
    /// Id or name of the title that gets all assets.
    into: String,
}

impl From<TitleRow> for TitleView {
    fn from(title: TitleRow) -> Self {
        Self {
            id: title.id,
            name: title.name,
            metadata: title.metadata,
            assets: title.assets,
            shots: title.shots,
            created_ms: title.created_at,
        }
    }
}

/// The title with this id or name, if the caller sees it.
async fn find(
    db: &mut database::Connection,
    caller: &Caller,
    id_or_name: &str,
) -> Result<TitleRow, ApiError> {
    let id = caller.title(db, id_or_name).await?;
    Ok(titles::get(db, &id).await?)
}

/// All titles with how much is in them.
#[utoipa::path(get, operation_id = "list_titles", path = "/v1/titles", tag = "titles",
    responses((status = 200, description = "Success", body = TitleList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<TitleList>, ApiError> {
    let mut db = api.catalog.read().await?;
    let mut titles = assets::titles(&mut db).await?;
    titles.retain(|title| caller.sees(&title.id));
    Ok(Json(TitleList { titles }))
}

/// Make a title before there is an asset for it.
#[utoipa::path(post, operation_id = "create_title", path = "/v1/titles", tag = "titles", request_body = NewTitle,
    responses((status = 201, description = "Made", body = TitleView), Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<NewTitle>, JsonRejection>,
) -> Result<(StatusCode, Json<TitleView>), ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    caller.sees_everything()?;
    let metadata = Metadata::default().changed(body.metadata)?;
    let mut tx = api.catalog.begin().await?;
    let id = titles::create(&mut tx, &body.name).await?;
    metadata::set_of_title(&mut tx, &id, &metadata).await?;
    let title = titles::get(&mut tx, &id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::CREATED, Json(title.into())))
}

/// One title.
#[utoipa::path(get, operation_id = "get_title", path = "/v1/titles/{title}", tag = "titles",
    params(("title" = String, Path, description = "Id or name")),
    responses((status = 200, description = "Success", body = TitleView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(title): Path<String>,
) -> Result<Json<TitleView>, ApiError> {
    let mut db = api.catalog.read().await?;
    Ok(Json(find(&mut db, &caller, &title).await?.into()))
}

/// Rename a title, or change its metadata.
#[utoipa::path(patch, operation_id = "change_title", path = "/v1/titles/{title}", tag = "titles",
    request_body = TitleChange,
    params(("title" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The title as it is now", body = TitleView), NotFound, Refused))]
pub(super) async fn change(
    State(api): State<Api>,
    caller: Caller,
    Path(title): Path<String>,
    body: Result<Json<TitleChange>, JsonRejection>,
) -> Result<Json<TitleView>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let mut tx = api.catalog.begin().await?;
    let title = find(&mut tx, &caller, &title).await?;
    if let Some(name) = &body.name {
        // Whether a name is in use would show other titles.
        caller.sees_everything()?;
        titles::rename(&mut tx, &title.id, name).await?;
    }
    let metadata = title.metadata.changed(body.metadata)?;
    metadata::set_of_title(&mut tx, &title.id, &metadata).await?;
    let title = titles::get(&mut tx, &title.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Json(title.into()))
}

/// Move all assets of a title to another one, and delete it.
#[utoipa::path(post, operation_id = "merge_title", path = "/v1/titles/{title}/merge", tag = "titles",
    request_body = MergeBody,
    params(("title" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The title that has all now", body = TitleView), NotFound, Refused))]
pub(super) async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Path(title): Path<String>,
    body: Result<Json<MergeBody>, JsonRejection>,
) -> Result<Json<TitleView>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let mut tx = api.catalog.begin().await?;
    let from = find(&mut tx, &caller, &title).await?;
    let into = find(&mut tx, &caller, &body.into).await?;
    titles::merge(&mut tx, &from.id, &into.id).await?;
    let title = titles::get(&mut tx, &into.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Json(title.into()))
}

/// Delete a title with its assets and all that was computed of them. Videos that were registered by name stay where
/// they are.
#[utoipa::path(delete, operation_id = "delete_title", path = "/v1/titles/{title}", tag = "titles",
    params(("title" = String, Path, description = "Id or name")),
    responses((status = 204, description = "Deleted"), NotFound))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(title): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.catalog.begin().await?;
    let title = find(&mut tx, &caller, &title).await?;
    titles::remove(&mut tx, &title.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}
