//! `/v1/uploads`: uploads that a client continues after its line broke, by tus 1.0.0 (<https://tus.io/protocols>)
//! with its extensions creation, expiration, checksum and termination.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt as _;
use rushes_models::{ErrorKind, with_causes};
use rushes_workers::storage::Uri;
use serde::Serialize;
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::problems::{NotFound, Refused};
use super::upload::{MAX_TITLE, clear};
use super::{Api, ApiError};
use crate::catalog::resumable::{self, NewUpload, ResumableUpload};
use crate::catalog::{AssetId, Caller, CatalogError, JobId, UploadId, uploads};
use crate::ingest::{Checksum, FoundVideo, SpoolError, replace, safe_name, submit};

/// How long an upload is kept without a byte, in milliseconds: a day.
const KEEP_MS: i64 = 24 * 60 * 60 * 1000;
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadView {
    /// Id.
    #[schema(value_type = String)]
    id: UploadId,
    /// The file's name.
    name: String,
    /// Bytes that have arrived.
    received: i64,
    /// Bytes in all.
    length: i64,
    /// When it is given up unless something comes, Unix milliseconds.
    expires_ms: i64,
    /// The asset that it became; null until all bytes have arrived.
    #[schema(value_type = Option<String>)]
    asset: Option<AssetId>,
    /// The job to follow at `/v1/jobs/{id}`.
    #[schema(value_type = Option<String>)]
    job: Option<JobId>,
}

impl From<ResumableUpload> for UploadView {
    fn from(upload: ResumableUpload) -> Self {
        Self {
            id: upload.id,
            name: upload.name,
            received: upload.received,
            length: upload.length,
            expires_ms: upload.expires_at,
            asset: upload.asset_id,
            job: upload.job_id,
        }
    }
}

/// What the server knows of tus.
#[utoipa::path(options, operation_id = "tus_options", path = "/v1/uploads", tag = "uploads",
    responses((status = 204, description = "In the headers `tus-version`, `tus-extension`, `tus-max-size` …")))]
pub(super) async fn options(State(api): State<Api>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    headers.insert("tus-version", VERSION);
    headers.insert(
        "tus-extension",
        HeaderValue::from_static("creation,expiration,checksum,termination"),
    );
    headers.insert(
        "tus-checksum-algorithm",
        HeaderValue::from_static("sha1,sha256"),
    );
    headers.insert("tus-max-size", HeaderValue::from(api.upload_limit));
    std::future::ready(response).await
}

/// Begin an upload of `upload-length` bytes; `upload-metadata` holds `filename`, and optionally `title`, in Base64. With
/// `asset`, the id of an asset, it replaces that asset's file, as `PUT /v1/assets/{id}/file` does, and takes no `title`.
#[utoipa::path(post, operation_id = "create_upload", path = "/v1/uploads", tag = "uploads",
    params(("tus-resumable" = Option<String>, Header, description = "1.0.0"),
           ("upload-length" = Option<u64>, Header, description = "Bytes in all"),
           ("upload-metadata" = Option<String>, Header, description = "`filename BASE64,title BASE64,asset BASE64`")),
    responses((status = 201, description = "Begun; `location` is where to send the bytes"), Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_version(&headers)?;
    caller.sees_everything()?;
    let length = number(&headers, &UPLOAD_LENGTH)?;
    if length > api.upload_limit {
        let detail = format!("{length} bytes are over the limit of {}", api.upload_limit);
        return Err(ApiError::new(ErrorKind::Limit, "too-large", detail));
    }
    if length == 0 {
        return Err(bad("an upload has at least one byte"));
    }
    let metadata = metadata(&headers)?;
    let of = |key: &str| {
        metadata
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, text)| text.as_str())
    };
    let name = safe_name(of("filename").unwrap_or_default());
    let title = of("title").map(str::trim).filter(|title| !title.is_empty());
    if title.is_some_and(|title| title.len() > MAX_TITLE || title.chars().any(char::is_control)) {
        return Err(bad(
            "`title` takes at most 1000 bytes, without control characters",
        ));
    }
    if title.is_some() && of("asset").is_some() {
        return Err(bad(
            "an asset keeps its title when its file is replaced; leave out `title`",
        ));
    }
    let mut tx = api.catalog.begin().await?;
    let replaces = match of("asset") {
        Some(id) => Some(caller.asset(&mut tx, &id.parse()?).await?.id),
        None => None,
    };
    let expired = resumable::expire(&mut tx, api.spool.identity()).await?;
    let owner = caller.key().map(|(id, _)| id);
    let new = NewUpload {
        name: &name,
        title,
        replaces: replaces.as_ref(),
        length,
    };
    let upload = resumable::create(&mut tx, owner, new, KEEP_MS).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    for id in expired {
        if let Err(error) = api.spool.remove(&id).await {
            tracing::warn!(error = %with_causes(&error), upload = %id, "an expired upload cannot be deleted");
        }
    }
    let mut response = StatusCode::CREATED.into_response();
    let location = HeaderValue::from_str(&format!("/v1/uploads/{}", upload.id));
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(described(response, &upload))
}

