//! `/docs`: the OpenAPI document for people, rendered by Swagger UI from inside this program.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use rushes_models::ErrorKind;
use utoipa_swagger_ui::{Config, serve};

use super::ApiError;

/// Where the pages are.
pub(super) const DOCS: &str = "/docs";
/// Pages request nothing from other servers and run no inline code. Icons are `data:` URLs in the style sheet.
/// The hash is that of the style in Swagger UI's logo.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
                      style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The pages.
pub(super) fn routes() -> Router {
    // Otherwise Swagger UI sends the document's address to a validator of its makers.
    let config = Config::from("/openapi.json")
        .validator_url("none")
        .display_request_duration(true);
    let config = Arc::new(config);
    let page = move |path: Option<Path<String>>| {
        let path = path.map_or_else(String::new, |Path(path)| path);
        std::future::ready(page(&path, Arc::clone(&config)))
    };
    // The page refers to its files relative to this folder.
    let folder = || std::future::ready(Redirect::permanent("/docs/"));
    Router::new()
        .route(DOCS, get(folder))
        .route("/docs/", get(page.clone()))
        .route("/docs/{*path}", get(page))
}

fn page(path: &str, config: Arc<Config<'static>>) -> Response {
    let file = match serve(path, config) {
        Ok(Some(file)) => file,
        Ok(None) => {
            let detail = format!("there is no page {path:?}; see /docs/");
            return ApiError::new(ErrorKind::NotFound, "no-such-route", detail).into_response();
        }
        Err(error) => {
            let detail = format!("the pages of the API: {error}");
            return ApiError::new(ErrorKind::Internal, "internal", detail).into_response();
        }
    };
    let mut response = Response::new(Body::from(file.bytes.into_owned()));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cache-control"), "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
