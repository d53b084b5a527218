//! Whether the server lives, is ready, and how it does.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, ApiError};
use crate::search::Coverage;

/// The server's readiness.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// How much of the catalogue can be found.
    coverage: Coverage,
}

/// Answers while the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200)))]
pub(super) async fn live() -> &'static str {
    std::future::ready("ok\n").await
}

/// Answers once the catalogue and the index can be read.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Ready), (status = 503, body = super::error::Problem, content_type = "application/problem+json")))]
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Ready>, ApiError> {
    let coverage = api.searcher.coverage(None).await?;
    Ok(Json(Ready { coverage }))
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    let text = std::future::ready(api.metrics.render()).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
