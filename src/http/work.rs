//! `/v1/work`: the queue for workers on other machines. Every route needs a key.
//!
//! A worker's name is put below its key's (`remote/KEY/WORKER`): it can neither pass for a worker of this
//! machine, whose death shows in its file lock, nor speak for the runs of another key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use rushes_models::{ErrorKind, Space};
use rushes_workers::coordinator::wire::{
    CompleteRequest, FailRequest, HeartbeatRequest, HeartbeatResponse, LEASE_LOST, LeaseRequest,
    MAX_WAIT_MS, ReleaseRequest, ServerInfo, WorkModel,
};
use rushes_workers::coordinator::{Coordinator, CoordinatorError, Failure, Lease, Ticket};
use rushes_workers::storage::Storage;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::problems::{LeaseLost, NoKey, NotItsVectors, Refused, StoreAway};
use super::{ApiError, access};
use crate::catalog::keys::{self, Key, KeyScope};
use crate::catalog::{Catalog, CatalogError, KeyId, RunId, runs};
use crate::features;

/// Largest body in bytes that is no result.
const MAX_BODY: usize = 64 * 1024;
/// Largest result in bytes: the vectors of 20,000 shots in the widest space there is (1,152 numbers), as Base64.
const MAX_RESULT: usize = 128 * 1024 * 1024;
/// Results received at the same time, which bounds the memory they take; one of each key, so that none keeps the
/// others waiting by being slow.
const RESULTS: usize = 4;
/// Runs that are remembered as leased. Far more than there are workers.
const MOST_LEASED: usize = 10_000;
/// How long a result may be on its way.
const RESULT_TIME: Duration = Duration::from_secs(240);
/// Longest code of a failure.
const MAX_CODE: usize = 64;
/// Longest reason of a failure that is kept, in characters.
const MAX_REASON: usize = 4_000;

/// What the routes share.
#[derive(Debug, Clone)]
pub struct Work {
    catalog: Catalog,
    coordinator: Arc<dyn Coordinator>,
    storage: Storage,
    model: String,
    space: Space,
    results: Arc<Semaphore>,
    /// The place of each key for a result.
    places: Arc<Mutex<HashMap<KeyId, Arc<Semaphore>>>>,
    /// Which key each run was leased to, so that nobody reports on runs that never were theirs.
    leased: Arc<Mutex<HashMap<RunId, KeyId>>>,
    /// Ends the waiting for work.
    stop: CancellationToken,
}

impl Work {
    /// Hands out the runs of `coordinator`, which are those of `catalog`; `model` makes the vectors, in `space`.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        coordinator: Arc<dyn Coordinator>,
        storage: Storage,
        (model, space): (String, Space),
    ) -> Self {
        Self {
            catalog,
            coordinator,
            storage,
            model,
            space,
            results: Arc::new(Semaphore::new(RESULTS)),
            places: Arc::default(),
            leased: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    /// The catalogue that keys are in.
    pub(super) const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn note_lease(&self, run: &RunId, key: &KeyId) {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        if leased.len() >= MOST_LEASED {
            leased.clear();
        }
        leased.insert(run.clone(), key.clone());
    }

    fn was_leased(&self, run: &RunId, key: &KeyId) -> bool {
        let leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.get(run) == Some(key)
    }

    /// The place that `key` has for a result.
    fn place(&self, key: &KeyId) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            places
                .entry(key.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(1))),
        )
    }

    /// Answers those who wait for work at once, now and from now on: the server is about to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

/// The routes below `/v1/work`.
pub(super) fn routes(work: Work) -> OpenApiRouter {
    let result = DefaultBodyLimit::max(MAX_RESULT);
    OpenApiRouter::new()
        .routes(routes!(about))
        .routes(routes!(lease))
        .routes(routes!(heartbeat))
        .routes(routes!(fail))
        .routes(routes!(release))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .routes(routes!(complete).layer(result))
        .with_state(work)
}

/// The one who holds a key for work.
#[derive(Debug)]
pub(super) struct Holder(Key);

impl FromRequestParts<Work> for Holder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, work: &Work) -> Result<Self, ApiError> {
        let key = access::holder(&work.catalog, &parts.headers, KeyScope::Work).await?;
        Ok(Self(key))
    }
}

impl Holder {
    fn worker(&self, name: &str) -> Result<String, ApiError> {
        if keys::is_plain_name(name) {
            return Ok(format!("{}{name}", self.workers()));
        }
        Err(ApiError::new(
            ErrorKind::InvalidInput,
            "bad-worker-name",
            format!(
                "{name:?} cannot be a worker's name; use 1 to 64 letters, digits, '.', '_' and '-'"
            ),
        ))
    }

