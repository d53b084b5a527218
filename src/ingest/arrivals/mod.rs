//! Objects that stores announce, in a queue or by a request.
//!
//! What a store says is a reason to look at an object and nothing more: it may come twice, late or never. A watch lists its
//! prefix too, so nothing depends on it.

mod notice;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rushes_models::with_causes;
use rushes_workers::storage::{Message, MessageQueue, QueueError};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use notice::{NoticeError, objects};

use super::Watches;
use crate::catalog::CatalogError;

/// How long to wait after the first failure in a row, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How the queue of arrivals is doing, since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueReport {
    /// URL of the queue.
    #[schema(example = "https://sqs.eu-west-1.amazonaws.com/123456789012/arrivals")]
    pub url: String,
    /// Why it cannot be read at present; it is tried again.
    pub failure: Option<String>,
    /// Objects in watched places that were announced.
    pub announced: u64,
    /// Objects elsewhere that were announced.
    pub elsewhere: u64,
    /// Messages that no store sends. They are deleted.
    pub unknown: u64,
}

/// Why messages were not taken. They stay in the queue.
#[derive(Debug, thiserror::Error)]
enum ArrivalError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A queue in which stores announce objects to watches. Each server on a catalogue may read it: what it reads reaches the one
/// that watches.
#[derive(Debug, Clone)]
pub struct Arrivals(Arc<Mutex<QueueReport>>);

impl Arrivals {
    /// Reads the queue until `stop`.
    #[must_use]
    pub fn start(queue: MessageQueue, watches: Watches, stop: CancellationToken) -> Self {
        let report = QueueReport {
            url: queue.url().to_owned(),
            ..QueueReport::default()
        };
        let arrivals = Self(Arc::new(Mutex::new(report)));
        let reader = arrivals.clone();
        tokio::spawn(async move {
            let mut pause = PAUSES.0;
            while !stop.is_cancelled() {
                let read = reader.read(&queue, &watches, &mut pause);
                stop.run_until_cancelled(read).await;
            }
        });
        arrivals
    }

    /// How it is doing.
    #[must_use]
    pub fn report(&self) -> QueueReport {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes the next messages, or waits if that fails.
    async fn read(&self, queue: &MessageQueue, watches: &Watches, pause: &mut Duration) {
        match self.take(queue, watches).await {
            Ok(()) => {
                self.note(|report| report.failure = None);
                *pause = PAUSES.0;
            }
            Err(error) => {
                let failure = with_causes(&error);
                let before = self.report().failure;
                if before.as_ref() != Some(&failure) {
                    tracing::warn!(
                        error = failure,
                        "arrivals are not announced; prefixes are listed all the same"
                    );
                }
                self.note(|report| report.failure = Some(failure));
                tokio::time::sleep(*pause).await;
                *pause = (*pause * 2).min(PAUSES.1);
            }
        }
    }

    /// Takes the next messages. They are deleted once the watches know of them: if the server that watches dies afterwards,
    /// the next one lists everything.
    async fn take(&self, queue: &MessageQueue, watches: &Watches) -> Result<(), ArrivalError> {
        let asked = tokio::time::Instant::now();
        let messages: Vec<Message> = queue.receive().await?;
        for message in &messages {
            match objects(&message.body) {
                Ok(uris) => {
                    let taken = watches.announce(&uris).await?;
                    self.note(|report| {
                        report.announced += taken as u64;
                        report.elsewhere += uris.len().saturating_sub(taken) as u64;
                    });
                }
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), queue = queue.url(), "a message was ignored");
                    self.note(|report| report.unknown += 1);
                }
            }
        }
        if messages.is_empty() {
            // Some queues do not wait for messages.
            tokio::time::sleep_until(asked + PAUSES.0).await;
            return Ok(());
        }
        Ok(queue.delete(&messages).await?)
    }

    fn note(&self, change: impl FnOnce(&mut QueueReport)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
