//! `/v1/exports`.

use std::io::{Seek as _, SeekFrom};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rushes_models::ErrorKind;
use rushes_workers::time::Rate;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::bins::{PickBody, selections};
use super::problems::{Refused, TooManySearches};
use super::search::answer;
use super::{Api, ApiError};
use crate::catalog::Caller;
use crate::catalog::bins::{self, Selection};
use crate::export::{
    CutListOptions, ExportError, ExportFile, ExportKind, export, gather, plain_file_name,
};
use crate::search::SearchBody;

/// Archives and contact sheets that are made at the same time.
static BUNDLES: Semaphore = Semaphore::const_new(4);

/// What to export, and how: exactly one of `bin`, `picks` and `search`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportBody {
    /// The format; `GET /v1/exports/formats` lists them.
    #[schema(example = "otio")]
    format: String,
    /// A bin, by id or name.
    bin: Option<String>,
    /// Shots, or frames of assets, in order.
    picks: Option<Vec<PickBody>>,
    /// The page of hits that this search finds.
    search: Option<SearchBody>,
    /// What to call the list; the bin's name or the query if absent.
    name: Option<String>,
    /// Frames per second of the sequence, as a fraction; that of most picks if absent.
    #[schema(value_type = Option<String>, example = "24000/1001")]
    rate: Option<Rate>,
    /// Whether the sequence counts drop-frame timecode; as the picks do if absent.
    drop_frame: Option<bool>,
    /// Frames added before and after each pick, as far as its video goes.
    #[serde(default)]
    handles: u32,
}

/// An export format.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportFormatView {
    /// Its name in requests.
    name: &'static str,
    /// What it is for.
    purpose: &'static str,
    /// The extension of its files.
    extension: &'static str,
    /// The media type of its files.
    media_type: &'static str,
}

/// All export formats.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExportFormatList {
    /// Text formats first.
    formats: Vec<ExportFormatView>,
}

/// The export formats.
#[utoipa::path(get, operation_id = "list_export_formats", path = "/v1/exports/formats", tag = "exports",
    responses((status = 200, description = "Success", body = ExportFormatList)))]
pub(super) async fn formats() -> Json<ExportFormatList> {
    let formats = ExportKind::all().map(|kind| ExportFormatView {
        name: kind.name(),
        purpose: kind.purpose(),
        extension: kind.extension(),
        media_type: kind.media_type(),
    });
    Json(ExportFormatList {
        formats: formats.collect(),
    })
}

/// Export a bin, picks or the hits of a search as a file for an editing program.
#[utoipa::path(post, operation_id = "export", path = "/v1/exports", tag = "exports", request_body = ExportBody,
    responses((status = 200, description = "The file", content_type = "application/octet-stream"),
              TooManySearches, Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<ExportBody>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let kind = ExportKind::named(&body.format)?;
    let (found, name) = match (body.bin, body.picks, body.search) {
        (Some(bin), None, None) => in_bin(&api, &caller, &bin).await?,
        (None, Some(picks), None) => (selections(picks)?, "picks".to_owned()),
        (None, None, Some(search)) => {
            let (request, answer) = answer(&api, &caller, search).await?;
            let text = request.query.to_text();
            let found = answer.hits.iter().map(|hit| hit.selection(text.as_deref()));
            (
                found.collect(),
                text.clone().unwrap_or_else(|| "similar".to_owned()),
            )
        }
        _ => {
            let detail = "give exactly one of `bin`, `picks` and `search`";
            return Err(ApiError::new(
                ErrorKind::InvalidInput,
                "bad-request",
                detail,
            ));
        }
    };
    if found.len() > bins::MOST_ITEMS {
        let detail = format!("an export holds at most {} picks", bins::MOST_ITEMS);
        return Err(ApiError::new(ErrorKind::Limit, "too-many-picks", detail));
    }
    let mut db = api.catalog.read().await?;
    caller.check_picks(&mut db, &found).await?;
    drop(db);
    let options = CutListOptions {
        name: body.name.unwrap_or(name),
        rate: body.rate,
        drop_frame: body.drop_frame,
        handles: body.handles.into(),
    };
    // Pictures take disk and time; a text is made in a moment.
    let _place = match kind {
        ExportKind::Text(_) => None,
        ExportKind::Sheet(_) | ExportKind::Bundle(_) => {
            Some(BUNDLES.try_acquire().map_err(|_all_taken| {
                let detail =
                    "too many archives and contact sheets are being made; ask again in a moment";
                ApiError::new(ErrorKind::Overloaded, "too-many-exports", detail)
            })?)
        }
    };
    let list = gather(&api.catalog, &api.storage, &found, &options).await?;
    let file = export(kind, &list, &api.exports).await?;
    answered(kind, &options.name, file)
}

async fn in_bin(
    api: &Api,
    caller: &Caller,
    bin: &str,
) -> Result<(Vec<Selection>, String), ApiError> {
    let mut db = api.catalog.snapshot().await?;
    let bin = bins::find(&mut db, bin, caller.owner()).await?;
    let items = caller.items(&mut db, &bin).await?;
    Ok((items.into_iter().map(Selection::from).collect(), bin.name))
}

fn answered(kind: ExportKind, name: &str, file: ExportFile) -> Result<Response, ApiError> {
    let (body, length) = match file {
        ExportFile::Text(text) => {
            let length = text.len() as u64;
            (Body::from(text), length)
        }
        ExportFile::Media(mut file) => {
            let length = file.seek(SeekFrom::End(0)).and_then(|length| {
                file.rewind()?;
                Ok(length)
            });
            let length = length.map_err(ExportError::from)?;
            let stream = ReaderStream::new(tokio::fs::File::from_std(file));
            (Body::from_stream(stream), length)
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(kind.media_type()),
    );
    headers.insert(header::CONTENT_LENGTH, length.into());
    // A name for those that read ASCII only, and the real one (RFC 6266).
    let file = format!("{}.{}", plain_file_name(name), kind.extension());
    let coded = utf8_percent_encode(&file, NON_ALPHANUMERIC);
    let disposition = format!(
        "attachment; filename=\"rushes.{}\"; filename*=UTF-8''{coded}",
        kind.extension()
    );
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
