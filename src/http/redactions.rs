//! `/v1/redactions`: many pictures and videos, in the background.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rushes_models::ErrorKind;
use rushes_workers::redact::RECORD_SUFFIX;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problems::{NoSuchRange, NotFound, NotThereYet, Refused};
use super::{Api, ApiError, assets, media, redact, redaction_form};
use crate::catalog::RedactionId;
use crate::catalog::redactions::{self, Counts, Redaction, RedactionFile, RedactionState};
use crate::redactions::{RedactionRequest, result_keys, shown_name};

/// Pictures and videos to redact, by name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedactionBody {
    /// Paths, `file://` or `s3://` names, below the server's media roots: pictures and videos, or folders and
    /// prefixes of them.
    #[schema(example = json!(["s3://archive/trip/"]))]
    inputs: Vec<String>,
    /// `s3://` prefix below the media roots, apart from the inputs, where results and their `.redaction.json` are
    /// written; if absent, they are kept and fetched from here. Only what an earlier redaction wrote is replaced there.
    #[schema(example = "s3://archive/redacted/trip/")]
    output: Option<String>,
    /// What is looked for and how; faces and plates are blurred if absent.
    settings: Option<RedactionRequest>,
}

/// Pictures and videos to redact, uploaded.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form; the form is read as a stream"
)]
struct PicturesForm {
    /// The pictures and videos. Their names may have folders.
    #[schema(inline)]
    file: Vec<super::form::FilePart>,
    /// JSON; put it first, so that a mistake in it is reported before the files are sent.
    settings: Option<RedactionRequest>,
}

/// How many files stand where.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CountsView {
    queued: i64,
    running: i64,
    done: i64,
    failed: i64,
}

/// Where more is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RedactionLinks {
    /// This.
    #[serde(rename = "self")]
    this: String,
    /// Its files.
    files: String,
}

/// A redaction.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RedactionView {
    /// Its id.
    #[schema(value_type = String)]
    id: RedactionId,
    /// `queued`, `running`, `done`, or `failed`: through, and at least one file failed.
    #[schema(value_type = String)]
    state: RedactionState,
    /// Files. All zero until the inputs have been looked up.
    counts: CountsView,
    /// Files below the inputs that are neither pictures nor videos.
    skipped: i64,
    /// When it was requested, Unix milliseconds.
    created_ms: i64,
    /// Where results are written; none if they are kept here.
    output: Option<String>,
    /// The request.
    #[schema(value_type = RedactionRequest)]
    settings: serde_json::Value,
    /// Where more is.
    links: RedactionLinks,
}

/// Redactions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RedactionList {
    /// Newest first.
    redactions: Vec<RedactionView>,
    /// The `page` to ask for next; none at the end.
    next: Option<String>,
}

/// Why a file failed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileError {
    /// `invalid-input`, `corrupt`, `limit` …
    kind: Option<String>,
    /// Stable, for programs: `picture-truncated`.
    code: Option<String>,
    /// For people.
    message: String,
}

/// Where the results of a file are.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct FileLinks {
    /// The redacted picture.
    picture: Option<String>,
    /// The redacted video.
    video: Option<String>,
    /// What was done to it.
    record: Option<String>,
}

/// A file of a redaction.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileView {
    /// Its number, from 0.
    n: i64,
    /// Its name, relative and plain.
    name: String,
    /// `queued`, `running`, `done` or `failed`.
    #[schema(value_type = String)]
    state: RedactionState,
    /// How much of it is done, from 0 to 1.
    progress: f64,
    /// Regions of a picture, or tracks of a video, made unrecognisable.
    regions: Option<i64>,
    /// Media type of the result.
    media_type: Option<String>,
    /// Why it failed, or why it is tried again.
    error: Option<FileError>,
    /// Once it is done.
    links: FileLinks,
}

/// Files of a redaction.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileList {
    /// By number.
    files: Vec<FileView>,
    /// The `page` to ask for next; none at the end.
    next: Option<String>,
}

/// Which part of a list to get.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// What `next` said.
    page: Option<String>,
    /// How many; 100 if absent, at most 1000.
    limit: Option<u32>,
}

impl PageQuery {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, 1000)
    }
}

impl RedactionView {
    fn new(redaction: Redaction, counts: Counts) -> Self {
        let at = format!("/v1/redactions/{}", redaction.id);
        Self {
            state: redaction.state(counts),
            counts: CountsView {
                queued: counts.queued,
                running: counts.running,
                done: counts.done,
                failed: counts.failed,
            },
            skipped: redaction.skipped,
            created_ms: redaction.created_at,
            output: redaction.output,
            settings: serde_json::from_str(&redaction.settings).unwrap_or_default(),
            links: RedactionLinks {
                files: format!("{at}/files"),
                this: at,
            },
            id: redaction.id,
        }
    }
}

