//! Stored objects, such as a shot's thumbnail and its clip, with byte ranges so that players can seek.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rushes_models::ErrorKind;

use super::problems::{NoSuchRange, NotFound};
use super::{Api, ApiError};
use crate::catalog::{Caller, ShotId, shots};

/// The middle frame of a shot.
#[utoipa::path(get, operation_id = "get_thumbnail", path = "/v1/shots/{id}/thumbnail.jpg", tag = "shots",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Success", content_type = "image/jpeg"),
        (status = 206, description = "The requested range", content_type = "image/jpeg"),
        (status = 304, description = "It is the one that `if-none-match` names"), NoSuchRange, NotFound,
    ))]
pub(super) async fn thumbnail(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shot = find(&api, &caller, &id).await?;
    serve(
        &api,
        &made(shot.thumbnail)?,
        "image/jpeg",
        (&method, &headers),
    )
    .await
}

/// A shot as a small mp4.
#[utoipa::path(get, operation_id = "get_clip", path = "/v1/shots/{id}/clip.mp4", tag = "shots",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "Success", content_type = "video/mp4"),
        (status = 206, description = "The requested range", content_type = "video/mp4"), NotFound,
        (status = 304, description = "It is the one that `if-none-match` names"), NoSuchRange,
    ))]
pub(super) async fn clip(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shot = find(&api, &caller, &id).await?;
    serve(&api, &made(shot.proxy)?, "video/mp4", (&method, &headers)).await
}

async fn find(api: &Api, caller: &Caller, id: &str) -> Result<shots::Shot, ApiError> {
    let id: ShotId = id.parse()?;
    let mut db = api.catalog.read().await?;
    caller.check_shot(&mut db, &id).await?;
    Ok(shots::get(&mut db, &id).await?)
}

fn made(key: Option<String>) -> Result<String, ApiError> {
    key.ok_or_else(|| {
        let detail = "this has not been made yet; follow the asset's job";
        ApiError::new(ErrorKind::Unavailable, "not-made-yet", detail)
    })
}

/// A stored object, or the range of it that is asked for. It goes through piece by piece, whatever its size.
pub(super) async fn serve(
    api: &Api,
    key: &str,
    kind: &str,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, ApiError> {
    // A stored object never changes: its key names the run that made it.
    let tag = format!("\"{key}\"");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH) == Some(tag.as_str()) {
        return Ok(answer(StatusCode::NOT_MODIFIED, kind, &tag, Body::empty()));
    }
    let size = api.storage.size(key).await?;
    // A range of another version (If-Range) is answered with the whole of this one.
    let current = text(header::IF_RANGE).is_none_or(|of| of == tag);
    let wanted = text(header::RANGE).filter(|_| current);
    let requested = wanted.map_or(Requested::Whole, |range| parse(range, size));
    let (status, range) = match requested {
        Requested::Whole => (StatusCode::OK, 0..size),
        Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Requested::Impossible => {
            let mut refusal = ApiError::no_such_range(size).into_response();
            insert(
                &mut refusal,
                header::CONTENT_RANGE,
                &format!("bytes */{size}"),
            );
            return Ok(refusal);
        }
    };
    // What is asked for goes through, and no more: players seek much, and clips can be long.
    let body = if *method == Method::HEAD || range.is_empty() {
        Body::empty()
    } else {
        let part = (status == StatusCode::PARTIAL_CONTENT).then(|| range.clone());
        Body::from_stream(api.storage.stream(key, part).await?)
    };
    let mut response = answer(status, kind, &tag, body);
    let length = range.end - range.start;
    insert(&mut response, header::CONTENT_LENGTH, &length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let content = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        insert(&mut response, header::CONTENT_RANGE, &content);
    }
    Ok(response)
}

fn answer(status: StatusCode, kind: &str, tag: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    insert(&mut response, header::CONTENT_TYPE, kind);
    insert(&mut response, header::ETAG, tag);
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    // Its address can come to mean a newer run's object, so a cache must ask.
    insert(&mut response, header::CACHE_CONTROL, "private, no-cache");
    response
}

pub(super) fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Requested {
    Whole,
    Part(Range<u64>),
    Impossible,
}

/// One range of bytes (RFC 9110, section 14.1.2); several at once, and other units, get the whole.
fn parse(header: &str, len: u64) -> Requested {
    let Some(spec) = header.strip_prefix("bytes=") else {
        return Requested::Whole;
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Requested::Whole;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..len,
        (Err(_), Ok(suffix)) if first.trim().is_empty() => len.saturating_sub(suffix)..len,
        _ => return Requested::Whole,
    };
    if range.start < range.end {
        Requested::Part(range)
    } else {
        Requested::Impossible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(parse("bytes=0-99", 1000), Requested::Part(0..100));
        assert_eq!(parse("bytes=900-", 1000), Requested::Part(900..1000));
        assert_eq!(parse("bytes=-100", 1000), Requested::Part(900..1000));
        assert_eq!(parse("bytes=0-5000", 1000), Requested::Part(0..1000));
        assert_eq!(parse("bytes=1000-", 1000), Requested::Impossible);
        assert_eq!(parse("bytes=-0", 1000), Requested::Impossible);
        for odd in [
            "lines=1-2",
            "bytes=5-1",
            "bytes=a-b",
            "bytes=0-1,5-6",
            "bytes=",
        ] {
            assert_eq!(parse(odd, 1000), Requested::Whole, "{odd}");
        }
    }
}
