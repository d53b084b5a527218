//! The HTTP API: a thin layer of handlers over catalogue, ingest and search.
//!
//! On loopback it serves the users of this machine, and turns away requests that a web page of another origin makes a
//! browser send. On other addresses every request needs a key; [`access`] has the rules.

mod access;
mod arrivals;
mod assets;
mod assistants;
mod audit;
mod bins;
mod confine;
mod consent;
mod docs;
mod duplicates;
mod error;
mod etag;
mod events;
mod examples;
mod exports;
mod followers;
mod form;
mod guard;
mod health;
mod history;
mod idempotency;
mod jobs;
mod keys;
mod library;
mod limits;
mod listener;
mod match_cuts;
mod media;
mod models;
mod moment;
mod openapi;
mod pace;
mod page;
mod paging;
mod people;
mod problems;
mod redact;
mod redaction_form;
mod redactions;
mod rejection;
mod replace;
mod resumable;
mod search;
mod session;
mod shots;
mod subtitles;
mod titles;
mod tls;
mod transcript;
mod upload;
mod watches;
mod webhooks;
mod work;

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rushes_models::ModelStore;
use rushes_workers::dialogue::MAX_SUBTITLE_BYTES;
use rushes_workers::storage::Storage;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::cors::CorsLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

pub use confine::Roots;
pub use error::ApiError;
pub use followers::Followers;
pub use history::SearchHistory;
pub use limits::RateLimits;
pub use listener::{ConnectionBounds, serve};
pub use tls::{Tls, TlsError};
pub use work::Work;

use self::access::{Clientele, Door};
use crate::catalog::Catalog;
use crate::export::ExportSources;
use crate::features::Settings;
use crate::ingest::{Arrivals, Spool, Watches};
use crate::redactions::Redactions;
use crate::search::Searcher;
use crate::telemetry;

/// Searches under way at the same time.
pub const MOST_SEARCHES: usize = 64;
/// Largest JSON body in bytes; uploads have a limit of their own.
const MAX_JSON: usize = 1024 * 1024;
/// Largest JSON body with pictures or a clip to search by: 16 MiB in Base64, and some more.
const MAX_SENT_PICTURES: usize = 24 * 1024 * 1024;
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
    /// Where resumable uploads grow.
    pub spool: Spool,
    /// The name of this process among those who work on the catalogue.
    pub member: String,
    /// Redacts pictures.
    pub redactions: Redactions,
    /// What exports with pictures are made from.
    pub exports: ExportSources,
    /// Watched places.
    pub watches: Watches,
    /// The queue in which stores announce objects to them.
    pub arrivals: Option<Arrivals>,
    /// Pulled models.
    pub models: ModelStore,
    /// Hands out work to workers on other machines.
    pub work: Work,
    /// Renders `/metrics`.
    pub metrics: Metrics,
    /// The last searches of each client, if searches are logged.
    pub history: Option<SearchHistory>,
    /// Places of clients that follow events.
    pub followers: Followers,
    /// Whether webhooks may lead to private addresses.
    pub webhook_private: bool,
    /// Ends event streams when the server shuts down.
    pub stop: CancellationToken,
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

/// Who may ask.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    /// Whether every request needs a key; otherwise only requests of this machine are let in.
    pub keyed: bool,
    /// Origins whose pages may ask, such as `https://panel.example`.
    pub origins: Vec<String>,
    /// How often each key may ask.
    pub limits: RateLimits,
}

/// The routes for workers alone, all behind a key, and the sign of life.
pub fn work_router(work: Work) -> Router {
    let limits = RateLimits::per_second(0);
    let door = Door::new(
        work.catalog().clone(),
        limits,
        Clientele::Workers,
        Vec::new(),
    );
    let routes: Router = work::routes(work).into();
    let routes = routes
        .route("/healthz", get(health::live))
        .layer(CatchPanicLayer::custom(error::panicked));
    finished(routes, door)
}

/// All routes.
///
/// # Errors
/// If a tool of assistants has no schema.
pub fn router(api: Api, policy: AccessPolicy) -> anyhow::Result<Router> {
    let AccessPolicy {
        keyed,
        origins,
        limits,
    } = policy;
    let cors = cors(&origins);
    let clientele = if keyed {
        Clientele::Keyed
    } else {
        Clientele::Local
    };
    let door = Door::new(api.catalog.clone(), limits, clientele, origins);
    let work = work::routes(api.work.clone());
    let once = (api.catalog.clone(), api.member.clone());
    let assistants = assistants::routes(&api)?;
    let (routes, mut document) = described(&api)
        .with_state(api)
        .merge(work)
        .split_for_parts();
    openapi::complete(&mut document);
    let document = Arc::new(document);
    let served = move || std::future::ready(Json(Arc::clone(&document)));
    // What panics is caught inside, so that its key can be used again.
    let routes = routes
        .route("/openapi.json", get(served))
        .merge(docs::routes())
        .merge(assistants)
        .merge(page::routes())
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(axum::middleware::from_fn_with_state(
            once,
            idempotency::once,
        ));
    let routes = finished(routes, door);
    Ok(match cors {
        // Outside of everything: a browser asks without a key first.
        Some(cors) => routes.layer(cors),
        None => routes,
    })
}