/// How much of an upload has arrived, in `upload-offset`; as JSON by GET. HEAD ends a request that still waits for bytes
/// of this upload, by a line that broke.
#[utoipa::path(get, operation_id = "get_upload", path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = UploadView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    method: Method,
) -> Result<Response, ApiError> {
    let mut upload = find(&api, &caller, &id).await?;
    // A client that asks where to resume sends nothing more on the line that it has lost.
    let is_here = upload
        .spool
        .as_deref()
        .is_none_or(|spool| spool == api.spool.identity());
    if method == Method::HEAD && is_here && api.spool.take_over(&upload.id).await.is_some() {
        upload = find(&api, &caller, &id).await?;
    }
    // All bytes are there, but the server ended before they were an asset.
    if upload.received == upload.length
        && upload.asset_id.is_none()
        && is_here
        && let Some(_claim) = api.spool.claim(&upload.id)
    {
        (upload.asset_id, upload.job_id) = finish(&api, &upload).await?;
    }
    let view = Json(UploadView::from(upload.clone())).into_response();
    let mut response = described(view, &upload);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Send bytes from `upload-offset` on. With the last byte the upload becomes an asset, and `rushes-asset` and
/// `rushes-job` name it and the job to follow.
#[utoipa::path(patch, operation_id = "continue_upload", path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path),
           ("tus-resumable" = Option<String>, Header, description = "1.0.0"),
           ("upload-offset" = Option<u64>, Header, description = "Where these bytes begin: what `get_upload` says"),
           ("upload-checksum" = Option<String>, Header, description = "`sha1 BASE64` or `sha256 BASE64` of these bytes")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "They arrived; continue at `upload-offset`"),
              NotFound, Refused))]
pub(super) async fn send(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    check_version(&parts.headers)?;
    let kind = parts.headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/offset+octet-stream") {
        return Err(ApiError::unsupported_type(
            "send application/offset+octet-stream",
        ));
    }
    let offset = number(&parts.headers, &UPLOAD_OFFSET)?;
    let checksum = checksum(&parts.headers)?;
    let known = find(&api, &caller, &id).await?;
    settle_here(&api, &known.id).await?;
    let Some(claim) = api.spool.take_over(&known.id).await else {
        let detail = "another request is storing this upload; ask for it again in a moment";
        return Err(ApiError::new(ErrorKind::Cancelled, "upload-in-use", detail));
    };
    // As it is now that nobody else writes it.
    let mut upload = find(&api, &caller, &id).await?;
    let (received, length) = (
        upload.received.cast_unsigned(),
        upload.length.cast_unsigned(),
    );
    if offset != received {
        let detail = format!("{received} bytes have arrived; continue from there");
        return Err(ApiError::new(ErrorKind::Cancelled, "wrong-offset", detail));
    }
    if upload.asset_id.is_none() {
        let bytes = body.into_data_stream().map_err(std::io::Error::other);
        let mut bytes = std::pin::pin!(bytes);
        // At once, so that it does not expire while they come.
        note(&api, &upload.id, received).await?;
        let added = loop {
            let counted = (upload.received.cast_unsigned(), length);
            let added = api
                .spool
                .append(&claim, counted, &mut bytes, checksum.as_ref())
                .await;
            if let Err(SpoolError::Lost(left)) = &added {
                note(&api, &upload.id, *left).await?;
            }
            let added = added?;
            upload.received = added.received.cast_signed();
            note(&api, &upload.id, added.received).await?;
            if added.is_over {
                break added;
            }
        };
        if let Some(error) = added.broken {
            tracing::debug!(error = %with_causes(&error), upload = %upload.id, "an upload broke off; it can be continued");
            return Err(ApiError::too_slow(
                "the body ended early; continue from `upload-offset`".to_owned(),
            ));
        }
        if upload.received == upload.length {
            (upload.asset_id, upload.job_id) = finish(&api, &upload).await?;
        }
    }
    drop(claim);
    Ok(described(StatusCode::NO_CONTENT.into_response(), &upload))
}