impl FileView {
    fn new(file: RedactionFile, output: Option<&str>) -> Self {
        let at = format!(
            "/v1/redactions/{}/files/{}",
            file.redaction_id, file.ordinal
        );
        let (result, record) = match output {
            None => (at.clone(), format!("{at}/record")),
            Some(output) => {
                let result = written_to(output, &file);
                (result.clone(), format!("{result}{RECORD_SUFFIX}"))
            }
        };
        let is_done = file.state == RedactionState::Done;
        let link = |kind: &str| {
            let is_it = |media_type: &String| media_type.starts_with(kind);
            (is_done && file.media_type.as_ref().is_some_and(is_it)).then(|| result.clone())
        };
        Self {
            links: FileLinks {
                picture: link("image/"),
                video: link("video/"),
                record: is_done.then_some(record),
            },
            progress: progress(&file),
            n: file.ordinal,
            name: file.name,
            state: file.state,
            regions: file.regions,
            error: file.reason.map(|message| FileError {
                kind: file.failure_kind,
                code: file.failure_code,
                message,
            }),
            media_type: file.media_type,
        }
    }
}

/// Where the result of a file is below the prefix `output`.
fn written_to(output: &str, file: &RedactionFile) -> String {
    format!("{output}/{}", file.result.as_ref().unwrap_or(&file.name))
}

#[expect(clippy::cast_precision_loss, reason = "thousandths")]
fn progress(file: &RedactionFile) -> f64 {
    match file.state {
        // An earlier version kept none.
        RedactionState::Done => 1.0,
        RedactionState::Queued | RedactionState::Running | RedactionState::Failed => {
            file.done as f64 / 1000.0
        }
    }
}

/// Redact many pictures and videos: by name (JSON) or by upload (`multipart/form-data` with `file`s, and optionally `settings`).
/// Answers at once; follow it by its link. A file that cannot be redacted has no result, and is reported among the files.
#[utoipa::path(post, operation_id = "create_redaction", path = "/v1/redactions", tag = "redaction",
    request_body(content((RedactionBody = "application/json"), (PicturesForm = "multipart/form-data"))),
    responses((status = 202, description = "Accepted: follow it", body = RedactionView), Refused))]
pub(super) async fn create(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    let id = if is_form {
        redaction_form::many(&api, request).await?
    } else {
        by_name(&api, request).await?
    };
    let view = view(&api, &id).await?;
    let location = HeaderValue::from_str(&view.links.this);
    let mut response = (StatusCode::ACCEPTED, Json(view)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn by_name(api: &Api, request: Request) -> Result<RedactionId, ApiError> {
    let (parts, body) = request.into_parts();
    let body = axum::body::Body::new(assets::http_body_limit(body));
    let Json(body) = Json::<RedactionBody>::from_request(Request::from_parts(parts, body), api)
        .await
        .map_err(|rejection| ApiError::unreadable(&rejection))?;
    let inputs: Vec<String> = body
        .inputs
        .iter()
        .map(|input| api.roots.admit(input))
        .collect::<Result<_, _>>()?;
    if let Some(output) = &body.output {
        // The same places may be written to.
        api.roots.admit(output)?;
    }
    let wanted = body.settings.unwrap_or_default();
    api.redactions.check(&wanted).await?;
    Ok(api
        .redactions
        .submit(&wanted, &inputs, body.output.as_deref())
        .await?)
}

async fn view(api: &Api, id: &RedactionId) -> Result<RedactionView, ApiError> {
    let mut db = api.catalog.snapshot().await?;
    let redaction = redactions::get(&mut db, id).await?;
    let counts = redactions::counts(&mut db, id).await?;
    Ok(RedactionView::new(redaction, counts))
}

/// Redactions.
#[utoipa::path(get, operation_id = "list_redactions", path = "/v1/redactions", tag = "redaction",
    params(PageQuery),
    responses((status = 200, description = "Success", body = RedactionList)))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(query): Query<PageQuery>,
) -> Result<Json<RedactionList>, ApiError> {
    let before: Option<RedactionId> = query.page.as_deref().map(str::parse).transpose()?;
    let limit = query.limit();
    let mut db = api.catalog.snapshot().await?;
    let found = redactions::recent(&mut db, before.as_ref(), limit).await?;
    let full = found.len() == limit as usize;
    let next = found.last().filter(|_| full).map(|r| r.id.to_string());
    let mut views = Vec::with_capacity(found.len());
    for redaction in found {
        let counts = redactions::counts(&mut db, &redaction.id).await?;
        views.push(RedactionView::new(redaction, counts));
    }
    Ok(Json(RedactionList {
        redactions: views,
        next,
    }))
}

/// One redaction: how far it is.
#[utoipa::path(get, operation_id = "get_redaction", path = "/v1/redactions/{id}", tag = "redaction",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = RedactionView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<RedactionView>, ApiError> {
    Ok(Json(view(&api, &id.parse()?).await?))
}

