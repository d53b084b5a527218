//! The forms of redaction: one picture into memory, many into the store, each with a limit.

use std::error::Error;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use futures::{StreamExt as _, TryStreamExt as _};
use rushes_models::ErrorKind;

use super::{Api, ApiError, MAX_JSON};
use crate::catalog::RedactionId;
use crate::redactions::{MOST_FILES, Names, RedactionError, Wanted};

/// One picture and what is wanted of it.
pub(super) struct Single {
    pub(super) bytes: Vec<u8>,
    pub(super) name: String,
    pub(super) wanted: Wanted,
}

/// How long the rest of a refused request is still read. A client that is sending would not see the answer else.
const LINGER: Duration = Duration::from_secs(3);

/// How long the next bytes of a form may be in coming.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a form may be in coming, apart from its bytes …
const START: Duration = Duration::from_secs(60);
/// … which come this fast at least, per second.
const SLOWEST: u64 = 16 << 10;

/// Reads the form of one picture.
pub(super) async fn single(api: &Api, request: Request) -> Result<Single, ApiError> {
    let mut form = open(api, request).await?;
    let read = read(api, &mut form).await;
    if read.is_err() {
        skip(form).await;
    }
    read
}

async fn read(api: &Api, form: &mut Multipart) -> Result<Single, ApiError> {
    let (mut picture, mut wanted) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|e| broken(&e))? {
        match field.name() {
            Some("picture") if picture.is_none() => {
                let name = Names::default().plain(field.file_name().unwrap_or_default());
                let limit = api.redactions.picture_limit();
                picture = Some((bytes(field, limit).await?, name));
            }
            Some("settings") if wanted.is_none() => wanted = Some(settings(field).await?),
            other => return Err(unknown(other, "one `picture` and `settings`")),
        }
    }
    let (bytes, name) = picture.ok_or_else(|| bad("the form has no field `picture`".to_owned()))?;
    Ok(Single {
        bytes,
        name,
        wanted: wanted.unwrap_or_default(),
    })
}

/// Streams the files of a form into the store and queues them. If anything is wrong with it, nothing of it stays.
pub(super) async fn many(api: &Api, request: Request) -> Result<RedactionId, ApiError> {
    let mut form = open(api, request).await?;
    let api = api.clone();
    // On a task of its own: a client that goes away ends its request, and what it sent is cleared away all the same.
    let received = tokio::spawn(async move {
        let id = api.redactions.begin().await?;
        let received = receive(&api, &mut form, &id).await;
        if received.is_err() {
            skip(form).await;
        }
        if received.is_err()
            && let Err(left) = api.redactions.delete(&id).await
        {
            tracing::warn!(%left, redaction = %id, "a broken upload is cleared away at the next start");
        }
        received.map(|()| id)
    });
    received
        .await
        .unwrap_or_else(|died| Err(RedactionError::Died(died.to_string()).into()))
}

async fn receive(api: &Api, form: &mut Multipart, id: &RedactionId) -> Result<(), ApiError> {
    let (mut given, mut names, mut wanted) = (Names::default(), Vec::new(), None);
    while let Some(field) = form.next_field().await.map_err(|e| broken(&e))? {
        match field.name() {
            Some("file") if names.len() == MOST_FILES => {
                let detail = format!("more than {MOST_FILES} files; send them in parts");
                return Err(ApiError::new(ErrorKind::Limit, "too-many-files", detail));
            }
            Some("file") => {
                let name = given.plain(field.file_name().unwrap_or_default());
                let mut failure = None;
                let chunks = field.map_err(|error| {
                    failure = Some(broken(&error));
                    std::io::Error::other(error)
                });
                let stored = api.redactions.receive(id, names.len(), chunks).await;
                // A body that breaks off is not the store's failure.
                if let Some(failure) = failure {
                    return Err(failure);
                }
                stored?;
                names.push(name);
            }
            Some("settings") if wanted.is_none() => {
                let settings = settings(field).await?;
                api.redactions.check(&settings).await?;
                wanted = Some(settings);
            }
            other => return Err(unknown(other, "`file`s and one `settings`")),
        }
    }
    if names.is_empty() {
        return Err(bad("the form has no field `file`".to_owned()));
    }
    if wanted.is_none() {
        api.redactions.check(&Wanted::default()).await?;
    }
    Ok(api
        .redactions
        .received(id, &wanted.unwrap_or_default(), names)
        .await?)
}

