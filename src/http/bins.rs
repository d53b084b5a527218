//! `/v1/bins`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{ChangedMeanwhile, NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::bins::{self, Bin, BinItemChange, Selection};
use crate::catalog::database;
use crate::catalog::{AssetId, BinItemId, Caller, CatalogError, ShotId};
use crate::views::{BinSummary, BinView};

/// A new bin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBin {
    /// What to call it. Unique.
    #[schema(example = "Trailer picks")]
    name: String,
    /// What to put into it at once.
    #[serde(default)]
    picks: Vec<PickBody>,
}

/// A whole shot, or frames of an asset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PickBody {
    /// Id of a shot; otherwise `asset`, `start` and `end` are needed.
    shot: Option<String>,
    /// Id of an asset.
    asset: Option<String>,
    /// First frame; of a shot, where the pick begins if not with it.
    start: Option<u64>,
    /// One past the last frame; of a shot, where the pick ends if not with it.
    end: Option<u64>,
    /// A note.
    note: Option<String>,
    /// The query that found it.
    query: Option<String>,
    /// Its `score` in that search.
    score: Option<f64>,
    /// How alike it and the query look: `evidence.visual.similarity` of the hit.
    similarity: Option<f64>,
    /// What is said in it.
    line: Option<String>,
}

/// What changes of a bin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BinChange {
    /// Its new name.
    name: String,
}

/// What changes of an item; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemChange {
    /// First frame.
    start: Option<u64>,
    /// One past the last frame.
    end: Option<u64>,
    /// The note; empty removes it.
    note: Option<String>,
    /// Its place in the bin, from 0.
    position: Option<usize>,
}

/// What to add to a bin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddBody {
    /// In order, at the end.
    picks: Vec<PickBody>,
}

/// Ids of what was added.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Added {
    /// In the order of the request.
    #[schema(value_type = Vec<String>)]
    items: Vec<BinItemId>,
}

/// All bins.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BinList {
    /// By name.
    bins: Vec<BinSummary>,
}

impl PickBody {
    pub(super) fn selection(self) -> Result<Selection, ApiError> {
        let bad = |detail: &str| ApiError::new(ErrorKind::InvalidInput, "bad-request", detail);
        let span = match (&self.shot, &self.asset, self.start, self.end) {
            (Some(shot), None, start, end) => {
                let shot: ShotId = shot.parse()?;
                let (start, end) = (start.unwrap_or(shot.start), end.unwrap_or(shot.end));
                ShotId { start, end, ..shot }
            }
            (None, Some(asset), Some(start), Some(end)) => ShotId {
                asset: asset.parse::<AssetId>()?,
                start,
                end,
            },
            _ => {
                return Err(bad(
                    "a pick is a `shot`, or an `asset` with `start` and `end`",
                ));
            }
        };
        let is_bad = |number: Option<f64>| number.is_some_and(|number| !number.is_finite());
        if is_bad(self.score) || is_bad(self.similarity) {
            return Err(bad("`score` and `similarity` must be finite numbers"));
        }
        Ok(Selection {
            note: self.note,
            query: self.query,
            score: self.score,
            similarity: self.similarity,
            line: self.line,
            ..Selection::from(&span)
        })
    }
}

/// The picks of a request body.
pub(super) fn selections(picks: Vec<PickBody>) -> Result<Vec<Selection>, ApiError> {
    picks.into_iter().map(PickBody::selection).collect()
}

/// All bins.
#[utoipa::path(get, operation_id = "list_bins", path = "/v1/bins", tag = "bins",
    responses((status = 200, description = "Success", body = BinList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<BinList>, ApiError> {
    let mut db = api.catalog.read().await?;
    let bins = bins::list(&mut db, caller.owner()).await?;
    Ok(Json(BinList {
        bins: bins.into_iter().map(BinSummary::from).collect(),
    }))
}

/// Make a bin, empty or with picks in it.
#[utoipa::path(post, operation_id = "create_bin", path = "/v1/bins", tag = "bins", request_body = NewBin,
    responses((status = 201, description = "Made", body = BinView), Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<NewBin>, JsonRejection>,
) -> Result<(StatusCode, Json<BinView>), ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let picks = selections(body.picks)?;
    let mut tx = api.catalog.begin().await?;
    let bin = bins::create(&mut tx, &body.name, caller.owner()).await?;
    if !picks.is_empty() {
        caller.check_picks(&mut tx, &picks).await?;
        bins::append(&mut tx, &bin, &picks).await?;
    }
    let bin = bins::find(&mut tx, bin.id.as_str(), caller.owner()).await?;
    let items = caller.items(&mut tx, &bin).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::CREATED, Json(BinView::new(bin, items)?)))
}

/// A bin with its items in order. Its `etag` is good for `if-match`.
#[utoipa::path(get, operation_id = "get_bin", path = "/v1/bins/{bin}", tag = "bins",
    params(("bin" = String, Path, description = "Id or name")),
    responses((status = 200, description = "Success", body = BinView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(bin): Path<String>,
) -> Result<([(HeaderName, String); 1], Json<BinView>), ApiError> {
    let mut db = api.catalog.snapshot().await?;
    let bin = bins::find(&mut db, &bin, caller.owner()).await?;
    let items = caller.items(&mut db, &bin).await?;
    let revision = format!("\"{}\"", bin.revision);
    Ok(([(header::ETAG, revision)], Json(BinView::new(bin, items)?)))
}

/// Rename a bin.
#[utoipa::path(patch, operation_id = "rename_bin", path = "/v1/bins/{bin}", tag = "bins", request_body = BinChange,
    params(("bin" = String, Path, description = "Id or name"),
           ("if-match" = Option<String>, Header, description = "The revision that the bin must be at")),
    responses((status = 200, description = "Success", body = BinSummary), NotFound, ChangedMeanwhile))]
