//! `/v1/arrivals`.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::StringRejection;
use rushes_models::{ErrorKind, with_causes};
use serde::Serialize;
use utoipa::ToSchema;

use super::problems::Refused;
use super::{Api, ApiError};
use crate::catalog::Caller;
use crate::ingest::{NoticeError, objects};

/// The route.
pub(super) const ARRIVALS: &str = "/v1/arrivals";

/// What became of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Announced {
    /// Objects in watched places. They are looked at now.
    announced: usize,
    /// Objects elsewhere, which nobody looks at.
    elsewhere: usize,
}

impl From<NoticeError> for ApiError {
    fn from(error: NoticeError) -> Self {
        Self::new(ErrorKind::InvalidInput, "bad-notice", with_causes(&error))
    }
}

/// Announce objects that a store has received: an S3 event message, as other stores post it too, or an event of
/// `EventBridge`. Watches look at their objects at once instead of at their next listing. The same message again does nothing.
#[utoipa::path(post, operation_id = "announce_objects", path = "/v1/arrivals", tag = "assets",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "Success", body = Announced), Refused))]
pub(super) async fn announce(
    State(api): State<Api>,
    caller: Caller,
    body: Result<String, StringRejection>,
) -> Result<Json<Announced>, ApiError> {
    caller.sees_everything()?;
    let message = body.map_err(|rejection| {
        ApiError::new(ErrorKind::InvalidInput, "bad-notice", rejection.body_text())
    })?;
    let uris = objects(&message)?;
    let announced = api.watches.announce(&uris).await?;
    let elsewhere = uris.len().saturating_sub(announced);
    Ok(Json(Announced {
        announced,
        elsewhere,
    }))
}