/// Reads the rest of a form, without keeping it, for a while.
async fn skip(mut form: Multipart) {
    let rest = async { while let Ok(Some(_)) = form.next_field().await {} };
    if tokio::time::timeout(LINGER, rest).await.is_err() {
        tracing::debug!("a client goes on sending what is refused");
    }
}

/// Reads a request, without keeping it, for a while.
pub(super) async fn drain(request: Request) {
    let mut chunks = request.into_body().into_data_stream();
    let rest = async { while let Some(Ok(_)) = chunks.next().await {} };
    if tokio::time::timeout(LINGER, rest).await.is_err() {
        tracing::debug!("a client goes on sending what is refused");
    }
}

async fn open(api: &Api, request: Request) -> Result<Multipart, ApiError> {
    let request = request.map(|body| paced(body, PATIENCE));
    Multipart::from_request(request, api)
        .await
        .map_err(|rejection| bad(rejection.body_text()))
}

/// A body that breaks off when the client is too slow. Only the waiting for it counts, not what is done meanwhile.
fn paced(body: Body, patience: Duration) -> Body {
    let state = Some((body.into_data_stream(), Duration::ZERO, 0_u64));
    Body::from_stream(futures::stream::unfold(state, move |state| async move {
        let (mut chunks, waited, bytes) = state?;
        let allowed = START + Duration::from_secs(bytes / SLOWEST);
        let began = Instant::now();
        let next =
            tokio::time::timeout(patience.min(allowed.saturating_sub(waited)), chunks.next());
        match next.await {
            Ok(Some(Ok(chunk))) => {
                let state = (chunks, waited + began.elapsed(), bytes + chunk.len() as u64);
                Some((Ok(chunk), Some(state)))
            }
            Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_elapsed) => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
        }
    }))
}

async fn settings(field: Field<'_>) -> Result<Wanted, ApiError> {
    let json = bytes(field, MAX_JSON as u64).await?;
    serde_json::from_slice(&json).map_err(|error| {
        let detail = format!("the settings cannot be read: {error}");
        ApiError::new(ErrorKind::InvalidInput, "bad-settings", detail)
    })
}

async fn bytes(mut field: Field<'_>, limit: u64) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|e| broken(&e))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit {
            let name = field.name().unwrap_or_default();
            let detail = format!("`{name}` is larger than the limit of {limit} bytes");
            return Err(ApiError::new(ErrorKind::Limit, "too-large", detail));
        }
    }
    Ok(bytes)
}

fn unknown(name: Option<&str>, known: &str) -> ApiError {
    let name = name.unwrap_or_default();
    bad(format!("no field `{name}` is expected here; send {known}"))
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(ErrorKind::Limit, "too-large", error.body_text());
    }
    if is_late(error) {
        return ApiError::too_slow("the form was too long in coming; send it again".to_owned());
    }
    bad(error.body_text())
}

fn bad(detail: String) -> ApiError {
    ApiError::new(ErrorKind::InvalidInput, "bad-upload", detail)
}

fn is_late(error: &MultipartError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::TimedOut
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[tokio::test]
    async fn a_form_that_stops_coming_is_given_up() {
        let begun = "--x\r\nContent-Disposition: form-data; name=\"picture\"\r\n\r\nhalf";
        let chunks = futures::stream::once(async move { Ok::<_, std::io::Error>(begun) })
            .chain(futures::stream::pending());
        let request = Request::builder()
            .header("content-type", "multipart/form-data; boundary=x")
            .body(paced(Body::from_stream(chunks), Duration::from_millis(20)))
            .unwrap();
        let mut form = Multipart::from_request(request, &()).await.unwrap();
        let field = form.next_field().await.unwrap().unwrap();
        let error = bytes(field, 1000).await.unwrap_err();
        assert_eq!(error.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_form_in_time_is_whole() {
        let chunks = futures::stream::iter(["a", "b"].map(Ok::<_, std::io::Error>));
        let body = paced(Body::from_stream(chunks), PATIENCE);
        let whole = axum::body::to_bytes(body, 10).await.unwrap();
        assert_eq!(whole.as_ref(), b"ab");
    }
}
