//! The task that queues events for webhooks and posts them.

use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use reqwest::{Client, StatusCode};
use rushes_models::{LibraryError, with_causes};
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::address::{self, PublicResolver};
use super::sign::signature;
use crate::catalog::events::Event;
use crate::catalog::webhooks::{self, Delivery, DeliveryAttempt, Webhook};
use crate::catalog::{Catalog, CatalogError, now_ms};
use crate::fleet::HeldRole;

/// How often the catalogue is asked whether there is something to do.
const LOOK: Duration = Duration::from_millis(500);
/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Attempts side by side.
const AT_ONCE: usize = 8;
/// Deliveries taken up at once.
const BATCH: u32 = 64;
/// Pauses between attempts in seconds, as Standard Webhooks suggests: three days in all.
const PAUSES_S: [i64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Longest reason that is kept, in characters.
const MAX_ERROR: usize = 500;

/// How events are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderOptions {
    /// Whether private addresses may be posted to.
    pub allows_private: bool,
}

/// The running task.
#[derive(Debug)]
pub struct Sender {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Sender {
    /// Starts the task. It works while this process holds `role`, so an event is posted once, and again only if the
    /// holder before could not note that it was posted.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn start(catalog: Catalog, options: SenderOptions, role: HeldRole) -> anyhow::Result<Self> {
        let mut client = Client::builder()
            .timeout(TIMEOUT)
            // A redirect could lead where no webhook may.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rushes/", env!("CARGO_PKG_VERSION")));
        if !options.allows_private {
            client = client.no_proxy().dns_resolver(PublicResolver);
        }
        let post = Post {
            client: client.build()?,
            options,
        };
        let stop = CancellationToken::new();
        let until = stop.clone();
        let task = tokio::spawn(async move {
            let (catalog, post, until) = (&catalog, &post, &until);
            role.while_held(until, |term| run(catalog.under(term), post, until))
                .await;
        });
        Ok(Self { task, stop })
    }

    /// Ends the task. What is under way is posted again at the next start.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(error = %with_causes(&error), "the sender of webhooks died");
        }
    }
}

/// Posts one message.
#[derive(Debug, Clone)]
struct Post {
    client: Client,
    options: SenderOptions,
}

async fn run(catalog: Catalog, post: &Post, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let worked = work(&catalog, post).await;
        if let Err(error) = &worked {
            tracing::warn!(error = %with_causes(&error), "webhooks cannot be served; tried again");
        }
        if !matches!(worked, Ok(true)) {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Queues and posts what is due. Whether there was anything.
async fn work(catalog: &Catalog, post: &Post) -> Result<bool, CatalogError> {
    let mut db = catalog.read().await?;
    let is_due = webhooks::is_anything_due(&mut db).await?;
    drop(db);
    if !is_due {
        return Ok(false);
    }
    let mut tx = catalog.begin().await?;
    webhooks::queue(&mut tx, message).await?;
    tx.commit().await?;
    let mut db = catalog.read().await?;
    let due = webhooks::due(&mut db, BATCH).await?;
    drop(db);
    let attempts = futures::stream::iter(due).map(|(delivery, webhook)| async move {
        let attempt = post.attempt(&delivery, &webhook).await;
        (delivery, attempt)
    });
    let mut attempts = attempts.buffer_unordered(AT_ONCE);
    while let Some((delivery, attempt)) = attempts.next().await {
        let mut tx = catalog.begin().await?;
        webhooks::note_attempt(&mut tx, &delivery, &attempt).await?;
        tx.commit().await?;
    }
    Ok(true)
}

/// The payload of an event.
fn message(event: &Event) -> String {
    let at = Duration::from_millis(event.at.unsigned_abs());
    let at = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + at);
    let message = serde_json::json!({
        "type": event.kind,
        "timestamp": at.to_string(),
        "data": event,
    });
    message.to_string()
}

impl Post {
    async fn attempt(&self, delivery: &Delivery, webhook: &Webhook) -> DeliveryAttempt {
        match self.send(delivery, webhook).await {
            Ok(status) if status.is_success() => DeliveryAttempt {
                status: Some(status.as_u16()),
                error: None,
                retry_ms: None,
            },
            Ok(status) => DeliveryAttempt {
                status: Some(status.as_u16()),
                error: Some(format!("the receiver answered {status}")),
                // Gone for good.
                retry_ms: pause(delivery.attempts).filter(|_| status != StatusCode::GONE),
            },
            Err(error) => DeliveryAttempt {
                status: None,
                error: Some(error.chars().take(MAX_ERROR).collect()),
                retry_ms: pause(delivery.attempts),
            },
        }
    }

    async fn send(&self, delivery: &Delivery, webhook: &Webhook) -> Result<StatusCode, String> {
        let url = address::check(&webhook.url, self.options.allows_private)
            .map_err(|error| error.to_string())?;
        let (id, seconds) = (delivery.id.as_str(), now_ms() / 1000);
        let signed = signature(webhook.secret.expose_secret(), id, seconds, &delivery.body)
            .ok_or_else(|| "the webhook's secret is damaged; make another webhook".to_owned())?;
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signed)
            .body(delivery.body.clone());
        match request.send().await {
            Ok(answer) => Ok(answer.status()),
            Err(error) => Err(LibraryError::new(error.without_url()).to_string()),
        }
    }
}

/// Milliseconds until the next attempt after `attempts` before this one, if there is to be one.
fn pause(attempts: i64) -> Option<i64> {
    let pause = usize::try_from(attempts)
        .ok()
        .and_then(|at| PAUSES_S.get(at));
    pause.map(|seconds| seconds * 1000)
}
