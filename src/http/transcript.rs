//! `/v1/assets/{id}/transcript`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::problems::NotFound;
use super::{Api, ApiError};
use crate::catalog::AssetId;
use crate::catalog::Caller;
use crate::views::Transcript;

/// What is said in an asset: the lines of its subtitles, or if it has none, those that were heard, with the times of words.
/// It has no lines until its job is done.
#[utoipa::path(get, operation_id = "get_transcript", path = "/v1/assets/{id}/transcript", tag = "subtitles",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = Transcript), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Transcript>, ApiError> {
    Ok(Json(load(&api, &caller, &id).await?))
}

/// The same as a SubRip file.
#[utoipa::path(get, operation_id = "get_transcript_srt", path = "/v1/assets/{id}/transcript.srt", tag = "subtitles",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = String, content_type = "application/x-subrip"), NotFound))]
pub(super) async fn srt(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let text = load(&api, &caller, &id).await?.to_srt();
    Ok((
        [(header::CONTENT_TYPE, "application/x-subrip; charset=utf-8")],
        text,
    )
        .into_response())
}

/// The same as a WebVTT file.
#[utoipa::path(get, operation_id = "get_transcript_vtt", path = "/v1/assets/{id}/transcript.vtt", tag = "subtitles",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = String, content_type = "text/vtt"), NotFound))]
pub(super) async fn vtt(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let text = load(&api, &caller, &id).await?.to_vtt();
    Ok(([(header::CONTENT_TYPE, "text/vtt; charset=utf-8")], text).into_response())
}

async fn load(api: &Api, caller: &Caller, id: &str) -> Result<Transcript, ApiError> {
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let asset = caller.asset(&mut db, &id).await?.id;
    drop(db);
    Ok(Transcript::load(&api.catalog, &asset).await?)
}
