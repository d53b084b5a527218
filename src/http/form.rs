//! Forms (`multipart/form-data`, RFC 7578), whose headers are bounded: the parser keeps in memory whatever comes
//! before a field's data.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use futures::StreamExt as _;
use rushes_models::ErrorKind;
use utoipa::ToSchema;

use super::{Api, ApiError, pace};

/// Bytes that may come before a field's data: its boundary, its headers, and what the connection read ahead.
const MOST_BETWEEN: u64 = 1024 * 1024;
/// How long the rest of a refused request is still read. A client that is sending would not see the answer else.
const LINGER: Duration = Duration::from_secs(3);
/// No limit: data is counted by whoever reads it.
const ANY: u64 = u64::MAX;

/// A file in a form, as the document describes it.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(
    dead_code,
    reason = "it only describes forms, which are read as streams"
)]
pub(super) struct FilePart(Vec<u8>);

/// A form that is being received.
#[derive(Debug)]
pub(super) struct Form {
    parts: Multipart,
    /// Bytes that may still come before they must be data.
    allowed: Arc<AtomicU64>,
}

impl Form {
    /// Reads the head of a request.
    pub(super) async fn open(api: &Api, request: Request) -> Result<Self, ApiError> {
        let allowed = Arc::new(AtomicU64::new(MOST_BETWEEN));
        let request = request.map(|body| counted(body, Arc::clone(&allowed)));
        let parts = Multipart::from_request(request, api)
            .await
            .map_err(|rejection| bad(rejection.body_text()))?;
        Ok(Self { parts, allowed })
    }

    /// The next field; `None` at the end.
    pub(super) async fn next_field(&mut self) -> Result<Option<Field<'_>>, ApiError> {
        self.allowed.store(MOST_BETWEEN, Ordering::Relaxed);
        let field = self.parts.next_field().await;
        self.allowed.store(ANY, Ordering::Relaxed);
        field.map_err(|error| broken(&error))
    }

    /// Reads the rest, without keeping it, for a while.
    pub(super) async fn skip(mut self) {
        linger(async { while let Ok(Some(_)) = self.parts.next_field().await {} }).await;
    }
}

/// A body that breaks off when more comes than is allowed.
fn counted(body: Body, allowed: Arc<AtomicU64>) -> Body {
    let mut chunks = body.into_data_stream();
    let mut is_due = true;
    Body::from_stream(futures::stream::poll_fn(move |context| {
        // The parser takes all that is ready before it looks at any of it: one piece at a time is ready.
        is_due = !is_due;
        if is_due {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(chunk) = ready!(chunks.poll_next_unpin(context)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(chunk.map_err(std::io::Error::other).and_then(
            |chunk| {
                let left = allowed.load(Ordering::Relaxed);
                if left != ANY {
                    let left = left.checked_sub(chunk.len() as u64);
                    let left = left.ok_or(std::io::ErrorKind::FileTooLarge)?;
                    allowed.store(left, Ordering::Relaxed);
                }
                Ok(chunk)
            },
        )))
    }))
}

/// Reads a request, without keeping it, for a while.
pub(super) async fn drain(request: Request) {
    let mut chunks = request.into_body().into_data_stream();
    linger(async { while let Some(Ok(_)) = chunks.next().await {} }).await;
}

/// Waits for the rest of what is refused, but not for long.
async fn linger(rest: impl Future<Output = ()>) {
    if tokio::time::timeout(LINGER, rest).await.is_err() {
        tracing::debug!("a client still sends what is refused");
    }
}

/// A form that broke off, or is invalid.
pub(super) fn broken(error: &MultipartError) -> ApiError {
    match pace::io_kind(error) {
        Some(std::io::ErrorKind::TimedOut) => {
            ApiError::too_slow("the form was too long in coming; send it again".to_owned())
        }
        Some(std::io::ErrorKind::FileTooLarge) => bad(
            "what comes before a field's data is longer than any header; send a form as RFC 7578 says".to_owned(),
        ),
        _ if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(ErrorKind::Limit, "too-large", error.body_text())
        }
        _ => bad(error.body_text()),
    }
}

pub(super) fn bad(detail: String) -> ApiError {
    ApiError::new(ErrorKind::InvalidInput, "bad-upload", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn form(body: Body) -> Form {
        let allowed = Arc::new(AtomicU64::new(MOST_BETWEEN));
        let request = Request::builder()
            .header("content-type", "multipart/form-data; boundary=x")
            .body(counted(body, Arc::clone(&allowed)))
            .unwrap();
        let parts = Multipart::from_request(request, &()).await.unwrap();
        Form { parts, allowed }
    }

    #[tokio::test]
    async fn headers_without_an_end_are_refused_before_they_fill_the_memory() {
        for head in [
            "--x\r\nContent-Disposition: form-data; name=\"file\"; a=\"",
            "no boundary at all",
        ] {
            let sent = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&sent);
            let start = futures::stream::iter([head.to_owned()]);
            let endless = start.chain(futures::stream::repeat_with(|| "y".repeat(8192)));
            let chunks = endless.map(move |chunk| {
                counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Ok::<_, std::io::Error>(chunk)
            });
            let mut form = form(Body::from_stream(chunks)).await;
            let error = form.next_field().await.unwrap_err();
            assert!(error.is("bad-upload"), "{error:?}");
            assert!(sent.load(Ordering::Relaxed) <= MOST_BETWEEN + 16384);
        }
    }

    #[tokio::test]
    async fn data_is_not_counted_as_a_header() {
        // Together more than may come between fields, and less than the framework takes by default.
        let data = "z".repeat(900_000);
        let text = format!(
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{data}\r\n--x\r\nContent-Disposition: \
             form-data; name=\"b\"\r\n\r\n{data}\r\n--x--\r\n"
        );
        let chunks: Vec<String> = text
            .as_bytes()
            .chunks(8192)
            .map(|c| String::from_utf8_lossy(c).into_owned())
            .collect();
        let chunks = futures::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
        let mut form = form(Body::from_stream(chunks)).await;
        let mut sizes = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            sizes.push(field.bytes().await.unwrap().len());
        }
        assert_eq!(sizes, [data.len(), data.len()]);
    }
}
