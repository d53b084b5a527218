//! The OpenAPI document, made from the handlers themselves.

use axum::Json;
use utoipa::OpenApi;

use super::{assets, health, jobs, media, redact, redactions, search, shots};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "rushes",
        description = "Find the shot you need inside thousands of hours of film, frame-exact."
    ),
    paths(
        assets::register,
        assets::list,
        assets::get,
        assets::delete,
        assets::titles,
        jobs::list,
        jobs::get,
        jobs::cancel,
        search::search,
        shots::get,
        media::thumbnail,
        media::clip,
        redact::redact,
        redactions::create,
        redactions::list,
        redactions::get,
        redactions::delete,
        redactions::files,
        redactions::picture,
        redactions::record,
        health::live,
        health::ready,
        health::metrics
    )
)]
struct Document;

/// `/openapi.json`.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(std::future::ready(Document::openapi()).await)
}