    /// What the names of its workers begin with.
    fn workers(&self) -> String {
        format!("remote/{}/", self.0.name)
    }

    /// The ticket of `run` and `token`, if it is of a lease of this key. The token is checked where it counts.
    async fn ticket(&self, work: &Work, run: &str, token: i64) -> Result<Ticket, ApiError> {
        let id: RunId = run.parse()?;
        let mut db = work.catalog.read().await?;
        let held = match runs::get(&mut db, &id).await {
            Ok(run) => run
                .worker
                .is_some_and(|worker| worker.starts_with(&self.workers())),
            // Deleted under its worker; the coordinator knows what to do about it.
            Err(CatalogError::NotFound { .. }) => work.was_leased(&id, &self.0.id),
            Err(error) => return Err(error.into()),
        };
        if !held {
            return Err(CoordinatorError::LeaseLost(id.to_string()).into());
        }
        Ok(Ticket {
            run: id.to_string(),
            token,
        })
    }
}

type Body<T> = Result<Json<T>, JsonRejection>;

fn body<T>(body: Body<T>) -> Result<T, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    Ok(body)
}

/// What a worker must know before it begins: that its key is accepted, the model, the store.
#[utoipa::path(get, operation_id = "about_work", path = "/v1/work", tag = "work", security(("key" = [])),
    responses((status = 200, description = "Success", body = ServerInfo), NoKey, StoreAway))]
pub(super) async fn about(
    _holder: Holder,
    State(work): State<Work>,
) -> Result<Json<ServerInfo>, ApiError> {
    let mut db = work.catalog.read().await?;
    let models = features::models(&mut db, (&work.model, &work.space)).await?;
    drop(db);
    let models: Vec<WorkModel> = models
        .into_iter()
        .map(|(model, space)| WorkModel {
            model,
            space: space.id,
            dims: space.dims,
        })
        .collect();
    // There is always one that answers.
    let active = models.first().cloned();
    let active = active.ok_or(CatalogError::Corrupt { what: "no model" })?;
    Ok(Json(ServerInfo {
        ok: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: active.model,
        space: active.space,
        dims: active.dims,
        models,
        store: work
            .storage
            .identity(ulid::Ulid::generate().to_string())
            .await?,
    }))
}

/// Take the oldest run that is ready to be computed. Waits as long as the request asks for; nothing to do is 204.
#[utoipa::path(post, operation_id = "lease_work", path = "/v1/work/lease", tag = "work",
    security(("key" = [])),
    request_body = LeaseRequest,
    responses(
        (status = 200, description = "Success", body = Lease),
        (status = 204, description = "There is nothing to do"), NoKey, Refused,
    ))]
pub(super) async fn lease(
    holder: Holder,
    State(work): State<Work>,
    request: Body<LeaseRequest>,
) -> Result<Response, ApiError> {
    let request = body(request)?;
    let worker = holder.worker(&request.worker)?;
    let [queue] = request.queues[..] else {
        let detail = "ask for one queue at a time, e.g. [\"embed\"]";
        return Err(ApiError::new(
            ErrorKind::InvalidInput,
            "queue-not-remote",
            detail,
        ));
    };
    if !features::is_remote(queue) {
        return Err(ApiError::new(
            ErrorKind::InvalidInput,
            "queue-not-remote",
            format!(
                "the queue `{}` has no work for other machines, because it reads videos that may lie on the \
                 server's own disk; ask for [\"embed\"]",
                queue.as_str()
            ),
        ));
    }
    let until = Instant::now() + Duration::from_millis(request.wait_ms.min(MAX_WAIT_MS));
    loop {
        // A coordinator that has nothing waits a moment itself before it says so.
        let leased = match &request.models {
            None => work.coordinator.lease(&worker, queue).await?,
            Some(models) => work.coordinator.lease_of(&worker, queue, models).await?,
        };
        if let Some(lease) = leased {
            work.note_lease(&lease.ticket.run.parse()?, &holder.0.id);
            return Ok(Json(lease).into_response());
        }
        if Instant::now() >= until || work.stop.is_cancelled() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
}

/// Say that the worker lives and how far it is. Without it a lease ends after 30 seconds.
#[utoipa::path(post, operation_id = "heartbeat_work", path = "/v1/work/{run}/heartbeat", tag = "work",
    security(("key" = [])),
    params(("run" = String, Path)),
    request_body = HeartbeatRequest,
    responses((status = 200, description = "Success", body = HeartbeatResponse), NoKey, LeaseLost))]