/// Give an upload up. What it became stays.
#[utoipa::path(delete, operation_id = "delete_upload", path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), NotFound))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let upload = find(&api, &caller, &id).await?;
    settle_here(&api, &upload.id).await?;
    let Some(_claim) = api.spool.take_over(&upload.id).await else {
        let detail = "another request is storing this upload; delete the asset that it becomes";
        return Err(ApiError::new(ErrorKind::Cancelled, "upload-in-use", detail));
    };
    let mut tx = api.catalog.begin().await?;
    resumable::delete(&mut tx, &upload.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    api.spool
        .remove(&upload.id)
        .await
        .map_err(SpoolError::Write)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(TUS_RESUMABLE, VERSION);
    Ok(response)
}

/// Has the bytes of an upload come to this server, which the first of them choose.
async fn settle_here(api: &Api, id: &UploadId) -> Result<(), ApiError> {
    let mut tx = api.catalog.begin().await?;
    let is_here = resumable::settle_in(&mut tx, id, api.spool.identity()).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    if is_here {
        return Ok(());
    }
    let detail = "another server has the bytes of this upload that have arrived; send the others there too: whatever \
                  divides requests among the servers must keep an upload at one of them";
    Err(ApiError::new(
        ErrorKind::Cancelled,
        "upload-elsewhere",
        detail,
    ))
}

/// Notes how much has arrived, and that the upload is not given up.
async fn note(api: &Api, id: &UploadId, received: u64) -> Result<(), CatalogError> {
    let mut tx = api.catalog.begin().await?;
    resumable::set_received(&mut tx, id, received, KEEP_MS).await?;
    tx.commit().await?;
    Ok(())
}

/// Moves a complete upload into the store and registers it.
async fn finish(
    api: &Api,
    upload: &ResumableUpload,
) -> Result<(Option<AssetId>, Option<JobId>), ApiError> {
    // Each attempt has its own prefix, because that of a failed one is being deleted.
    let prefix = format!("uploads/{}", ulid::Ulid::generate());
    let mut tx = api.catalog.begin().await?;
    uploads::begin(&mut tx, &prefix, Some(&api.member)).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    let stored = store(api, upload, &prefix).await;
    if stored.is_err() {
        clear(api, &prefix).await;
    }
    let submitted = stored?;
    let mut tx = api.catalog.begin().await?;
    resumable::finish(&mut tx, &upload.id, &submitted.0, &submitted.1).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    if let Err(error) = api.spool.remove(&upload.id).await {
        tracing::warn!(error = %with_causes(&error), upload = %upload.id, "a finished upload cannot be deleted from the spool");
    }
    Ok((Some(submitted.0), Some(submitted.1)))
}

