//! Whether the server lives, is ready, and how it does.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use rushes_models::{ErrorKind, with_causes};
use serde::Serialize;
use utoipa::ToSchema;

use super::problems::NotReady;
use super::{Api, ApiError};
use crate::catalog::runs::{self, RunState};
use crate::catalog::{Caller, TitleId};
use crate::disk::DiskSpace;
use crate::search::{Coverage, Modality};
use crate::telemetry;

/// The route of the disk.
pub(super) const DISK: &str = "/v1/disk";
/// How long the catalogue may take to be asked before the server counts as not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server's readiness.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// How much of the catalogue can be found.
    coverage: Coverage,
}

/// Answers while the process lives.
#[utoipa::path(get, operation_id = "healthz", path = "/healthz", tag = "health",
    responses((status = 200, description = "Success")))]
pub(super) async fn live() -> &'static str {
    std::future::ready("ok\n").await
}

/// Answers once the catalogue and the index can be read.
#[utoipa::path(get, operation_id = "readyz", path = "/readyz", tag = "health",
    responses((status = 200, description = "Success", body = Ready), NotReady))]
pub(super) async fn ready(State(api): State<Api>, caller: Caller) -> Result<Json<Ready>, ApiError> {
    let titles = caller.titles().map(<[TitleId]>::to_vec);
    let coverage = api.searcher.coverage_within(&[Modality::Visual], titles);
    match tokio::time::timeout(PATIENCE, coverage).await {
        Ok(coverage) => Ok(Json(Ready {
            coverage: coverage?,
        })),
        Err(_elapsed) => Err(ApiError::new(
            ErrorKind::Unavailable,
            "unavailable",
            "the catalogue does not answer; check the database",
        )),
    }
}

/// How much room is left for uploads and what is computed of them.
#[utoipa::path(get, operation_id = "get_disk", path = DISK, tag = "health",
    responses((status = 200, description = "Success", body = DiskSpace)))]
pub(super) async fn disk(State(api): State<Api>) -> Result<Json<DiskSpace>, ApiError> {
    let folder = api.spool.folder().to_owned();
    // A disk of the network may take its time.
    let space = tokio::task::spawn_blocking(move || DiskSpace::of(&folder)).await;
    match space {
        Ok(Ok(space)) => Ok(Json(space)),
        Ok(Err(error)) => {
            let detail = format!("the disk cannot be asked: {}", with_causes(&error));
            Err(ApiError::new(ErrorKind::Internal, "internal", detail))
        }
        Err(_join) => Err(ApiError::new(
            ErrorKind::Internal,
            "internal",
            "the disk cannot be asked",
        )),
    }
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, operation_id = "metrics", path = "/metrics", tag = "health",
    responses((status = 200, description = "Success", content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    let mut db = api.catalog.read().await?;
    for queue in ["media", "embed"] {
        for state in [RunState::Pending, RunState::Running, RunState::Failed] {
            metrics::gauge!(telemetry::RUNS.name, "queue" => queue, "state" => state.as_str())
                .set(0.0);
        }
    }
    for (queue, state, count) in runs::counts(&mut db).await? {
        metrics::gauge!(telemetry::RUNS.name, "queue" => queue, "state" => state.as_str())
            .set(count as f64);
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, api.metrics.render()))
}
