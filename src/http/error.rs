//! The one place where an error becomes an answer: problem details (RFC 9457) with stable codes.

use axum::extract::Request;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rushes_models::{ErrorKind, with_causes};
use rushes_workers::coordinator::CoordinatorError;
use rushes_workers::coordinator::wire::{BAD_RESULT, LEASE_LOST};
use rushes_workers::storage::StorageError;
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

use super::access::noted_path;
use super::pace;
use super::rejection::{self, Explained};
use crate::catalog::CatalogError;
use crate::export::ExportError;
use crate::ingest::SpoolError;
use crate::redactions::RedactionError;
use crate::search::SearchError;
use crate::telemetry;

const REQUEST_ID: &str = "x-request-id";

/// A failed request.
#[derive(Debug, Clone)]
pub struct ApiError {
    kind: ErrorKind,
    status: StatusCode,
    code: String,
    detail: String,
    field: Option<String>,
}

/// The body of a failed request, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the code tells problems apart.
    r#type: &'static str,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// Stable, for programs: `shot-not-found`.
    code: String,
    /// What went wrong and how to fix it, for people.
    detail: String,
    /// The field of the body or query that is wrong, such as `settings.classes[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Name this when you ask for help.
    request_id: String,
}

impl ApiError {
    /// A JSON body that cannot be read.
    pub(super) fn unreadable(rejection: &JsonRejection) -> Self {
        if pace::io_kind(rejection) == Some(std::io::ErrorKind::TimedOut) {
            return Self::too_slow("the body was too long in coming; send it again".to_owned());
        }
        let detail = rejection.body_text();
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(ErrorKind::Limit, "too-large", detail),
            status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => Self {
                status,
                ..Self::new(ErrorKind::Unsupported, "bad-content-type", detail)
            },
            _ => Self::wrong_field("bad-request", &detail),
        }
    }

    /// JSON or a query that is not what is taken, in the words of its parser.
    pub(super) fn wrong_field(code: &str, parser: &str) -> Self {
        let Explained { field, detail } = rejection::explain(parser);
        Self {
            field,
            ..Self::new(ErrorKind::InvalidInput, code, detail)
        }
    }

    /// A request from where none is accepted.
    pub(super) fn forbidden(code: &str, detail: String) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            ..Self::new(ErrorKind::InvalidInput, code, detail)
        }
    }

    /// A request without a key that opens what it asks for.
    pub(super) fn unauthorised(detail: &str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new(ErrorKind::InvalidInput, "unauthorised", detail)
        }
    }

    /// A body of another content type than is taken.
    pub(super) fn unsupported_type(detail: &str) -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ..Self::new(ErrorKind::Unsupported, "bad-content-type", detail)
        }
    }

    /// A version of a protocol that is not spoken here.
    pub(super) fn wrong_version(detail: &str) -> Self {
        Self {
            status: StatusCode::PRECONDITION_FAILED,
            ..Self::new(ErrorKind::InvalidInput, "wrong-version", detail)
        }
    }

    /// A range that lies outside what is asked for, of `size` bytes.
    pub(super) fn no_such_range(size: u64) -> Self {
        Self {
            status: StatusCode::RANGE_NOT_SATISFIABLE,
            ..Self::new(
                ErrorKind::InvalidInput,
                "no-such-range",
                format!("there are {size} bytes; ask for a range within them"),
            )
        }
    }

    /// A request whose body does not arrive.
    pub(super) fn too_slow(detail: String) -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            ..Self::new(ErrorKind::InvalidInput, "too-slow", detail)
        }
    }

    /// Whether this is the error with the code `code`.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// An error with a code of its own.
    pub fn new(kind: ErrorKind, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: status(kind),
            code: code.to_owned(),
            detail: detail.into(),
            field: None,
        }
    }
}

/// The status of errors of a kind.
pub(super) const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported | ErrorKind::Corrupt => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Cancelled => StatusCode::CONFLICT,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        Self::new(error.kind(), &error.code(), with_causes(&error))
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kind is code enough for the others"
)]
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let code = match &error {
            StorageError::NotFound(_) => "file-not-found",
            StorageError::TooLarge { .. } => "too-large",
            StorageError::Full { .. } => "disk-full",
            StorageError::Denied { .. } => "permission-denied",
            StorageError::Unavailable { .. } => "store-unavailable",
            _ => error.kind().as_str(),
        };
        Self::new(error.kind(), code, with_causes(&error))
    }
}

impl From<SearchError> for ApiError {
    fn from(error: SearchError) -> Self {
        Self {
            field: error.field(),
            ..Self::new(error.kind(), &error.code(), with_causes(&error))
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others have codes of their own"
)]
impl From<RedactionError> for ApiError {
    fn from(error: RedactionError) -> Self {
        match error {
            RedactionError::Catalog(error) => error.into(),
            RedactionError::Storage(error) => error.into(),
            error => {
                let api = Self::new(error.kind(), &error.code(), with_causes(&error));
                // It is what the request needs that is not there, not what it is addressed to.
                if api.status == StatusCode::NOT_FOUND {
                    Self {
                        status: StatusCode::UNPROCESSABLE_ENTITY,
                        ..api
                    }
                } else {
                    api
                }
            }
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others have codes of their own"
)]
impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Catalog(error) => error.into(),
            ExportError::Storage(error) => error.into(),
            error => Self::new(error.kind(), error.code(), with_causes(&error)),
        }
    }
}

