//! Entity tags (RFC 9110, section 8.8.3) of JSON answers, and conditional requests.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rushes_models::ErrorKind;

use super::ApiError;

/// Hexadecimal digits of a tag: 128 bits of BLAKE3.
const DIGITS: usize = 32;

/// Tags answers of JSON with the hash of what is sent, and answers 304 where `if-none-match` names that.
///
/// It hashes the encoded bytes, because two encodings may not share a strong tag. If the handler set a tag, the result
/// begins with it. An answer to HEAD has no tag: it has no body to hash.
pub(super) async fn conditional(request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    let known: Vec<HeaderValue> = known.iter().cloned().collect();
    let response = next.run(request).await;
    if !is_get || response.status() != StatusCode::OK || !is_tagged(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            let detail = format!("the answer cannot be read: {error}");
            return ApiError::new(ErrorKind::Internal, "internal", detail).into_response();
        }
    };
    let hash = blake3::hash(&bytes).to_hex();
    let hash = hash.get(..DIGITS).unwrap_or_default();
    let given = parts.headers.get(header::ETAG);
    let given = given.and_then(|tag| Some(tag.to_str().ok()?.trim_matches('"').to_owned()));
    let tag = given.map_or_else(
        || format!("\"{hash}\""),
        |given| format!("\"{given}-{hash}\""),
    );
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    parts
        .headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    if !matches(&known, &tag) {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
    ] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

fn is_tagged(headers: &HeaderMap) -> bool {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let is_kept = headers
        .get(header::CACHE_CONTROL)
        .is_none_or(|control| control != "no-store");
    // What has ranges is a stored file, whose own tag `if-range` compares.
    is_json && is_kept && !headers.contains_key(header::ACCEPT_RANGES)
}

/// Whether one of the values of `if-none-match` names the tag, by weak comparison.
fn matches(known: &[HeaderValue], tag: &str) -> bool {
    let named = known
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    named
        .map(|one| one.strip_prefix("W/").unwrap_or(one))
        .any(|one| one == "*" || one == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_named_alone_in_a_list_or_by_a_star() {
        let named = |text: &'static str| matches(&[HeaderValue::from_static(text)], "\"ab\"");
        for text in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(named(text), "{text}");
        }
        for text in ["", "ab", "\"abc\"", "\"x\""] {
            assert!(!named(text), "{text}");
        }
    }
}
