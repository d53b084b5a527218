//! The forms of redaction: one picture into memory, many into the store, each with a limit.

use axum::extract::Request;
use axum::extract::multipart::Field;
use futures::TryStreamExt as _;
use rushes_models::{ErrorKind, with_causes};

use super::form::{Form, bad, broken};
use super::{Api, ApiError, MAX_JSON};
use crate::catalog::RedactionId;
use crate::redactions::{MOST_FILES, Names, RedactionError, RedactionRequest};

/// One picture and what is wanted of it.
pub(super) struct Single {
    pub(super) bytes: Vec<u8>,
    pub(super) name: String,
    pub(super) wanted: RedactionRequest,
}

/// Reads the form of one picture.
pub(super) async fn single(api: &Api, request: Request) -> Result<Single, ApiError> {
    let mut form = Form::open(api, request).await?;
    let read = read(api, &mut form).await;
    if read.is_err() {
        form.skip().await;
    }
    read
}

async fn read(api: &Api, form: &mut Form) -> Result<Single, ApiError> {
    let (mut picture, mut wanted) = (None, None);
    while let Some(field) = form.next_field().await? {
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
    let mut form = Form::open(api, request).await?;
    let api = api.clone();
    // On a task of its own: a client that goes away ends its request, and what it sent is cleared away all the same.
    let received = tokio::spawn(async move {
        let id = api.redactions.begin().await?;
        let received = receive(&api, &mut form, &id).await;
        if received.is_err() {
            form.skip().await;
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

async fn receive(api: &Api, form: &mut Form, id: &RedactionId) -> Result<(), ApiError> {
    let (mut given, mut names, mut wanted) = (Names::default(), Vec::new(), None);
    while let Some(field) = form.next_field().await? {
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
                let stored = api
                    .redactions
                    .receive(id, (names.len(), &name), chunks)
                    .await;
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
        api.redactions.check(&RedactionRequest::default()).await?;
    }
    Ok(api
        .redactions
        .received(id, &wanted.unwrap_or_default(), names)
        .await?)
}

async fn settings(field: Field<'_>) -> Result<RedactionRequest, ApiError> {
    let json = bytes(field, MAX_JSON as u64).await?;
    serde_json::from_slice(&json)
        .map_err(|error| ApiError::wrong_field("bad-settings", &with_causes(&error)))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::extract::{FromRequest as _, Multipart};
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;
    use futures::StreamExt as _;

    use super::super::pace::paced;
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
}
