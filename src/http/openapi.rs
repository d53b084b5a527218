//! The OpenAPI document, made from the handlers themselves.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{assets, health, jobs, media, redact, redactions, search, shots, work};

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
        health::metrics,
        work::about,
        work::lease,
        work::heartbeat,
        work::complete,
        work::fail,
        work::release
    ),
    modifiers(&Keys)
)]
struct Document;

/// How a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key made by `rushes key create`."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// `/openapi.json`.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(std::future::ready(Document::openapi()).await)
}
