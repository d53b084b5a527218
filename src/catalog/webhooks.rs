//! Webhooks: where events are posted to, and the deliveries under way.

use secrecy::SecretString;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection};
use super::events::{self, Event, EventFilter};
use super::{CatalogError, DeliveryId, WebhookId, now_ms};

/// Webhooks in all.
pub const MOST_WEBHOOKS: usize = 100;
/// How long a delivery that is over is kept, in milliseconds: 30 days.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Events queued at once.
const BATCH: u32 = 500;

/// Where events are posted to.
#[derive(Debug, Clone, FromRow)]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// The address.
    pub url: String,
    /// The key that signs, in Base64. Never shown again.
    #[sqlx(try_from = "String")]
    pub secret: SecretString,
    /// Types of events, or their beginnings such as `job.`; all if empty.
    #[sqlx(try_from = "String")]
    pub types: EventTypes,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// Events up to this one have been queued for it.
    pub seq: i64,
}

/// Types of events, as stored: a JSON list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventTypes(pub Vec<String>);

impl EventTypes {
    fn include(&self, kind: &str) -> bool {
        let matches = |wanted: &String| {
            kind == wanted || (wanted.ends_with('.') && kind.starts_with(wanted.as_str()))
        };
        self.0.is_empty() || self.0.iter().any(matches)
    }
}

impl From<String> for EventTypes {
    fn from(stored: String) -> Self {
        Self(serde_json::from_str(&stored).unwrap_or_default())
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Delivery {
    /// Id; also the `webhook-id` of the message.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The webhook.
    #[sqlx(rename = "webhook_id")]
    #[schema(value_type = String)]
    pub webhook: WebhookId,
    /// Type of the event.
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// What is posted, as it is signed.
    pub body: String,
    /// `pending`, `delivered` or `failed`.
    pub state: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When the next attempt is due, Unix milliseconds.
    #[sqlx(rename = "not_before")]
    #[serde(rename = "next_attempt_ms")]
    pub not_before: i64,
    /// The status that the last attempt met.
    pub status: Option<i64>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was queued.
    #[sqlx(rename = "created_at")]
    #[serde(rename = "created_ms")]
    pub created_at: i64,
    /// When it reached its final state.
    #[sqlx(rename = "finished_at")]
    #[serde(rename = "finished_ms")]
    pub finished_at: Option<i64>,
}

/// Makes a webhook for what happens from now on.
///
/// # Errors
/// If there are too many, or the database fails.
pub async fn create(
    db: &mut Connection,
    url: &str,
    secret: &str,
    types: &[String],
) -> Result<Webhook, CatalogError> {
    if list(db).await?.len() >= MOST_WEBHOOKS {
        return Err(CatalogError::TooManyWebhooks(MOST_WEBHOOKS));
    }
    let seq = events::newest(db).await?;
    Ok(database::query_as(
        "INSERT INTO webhooks (id, url, secret, types, created_at, seq) VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
    )
    .bind(WebhookId::new())
    .bind(url)
    .bind(secret)
    .bind(serde_json::json!(types).to_string())
    .bind(now_ms())
    .bind(seq)
    .fetch_one(db)
    .await?)
}

/// All webhooks, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn list(db: &mut Connection) -> Result<Vec<Webhook>, CatalogError> {
    Ok(database::query_as("SELECT * FROM webhooks ORDER BY id")
        .fetch_all(db)
        .await?)
}

/// The webhook with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut Connection, id: &WebhookId) -> Result<Webhook, CatalogError> {
    database::query_as("SELECT * FROM webhooks WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "webhook",
            id: id.to_string(),
        })
}

/// Deletes a webhook with its deliveries.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn delete(db: &mut Connection, id: &WebhookId) -> Result<(), CatalogError> {
    get(db, id).await?;
    database::query("DELETE FROM webhooks WHERE id = $1")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// The newest deliveries of a webhook, newest first.
