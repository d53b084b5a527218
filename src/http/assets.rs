//! Registering, reading and deleting one asset.

use axum::Json;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{NotFound, Refused};
use super::{Api, ApiError, MAX_JSON, upload};
use crate::catalog::{AssetId, Caller, CatalogError, JobId, assets, runs, shots};
use crate::ingest::{FoundVideo, find, submit};
use crate::views::AssetView;

/// A video to register, by name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterBody {
    /// Path, `file://` or `s3://` name, below the server's media roots. A folder or prefix registers
    /// every video in it.
    #[schema(example = "s3://archive/videos/reel1.mxf")]
    uri: String,
    /// Title; the file's name if absent.
    title: Option<String>,
}

/// A video to upload.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form; the form is read as a stream"
)]
struct UploadForm {
    /// The video.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Title; the file's name if absent.
    title: Option<String>,
    /// Subtitle files: `.srt`, `.vtt`, `.ass`, `.ssa` or `.ttml`.
    #[schema(inline)]
    subtitles: Option<Vec<super::form::FilePart>>,
}

/// A registered video.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Registered {
    /// The job to follow at `/v1/jobs/{id}`.
    #[schema(value_type = String)]
    job: JobId,
    /// The asset.
    #[schema(value_type = String)]
    asset: AssetId,
    /// False if it was registered before.
    new: bool,
}

/// The answer to a registration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegisteredList {
    /// One entry a video.
    assets: Vec<Registered>,
}

/// Register a video by name (JSON) or by upload (`multipart/form-data` with `file`, and optionally
/// `title` and `subtitles`). Answers at once; the work is a job.
#[utoipa::path(post, operation_id = "register_assets", path = "/v1/assets", tag = "assets",
    request_body(content((RegisterBody = "application/json"), (UploadForm = "multipart/form-data"))),
    responses((status = 202, description = "Accepted: follow the job", body = RegisteredList), Refused))]
pub(super) async fn register(
    State(api): State<Api>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<RegisteredList>), ApiError> {
    // Bytes that are known under another title would show it.
    caller.sees_everything()?;
    let assets = if is_form(&request) {
        let upload = upload::receive(&api, request).await?;
        let submitted = submit_all(&api, &[upload.video], upload.title.as_deref()).await;
        if submitted.is_err() {
            upload::clear(&api, &upload.prefix).await;
        }
        submitted?
    } else {
        let (videos, title) = by_name(&api, request).await?;
        submit_all(&api, &videos, title.as_deref()).await?
    };
    Ok((StatusCode::ACCEPTED, Json(RegisteredList { assets })))
}

async fn submit_all(
    api: &Api,
    videos: &[FoundVideo],
    title: Option<&str>,
) -> Result<Vec<Registered>, ApiError> {
    let mut registered = Vec::with_capacity(videos.len());
    for video in videos {
        let title = title.map_or_else(|| video.default_title(), str::to_owned);
        let submitted = submit(&api.catalog, video, &title, &api.settings).await?;
        registered.push(Registered {
            job: submitted.job,
            asset: submitted.asset,
            new: submitted.new,
        });
    }
    Ok(registered)
}

async fn by_name(
    api: &Api,
    request: Request,
) -> Result<(Vec<FoundVideo>, Option<String>), ApiError> {
    let body: RegisterBody = json_body(api, request).await?;
    Ok((videos_at(api, &body.uri).await?, body.title))
}

/// A body of JSON, where another content type is taken as well.
pub(super) async fn json_body<T: serde::de::DeserializeOwned>(
    api: &Api,
    request: Request,
) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    let body = axum::body::Body::new(http_body_limit(body));
    let read = Json::<T>::from_request(Request::from_parts(parts, body), api).await;
    let Json(body) = read.map_err(|rejection| ApiError::unreadable(&rejection))?;
    Ok(body)
}

/// The videos that a name below the media roots refers to.
pub(super) async fn videos_at(api: &Api, uri: &str) -> Result<Vec<FoundVideo>, ApiError> {
    let uri = api.roots.admit(uri)?;
    let (videos, refusals) = find(&api.storage, &[uri]).await;
    match refusals.into_iter().next() {
        Some(refusal) => Err(refusal.error.into()),
        None => Ok(videos),
    }
}

/// Whether a request brings a form.
pub(super) fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"))
}

/// The route allows bodies as large as an upload; a JSON body is held to less.
pub(super) fn http_body_limit(
    body: axum::body::Body,
) -> impl axum::body::HttpBody<Data = bytes::Bytes, Error = Box<dyn std::error::Error + Send + Sync>>
+ Send {
    http_body_util::Limited::new(body, MAX_JSON)
}

/// One asset: what the file says of itself, and how far its features are.
#[utoipa::path(get, operation_id = "get_asset", path = "/v1/assets/{id}", tag = "assets",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = AssetView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<AssetView>, ApiError> {
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.snapshot().await?;
    let asset = caller.asset(&mut db, &id).await?;
    let shots = shots::spans(&mut db, &asset.id).await?.len();
    let runs = runs::wanted(&mut db, &asset.id).await?;
    let published = runs::published(&mut db, &asset.id).await?;
    Ok(Json(AssetView::new(asset, shots, &runs, &published)))
}

/// Delete an asset with all that was computed of it. A video that was registered by name stays where it
/// is; an upload is deleted.
#[utoipa::path(delete, operation_id = "delete_asset", path = "/v1/assets/{id}", tag = "assets",
    params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), NotFound))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: AssetId = id.parse()?;
    let mut tx = api.catalog.begin().await?;
    let asset = caller.asset(&mut tx, &id).await?;
    assets::remove(&mut tx, &asset.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}
