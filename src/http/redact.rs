//! `/v1/redact`: one picture, answered at once.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use rushes_models::ErrorKind;
use rushes_workers::redact::Redacted;
use utoipa::ToSchema;

use super::problems::{FormTooSlow, Refused, TooManyPictures};
use super::{Api, ApiError, redaction_form};
use crate::redactions::{RedactionError, RedactionRequest};

/// How many regions were made unrecognisable.
const REGIONS: HeaderName = HeaderName::from_static("x-rushes-regions");

/// A picture to redact.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the form; the form is read as a stream"
)]
pub(super) struct PictureForm {
    /// The picture: JPEG, PNG, WebP or TIFF.
    #[schema(value_type = String, format = Binary)]
    picture: Vec<u8>,
    /// JSON; faces and plates are blurred if absent.
    settings: Option<RedactionRequest>,
}

/// A redacted picture with its record.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes the answer")]
pub(super) struct RedactedForm {
    /// JSON: every region, who found it, what was done, digests of input and output.
    #[schema(value_type = Object)]
    record: (),
    /// The picture, in the format it came in; absent with the fill `none`.
    #[schema(value_type = Option<String>, format = Binary)]
    picture: Option<Vec<u8>>,
}

/// What a client wants to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Both,
    Record,
    Picture,
}

/// Make faces and plates of one picture unrecognisable. `Accept: image/*` gets the picture alone, `Accept:
/// application/json` the record alone (with the fill `none` a dry look), anything else both as
/// `multipart/form-data`.
#[utoipa::path(post, operation_id = "redact_picture", path = "/v1/redact", tag = "redaction",
    request_body(content = PictureForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Redacted; `x-rushes-regions` says how many regions were", content(
            (RedactedForm = "multipart/form-data"),
            (serde_json::Value = "application/json"),
            (Vec<u8> = "image/*"),
        )),
        FormTooSlow, TooManyPictures, Refused,
    ))]
pub(super) async fn redact(
    State(api): State<Api>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let wanted = answer_for(&headers);
    // Before any byte is kept, so that memory is bounded.
    let place = match api.redactions.admit() {
        Ok(place) => place,
        Err(busy) => {
            super::form::drain(request).await;
            return Err(busy.into());
        }
    };
    let form = redaction_form::single(&api, request).await?;
    let name = form.name.clone();
    let redacted = api
        .redactions
        .redact(place, form.bytes, form.name, form.wanted)
        .await?;
    respond(wanted, redacted, &name)
}

fn respond(wanted: Answer, redacted: Redacted, name: &str) -> Result<Response, ApiError> {
    let count = redacted.record.blurred();
    let kind = redacted.record.picture.format.media_type();
    let record = serde_json::to_vec(&redacted.record)
        .map_err(|error| RedactionError::Died(error.to_string()))?;
    let (content_type, body) = match (wanted, redacted.bytes) {
        (Answer::Record, _) => ("application/json".to_owned(), Body::from(record)),
        (Answer::Picture, Some(bytes)) => (kind.to_owned(), Body::from(bytes)),
        (Answer::Picture, None) => {
            let detail = "with the fill `none` there is no picture; accept application/json";
            return Err(ApiError::new(ErrorKind::InvalidInput, "no-picture", detail));
        }
        (Answer::Both, picture) => form(record, picture, kind, name),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(REGIONS, HeaderValue::from(count));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `multipart/form-data` (RFC 7578): its type and its body, in which the picture is not copied.
fn form(record: Vec<u8>, picture: Option<Vec<u8>>, kind: &str, name: &str) -> (String, Body) {
    // Random, so that nobody can have put it into a picture.
    let boundary = format!("rushes-{}", ulid::Ulid::generate());
    let mut parts: Vec<Bytes> = vec![
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"record\"\r\n\
             Content-Type: application/json\r\n\r\n"
        )
        .into(),
        record.into(),
    ];
    if let Some(picture) = picture {
        let name = quotable(name);
        parts.push(
            format!(
                "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"picture\"; \
                 filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
            )
            .into(),
        );
        parts.push(picture.into());
    }
    parts.push(format!("\r\n--{boundary}--\r\n").into());
    let chunks = parts.into_iter().map(Ok::<_, std::io::Error>);
    (
        format!("multipart/form-data; boundary={boundary}"),
        Body::from_stream(futures::stream::iter(chunks)),
    )
}

/// The last part of a name, for a header.
pub(super) fn quotable(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

fn answer_for(headers: &HeaderMap) -> Answer {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| {
            range
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .find_map(|range| match range.as_str() {
            "application/json" => Some(Answer::Record),
            "multipart/form-data" | "*/*" => Some(Answer::Both),
            range => range.starts_with("image/").then_some(Answer::Picture),
        })
        .unwrap_or(Answer::Both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_media_type_that_is_known_decides() {
        for (accept, expected) in [
            ("*/*", Answer::Both),
            ("application/json", Answer::Record),
            ("text/html, image/png;q=0.9, */*;q=0.1", Answer::Picture),
            ("image/*", Answer::Picture),
            ("text/html", Answer::Both),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(answer_for(&headers), expected, "{accept}");
        }
        assert_eq!(answer_for(&HeaderMap::new()), Answer::Both);
    }

    #[test]
    fn names_cannot_leave_their_header() {
        assert_eq!(quotable("t/a\"b\\ü c.jpg"), "a_b__ c.jpg");
    }
}