pub(super) async fn heartbeat(
    holder: Holder,
    State(work): State<Work>,
    Path(run): Path<String>,
    request: Body<HeartbeatRequest>,
) -> Result<Json<HeartbeatResponse>, ApiError> {
    let request = body(request)?;
    let ticket = match holder.ticket(&work, &run, request.token).await {
        Ok(ticket) => ticket,
        // As a worker of this machine hears it: not an error, but the end of this work.
        Err(error) if error.is(LEASE_LOST) => {
            let directive = rushes_workers::coordinator::Directive::Stop;
            return Ok(Json(HeartbeatResponse { directive }));
        }
        Err(error) => return Err(error),
    };
    let directive = work
        .coordinator
        .heartbeat(&ticket, request.progress())
        .await?;
    Ok(Json(HeartbeatResponse { directive }))
}

/// Hand in the vectors of a run. They are checked; if they cannot be right, nothing is stored and the lease stays.
#[utoipa::path(post, operation_id = "complete_work", path = "/v1/work/{run}/complete", tag = "work",
    security(("key" = [])),
    params(("run" = String, Path)),
    request_body = CompleteRequest,
    responses((status = 204, description = "Success"), NoKey, LeaseLost, NotItsVectors))]
pub(super) async fn complete(
    holder: Holder,
    State(work): State<Work>,
    Path(run): Path<String>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    // Before any byte is kept, so that memory is bounded.
    let own = work.place(&holder.0.id);
    let _own = own.acquire().await.map_err(|_closed| ending())?;
    let _place = work.results.acquire().await.map_err(|_closed| ending())?;
    let received = tokio::time::timeout(
        RESULT_TIME,
        Json::<CompleteRequest>::from_request(request, &()),
    );
    let received = received.await.map_err(|_elapsed| {
        ApiError::too_slow("the result was too long in coming; send it again".to_owned())
    })?;
    let Json(request) = received.map_err(|rejection| {
        if let JsonRejection::JsonDataError(error) = &rejection {
            // It is JSON, but no result: the worker has a defect, and trying again would not help.
            CoordinatorError::Invalid(error.body_text()).into()
        } else {
            ApiError::unreadable(&rejection)
        }
    })?;
    let ticket = holder.ticket(&work, &run, request.token).await?;
    work.coordinator.complete(&ticket, &request.output).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn ending() -> ApiError {
    let detail = "the server is ending";
    ApiError::new(ErrorKind::Unavailable, "unavailable", detail)
}

/// Say that a run failed. Its kind decides whether it is tried again.
#[utoipa::path(post, operation_id = "fail_work", path = "/v1/work/{run}/fail", tag = "work",
    security(("key" = [])),
    params(("run" = String, Path)),
    request_body = FailRequest,
    responses((status = 204, description = "Success"), NoKey, LeaseLost))]
pub(super) async fn fail(
    holder: Holder,
    State(work): State<Work>,
    Path(run): Path<String>,
    request: Body<FailRequest>,
) -> Result<StatusCode, ApiError> {
    let request = body(request)?;
    let ticket = holder.ticket(&work, &run, request.token).await?;
    let failure = Failure {
        kind: request.kind,
        code: plain_code(&request.code)?,
        reason: printable(&request.reason),
    };
    work.coordinator.fail(&ticket, &failure).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A code from elsewhere, if it is spelt as ours are.
fn plain_code(code: &str) -> Result<String, ApiError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=MAX_CODE).contains(&code.len()) && code.chars().all(is_plain) {
        return Ok(code.to_owned());
    }
    let detail = "`code` is lower-case letters, digits and hyphens, at most 64, e.g. decode-failed";
    Err(ApiError::new(
        ErrorKind::InvalidInput,
        "bad-request",
        detail,
    ))
}

/// Text from elsewhere as it may be shown in a terminal, which takes orders from control characters.
fn printable(text: &str) -> String {
    let plain = |c: &char| !c.is_control() || *c == '\n';
    text.chars().filter(plain).take(MAX_REASON).collect()
}

/// Give a run back unfinished, without blame: the worker is about to end.
#[utoipa::path(post, operation_id = "release_work", path = "/v1/work/{run}/release", tag = "work",
    security(("key" = [])),
    params(("run" = String, Path)),
    request_body = ReleaseRequest,
    responses((status = 204, description = "Success"), NoKey, LeaseLost))]
pub(super) async fn release(
    holder: Holder,
    State(work): State<Work>,
    Path(run): Path<String>,
    request: Body<ReleaseRequest>,
) -> Result<StatusCode, ApiError> {
    let request = body(request)?;
    let ticket = holder.ticket(&work, &run, request.token).await?;
    work.coordinator.release(&ticket).await?;
    Ok(StatusCode::NO_CONTENT)
}
