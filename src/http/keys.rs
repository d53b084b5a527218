//! `/v1/keys`: keys for people and programs, by those who may do everything.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::keys::{self, Grant, Key, KeyScope};
use crate::catalog::{Caller, CatalogError};

/// Longest life of a key that expires, in days.
const MOST_DAYS: u32 = 36_500;

/// A new key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// What to call it: letters, digits, `.`, `_` and `-`.
    #[schema(example = "panel")]
    name: String,
    /// What it is good for; `write` includes `read`, `admin` includes everything.
    scopes: Vec<KeyScope>,
    /// Only for these titles, by id or name; for all if absent.
    #[serde(default)]
    titles: Vec<String>,
    /// Days until it expires, up to 36,500; never if absent.
    #[schema(minimum = 1, maximum = 36_500)]
    days: Option<u32>,
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyView {
    /// Its name; unique among the keys in use.
    name: String,
    /// What it is good for.
    scopes: Vec<KeyScope>,
    /// Whether it sees all titles.
    all_titles: bool,
    /// When it was made, Unix milliseconds.
    created_ms: i64,
    /// When it was last used, to about a minute.
    last_used_ms: Option<i64>,
    /// When it was revoked.
    revoked_ms: Option<i64>,
    /// When it ceases to work by itself.
    expires_ms: Option<i64>,
}

/// A key that was just made, or got another secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeKey {
    #[serde(flatten)]
    key: KeyView,
    /// The secret, shown this once.
    #[schema(example = "rk_…")]
    secret: String,
}

/// Keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyList {
    /// Newest first, revoked ones too.
    keys: Vec<KeyView>,
}

impl From<Key> for KeyView {
    fn from(key: Key) -> Self {
        let scopes = KeyScope::ALL.into_iter();
        Self {
            scopes: scopes.filter(|scope| key.scope.names(*scope)).collect(),
            name: key.name,
            all_titles: key.all_titles,
            created_ms: key.created_at,
            last_used_ms: key.last_used_at,
            revoked_ms: key.revoked_at,
            expires_ms: key.expires_at,
        }
    }
}

/// All keys.
#[utoipa::path(get, operation_id = "list_keys", path = "/v1/keys", tag = "access",
    responses((status = 200, description = "Success", body = KeyList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<KeyList>, ApiError> {
    caller.sees_everything()?;
    let mut db = api.catalog.read().await?;
    let keys = keys::list(&mut db).await?;
    let keys = keys.into_iter().map(KeyView::from).collect();
    Ok(Json(KeyList { keys }))
}

/// Make a key.
#[utoipa::path(post, operation_id = "create_key", path = "/v1/keys", tag = "access", request_body = NewKey,
    responses((status = 201, description = "Made", body = MadeKey), Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<NewKey>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    caller.sees_everything()?;
    let bad = |code: &str, detail: &str| {
        Err(ApiError::new(
            rushes_models::ErrorKind::InvalidInput,
            code,
            detail,
        ))
    };
    if body.scopes.is_empty() {
        return bad(
            "no-scopes",
            "`scopes` is empty; name at least one of read, write, redact, work and admin",
        );
    }
    if body
        .days
        .is_some_and(|days| !(1..=MOST_DAYS).contains(&days))
    {
        return bad(
            "bad-days",
            "`days` is from 1 to 36500; leave it out for a key that never expires",
        );
    }
    let mut tx = api.catalog.begin().await?;
    let grant = Grant::for_titles(&mut tx, body.scopes, &body.titles, body.days).await?;
    let (key, secret) = keys::create(&mut tx, &body.name, &grant).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::CREATED, shown_once(key, &secret)))
}

/// Give a key another secret; the old one opens nothing any more.
#[utoipa::path(post, operation_id = "rotate_key", path = "/v1/keys/{name}/rotate", tag = "access",
    params(("name" = String, Path)),
    responses((status = 200, description = "Its new secret", body = MadeKey), NotFound))]
pub(super) async fn rotate(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    caller.sees_everything()?;
    let mut tx = api.catalog.begin().await?;
    let (key, secret) = keys::rotate(&mut tx, &name).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(shown_once(key, &secret))
}

/// Revoke a key: nobody gets in with it any more.
#[utoipa::path(delete, operation_id = "revoke_key", path = "/v1/keys/{name}", tag = "access",
    params(("name" = String, Path)),
    responses((status = 204, description = "Revoked"), NotFound))]
pub(super) async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    let mut tx = api.catalog.begin().await?;
    keys::revoke(&mut tx, &name).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// An answer that nothing keeps: neither a browser nor the store of answers to repeated requests.
fn shown_once(key: Key, secret: &SecretString) -> impl IntoResponse + use<> {
    let made = MadeKey {
        key: key.into(),
        secret: secret.expose_secret().to_owned(),
    };
    (
        AppendHeaders([(header::CACHE_CONTROL, "no-store")]),
        Json(made),
    )
}
