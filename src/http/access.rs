//! Who asks, and what they may do: keys, their scopes, and the titles that they see.
//!
//! On loopback a request without a key is one of this machine's user, who may do everything. On any other address every
//! request needs a key, but for the sign of life and the API's description. Which scope a route needs is said once,
//! in [`needed`]. A key that sees some titles only never learns of others: what is theirs is answered as if it did not
//! exist.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use rushes_models::{ErrorKind, with_causes};
use rushes_workers::coordinator::wire::PATH as WORK;

use super::arrivals::ARRIVALS;
use super::assistants::MCP;
use super::docs::DOCS;
use super::error::RequestId;
use super::health::DISK;
use super::limits::RateLimits;
use super::session::{self, SESSION};
use super::{ApiError, guard, page};
use crate::catalog::audit::{self, AuditedRequest};
use crate::catalog::events::EventFilter;
use crate::catalog::keys::{self, Key, KeyScope};
use crate::catalog::{Caller, Catalog, CatalogError, PersonId};

/// Paths that say nothing of what is in the catalogue.
const OPEN: [&str; 2] = [LIFE, "/openapi.json"];
/// Longest path that the audit log keeps, in bytes.
const MAX_PATH: usize = 500;
/// The sign of life.
const LIFE: &str = "/healthz";

/// What a request was about, for the audit log. A handler leaves it in its answer.
#[derive(Debug, Clone)]
pub(super) struct AuditNote(pub(super) String);

/// Whose requests a listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clientele {
    /// Programs of this machine, with or without a key.
    Local,
    /// Programs with a key.
    Keyed,
    /// Workers, whose routes look at keys themselves.
    Workers,
}

/// How a listener lets requests in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    catalog: Catalog,
    limits: RateLimits,
    clientele: Clientele,
    /// Origins whose pages may ask.
    origins: Vec<String>,
}

impl Door {
    pub(super) const fn new(
        catalog: Catalog,
        limits: RateLimits,
        clientele: Clientele,
        origins: Vec<String>,
    ) -> Self {
        Self {
            catalog,
            limits,
            clientele,
            origins,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Self>().cloned();
        // The door is in front of every route. A caller of whom nothing is known sees nothing.
        Ok(caller.unwrap_or_else(Self::nobody))
    }
}

impl Caller {
    /// The events that this caller may receive.
    pub(super) fn event_filter(&self) -> EventFilter {
        let redacts = |key: &Key| key.scope.include(KeyScope::Redact);
        // Without a key it is this machine's user, or nobody is known; nobody sees any titles.
        let is_user = self.titles().is_none();
        EventFilter {
            titles: self.titles().map(<[_]>::to_vec),
            owner: self.owner().cloned(),
            redactions: self.credential().map_or(is_user, redacts),
        }
    }

    /// Refuses what the key has no scope for.
    fn may(&self, method: &Method, path: &str) -> Result<(), ApiError> {
        // Every key may ask what it is good for.
        if path == SESSION {
            return Ok(());
        }
        let needed = needed(method, path);
        if self.holds(needed) {
            return Ok(());
        }
        Err(ApiError::forbidden("missing-scope", needed.how_to_get()))
    }

    /// Refuses what concerns more than the titles that are seen.
    pub(super) fn sees_everything(&self) -> Result<(), ApiError> {
        if self.titles().is_none() {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "title-key",
            "this key is for some titles only; use one for all titles".to_owned(),
        ))
    }
}

/// Lets a request in, with its [`Caller`], or turns it away; notes what changed something, or tried to.
pub(super) async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let id = request.extensions().get::<RequestId>().cloned();
    let goes_on = is_change(&method, &path);
    let caller = match door.caller(&method, &path, request.headers()).await {
        Ok(caller) => caller,
        // Nobody fills the audit log without a key.
        Err(refusal) => return refusal.into_response(),
    };
    let allowance = match door.limits.take(caller.key()) {
        Ok(allowance) => allowance,
        Err(refusal) => return refusal.into_response(),
    };
    let allowed = caller.may(&method, &path);
    let answered = async move {
        let mut response = match allowed {
            Err(refusal) => refusal.into_response(),
            Ok(()) => {
                request.extensions_mut().insert(caller.clone());
                next.run(request).await
            }
        };
        if let Some(allowance) = allowance {
            allowance.write(response.headers_mut());
        }
        let note = response.extensions_mut().remove::<AuditNote>();
        if note.is_some() || is_change(&method, &path) {
            let noted = AuditedRequest {
                key: caller.key(),
                method: method.as_str(),
                path: &noted_path(&path),
                status: response.status().as_u16(),
                request_id: id.as_ref().map_or("", |RequestId(id)| id),
                note: note.as_ref().map(|AuditNote(note)| note.as_str()),
            };
            if let Err(error) = door.note(noted).await {
                tracing::warn!(error = %with_causes(&error), %method, path = noted_path(&path), "a change is not in the audit log");
            }
        }
        response
    };
    if !goes_on {
        return answered.await;
    }
    // Without a task of its own, a change would stop half-way and unlogged when its client disconnects.
    tokio::spawn(answered).await.unwrap_or_else(|died| {
        let detail = format!("a request died: {died}");
        ApiError::new(ErrorKind::Internal, "internal", detail).into_response()
    })
}