/// The CORS headers; `None` if no other origin is allowed.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let admitted: Vec<HeaderValue> = origins.iter().filter_map(|one| one.parse().ok()).collect();
    if admitted.is_empty() {
        return None;
    }
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::RANGE,
        HeaderName::from_static("x-api-key"),
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("last-event-id"),
        HeaderName::from_static("tus-resumable"),
        HeaderName::from_static("upload-checksum"),
        HeaderName::from_static("upload-length"),
        HeaderName::from_static("upload-metadata"),
        HeaderName::from_static("upload-offset"),
    ];
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let exposed = [
        header::CONTENT_DISPOSITION,
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("idempotency-replayed"),
        HeaderName::from_static("ratelimit-limit"),
        HeaderName::from_static("ratelimit-remaining"),
        HeaderName::from_static("ratelimit-reset"),
        HeaderName::from_static("rushes-asset"),
        HeaderName::from_static("rushes-job"),
        HeaderName::from_static("tus-resumable"),
        HeaderName::from_static("upload-expires"),
        HeaderName::from_static("upload-length"),
        HeaderName::from_static("upload-offset"),
        HeaderName::from_static("x-request-id"),
    ];
    let layer = CorsLayer::new()
        .allow_origin(admitted)
        .allow_headers(headers);
    Some(layer.allow_methods(methods).expose_headers(exposed))
}

/// The routes with what the document says of them.
fn described(api: &Api) -> OpenApiRouter<Api> {
    let picture = usize::try_from(api.redactions.picture_limit()).unwrap_or(usize::MAX);
    let picture = DefaultBodyLimit::max(picture.saturating_add(2 * MAX_JSON));
    let picks = DefaultBodyLimit::max(MAX_PICKS);
    let sent_pictures = DefaultBodyLimit::max(MAX_SENT_PICTURES);
    // The streams themselves are counted; this only lifts the small default.
    let upload = usize::try_from(api.upload_limit).unwrap_or(usize::MAX);
    let upload = DefaultBodyLimit::max(upload.saturating_add(MAX_JSON));
    let subtitles = usize::try_from(MAX_SUBTITLE_BYTES).unwrap_or(usize::MAX);
    let subtitles = DefaultBodyLimit::max(subtitles.saturating_add(MAX_JSON));
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(library::assets))
        .routes(routes!(resumable::options, resumable::create))
        .routes(routes!(resumable::get, resumable::send, resumable::delete).layer(upload))
        .routes(routes!(assets::register).layer(upload))
        .routes(routes!(assets::get, library::change_asset, assets::delete))
        .routes(routes!(replace::put, replace::withdraw).layer(upload))
        .routes(routes!(library::reprocess))
        .routes(routes!(subtitles::list, subtitles::add).layer(subtitles))
        .routes(routes!(subtitles::from_pictures))
        .routes(routes!(subtitles::remove))
        .routes(routes!(transcript::get))
        .routes(routes!(transcript::srt))
        .routes(routes!(transcript::vtt))
        .routes(routes!(library::shots_of))
        .routes(routes!(titles::list, titles::create))
        .routes(routes!(titles::get, titles::change, titles::delete))
        .routes(routes!(titles::merge))
        .routes(routes!(library::retry))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get, jobs::cancel))
        .routes(routes!(events::all))
        .routes(routes!(events::of_job))
        .routes(routes!(watches::list, watches::create))
        .routes(routes!(watches::get, watches::delete))
        .routes(routes!(arrivals::announce))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::delete))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(search::search, search::search_by_text).layer(sent_pictures))
        .routes(routes!(duplicates::list))
        .routes(routes!(shots::get, library::annotate))
        .routes(routes!(bins::list))
        .routes(routes!(bins::create).layer(picks))
        .routes(routes!(bins::get, bins::rename, bins::delete))
        .routes(routes!(bins::add).layer(picks))
        .routes(routes!(bins::change, bins::remove))
        .routes(routes!(exports::formats))
        .routes(routes!(exports::create).layer(picks))
        .routes(routes!(match_cuts::list))
        .routes(routes!(media::thumbnail))
        .routes(routes!(media::clip))
        .routes(routes!(redact::redact).layer(picture))
        .routes(routes!(redactions::create).layer(upload))
        .routes(routes!(redactions::list))
        .routes(routes!(redactions::get, redactions::delete))
        .routes(routes!(redactions::files))
        .routes(routes!(redactions::picture))
        .routes(routes!(redactions::record))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(session::get, session::sign_in, session::sign_out))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::disk))
        .routes(routes!(health::metrics))
        .routes(routes!(models::list))
        .routes(routes!(models::embed))
        .routes(routes!(models::activate))
        .routes(routes!(models::remove))
        .routes(routes!(audit::list))
        .routes(routes!(consent::get, consent::put, consent::withdraw))
        .routes(routes!(people::list))
        .routes(routes!(people::cluster))
        .routes(routes!(people::get, people::change, people::delete))
        .routes(routes!(people::merge))
        .routes(routes!(people::split))
        .routes(routes!(people::faces))
        .routes(routes!(people::crop))
}

/// Text is packed for clients that take it. Pictures, videos and archives are packed already, and parts of a file count
/// its bytes.
fn compression() -> CompressionLayer<impl Predicate> {
    let packed = DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("application/zip"))
        .and(NotForContentType::const_new("application/pdf"));
    CompressionLayer::new().compress_when(packed)
}

/// What all answers have in common.
fn finished(routes: Router, door: Door) -> Router {
    routes
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(axum::middleware::from_fn(pace::keep_coming))
        .layer(axum::middleware::from_fn_with_state(door, access::admit))
        .layer(axum::middleware::from_fn(guard::same_origin_resource))
        .layer(axum::middleware::from_fn(error::finish))
        .layer(compression())
        // Outside of compression: two encodings of an answer have two tags.
        .layer(axum::middleware::from_fn(etag::conditional))
}