impl From<SpoolError> for ApiError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::TooLong => Self::new(ErrorKind::Limit, "too-large", with_causes(&error)),
            // The status that tus has for it.
            SpoolError::Checksum => Self {
                status: StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
                ..Self::new(
                    ErrorKind::InvalidInput,
                    "checksum-mismatch",
                    with_causes(&error),
                )
            },
            SpoolError::Lost(_) => {
                Self::new(ErrorKind::Cancelled, "wrong-offset", with_causes(&error))
            }
            SpoolError::Write(cause) if cause.kind() == std::io::ErrorKind::StorageFull => {
                let detail = "the disk for uploads is full; make room on the server and continue";
                Self::new(ErrorKind::Unavailable, "disk-full", detail)
            }
            SpoolError::Write(cause) => Self::new(
                ErrorKind::Internal,
                "internal",
                format!("the spool: {cause}"),
            ),
        }
    }
}

impl From<CoordinatorError> for ApiError {
    fn from(error: CoordinatorError) -> Self {
        match error {
            CoordinatorError::LeaseLost(_) => {
                Self::new(ErrorKind::Cancelled, LEASE_LOST, with_causes(&error))
            }
            CoordinatorError::Invalid(why) => Self::new(ErrorKind::Unsupported, BAD_RESULT, why),
            CoordinatorError::Unavailable(cause) => match cause.downcast::<CatalogError>() {
                // A defect or a damaged catalogue is for our log.
                Ok(error) if error.kind() == ErrorKind::Internal => (*error).into(),
                Ok(error) => Self::new(ErrorKind::Unavailable, "unavailable", with_causes(&error)),
                Err(cause) => {
                    Self::new(ErrorKind::Unavailable, "unavailable", with_causes(&*cause))
                }
            },
            // No coordinator of this process refuses its own server.
            CoordinatorError::Refused(_) | _ => {
                Self::new(ErrorKind::Internal, "internal", with_causes(&error))
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // The body is written by `finish`, which knows the request's id.
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The id of a request, for those that note it.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// Gives every request an id, and writes the body of those that failed.
pub(super) async fn finish(mut request: Request, next: Next) -> Response {
    let id = Ulid::generate().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), noted_path(request.uri().path()));
    let started = std::time::Instant::now();
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = problem(error, &id, response);
    } else if response.status().is_client_error() && !has_body(&response) {
        // An extractor of the framework refused the request in plain text.
        response = described(response, &id).await;
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_str().to_owned();
    metrics::counter!(telemetry::HTTP_REQUESTS_TOTAL.name, "status" => status).increment(1);
    tracing::info!(%method, path, status = response.status().as_u16(), request_id = id,
                   duration_ms = started.elapsed().as_millis(), "answered");
    response
}

fn problem(error: ApiError, id: &str, response: Response) -> Response {
    let internal = error.kind == ErrorKind::Internal;
    if internal {
        tracing::error!(request_id = id, detail = error.detail, "a request failed");
    }
    let body = Problem {
        r#type: "about:blank",
        title: error
            .status
            .canonical_reason()
            .unwrap_or("Error")
            .to_owned(),
        status: error.status.as_u16(),
        code: error.code,
        // What a defect says of our insides is for our log.
        detail: if internal {
            "an internal error; the server's log has more under this request id".to_owned()
        } else {
            error.detail
        },
        field: error.field,
        request_id: id.to_owned(),
    };
    let (mut parts, _) = response.into_parts();
    if matches!(error.kind, ErrorKind::Overloaded | ErrorKind::Unavailable) {
        parts
            .headers
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if error.status == StatusCode::UNAUTHORIZED {
        parts.headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"rushes\""),
        );
    }
    let json = serde_json::to_vec(&body).unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    Response::from_parts(parts, json.into())
}

fn has_body(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

async fn described(response: Response, id: &str) -> Response {
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, 16 * 1024)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let error = match parts.status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(ErrorKind::Limit, "too-large", text),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(ErrorKind::Unsupported, "bad-content-type", text)
        }
        _ => ApiError::wrong_field("bad-request", &text),
    };
    let error = ApiError {
        status: parts.status,
        ..error
    };
    problem(
        error,
        id,
        Response::from_parts(parts, axum::body::Body::empty()),
    )
}

pub(super) async fn no_such_route(uri: Uri) -> ApiError {
    let detail = format!("there is nothing at {}; see /openapi.json", uri.path());
    std::future::ready(ApiError::new(ErrorKind::NotFound, "no-such-route", detail)).await
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    let detail = format!(
        "{method} is not possible at {}; see /openapi.json",
        uri.path()
    );
    let error = ApiError::new(ErrorKind::InvalidInput, "method-not-allowed", detail);
    std::future::ready(ApiError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        ..error
    })
    .await
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is the framework's"
)]
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::new(
        ErrorKind::Internal,
        "internal",
        format!("a handler panicked: {what}"),
    )
    .into_response()
}
