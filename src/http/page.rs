//! The creatives' page: the files that Vite built in `web/dist`, served from inside this program.
//!
//! The page knows its screens by their address, so each of them is answered with the same document.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rushes_models::ErrorKind;
use rust_embed::RustEmbed;

use super::ApiError;

/// What `npm run build` made. Empty if the page was not built, which is said where it is asked for.
#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// The document that is the page.
const DOCUMENT: &str = "index.html";
/// The folder of its scripts, styles, fonts and pictures.
const FOLDER: &str = "/page/";
/// Addresses of screens.
const SCREENS: [&str; 9] = [
    "/",
    "/shots/{id}",
    "/bins",
    "/bins/{id}",
    "/library",
    "/people",
    "/redactions",
    "/redactions/{id}",
    "/settings",
];
/// The page requests nothing from other servers and runs no inline code. Styles are inline where a width is computed.
/// Pictures that a person drops are shown from `data:` and `blob:` addresses.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the page.
pub(super) fn routes() -> Router {
    let mut router = Router::new().route("/page/{*path}", get(file));
    for screen in SCREENS {
        router = router.route(screen, get(document));
    }
    router
}

/// Whether a path is one of the page's, which reveal nothing of the catalogue.
pub(super) fn is_page(path: &str) -> bool {
    let is_file = path
        .strip_prefix(FOLDER)
        .is_some_and(|file| !file.is_empty());
    is_file || SCREENS.iter().any(|screen| fits(screen, path))
}

/// Whether a path is an address of this form.
fn fits(screen: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let each = screen.split('/').all(|form| {
        let part = parts.next();
        part == Some(form) || (form == "{id}" && part.is_some_and(|id| !id.is_empty()))
    });
    each && parts.next().is_none()
}

async fn document() -> Response {
    let Some(mut response) = embedded(DOCUMENT) else {
        let detail = "this program was built without the page; `make build` builds it, and the API is described at /docs";
        return ApiError::new(ErrorKind::NotFound, "no-page", detail).into_response();
    };
    // The document names the files of this version, so browsers must ask for it.
    put(&mut response, header::CACHE_CONTROL, "no-cache");
    put(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    put(&mut response, header::REFERRER_POLICY, "no-referrer");
    response
}

async fn file(Path(path): Path<String>) -> Response {
    let Some(mut response) = embedded(&format!("{}{path}", FOLDER.trim_start_matches('/'))) else {
        let detail = format!("the page has no file {path:?}; load it again");
        return ApiError::new(ErrorKind::NotFound, "no-such-route", detail).into_response();
    };
    // Their names change with their content, but for the icon's.
    let caching = if path.contains('-') {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    put(&mut response, header::CACHE_CONTROL, caching);
    response
}

fn embedded(path: &str) -> Option<Response> {
    let file = Files::get(path)?;
    let kind = file.metadata.mimetype();
    let kind = HeaderValue::from_str(kind).ok()?;
    let mut response = Response::new(Body::from(file.data.into_owned()));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    put(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    Some(response)
}

fn put(response: &mut Response, name: header::HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_screen_is_open_and_nothing_else() {
        for screen in SCREENS.into_iter().chain(["/page/index-1.js", "/page/a/b"]) {
            assert!(is_page(screen), "{screen}");
        }
        for other in [
            "/v1/titles",
            "/metrics",
            "/openapi.json",
            "/shots",
            "/bins/a/b",
            "/library/x",
            "/page",
            "/pages",
        ] {
            assert!(!is_page(other), "{other}");
        }
    }
}