///
/// # Errors
/// If the database fails.
pub async fn deliveries(
    db: &mut Connection,
    webhook: &WebhookId,
    limit: u32,
) -> Result<Vec<Delivery>, CatalogError> {
    Ok(database::query_as(
        "SELECT * FROM deliveries WHERE webhook_id = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(webhook)
    .bind(limit)
    .fetch_all(db)
    .await?)
}

/// Queues a delivery again, whatever became of it.
///
/// # Errors
/// [`CatalogError::NotFound`] if the webhook has no such delivery.
pub async fn redeliver(
    db: &mut Connection,
    webhook: &WebhookId,
    delivery: &DeliveryId,
) -> Result<Delivery, CatalogError> {
    let queued = database::query_as(
        "UPDATE deliveries SET state = 'pending', attempts = 0, not_before = $1, finished_at = NULL
          WHERE webhook_id = $2 AND id = $3 RETURNING *",
    )
    .bind(now_ms())
    .bind(webhook)
    .bind(delivery)
    .fetch_optional(db)
    .await?;
    queued.ok_or_else(|| CatalogError::NotFound {
        what: "delivery",
        id: delivery.to_string(),
    })
}

/// Queues what happened since the last time for every webhook that asked for it; `body` writes the message of an event.
///
/// # Errors
/// If the database fails.
pub async fn queue(
    db: &mut Connection,
    body: impl Fn(&Event) -> String,
) -> Result<(), CatalogError> {
    let newest = events::newest(db).await?;
    for webhook in list(db).await? {
        if webhook.seq >= newest {
            continue;
        }
        let found = events::after(db, webhook.seq, &EventFilter::ALL, BATCH).await?;
        let last = found.last().map_or(newest, |event| event.seq);
        for event in found
            .iter()
            .filter(|event| webhook.types.include(&event.kind))
        {
            database::query(
                "INSERT INTO deliveries (id, webhook_id, type, body, state, not_before, created_at)
                 VALUES ($1, $2, $3, $4, 'pending', $5, $5)",
            )
            .bind(DeliveryId::new())
            .bind(&webhook.id)
            .bind(&event.kind)
            .bind(body(event))
            .bind(now_ms())
            .execute(&mut *db)
            .await?;
        }
        database::query("UPDATE webhooks SET seq = $1 WHERE id = $2")
            .bind(last)
            .bind(&webhook.id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Whether there is something to queue or to send.
///
/// # Errors
/// If the database fails.
pub async fn is_anything_due(db: &mut Connection) -> Result<bool, CatalogError> {
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM webhooks
                         WHERE seq < (SELECT MAX(seq) FROM events))
             OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'pending' AND not_before <= $1)",
    )
    .bind(now_ms())
    .fetch_one(db)
    .await?)
}

/// Up to `limit` deliveries that are due, with their webhooks: the oldest of each, so that none waits for another.
///
/// # Errors
/// If the database fails.
pub async fn due(
    db: &mut Connection,
    limit: u32,
) -> Result<Vec<(Delivery, Webhook)>, CatalogError> {
    let due: Vec<Delivery> = database::query_as(
        "SELECT id, webhook_id, type, body, state, attempts, not_before, status, error, created_at, finished_at
           FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY webhook_id ORDER BY not_before, id) AS turn
                   FROM deliveries WHERE state = 'pending' AND not_before <= $1) d
          WHERE turn <= 8 ORDER BY turn, not_before, id LIMIT $2",
    )
    .bind(now_ms())
    .bind(limit)
    .fetch_all(&mut *db)
    .await?;
    let mut found = Vec::with_capacity(due.len());
    for delivery in due {
        let webhook = get(db, &delivery.webhook).await?;
        found.push((delivery, webhook));
    }
    Ok(found)
}

/// What an attempt met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed; `None` if it was delivered.
    pub error: Option<String>,
    /// Milliseconds until the next attempt, if there is to be one.
    pub retry_ms: Option<i64>,
}

/// Notes an attempt.
///
/// # Errors
/// If the database fails.
pub async fn note_attempt(
    db: &mut Connection,
    delivery: &Delivery,
    attempt: &DeliveryAttempt,
) -> Result<(), CatalogError> {
    let state = match (&attempt.error, attempt.retry_ms) {
        (None, _) => "delivered",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "failed",
    };
    database::query(
        "UPDATE deliveries SET state = $1, attempts = attempts + 1, status = $2, error = $3, not_before = $4,
                finished_at = $5
          WHERE id = $6",
    )
    .bind(state)
    .bind(attempt.status)
    .bind(&attempt.error)
    .bind(now_ms() + attempt.retry_ms.unwrap_or(0))
    .bind((state != "pending").then(now_ms))
    .bind(&delivery.id)
    .execute(&mut *db)
    .await?;
    // A receiver that cannot be reached is left alone for a while, with all that waits for it.
    if attempt.status.is_none()
        && let Some(pause) = attempt.retry_ms
    {
        database::query(
            "UPDATE deliveries SET not_before = CASE WHEN not_before < $1 THEN $1 ELSE not_before END WHERE webhook_id = $2 AND state = 'pending'",
        )
        .bind(now_ms() + pause)
        .bind(&delivery.webhook)
        .execute(db)
        .await?;
    }
    Ok(())
}

/// Forgets deliveries that have been over for long.
///
/// # Errors
/// If the database fails.
pub async fn trim(db: &mut Connection) -> Result<(), CatalogError> {
    database::query("DELETE FROM deliveries WHERE finished_at < $1")
        .bind(now_ms() - KEPT_MS)
        .execute(db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_whole_or_beginnings() {
        let types =
            |names: &[&str]| EventTypes(names.iter().map(|&name| name.to_owned()).collect());
        assert!(types(&[]).include("job.ready"));
        assert!(types(&["job."]).include("job.ready"));
        assert!(types(&["job.ready", "asset."]).include("job.ready"));
        assert!(!types(&["job"]).include("job.ready"));
        assert!(!types(&["asset."]).include("job.ready"));
    }
}
