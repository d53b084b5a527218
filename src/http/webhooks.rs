//! `/v1/webhooks`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use rushes_models::{ErrorKind, with_causes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{NotFound, Refused};
use super::{Api, ApiError};
use crate::catalog::events::FAMILIES;
use crate::catalog::webhooks::{self, Delivery, Webhook};
use crate::catalog::{Caller, CatalogError, DeliveryId, WebhookId};
use crate::webhooks::{check, new_secret};

/// Deliveries that are listed.
const DELIVERIES: u32 = 100;
/// Types of one webhook.
const MOST_TYPES: usize = 100;

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// Where events are posted.
    #[schema(example = "https://mam.example/rushes")]
    url: String,
    /// Types of events, or their beginnings with a dot such as `job.`; all if absent.
    #[serde(default)]
    types: Vec<String>,
}

/// A webhook without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookView {
    /// Id.
    #[schema(value_type = String)]
    id: WebhookId,
    /// Where events are posted.
    url: String,
    /// Types of events; all if empty.
    types: Vec<String>,
    /// When it was made, Unix milliseconds.
    created_ms: i64,
}

/// A webhook that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeWebhook {
    #[serde(flatten)]
    webhook: WebhookView,
    /// The key of the signatures, shown this once: HMAC-SHA256 over `id.timestamp.body`, see standardwebhooks.com.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookList {
    /// Oldest first.
    webhooks: Vec<WebhookView>,
}

/// Deliveries of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryList {
    /// Newest first, at most 100.
    deliveries: Vec<Delivery>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            types: webhook.types.0,
            created_ms: webhook.created_at,
        }
    }
}

/// All webhooks.
#[utoipa::path(get, operation_id = "list_webhooks", path = "/v1/webhooks", tag = "events",
    responses((status = 200, description = "Success", body = WebhookList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<WebhookList>, ApiError> {
    caller.sees_everything()?;
    let mut db = api.catalog.read().await?;
    let webhooks = webhooks::list(&mut db).await?;
    Ok(Json(WebhookList {
        webhooks: webhooks.into_iter().map(WebhookView::from).collect(),
    }))
}

/// Have events posted to an address, from now on.
#[utoipa::path(post, operation_id = "create_webhook", path = "/v1/webhooks", tag = "events", request_body = NewWebhook,
    responses((status = 201, description = "Made", body = MadeWebhook), Refused))]
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<NewWebhook>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    caller.sees_everything()?;
    let bad = |code: &str, detail: String| ApiError::new(ErrorKind::InvalidInput, code, detail);
    check(&body.url, api.webhook_private)
        .map_err(|error| bad("bad-address", with_causes(&error)))?;
    let known = |kind: &String| FAMILIES.iter().any(|family| kind.starts_with(family));
    if let Some(unknown) = body.types.iter().find(|kind| !known(kind)) {
        let families = FAMILIES.join(", ");
        let detail =
            format!("{unknown:?} is not an event type; event types begin with one of {families}");
        return Err(bad("bad-event-type", detail));
    }
    if body.types.len() > MOST_TYPES {
        return Err(bad(
            "bad-event-type",
            format!("name at most {MOST_TYPES} types"),
        ));
    }
    let secret = new_secret()?;
    let mut tx = api.catalog.begin().await?;
    let webhook = webhooks::create(&mut tx, &body.url, &secret, &body.types).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    let made = MadeWebhook {
        webhook: webhook.into(),
        secret,
    };
    // The secret is shown this once, so nothing keeps the answer.
    let unkept = AppendHeaders([(header::CACHE_CONTROL, "no-store")]);
    Ok((StatusCode::CREATED, unkept, Json(made)))
}

/// Delete a webhook with its deliveries.
#[utoipa::path(delete, operation_id = "delete_webhook", path = "/v1/webhooks/{id}", tag = "events",
    params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), NotFound))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.sees_everything()?;
    let id: WebhookId = id.parse()?;
    let mut tx = api.catalog.begin().await?;
    webhooks::delete(&mut tx, &id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The newest deliveries of a webhook, with what became of them.
#[utoipa::path(get, operation_id = "list_deliveries", path = "/v1/webhooks/{id}/deliveries", tag = "events",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = DeliveryList), NotFound))]
pub(super) async fn deliveries(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DeliveryList>, ApiError> {
    caller.sees_everything()?;
    let id: WebhookId = id.parse()?;
    let mut db = api.catalog.read().await?;
    webhooks::get(&mut db, &id).await?;
    let deliveries = webhooks::deliveries(&mut db, &id, DELIVERIES).await?;
    Ok(Json(DeliveryList { deliveries }))
}

/// Deliver once more.
#[utoipa::path(post, operation_id = "redeliver", path = "/v1/webhooks/{id}/deliveries/{delivery}", tag = "events",
    params(("id" = String, Path), ("delivery" = String, Path)),
    responses((status = 202, description = "Queued", body = Delivery), NotFound))]
pub(super) async fn redeliver(
    State(api): State<Api>,
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Delivery>), ApiError> {
    caller.sees_everything()?;
    let (id, delivery): (WebhookId, DeliveryId) = (id.parse()?, delivery.parse()?);
    let mut tx = api.catalog.begin().await?;
    let queued = webhooks::redeliver(&mut tx, &id, &delivery).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((StatusCode::ACCEPTED, Json(queued)))
}
