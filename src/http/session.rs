//! `/v1/session`: a browser signs in with a key. Pictures, videos and event streams of a page cannot carry a header, so the
//! key is kept in a cookie that scripts cannot read and that no page of another site can send.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::known;
use super::problems::NoKey;
use super::{Api, ApiError};
use crate::catalog::Caller;
use crate::catalog::keys::KeyScope;

/// The route.
pub(super) const SESSION: &str = "/v1/session";
const COOKIE: &str = "rushes_key";
/// How long a browser stays signed in, in seconds: 30 days.
const MAX_AGE: u32 = 30 * 24 * 3600;
/// Longest key that is read.
const MAX_KEY: usize = 256;

/// A key to sign in with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The key, as `rushes key create` printed it.
    #[schema(example = "rk_0123456789abcdef")]
    key: String,
}

/// What the one who asks may do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionView {
    /// Name of the key; null on loopback without one, where everything is allowed.
    key: Option<String>,
    /// What it is good for.
    scopes: Vec<KeyScope>,
    /// Whether it sees all titles.
    all_titles: bool,
}

/// What the one who asks may do.
#[utoipa::path(get, operation_id = "get_session", path = "/v1/session", tag = "access",
    responses((status = 200, description = "Success", body = SessionView)))]
pub(super) async fn get(caller: Caller) -> Json<SessionView> {
    let key = caller.credential();
    let includes = |scope: &KeyScope| key.is_none_or(|key| key.scope.include(*scope));
    Json(SessionView {
        key: key.map(|key| key.name.clone()),
        scopes: KeyScope::ALL.into_iter().filter(includes).collect(),
        all_titles: caller.titles().is_none(),
    })
}

/// Sign in from a browser: the answer sets a cookie, which stands for the key in later requests.
#[utoipa::path(post, operation_id = "sign_in", path = "/v1/session", tag = "access", request_body = SignIn,
    responses((status = 204, description = "Signed in"), NoKey))]
pub(super) async fn sign_in(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(SignIn { key }) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let is_key = key.len() <= MAX_KEY
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_key {
        return Err(ApiError::unauthorised(
            "this is no key; keys begin with rk_",
        ));
    }
    known(&api.catalog, &key).await?;
    // Browsers send the origin of the page with every POST.
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let is_secure = origin.is_some_and(|origin| origin.starts_with(b"https:"));
    with_cookie(&key, MAX_AGE, is_secure)
}

/// Sign out: the cookie is removed. The key stays valid.
#[utoipa::path(delete, operation_id = "sign_out", path = "/v1/session", tag = "access",
    responses((status = 204, description = "Signed out")))]
pub(super) async fn sign_out() -> Result<Response, ApiError> {
    with_cookie("", 0, false)
}

fn with_cookie(value: &str, age: u32, is_secure: bool) -> Result<Response, ApiError> {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_no_header| {
        ApiError::new(ErrorKind::Internal, "internal", "the cookie is no header")
    })?;
    cookie.set_sensitive(true);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// The key in the cookie of a request.
pub(super) fn secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE && !value.is_empty()).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(secret(&headers), None);
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("a=b; rushes_key=rk_1; c=d"),
        );
        assert_eq!(secret(&headers), Some("rk_1"));
        headers.insert(header::COOKIE, HeaderValue::from_static("rushes_key="));
        assert_eq!(secret(&headers), None);
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("my_rushes_key=rk_2"),
        );
        assert_eq!(secret(&headers), None);
    }
}
