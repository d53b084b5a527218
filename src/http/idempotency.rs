//! `idempotency-key` on POST requests with a JSON body (draft-ietf-httpapi-idempotency-key-header): the same request
//! again gets the answer of the first one, and is carried out once.

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rushes_models::ErrorKind;

use super::{ApiError, access};
use crate::catalog::{Caller, Catalog, CatalogError, idempotency};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key in characters.
const MAX_KEY: usize = 255;
/// Largest body of such a request, in bytes: it is held in memory.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Largest answer that is kept, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Carries out a request once for each key.
pub(super) async fn once(
    State((catalog, member)): State<(Catalog, String)>,
    request: Request,
    next: Next,
) -> Response {
    let is_change = access::is_change(request.method(), request.uri().path());
    if request.method() != Method::POST || !is_change || !is_json(request.headers()) {
        return next.run(request).await;
    }
    let key = match key(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => key,
        Err(refusal) => return refusal.into_response(),
    };
    match carried_out((&catalog, &member), &key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn carried_out(
    (catalog, member): (&Catalog, &str),
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = request.extensions().get::<Caller>().and_then(Caller::key);
    let caller = caller.map_or_else(String::new, |(id, _)| id.to_string());
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY)
        .await
        .map_err(|_too_long_or_broken| {
            ApiError::new(
                ErrorKind::Limit,
                "too-large",
                "the body is too large, or broke off",
            )
        })?;
    let fingerprint = {
        let mut digest = blake3::Hasher::new();
        digest
            .update(parts.uri.to_string().as_bytes())
            .update(&[0])
            .update(&body);
        digest.finalize().to_hex().to_string()
    };
    let of = (caller.as_str(), key);
    let mut tx = catalog.begin().await?;
    let kept = idempotency::begin(&mut tx, of, &fingerprint, member).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    if let Some(kept) = kept {
        if kept.fingerprint != fingerprint {
            let detail = "this idempotency key was used for another request; use a new one";
            return Err(ApiError::new(
                ErrorKind::Unsupported,
                "idempotency-key-reused",
                detail,
            ));
        }
        let Some(status) = kept.status.and_then(|status| u16::try_from(status).ok()) else {
            let detail =
                "the first request with this idempotency key is under way; ask again in a moment";
            return Err(ApiError::new(
                ErrorKind::Cancelled,
                "request-under-way",
                detail,
            ));
        };
        return Ok(again(
            status,
            kept.kind.as_deref(),
            kept.body.unwrap_or_default(),
        ));
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let length = response.body().size_hint().upper();
    let is_short = length.is_some_and(|length| length <= MAX_ANSWER);
    let is_kept = response.status().is_success()
        && is_json(response.headers())
        && is_short
        && !is_secret(response.headers());
    let mut tx = catalog.begin().await?;
    // Failures, long answers and secrets are not kept. The same request then runs again.
    if !is_kept {
        idempotency::forget(&mut tx, of).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_broken| {
        ApiError::new(ErrorKind::Internal, "internal", "the answer broke off")
    })?;
    let kept = (parts.status.as_u16(), "application/json", body.as_ref());
    idempotency::keep(&mut tx, of, kept).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The answer that was given before.
fn again(status: u16, kind: Option<&str>, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    if let Some(kind) = kind.and_then(|kind| HeaderValue::from_str(kind).ok()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim_matches('"');
    if (1..=MAX_KEY).contains(&key.len()) {
        return Ok(Some(key.to_owned()));
    }
    let detail = format!("`idempotency-key` takes 1 to {MAX_KEY} ASCII characters");
    Err(ApiError::new(
        ErrorKind::InvalidInput,
        "bad-idempotency-key",
        detail,
    ))
}

/// Whether an answer says that nothing may keep it.
fn is_secret(headers: &HeaderMap) -> bool {
    let caching = headers.get(header::CACHE_CONTROL);
    caching.is_some_and(|caching| caching == "no-store")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