impl Door {
    async fn note(&self, request: AuditedRequest<'_>) -> Result<(), CatalogError> {
        let mut tx = self.catalog.begin().await?;
        audit::note(&mut tx, request).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Who asks; a request without a key is let in on loopback only.
    async fn caller(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Caller, ApiError> {
        // The page's own files say nothing of what is in the catalogue, and links on other pages may lead to it.
        if page::is_page(path) {
            return Ok(Caller::default());
        }
        // The queue of work checks keys itself, and its workers may use any host name. So may a monitor that asks for
        // the sign of life, which reveals nothing.
        let keyed = self.clientele == Clientele::Keyed || is_work(path) || path == LIFE;
        if let Some(detail) = guard::refusal(headers, keyed, &self.origins) {
            return Err(ApiError::forbidden("foreign-origin", detail));
        }
        let is_open = is_work(path)
            || OPEN.contains(&path)
            || is_docs(path)
            || is_session_change(method, path);
        if is_open || self.clientele == Clientele::Workers {
            return Ok(Caller::default());
        }
        // A browser sends the cookie of another server on this machine too, so it counts only where a key is needed.
        let cookie = || session::secret(headers).filter(|_| keyed);
        match secret(headers).or_else(cookie) {
            Some(secret) => known(&self.catalog, secret).await,
            None if keyed => Err(ApiError::unauthorised(
                "this needs a key: send `authorization: Bearer rk_…`; `rushes key create NAME --scope read` makes one",
            )),
            None => Ok(Caller::default()),
        }
    }
}

fn is_work(path: &str) -> bool {
    path.strip_prefix(WORK)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_docs(path: &str) -> bool {
    path.strip_prefix(DOCS)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Signing in and out.
fn is_session_change(method: &Method, path: &str) -> bool {
    path == SESSION && matches!(*method, Method::POST | Method::DELETE)
}

/// A path as the audit log keeps it: without the names of people, which would outlast their deletion.
pub(super) fn noted_path(path: &str) -> String {
    let path = path.get(..MAX_PATH).unwrap_or(path);
    let Some(rest) = path.strip_prefix("/v1/people/") else {
        return path.to_owned();
    };
    let (who, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if matches!(who, "consent" | "cluster") || who.parse::<PersonId>().is_ok() {
        return path.to_owned();
    }
    format!("/v1/people/{{person}}{rest}")
}

/// The scope that a route needs.
fn needed(method: &Method, path: &str) -> KeyScope {
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if below("/v1/redact") || below("/v1/redactions") {
        KeyScope::Redact
    } else if below("/v1/audit")
        || below("/v1/keys")
        || below("/v1/webhooks")
        || path == "/metrics"
        // Which model answers is a matter of the whole server.
        || (below("/v1/models") && !reads)
        // So is whether faces may be looked at.
        || (path == "/v1/people/consent" && !reads)
    {
        KeyScope::Admin
    } else if (reads && path != DISK)
        // These change nothing that is kept, whatever their method.
        || path == "/v1/search"
        || path == "/v1/exports"
        || path == SESSION
        // Its tools look at scopes themselves, and note their changes.
        || path == MCP
    {
        KeyScope::Read
    } else {
        KeyScope::Write
    }
}

/// Whether a request changes something, so that it belongs into the audit log.
pub(super) fn is_change(method: &Method, path: &str) -> bool {
    // The queue of work and stores are busy, and change nothing that people made.
    !is_work(path)
        && path != ARRIVALS
        && needed(method, path) != KeyScope::Read
        && !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The holder of a secret.
pub(super) async fn known(catalog: &Catalog, secret: &str) -> Result<Caller, ApiError> {
    let mut db = catalog.read().await?;
    let Some(key) = keys::find(&mut db, secret).await? else {
        return Err(ApiError::unauthorised(
            "there is no such key, or it was revoked or has expired; `rushes key create NAME --scope read` makes another",
        ));
    };
    let titles = keys::titles(&mut db, &key).await?;
    drop(db);
    note_use(catalog, &key).await?;
    Ok(Caller::new(key, titles))
}

/// Notes now and then that a key was used.
async fn note_use(catalog: &Catalog, key: &Key) -> Result<(), ApiError> {
    if keys::is_use_to_be_noted(key) {
        let mut tx = catalog.begin().await?;
        keys::note_use(&mut tx, &key.id).await?;
        tx.commit().await.map_err(CatalogError::from)?;
    }
    Ok(())
}

/// The key for `scope` that a request brings.
pub(super) async fn holder(
    catalog: &Catalog,
    headers: &HeaderMap,
    scope: KeyScope,
) -> Result<Key, ApiError> {
    let Some(secret) = secret(headers) else {
        return Err(ApiError::unauthorised(
            "this needs a key: send `authorization: Bearer rk_…`; `rushes key create NAME` makes one",
        ));
    };
    let mut db = catalog.read().await?;
    let key = keys::find(&mut db, secret).await?;
    drop(db);
    let Some(key) = key.filter(|key| key.scope.include(scope)) else {
        return Err(ApiError::unauthorised(
            "there is no such key, or it was revoked; `rushes key create NAME` makes another",
        ));
    };
    note_use(catalog, &key).await?;
    Ok(key)
}

/// The secret that a request brings, as `authorization: Bearer` or as `x-api-key`.
fn secret(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    bearer.or_else(|| headers.get("x-api-key")?.to_str().ok())
}

impl ApiError {
    /// A key that asks more often than it may.
    pub(super) fn too_often(seconds: u64) -> Self {
        let detail = format!("this key asks too often; come back in {seconds} s");
        Self::new(ErrorKind::Overloaded, "rate-limited", detail)
    }
}

#[cfg(test)]
mod tests;
