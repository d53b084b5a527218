//! `/v1/assets/{id}/file`: replaces the file of an asset.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use rushes_models::ErrorKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::assets::{is_form, json_body, videos_at};
use super::problems::{NotFound, NotReplaceable, Refused};
use super::{Api, ApiError, upload};
use crate::catalog::{AssetId, Caller, JobId, jobs};
use crate::ingest::{replace, withdraw_file};
use crate::views::JobView;

/// The new file of an asset, by name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFileBody {
    /// Path, `file://` or `s3://` name of one file, below the server's media roots.
    #[schema(example = "file:///footage/reel1-regraded.mov")]
    uri: String,
}

/// The new file of an asset, as an upload.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form; the form is read as a stream"
)]
pub(super) struct NewFileForm {
    /// The video.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Subtitle files: `.srt`, `.vtt`, `.ass`, `.ssa` or `.ttml`.
    #[schema(inline)]
    subtitles: Option<Vec<super::form::FilePart>>,
}

/// Replace the file of an asset, by name (JSON) or by upload (`multipart/form-data`). The id, title, tags, metadata,
/// bins and added subtitles stay. Everything is computed again. Readers see the old file and its shots until the new
/// results are published. Subtitle files that came with the old file go with it.
#[utoipa::path(put, operation_id = "replace_file", path = "/v1/assets/{id}/file", tag = "assets",
    params(("id" = String, Path)),
    request_body(content((NewFileBody = "application/json"), (NewFileForm = "multipart/form-data"))),
    responses((status = 202, description = "Accepted: follow the job", body = JobView),
              NotFound, NotReplaceable, Refused))]
pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    // Bytes that are known under another title would show it.
    caller.sees_everything()?;
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let asset = caller.asset(&mut db, &id).await?.id;
    drop(db);
    if !is_form(&request) {
        let body: NewFileBody = json_body(&api, request).await?;
        let mut videos = videos_at(&api, &body.uri).await?;
        let (Some(video), true) = (videos.pop(), videos.is_empty()) else {
            let detail = "the name is that of a folder; an asset has one file";
            return Err(ApiError::new(
                ErrorKind::InvalidInput,
                "bad-request",
                detail,
            ));
        };
        let job = replace(&api.catalog, &asset, &video, &api.settings).await?;
        return accepted(&api, &job).await;
    }
    let upload = upload::receive(&api, request).await?;
    let begun = if upload.title.is_some() {
        let detail = "an asset keeps its title when its file is replaced; leave out `title`";
        Err(super::form::bad(detail.to_owned()))
    } else {
        let begun = replace(&api.catalog, &asset, &upload.video, &api.settings).await;
        begun.map_err(ApiError::from)
    };
    // From here on the upload is the asset's.
    if begun.is_err() {
        upload::clear(&api, &upload.prefix).await;
    }
    accepted(&api, &begun?).await
}

async fn accepted(api: &Api, job: &JobId) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let mut db = api.catalog.read().await?;
    let job = jobs::get(&mut db, job).await?;
    Ok((StatusCode::ACCEPTED, Json(JobView::from(&job))))
}

/// Give up a replacement that is not published yet. The asset keeps the file that readers see. Work on that file that the
/// replacement interrupted, and subtitle tracks that were added or removed meanwhile, are requested again.
#[utoipa::path(delete, operation_id = "withdraw_file", path = "/v1/assets/{id}/file", tag = "assets",
    params(("id" = String, Path)),
    responses((status = 202, description = "Given up: the job that computes what is missing of the old file", body = JobView),
              NotFound))]
pub(super) async fn withdraw(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    caller.sees_everything()?;
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let asset = caller.asset(&mut db, &id).await?.id;
    drop(db);
    let job = withdraw_file(&api.catalog, &asset, &api.settings).await?;
    accepted(&api, &job).await
}