/// Delete a redaction: what is under way ends without a result, and originals and results that are kept here are
/// deleted. What was written to a bucket stays.
#[utoipa::path(delete, operation_id = "delete_redaction", path = "/v1/redactions/{id}", tag = "redaction",
    params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), NotFound))]
pub(super) async fn delete(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.redactions.delete(&id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The files of a redaction.
#[utoipa::path(get, operation_id = "list_redaction_files", path = "/v1/redactions/{id}/files", tag = "redaction",
    params(("id" = String, Path), PageQuery),
    responses((status = 200, description = "Success", body = FileList), NotFound))]
pub(super) async fn files(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<FileList>, ApiError> {
    let id: RedactionId = id.parse()?;
    let first: i64 = query.page.as_deref().unwrap_or("0").parse().map_err(|_e| {
        let detail = "this page token is invalid; take `next` of the page before";
        ApiError::new(ErrorKind::InvalidInput, "bad-page-token", detail)
    })?;
    let limit = query.limit();
    let mut db = api.catalog.snapshot().await?;
    let redaction = redactions::get(&mut db, &id).await?;
    let found = redactions::files(&mut db, &id, first, limit).await?;
    let full = found.len() == limit as usize;
    let next = found
        .last()
        .filter(|_| full)
        .map(|f| (f.ordinal + 1).to_string());
    let output = redaction.output.as_deref();
    Ok(Json(FileList {
        files: found
            .into_iter()
            .map(|file| FileView::new(file, output))
            .collect(),
        next,
    }))
}

/// A redacted picture or video. The container of a video can change; `content-disposition` has the name that fits.
#[utoipa::path(get, operation_id = "get_redacted_picture", path = "/v1/redactions/{id}/files/{n}", tag = "redaction",
    params(("id" = String, Path), ("n" = i64, Path)),
    responses(
        (status = 200, description = "Success", content((Vec<u8> = "image/*"), (Vec<u8> = "video/*"))),
        (status = 206, description = "The requested range", content((Vec<u8> = "image/*"), (Vec<u8> = "video/*"))),
        (status = 304, description = "It is the one that `if-none-match` names"), NoSuchRange, NotThereYet,
    ))]
pub(super) async fn picture(
    State(api): State<Api>,
    Path((id, n)): Path<(String, i64)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = done(&api, &id, n).await?;
    let Some(kind) = &file.media_type else {
        let detail = "this redaction only looks; see the record";
        return Err(ApiError::new(ErrorKind::NotFound, "no-picture", detail));
    };
    let (key, _record) = result_keys(&file);
    let name = redact::quotable(&shown_name(&file));
    let disposition = format!("attachment; filename=\"{name}\"");
    answer(&api, (&key, kind, &disposition), (&method, &headers)).await
}

/// What was done to a picture or video.
#[utoipa::path(get, operation_id = "get_redaction_record", path = "/v1/redactions/{id}/files/{n}/record", tag = "redaction",
    params(("id" = String, Path), ("n" = i64, Path)),
    responses(
        (status = 200, description = "Success", body = serde_json::Value),
        (status = 206, description = "The requested range", body = serde_json::Value),
        (status = 304, description = "It is the one that `if-none-match` names"), NoSuchRange, NotThereYet,
    ))]
pub(super) async fn record(
    State(api): State<Api>,
    Path((id, n)): Path<(String, i64)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = done(&api, &id, n).await?;
    let (_result, key) = result_keys(&file);
    answer(
        &api,
        (&key, "application/json", "inline"),
        (&method, &headers),
    )
    .await
}

/// A file that is through and whose results are kept here.
async fn done(api: &Api, id: &str, n: i64) -> Result<RedactionFile, ApiError> {
    let id: RedactionId = id.parse()?;
    let none = |code: &str, detail: String| ApiError::new(ErrorKind::NotFound, code, detail);
    let mut db = api.catalog.snapshot().await?;
    let redaction = redactions::get(&mut db, &id).await?;
    let file = redactions::file(&mut db, &id, n).await?;
    match file.state {
        RedactionState::Queued | RedactionState::Running => {
            let detail = "this has not been made yet; follow the redaction".to_owned();
            Err(ApiError::new(
                ErrorKind::Unavailable,
                "not-made-yet",
                detail,
            ))
        }
        RedactionState::Failed => {
            let reason = file.reason.unwrap_or_default();
            let detail = format!("there is no result, because it failed: {reason}");
            Err(none("redaction-failed", detail))
        }
        RedactionState::Done => match redaction.output {
            None => Ok(file),
            Some(output) => Err(none(
                "written-elsewhere",
                format!("it is at {}", written_to(&output, &file)),
            )),
        },
    }
}

async fn answer(
    api: &Api,
    (key, kind, disposition): (&str, &str, &str),
    request: (&Method, &HeaderMap),
) -> Result<Response, ApiError> {
    let mut response = media::serve(api, key, kind, request).await?;
    media::insert(&mut response, header::CONTENT_DISPOSITION, disposition);
    media::insert(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response)
}
