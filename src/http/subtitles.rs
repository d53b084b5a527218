//! `/v1/assets/{id}/subtitles`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use bytes::Bytes;
use rushes_models::{ErrorKind, with_causes};
use rushes_workers::dialogue::MAX_SUBTITLE_BYTES;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{Form, bad, broken};
use super::problems::{BadReplacement, NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::subtitles::{self, SubtitleTrack};
use crate::catalog::{AssetId, Caller, JobId, jobs};
use crate::ingest::{
    NewSubtitles, SubtitleError, add_subtitles, remove_subtitles, subtitles_from_pictures,
};
use crate::views::JobView;

/// Longest language tag in bytes.
const MAX_LANGUAGE: usize = 100;

/// Subtitles to add.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form; the form is read as a stream"
)]
pub(super) struct SubtitlesForm {
    /// The file: SubRip, WebVTT, ASS, SSA or TTML.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Its language, such as `en` or `pt-BR`; what the file's name says if absent.
    language: Option<String>,
}

/// What is known of the subtitles in the pictures.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BurntIn {
    /// Their language, such as `en` or `pt-BR`; unknown if absent.
    #[schema(example = "en")]
    language: Option<String>,
}

/// The subtitle tracks of an asset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SubtitleList {
    /// Streams of the video first, then files.
    tracks: Vec<SubtitleTrack>,
}

/// Subtitles that were added.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AddedSubtitles {
    /// The track.
    track: SubtitleTrack,
    /// The job that computes the dialogue again.
    job: JobView,
}

impl From<SubtitleError> for ApiError {
    fn from(error: SubtitleError) -> Self {
        match error {
            SubtitleError::Catalog(error) => error.into(),
            SubtitleError::Storage(error) => error.into(),
            SubtitleError::Language(_) => {
                Self::new(ErrorKind::InvalidInput, "bad-language", with_causes(&error))
            }
            SubtitleError::TooLarge(_) => {
                Self::new(ErrorKind::Limit, "too-large", with_causes(&error))
            }
            SubtitleError::NotRead => Self::new(
                ErrorKind::InvalidInput,
                "pictures-not-read",
                with_causes(&error),
            ),
            SubtitleError::NotBurntIn { .. } => Self::new(
                ErrorKind::InvalidInput,
                "no-burnt-in-subtitles",
                with_causes(&error),
            ),
            SubtitleError::Unreadable { ref source, .. } => {
                Self::new(ErrorKind::Unsupported, source.code(), with_causes(&error))
            }
        }
    }
}

/// The subtitle tracks of an asset: text streams of the video, files beside it, and uploaded files.
#[utoipa::path(get, operation_id = "list_subtitles", path = "/v1/assets/{id}/subtitles", tag = "subtitles",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = SubtitleList), NotFound))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<SubtitleList>, ApiError> {
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.snapshot().await?;
    let asset = caller.asset(&mut db, &id).await?;
    let tracks = subtitles::tracks(&mut db, &asset).await?;
    Ok(Json(SubtitleList { tracks }))
}

/// Add a subtitle file. The dialogue is computed again from all tracks; the old one is found until then. The same
/// bytes and language again return the track that they made.
#[utoipa::path(post, operation_id = "add_subtitles", path = "/v1/assets/{id}/subtitles", tag = "subtitles",
    params(("id" = String, Path)),
    request_body(content = SubtitlesForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Added", body = AddedSubtitles),
              NotFound, BadReplacement, Refused))]
pub(super) async fn add(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<AddedSubtitles>), ApiError> {
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let asset = caller.asset(&mut db, &id).await?.id;
    drop(db);
    let new = read(Form::open(&api, request).await?).await?;
    let for_asset = (&asset, &api.settings);
    let added = add_subtitles(&api.catalog, &api.storage, for_asset, new).await?;
    created(&api, added).await
}

/// Make a subtitle track of the subtitles that are part of the picture. They are found as dialogue from then on, and the
/// video is not listened to. Its pictures must have been read: see the coverage of `text`.
#[utoipa::path(post, operation_id = "subtitles_from_pictures", path = "/v1/assets/{id}/subtitles/from-pictures",
    tag = "subtitles", params(("id" = String, Path)), request_body = BurntIn,
    responses((status = 201, description = "Added", body = AddedSubtitles),
              NotFound, BadReplacement, Refused))]
pub(super) async fn from_pictures(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<BurntIn>, JsonRejection>,
) -> Result<(StatusCode, Json<AddedSubtitles>), ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let asset = caller.asset(&mut db, &id).await?.id;
    drop(db);
    let for_asset = (&asset, &api.settings);
    let made =
        subtitles_from_pictures(&api.catalog, &api.storage, for_asset, body.language).await?;
    created(&api, made).await
}

/// The answer to a track that was added by a job.
async fn created(
    api: &Api,
    (track, job): (SubtitleTrack, JobId),
) -> Result<(StatusCode, Json<AddedSubtitles>), ApiError> {
    let mut db = api.catalog.read().await?;
    let job = JobView::from(&jobs::get(&mut db, &job).await?);
    Ok((StatusCode::CREATED, Json(AddedSubtitles { track, job })))
}

/// Remove a subtitle track. The dialogue is computed again without it. An uploaded file is deleted; a stream of the
/// video, or a file beside it, is not read any more.
#[utoipa::path(delete, operation_id = "remove_subtitles", path = "/v1/assets/{id}/subtitles/{track}", tag = "subtitles",
    params(("id" = String, Path), ("track" = String, Path)),
    responses((status = 202, description = "Removed: the job that computes the dialogue again", body = JobView),
              NotFound, BadReplacement))]
pub(super) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    Path((id, track)): Path<(String, String)>,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let id: AssetId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let asset = caller.asset(&mut db, &id).await?.id;
    drop(db);
    let job = remove_subtitles(&api.catalog, &asset, &track, &api.settings).await?;
    let mut db = api.catalog.read().await?;
    let job = jobs::get(&mut db, &job).await?;
    Ok((StatusCode::ACCEPTED, Json(JobView::from(&job))))
}

async fn read(mut form: Form) -> Result<NewSubtitles, ApiError> {
    let (mut file, mut language) = (None, None);
    while let Some(mut field) = form.next_field().await? {
        let (name, most) = match field.name() {
            Some("file") => ("file", MAX_SUBTITLE_BYTES),
            Some("language") => ("language", MAX_LANGUAGE as u64),
            other => {
                let name = other.unwrap_or_default();
                return Err(bad(format!(
                    "there is no field `{name}`; send `file` and `language`"
                )));
            }
        };
        let file_name = field.file_name().unwrap_or("subtitles.srt").to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > most {
                let detail = format!("`{name}` is longer than {most} bytes");
                return Err(ApiError::new(ErrorKind::Limit, "too-large", detail));
            }
        }
        if name == "file" {
            if file.is_some() {
                return Err(bad("send one `file` at a time".to_owned()));
            }
            file = Some((file_name, bytes));
        } else {
            let text = String::from_utf8(bytes)
                .map_err(|_encoding| bad("`language` is not UTF-8".to_owned()))?;
            language = Some(text).filter(|text| !text.is_empty());
        }
    }
    let (name, bytes) = file.ok_or_else(|| bad("the form has no field `file`".to_owned()))?;
    Ok(NewSubtitles {
        name,
        language,
        bytes: Bytes::from(bytes),
        is_burnt_in: false,
    })
}