pub(super) async fn rename(
    State(api): State<Api>,
    caller: Caller,
    Path(bin): Path<String>,
    headers: HeaderMap,
    body: Result<Json<BinChange>, JsonRejection>,
) -> Result<Json<BinSummary>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let mut tx = api.catalog.begin().await?;
    let bin = expected(&mut tx, &caller, &bin, &headers).await?;
    bins::rename(&mut tx, &bin.id, &body.name).await?;
    let bin = bins::find(&mut tx, bin.id.as_str(), caller.owner()).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Json(bin.into()))
}

/// Delete a bin. The videos stay.
#[utoipa::path(delete, operation_id = "delete_bin", path = "/v1/bins/{bin}", tag = "bins",
    params(("bin" = String, Path, description = "Id or name"),
           ("if-match" = Option<String>, Header, description = "The revision that the bin must be at")),
    responses((status = 204, description = "Deleted"), NotFound, ChangedMeanwhile))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(bin): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.catalog.begin().await?;
    let bin = expected(&mut tx, &caller, &bin, &headers).await?;
    bins::delete(&mut tx, &bin.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add shots or spans of frames at the end of a bin, all or none.
#[utoipa::path(post, operation_id = "add_to_bin", path = "/v1/bins/{bin}/items", tag = "bins", request_body = AddBody,
    params(("bin" = String, Path, description = "Id or name"),
           ("if-match" = Option<String>, Header, description = "The revision that the bin must be at")),
    responses((status = 201, description = "Added", body = Added), NotFound, ChangedMeanwhile))]
pub(super) async fn add(
    State(api): State<Api>,
    caller: Caller,
    Path(bin): Path<String>,
    headers: HeaderMap,
    body: Result<Json<AddBody>, JsonRejection>,
) -> Result<(StatusCode, Json<Added>), ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let picks = selections(body.picks)?;
    let mut tx = api.catalog.begin().await?;
    let bin = expected(&mut tx, &caller, &bin, &headers).await?;
    caller.check_picks(&mut tx, &picks).await?;
    let items = bins::append(&mut tx, &bin, &picks).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::CREATED, Json(Added { items })))
}

/// Trim, note or move an item.
#[utoipa::path(patch, operation_id = "change_bin_item", path = "/v1/bins/{bin}/items/{item}", tag = "bins",
    request_body = ItemChange,
    params(("bin" = String, Path, description = "Id or name"), ("item" = String, Path),
           ("if-match" = Option<String>, Header, description = "The revision that the bin must be at")),
    responses((status = 200, description = "The bin as it is now", body = BinView), NotFound, ChangedMeanwhile))]
pub(super) async fn change(
    State(api): State<Api>,
    caller: Caller,
    Path((bin, item)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Json<ItemChange>, JsonRejection>,
) -> Result<Json<BinView>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let item: BinItemId = item.parse()?;
    let change = BinItemChange {
        start: body.start,
        end: body.end,
        note: body.note,
        position: body.position,
    };
    let mut tx = api.catalog.begin().await?;
    let bin = expected(&mut tx, &caller, &bin, &headers).await?;
    bins::change(&mut tx, &bin.id, &item, &change).await?;
    let bin = bins::find(&mut tx, bin.id.as_str(), caller.owner()).await?;
    let items = caller.items(&mut tx, &bin).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Json(BinView::new(bin, items)?))
}

/// Take an item out of a bin.
#[utoipa::path(delete, operation_id = "remove_bin_item", path = "/v1/bins/{bin}/items/{item}", tag = "bins",
    params(("bin" = String, Path, description = "Id or name"), ("item" = String, Path),
           ("if-match" = Option<String>, Header, description = "The revision that the bin must be at")),
    responses((status = 204, description = "Removed"), NotFound, ChangedMeanwhile))]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path((bin, item)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let item: BinItemId = item.parse()?;
    let mut tx = api.catalog.begin().await?;
    let bin = expected(&mut tx, &caller, &bin, &headers).await?;
    bins::remove(&mut tx, &bin.id, &item).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The bin with this id or name, if it is at the revision in `if-match`.
async fn expected(
    db: &mut database::Connection,
    caller: &Caller,
    id_or_name: &str,
    headers: &HeaderMap,
) -> Result<Bin, ApiError> {
    let bin = bins::find(db, id_or_name, caller.owner()).await?;
    bins::expect_revision(&bin, revision(headers)?)?;
    Ok(bin)
}

/// The revision in `if-match`: a number, in quotes or not, or an entity tag of the bin, which begins with it.
fn revision(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    if text == "*" {
        return Ok(None);
    }
    let text = text.split_once('-').map_or(text, |(revision, _)| revision);
    text.parse().map(Some).map_err(|_not_a_number| {
        let detail = "`if-match` takes the revision of the bin, a number, or its `etag`";
        ApiError::new(ErrorKind::InvalidInput, "bad-revision", detail)
    })
}