async fn store(
    api: &Api,
    upload: &ResumableUpload,
    prefix: &str,
) -> Result<(AssetId, JobId), ApiError> {
    let key = format!("{prefix}/{}", upload.name);
    let file = tokio::fs::File::open(api.spool.file(&upload.id))
        .await
        .map_err(SpoolError::Write)?;
    api.storage
        .put_stream(&key, ReaderStream::new(file), upload.length.cast_unsigned())
        .await?;
    let video = FoundVideo {
        locator: api.storage.locate(&Uri::Store(key).to_string()).await?,
        sidecars: Vec::new(),
    };
    if let Some(asset) = &upload.replaces {
        let job = replace(&api.catalog, asset, &video, &api.settings).await?;
        return Ok((asset.clone(), job));
    }
    let title = upload
        .title
        .clone()
        .unwrap_or_else(|| video.default_title());
    let submitted = submit(&api.catalog, &video, &title, &api.settings).await?;
    Ok((submitted.asset, submitted.job))
}

/// The upload with this id, if the caller made it or sees everything without a key.
async fn find(api: &Api, caller: &Caller, id: &str) -> Result<ResumableUpload, ApiError> {
    let id: UploadId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let upload = resumable::get(&mut db, &id).await?;
    let is_own = caller
        .key()
        .is_none_or(|(key, _)| upload.owner.as_ref() == Some(key));
    if is_own {
        return Ok(upload);
    }
    Err(CatalogError::NotFound {
        what: "upload",
        id: id.to_string(),
    }
    .into())
}

/// What tus wants in every answer about an upload.
fn described(mut response: Response, upload: &ResumableUpload) -> Response {
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(upload.received));
    headers.insert(UPLOAD_LENGTH, HeaderValue::from(upload.length));
    let expires = std::time::Duration::from_millis(upload.expires_at.unsigned_abs());
    let expires = httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + expires);
    let named = [
        ("upload-expires", Some(expires)),
        (
            "rushes-asset",
            upload.asset_id.as_ref().map(ToString::to_string),
        ),
        (
            "rushes-job",
            upload.job_id.as_ref().map(ToString::to_string),
        ),
    ];
    for (name, value) in named {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers
        .get(TUS_RESUMABLE)
        .is_some_and(|version| version == VERSION)
    {
        return Ok(());
    }
    Err(ApiError::wrong_version(
        "send `tus-resumable: 1.0.0`; other versions are not spoken here",
    ))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, ApiError> {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    let number = text.and_then(|text| text.parse::<u64>().ok());
    number
        .filter(|&number| i64::try_from(number).is_ok())
        .ok_or_else(|| bad(&format!("`{name}` takes a number of bytes")))
}

/// Pairs of a name and a text in Base64, separated by commas.
fn metadata(headers: &HeaderMap) -> Result<Vec<(String, String)>, ApiError> {
    let Some(value) = headers.get("upload-metadata") else {
        return Ok(Vec::new());
    };
    let text = value.to_str().unwrap_or_default();
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let read = pairs.map(|pair| {
        let (name, coded) = pair.split_once(' ').unwrap_or((pair, ""));
        let bytes = STANDARD.decode(coded.trim()).ok()?;
        Some((name.to_owned(), String::from_utf8(bytes).ok()?))
    });
    let read: Option<Vec<_>> = read.collect();
    read.ok_or_else(|| bad("`upload-metadata` takes `filename BASE64,title BASE64`, in UTF-8"))
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, ApiError> {
    let Some(value) = headers.get("upload-checksum") else {
        return Ok(None);
    };
    let (kind, coded) = value
        .to_str()
        .unwrap_or_default()
        .split_once(' ')
        .unwrap_or_default();
    let bytes = STANDARD.decode(coded.trim()).unwrap_or_default();
    let read = match kind {
        "sha1" => bytes.try_into().ok().map(Checksum::Sha1),
        "sha256" => bytes.try_into().ok().map(Checksum::Sha256),
        _ => None,
    };
    read.map(Some)
        .ok_or_else(|| bad("`upload-checksum` takes `sha1 BASE64` or `sha256 BASE64`"))
}

fn bad(detail: &str) -> ApiError {
    ApiError::new(ErrorKind::InvalidInput, "bad-request", detail)
}
