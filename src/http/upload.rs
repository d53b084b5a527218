//! Receiving a video: streamed into the store part by part, never whole in memory.

use axum::extract::Request;
use axum::extract::multipart::Field;
use futures::TryStreamExt as _;
use rushes_workers::dialogue::{MAX_SUBTITLE_BYTES, is_subtitle_name, sidecar};
use rushes_workers::storage::Uri;

use super::form::{Form, bad, broken};
use super::{Api, ApiError};
use crate::catalog::assets::Sidecar;
use crate::catalog::{CatalogError, uploads};
use crate::ingest::{FoundVideo, safe_name, without_forced};

/// Longest title in bytes.
pub(super) const MAX_TITLE: usize = 1000;

/// What an upload held.
pub(super) struct Upload {
    /// Where in the store it lies.
    pub(super) prefix: String,
    pub(super) video: FoundVideo,
    pub(super) title: Option<String>,
}

/// Reads the form. If anything is wrong with it, nothing of it stays in the store.
pub(super) async fn receive(api: &Api, request: Request) -> Result<Upload, ApiError> {
    let form = Form::open(api, request).await?;
    let prefix = format!("uploads/{}", ulid::Ulid::generate());
    // Written down before the first byte: a kill leaves nothing that the next start does not clear away.
    let mut tx = api.catalog.begin().await?;
    uploads::begin(&mut tx, &prefix, Some(&api.member)).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    match read(api, form, &prefix).await {
        Ok(upload) => Ok(upload),
        Err(error) => {
            clear(api, &prefix).await;
            Err(error)
        }
    }
}

/// Has an upload that came to nothing cleared away.
pub(super) async fn clear(api: &Api, prefix: &str) {
    let discarded = async {
        let mut tx = api.catalog.begin().await?;
        uploads::discard(&mut tx, prefix).await?;
        Ok::<_, CatalogError>(tx.commit().await?)
    };
    if let Err(left) = discarded.await {
        tracing::warn!(%left, prefix, "a broken upload is cleared away at the next start");
    }
}

async fn read(api: &Api, mut form: Form, prefix: &str) -> Result<Upload, ApiError> {
    let (mut video, mut title, mut subtitles) = (None, None, Vec::new());
    while let Some(field) = form.next_field().await? {
        match field.name() {
            Some("title") => title = Some(text(field).await?),
            Some("file") if video.is_none() => {
                let name = field.file_name().unwrap_or_default().to_owned();
                video = Some((store(api, field, prefix, api.upload_limit).await?, name));
            }
            Some("subtitles") => {
                // A folder each: two files may have the same name.
                let folder = format!("{prefix}/{}", subtitles.len());
                let name = field.file_name().unwrap_or_default().to_owned();
                let locator = store(api, field, &folder, MAX_SUBTITLE_BYTES).await?;
                if !is_subtitle_name(locator.file_name()) {
                    return Err(bad(
                        "`subtitles` must be an .srt, .vtt, .ass, .ssa or .ttml file".to_owned(),
                    ));
                }
                subtitles.push((locator, name));
            }
            Some("file") => return Err(bad("send one `file` at a time".to_owned())),
            other => {
                let name = other.unwrap_or_default();
                return Err(bad(format!(
                    "there is no field `{name}`; send `file`, `title` and `subtitles`"
                )));
            }
        }
    }
    let (locator, name) = video.ok_or_else(|| bad("the form has no field `file`".to_owned()))?;
    let named = subtitles.into_iter().map(|(subtitle, subtitle_name)| {
        // Whatever it is called, it was sent as the video's.
        let said = sidecar(&name, &subtitle_name);
        let forced = said.as_ref().is_some_and(|said| said.forced);
        let sidecar = Sidecar {
            language: said.and_then(|said| said.language),
            locator: subtitle,
            is_burnt_in: false,
        };
        (sidecar, forced)
    });
    let sidecars = without_forced(named.collect());
    Ok(Upload {
        prefix: prefix.to_owned(),
        video: FoundVideo { locator, sidecars },
        title,
    })
}

async fn store(
    api: &Api,
    field: Field<'_>,
    prefix: &str,
    limit: u64,
) -> Result<rushes_workers::storage::Locator, ApiError> {
    let key = format!(
        "{prefix}/{}",
        safe_name(field.file_name().unwrap_or("video"))
    );
    let mut failure = None;
    let chunks = field.map_err(|error| {
        failure = Some(broken(&error));
        std::io::Error::other(error)
    });
    let stored = api.storage.put_stream(&key, chunks, limit).await;
    // A body that breaks off is not the store's failure.
    if let Some(failure) = failure {
        return Err(failure);
    }
    stored?;
    Ok(api.storage.locate(&Uri::Store(key).to_string()).await?)
}

async fn text(mut field: Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TITLE {
            return Err(bad(format!("the title is longer than {MAX_TITLE} bytes")));
        }
    }
    let text =
        String::from_utf8(bytes).map_err(|_encoding| bad("the title is not UTF-8".to_owned()))?;
    if text.trim().is_empty() {
        return Err(bad("the title is empty".to_owned()));
    }
    Ok(text)
}
