//! `/v1/watches`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rushes_models::with_causes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::watches::{self, StoredWatch};
use crate::catalog::{Caller, WatchId, titles};
use crate::ingest::{AddWatchError, Arrivals, QueueReport};

/// Most refused files that are listed for a watch; the count has them all.
const MOST_REFUSED: usize = 1000;

/// A place to watch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWatch {
    /// A folder below the server's media roots, or `s3://bucket/prefix/`. Everything below it is watched.
    #[schema(example = "/footage/incoming")]
    uri: String,
    /// Title for all its videos; each file's name if absent.
    title: Option<String>,
}

/// A watched place. Its counts are those since the server started, when it looks at everything again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WatchView {
    /// Its id.
    #[schema(value_type = String)]
    id: WatchId,
    /// The place.
    #[schema(example = "file:///footage/incoming/")]
    uri: String,
    /// Title for all its videos; null for each file's name.
    title: Option<String>,
    /// When it was made, Unix milliseconds.
    created_ms: i64,
    /// `watching`, or `failing` if the place cannot be read at present. It is tried again. `elsewhere` if another server on
    /// the same catalogue watches it: that one knows the counts.
    #[schema(example = "watching")]
    state: &'static str,
    /// Why it is failing.
    reason: Option<String>,
    /// Videos that are being ingested.
    pending: usize,
    /// Videos that are searchable.
    ready: usize,
    /// Number of refused files.
    refused: usize,
    /// The refused files, by name; at most 1000.
    refusals: Vec<RefusedFile>,
}

/// A file of a watched place that was refused, or could not be ingested. It is tried again when it changes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusedFile {
    /// The file.
    uri: String,
    /// Why.
    reason: String,
}

/// All watched places.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WatchList {
    /// Oldest first.
    watches: Vec<WatchView>,
    /// The queue in which stores announce objects; null without one.
    queue: Option<QueueReport>,
}

impl From<AddWatchError> for ApiError {
    fn from(error: AddWatchError) -> Self {
        match error {
            AddWatchError::Catalog(error) => error.into(),
            AddWatchError::Place(error) => {
                Self::new(error.kind(), error.code(), with_causes(&error))
            }
        }
    }
}

fn view(api: &Api, watch: StoredWatch) -> WatchView {
    let report = api.watches.report(&watch.id);
    WatchView {
        id: watch.id,
        uri: watch.uri,
        title: watch.title,
        created_ms: watch.created_at,
        state: if report.is_elsewhere {
            "elsewhere"
        } else if report.failure.is_some() {
            "failing"
        } else {
            "watching"
        },
        reason: report.failure,
        pending: report.pending,
        ready: report.ready,
        refused: report.refused.len(),
        refusals: report
            .refused
            .into_iter()
            .take(MOST_REFUSED)
            .map(|(uri, reason)| RefusedFile { uri, reason })
            .collect(),
    }
}

/// The watched places, and how their videos are doing.
#[utoipa::path(get, operation_id = "list_watches", path = "/v1/watches", tag = "assets",
    responses((status = 200, description = "Success", body = WatchList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<WatchList>, ApiError> {
    caller.sees_everything()?;
    let mut db = api.catalog.read().await?;
    let stored = watches::all(&mut db).await?;
    drop(db);
    let watches = stored.into_iter().map(|watch| view(&api, watch));
    Ok(Json(WatchList {
        watches: watches.collect(),
        queue: api.arrivals.as_ref().map(Arrivals::report),
    }))
}

/// Watch a folder or a prefix in S3: videos that arrive there are registered once they are complete. The server watches it
/// after a restart too. A place that is watched already is answered with its watch.
#[utoipa::path(post, operation_id = "create_watch", path = "/v1/watches", tag = "assets", request_body = NewWatch,
    responses((status = 201, description = "Watched from now on", body = WatchView),
              (status = 200, description = "Watched already", body = WatchView), Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<NewWatch>, JsonRejection>,
) -> Result<(StatusCode, Json<WatchView>), ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    caller.sees_everything()?;
    // The name is checked now, not when the first video arrives.
    let title = body.title.as_deref().map(titles::trimmed).transpose()?;
    let place = api.roots.admit(&body.uri)?;
    let (watch, is_new) = api.watches.add(&place, title).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(view(&api, watch))))
}

/// A watched place.
#[utoipa::path(get, operation_id = "get_watch", path = "/v1/watches/{id}", tag = "assets",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = WatchView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<WatchView>, ApiError> {
    caller.sees_everything()?;
    let id: WatchId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let watch = watches::get(&mut db, &id).await?;
    drop(db);
    Ok(Json(view(&api, watch)))
}

/// Watch a place no longer. Its videos stay.
#[utoipa::path(delete, operation_id = "delete_watch", path = "/v1/watches/{id}", tag = "assets",
    params(("id" = String, Path)),
    responses((status = 204, description = "Watched no longer"), NotFound))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    api.watches.remove(&id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
