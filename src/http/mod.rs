//! The HTTP API: a thin layer of handlers over catalogue, ingest and search.
//!
//! It serves one machine's users: it listens on loopback only, and turns away requests that a web page of
//! another origin makes a browser send. Workers on other machines come with a key, and reach nothing else.

mod assets;
mod bins;
mod confine;
mod error;
mod exports;
mod form;
mod guard;
mod health;
mod jobs;
mod listener;
mod media;
mod openapi;
mod pace;
mod problems;
mod redact;
mod redaction_form;
mod redactions;
mod rejection;
mod search;
mod shots;
mod upload;
mod work;

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rushes_workers::storage::Storage;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

pub use confine::Roots;
pub use error::ApiError;
pub use listener::{ConnectionBounds, serve};
pub use work::Work;

use crate::catalog::Catalog;
use crate::features::Settings;
use crate::redactions::Redactions;
use crate::search::Searcher;
use crate::telemetry;

/// Searches under way at the same time.
pub const MOST_SEARCHES: usize = 64;
/// Largest JSON body in bytes; uploads have a limit of their own.
const MAX_JSON: usize = 1024 * 1024;
/// Largest JSON body that lists picks: as many as a bin holds.
const MAX_PICKS: usize = 32 * 1024 * 1024;

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct Api {
    /// The catalogue.
    pub catalog: Catalog,
    /// Videos and derived objects.
    pub storage: Storage,
    /// Answers searches.
    pub searcher: Searcher,
    /// Searches that may be under way at the same time.
    pub searching: Arc<Semaphore>,
    /// What is asked for of every video.
    pub settings: Settings,
    /// From where videos may be registered.
    pub roots: Arc<Roots>,
    /// Largest upload in bytes.
    pub upload_limit: u64,
    /// Redacts pictures.
    pub redactions: Redactions,
    /// Hands out work to workers on other machines.
    pub work: Work,
    /// Renders `/metrics`.
    pub metrics: Metrics,
}

/// Renders the metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Begins to gather metrics in this process. Once.
    ///
    /// # Errors
    /// If something gathers them already.
    pub fn install() -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .install_recorder()
            .context("metrics are gathered already")?;
        telemetry::describe();
        Ok(Self(handle))
    }

    fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// The routes for workers alone, all behind a key, and the sign of life.
pub fn work_router(work: Work) -> Router {
    // Nobody learns anything from the sign of life, so whoever watches over this address may ask by any name.
    finished(work::routes(work).into()).route("/healthz", get(health::live))
}

/// All routes.
pub fn router(api: Api) -> Router {
    let work = work::routes(api.work.clone());
    let (routes, mut document) = described(&api)
        .with_state(api)
        .merge(work)
        .split_for_parts();
    openapi::complete(&mut document);
    let document = Arc::new(document);
    let served = move || std::future::ready(Json(Arc::clone(&document)));
    finished(routes.route("/openapi.json", get(served)))
}

/// The routes with what the document says of them.
fn described(api: &Api) -> OpenApiRouter<Api> {
    let picture = usize::try_from(api.redactions.picture_limit()).unwrap_or(usize::MAX);
    let picture = DefaultBodyLimit::max(picture.saturating_add(2 * MAX_JSON));
    let picks = DefaultBodyLimit::max(MAX_PICKS);
    // The streams themselves are counted; this only lifts the small default.
    let upload = usize::try_from(api.upload_limit).unwrap_or(usize::MAX);
    let upload = DefaultBodyLimit::max(upload.saturating_add(MAX_JSON));
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(assets::register).layer(upload))
        .routes(routes!(assets::list))
        .routes(routes!(assets::get, assets::delete))
        .routes(routes!(assets::titles))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(search::search))
        .routes(routes!(shots::get))
        .routes(routes!(bins::list))
        .routes(routes!(bins::create).layer(picks.clone()))
        .routes(routes!(bins::get, bins::rename, bins::delete))
        .routes(routes!(bins::add).layer(picks.clone()))
        .routes(routes!(bins::change, bins::remove))
        .routes(routes!(exports::formats))
        .routes(routes!(exports::create).layer(picks))
        .routes(routes!(media::thumbnail))
        .routes(routes!(media::clip))
        .routes(routes!(redact::redact).layer(picture))
        .routes(routes!(redactions::create).layer(upload))
        .routes(routes!(redactions::list))
        .routes(routes!(redactions::get, redactions::delete))
        .routes(routes!(redactions::files))
        .routes(routes!(redactions::picture))
        .routes(routes!(redactions::record))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// What all answers have in common.
fn finished(routes: Router) -> Router {
    routes
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(axum::middleware::from_fn(pace::keep_coming))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::from_fn(guard::same_origin))
        .layer(axum::middleware::from_fn(error::finish))
}
