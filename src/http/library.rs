//! What is in the catalogue, page by page, and what people add to it: assets, shots, tags and notes.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::{checked_limit, read_token, token};
use super::problems::{NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::listing::{self, AssetFilter};
use crate::catalog::metadata::{self, Annotation, MetadataChange, Tags};
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, Caller, CatalogError, JobId, ShotId, jobs, shots, titles};
use crate::features;
use crate::views::{AssetListItem, JobView, ShotListItem};

/// Assets or shots of one page, if the request does not say.
const LIMIT: u32 = 100;
/// The most on one page.
const MOST: u32 = 1000;

/// Which assets to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AssetQuery {
    /// Only of this title, by id or name.
    title: Option<String>,
    /// Only those with this tag.
    tag: Option<String>,
    /// Only those in this state: `pending`, `running`, `ready`, `failed` or `cancelled`.
    #[param(value_type = Option<String>)]
    state: Option<RunState>,
    /// Only those with this text in their path or name.
    name: Option<String>,
    /// How many, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// `next` of the page before.
    page: Option<String>,
}

/// A page of assets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssetPage {
    /// In the order of registration.
    assets: Vec<AssetListItem>,
    /// Token of the next page; null on the last.
    next: Option<String>,
}

/// Which shots to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ShotQuery {
    /// Only those that begin at this frame or after.
    from: Option<u64>,
    /// How many, 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// A page of shots.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShotPage {
    /// In the order of the video.
    shots: Vec<ShotListItem>,
    /// `from` of the next page; null on the last.
    next: Option<u64>,
}

/// What changes of an asset; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssetChange {
    /// The title it belongs to, by id or name; it must exist.
    title: Option<String>,
    /// Values by key; null removes a key, and other keys stay.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: MetadataChange,
    /// All its tags from now on.
    tags: Option<Vec<String>>,
}

/// What people add to a shot; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShotChange {
    /// All its tags from now on.
    tags: Option<Vec<String>>,
    /// A note; empty removes it.
    note: Option<String>,
}

/// Assets, page by page.
#[utoipa::path(get, operation_id = "list_assets", path = "/v1/assets", tag = "assets", params(AssetQuery),
    responses((status = 200, description = "Success", body = AssetPage), NotFound))]
pub(super) async fn assets(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<AssetQuery>,
) -> Result<Json<AssetPage>, ApiError> {
    let limit = checked_limit(query.limit, LIMIT, MOST)?;
    let mut db = api.catalog.read().await?;
    let titles = match &query.title {
        Some(name) => Some(vec![caller.title(&mut db, name).await?]),
        None => caller.titles().map(<[_]>::to_vec),
    };
    let filter = AssetFilter {
        titles,
        tag: query.tag,
        state: query.state,
        name: query.name,
        after: query.page.as_deref().map_or(Ok(0), read_token)?,
    };
    let found = listing::assets(&mut db, &filter, limit + 1).await?;
    let is_more = found.len() > limit as usize;
    let shown = found.into_iter().take(limit as usize);
    let mut last = None;
    let assets: Vec<AssetListItem> = shown
        .map(|asset| {
            last = Some(asset.registered);
            asset.into()
        })
        .collect();
    let next = last.filter(|_| is_more).map(token);
    Ok(Json(AssetPage { assets, next }))
}

/// Change an asset's title, metadata or tags.
#[utoipa::path(patch, operation_id = "change_asset", path = "/v1/assets/{id}", tag = "assets",
    request_body = AssetChange, params(("id" = String, Path)),
    responses((status = 204, description = "Changed"), NotFound, Refused))]
pub(super) async fn change_asset(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<AssetChange>, JsonRejection>,
) -> Result<StatusCode, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let id: AssetId = id.parse()?;
    let mut tx = api.catalog.begin().await?;
    let asset = caller.asset(&mut tx, &id).await?;
    let metadata = asset.metadata.changed(body.metadata)?;
    metadata::set_of_asset(&mut tx, &asset.id, &metadata).await?;
    if let Some(tags) = body.tags {
        metadata::set_tags(&mut tx, &asset.id, &Tags::checked(tags)?).await?;
    }
    if let Some(title) = &body.title {
        let title = caller.title(&mut tx, title).await?;
        titles::move_asset(&mut tx, &asset.id, &title).await?;
    }
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compute what is missing of an asset: after a failure, with another model or with changed settings.
#[utoipa::path(post, operation_id = "reprocess_asset", path = "/v1/assets/{id}/reprocess", tag = "assets",
    params(("id" = String, Path)),
    responses((status = 202, description = "The job to follow", body = JobView), NotFound))]
pub(super) async fn reprocess(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let id: AssetId = id.parse()?;
    let mut tx = api.catalog.begin().await?;
    let asset = caller.asset(&mut tx, &id).await?;
    let runs = features::request(&mut tx, &asset.id, &api.settings).await?;
    let job = jobs::create(&mut tx, &asset.id, &runs).await?;
    let job = jobs::get(&mut tx, &job).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::ACCEPTED, Json(JobView::from(&job))))
}

/// Try the failed and cancelled stages of a job again.
#[utoipa::path(post, operation_id = "retry_job", path = "/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path)),
    responses((status = 202, description = "The job as it is now", body = JobView), NotFound))]
pub(super) async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let id: JobId = id.parse()?;
    let mut tx = api.catalog.begin().await?;
    let job = caller.job(&mut tx, &id).await?;
    let job = features::retry(&mut tx, &job, &api.settings).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::ACCEPTED, Json(JobView::from(&job))))
}

/// The shots of an asset in order, page by page.
#[utoipa::path(get, operation_id = "list_shots", path = "/v1/assets/{id}/shots", tag = "shots",
    params(("id" = String, Path), ShotQuery),
    responses((status = 200, description = "Success", body = ShotPage), NotFound))]
pub(super) async fn shots_of(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<ShotQuery>,
) -> Result<Json<ShotPage>, ApiError> {
    let id: AssetId = id.parse()?;
    let limit = checked_limit(query.limit, LIMIT, MOST)?;
    let mut db = api.catalog.snapshot().await?;
    let asset = caller.asset(&mut db, &id).await?;
    let mut found = listing::shots(&mut db, &asset.id, query.from.unwrap_or(0), limit + 1).await?;
    let beyond = (found.len() > limit as usize)
        .then(|| found.pop())
        .flatten();
    let shots: Result<_, _> = found
        .into_iter()
        .map(|shot| ShotListItem::new(&asset.id, shot))
        .collect();
    Ok(Json(ShotPage {
        shots: shots?,
        next: beyond.map(|shot| shot.start_frame.cast_unsigned()),
    }))
}

/// Tag a shot, or note something on it. Both stay with its frames when the video is segmented again.
#[utoipa::path(patch, operation_id = "annotate_shot", path = "/v1/shots/{id}", tag = "shots",
    request_body = ShotChange, params(("id" = String, Path)),
    responses((status = 200, description = "What is on the shot now", body = Annotation), NotFound, Refused))]
pub(super) async fn annotate(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<ShotChange>, JsonRejection>,
) -> Result<Json<Annotation>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let id: ShotId = id.parse()?;
    let tags = body.tags.map(Tags::checked).transpose()?;
    let mut tx = api.catalog.begin().await?;
    caller.check_shot(&mut tx, &id).await?;
    let shot = shots::get(&mut tx, &id).await?.id();
    let annotation = metadata::annotate(&mut tx, &shot, tags, body.note).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Json(annotation))
}
