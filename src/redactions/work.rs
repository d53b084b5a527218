//! The work: named threads that take files, redact them and store the results; and a task that looks inputs up and
//! clears away.

use std::collections::HashMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rushes_models::ErrorKind;
use rushes_workers::redact::Redacted;
use rushes_workers::storage::Uri;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::gather::{self, gather};
use super::output::Target;
use super::settings::RedactionRequest;
use super::{RedactionError, Redactions, media_type, store};
use crate::catalog::redactions::{self, RedactionFile, RedactionTask, upkeep};
use crate::catalog::{Catalog, CatalogError, RedactionId};
use crate::telemetry;

/// How long nobody looks whether there is something to do, unless told.
const IDLE: Duration = Duration::from_secs(1);
/// How often what could not be cleared away is tried again.
const TEND: Duration = Duration::from_secs(5);
/// How long pictures under way may go on after a signal to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a worker waits before it asks a catalogue again that did not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Attempts in all where something outside does not answer.
const ATTEMPTS: i64 = 6;
/// The first pause between attempts; each one after doubles.
const FIRST_PAUSE_MS: i64 = 1000;

/// The running work.
#[derive(Debug)]
pub struct RedactionWorkers {
    catalog: Catalog,
    threads: Vec<JoinHandle<()>>,
    tending: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl RedactionWorkers {
    /// Takes up what was left and starts `count` threads. Whoever calls this is the only process at work.
    ///
    /// # Errors
    /// If the catalogue fails or the system refuses a thread.
    pub async fn start(redactions: &Redactions, count: usize) -> anyhow::Result<Self> {
        let catalog = redactions.0.catalog.clone();
        let mut tx = catalog.begin().await?;
        upkeep::recover(&mut tx).await?;
        tx.commit().await?;
        let stop = CancellationToken::new();
        let mut threads = Vec::new();
        for number in 0..count {
            let worker = Worker {
                redactions: redactions.clone(),
                runtime: Handle::current(),
                stop: stop.clone(),
            };
            threads.push(
                std::thread::Builder::new()
                    .name(format!("redact-{number}"))
                    .spawn(move || worker.run())?,
            );
        }
        let tending = tokio::spawn(tend(redactions.clone(), stop.clone()));
        Ok(Self {
            catalog,
            threads,
            tending,
            stop,
        })
    }

    /// Ends the work. A picture that is not through in a moment is given back.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.tending.await {
            tracing::error!(%error, "the upkeep of redactions died");
        }
        let deadline = Instant::now() + GRACE;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Threads that go on end with the process; what they had then is another's.
        let released = async {
            let mut tx = self.catalog.begin().await?;
            upkeep::release(&mut tx).await?;
            Ok::<_, CatalogError>(tx.commit().await?)
        };
        if let Err(error) = released.await {
            tracing::warn!(%error, "pictures under way were not given back; the next start does it");
        }
    }
}

/// One thread: one picture at a time.
struct Worker {
    redactions: Redactions,
    runtime: Handle,
    stop: CancellationToken,
}

/// What a picture came to.
struct RedactedFile {
    regions: i64,
    media_type: Option<&'static str>,
}

impl Worker {
    fn run(self) {
        while !self.stop.is_cancelled() {
            match self.runtime.block_on(self.next()) {
                Ok(Some(task)) => self.work(&task),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot take a picture to redact");
                    self.pause(PATIENCE);
                }
            }
        }
    }

    /// The next file; waits a while if there is none.
    async fn next(&self) -> Result<Option<RedactionTask>, CatalogError> {
        let inner = &self.redactions.0;
        let mut news = std::pin::pin!(inner.news.notified());
        news.as_mut().enable();
        let mut db = inner.catalog.read().await?;
        let waiting = redactions::is_waiting(&mut db).await?;
        drop(db);
        if waiting {
            let mut tx = inner.catalog.begin().await?;
            let task = redactions::take(&mut tx).await?;
            tx.commit().await?;
            return Ok(task);
        }
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep(IDLE) => {}
            () = self.stop.cancelled() => {}
        }
        Ok(None)
    }

    fn work(&self, task: &RedactionTask) {
        let file = &task.file;
        let outcome = self.redact(task);
        let retry = outcome
            .as_ref()
            .err()
            .and_then(|error| pause(error.kind(), file.attempts));
        let told = if retry.is_some() {
            "retry"
        } else if outcome.is_ok() {
            "done"
        } else {
            "failed"
        };
        metrics::counter!(telemetry::REDACTED_PICTURES_TOTAL.name, "outcome" => told).increment(1);
        if let Err(error) = &outcome {
            tracing::warn!(redaction = %file.redaction_id, file = file.ordinal, kind = %error.kind(),
                           code = error.code(), retried = retry.is_some(), "a picture was not redacted");
        }
        // What happened must be written down, or the file would be under way for ever.
        let is_ours = loop {
            match self.runtime.block_on(self.settle(file, &outcome, retry)) {
                Ok(is_ours) => break is_ours,
                Err(_) if self.stop.is_cancelled() => return,
                Err(error) => {
                    tracing::warn!(%error, "the outcome of a redacted picture cannot be stored; tried again");
                    self.pause(PATIENCE);
                }
            }
        };
        // One that was given back meanwhile needs its original again.
        if is_ours && retry.is_none() && is_upload(file) {
            let forgotten = forget_original(&self.redactions, &file.redaction_id, file.ordinal);
            if let Err(error) = self.runtime.block_on(forgotten) {
                tracing::warn!(%error, "an original cannot be deleted; tried again later");
            }
        }
    }

    /// Redacts a file and stores the results.
    fn redact(&self, task: &RedactionTask) -> Result<RedactedFile, RedactionError> {
        if let Some(target) = self.target(task)? {
            // What an earlier redaction wrote must not stand if this one fails.
            self.runtime.block_on(target.clear())?;
        }
        let wanted = RedactionRequest::parse(&task.settings)?;
        let bytes = self.read(&task.file)?;
        let pool = &self.redactions.0.pool;
        let redacted = pool.redact(&self.runtime, &wanted, bytes, &task.file.name)?;
        self.runtime.block_on(self.keep(task, redacted))
    }

    /// Where the results of a file go, if they are not kept.
    fn target(&self, task: &RedactionTask) -> Result<Option<Target>, RedactionError> {
        let Some(output) = &task.output else {
            return Ok(None);
        };
        let storage = self.redactions.output(output)?;
        Ok(Some(Target::new(storage, output, &task.file.name)))
    }

    /// The whole original, unless it is too large.
    fn read(&self, file: &RedactionFile) -> Result<Vec<u8>, RedactionError> {
        let inner = &self.redactions.0;
        let uri = file.source.as_deref().unwrap_or_default();
        let mut source = self.runtime.block_on(async {
            let locator = inner.storage.locate(uri).await?;
            let limit = inner.options.picture_limit;
            if locator.size > limit {
                return Err(RedactionError::TooLarge {
                    bytes: locator.size,
                    limit,
                });
            }
            Ok(inner.storage.open_source(&locator).await?)
        })?;
        let length = usize::try_from(source.len()).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        let filled = source
            .read_full_at(0, &mut bytes)
            .map_err(|source| RedactionError::Read {
                name: file.name.clone(),
                source,
            })?;
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Stores a picture and its record; the record first, so that a picture is never without.
    async fn keep(
        &self,
        task: &RedactionTask,
        redacted: Redacted,
    ) -> Result<RedactedFile, RedactionError> {
        let (inner, file) = (&self.redactions.0, &task.file);
        // Nothing is written for a redaction that was deleted meanwhile.
        let mut db = inner.catalog.read().await?;
        redactions::get(&mut db, &file.redaction_id).await?;
        drop(db);
        let made = RedactedFile {
            regions: i64::try_from(redacted.record.blurred()).unwrap_or(i64::MAX),
            media_type: redacted
                .bytes
                .is_some()
                .then(|| media_type(redacted.record.picture.format)),
        };
        let mut record = serde_json::to_vec_pretty(&redacted.record)
            .map_err(|error| RedactionError::Died(error.to_string()))?;
        record.push(b'\n');
        let record = Bytes::from(record);
        let picture = redacted.bytes.map(Bytes::from);
        if let Some(target) = self.target(task)? {
            target.put(record, picture).await?;
            return Ok(made);
        }
        let (id, ordinal) = (&file.redaction_id, file.ordinal);
        let storage = &inner.storage;
        storage.put(&store::record_key(id, ordinal), record).await?;
        if let Some(bytes) = picture {
            storage.put(&store::picture_key(id, ordinal), bytes).await?;
        }
        Ok(made)
    }

    async fn settle(
        &self,
        file: &RedactionFile,
        outcome: &Result<RedactedFile, RedactionError>,
        retry: Option<i64>,
    ) -> Result<bool, CatalogError> {
        let inner = &self.redactions.0;
        let mut db = inner.catalog.read().await?;
        let is_held = redactions::is_held(&mut db, file).await?;
        drop(db);
        // What lies there may be the result of whoever has the file now.
        if !is_held {
            return Ok(false);
        }
        if outcome.is_err()
            && let Err(error) = inner
                .storage
                .delete_prefix(&store::result_folder(&file.redaction_id, file.ordinal))
                .await
        {
            tracing::warn!(%error, "half a result cannot be cleared away");
        }
        let mut tx = inner.catalog.begin().await?;
        let is_ours = match outcome {
            Ok(made) => redactions::finish(&mut tx, file, made.regions, made.media_type).await?,
            Err(error) => redactions::fail(&mut tx, file, &error.failure(), retry).await?,
        };
        tx.commit().await?;
        Ok(is_ours)
    }

    fn pause(&self, time: Duration) {
        self.runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                () = self.stop.cancelled() => {}
            }
        });
    }
}

/// Milliseconds until the next attempt, if there is to be one.
fn pause(kind: ErrorKind, attempts: i64) -> Option<i64> {
    let patient = matches!(kind, ErrorKind::Unavailable | ErrorKind::Overloaded);
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    (patient && attempts < ATTEMPTS).then(|| FIRST_PAUSE_MS << doublings)
}

fn is_upload(file: &RedactionFile) -> bool {
    let source = file.source.as_deref().map(str::parse);
    matches!(source, Some(Ok(Uri::Store(_))))
}

async fn forget_original(
    redactions: &Redactions,
    id: &RedactionId,
    ordinal: i64,
) -> Result<(), RedactionError> {
    let inner = &redactions.0;
    let folder = store::original_folder(id, ordinal);
    inner.storage.delete_prefix(&folder).await?;
    let mut tx = inner.catalog.begin().await?;
    upkeep::original_deleted(&mut tx, id, ordinal).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(())
}

/// Looks inputs up and clears away until told to stop.
async fn tend(redactions: Redactions, stop: CancellationToken) {
    let mut failures = HashMap::new();
    while !stop.is_cancelled() {
        let mut news = std::pin::pin!(redactions.0.news.notified());
        news.as_mut().enable();
        let tended = tokio::select! {
            tended = tend_once(&redactions, &mut failures) => tended,
            () = stop.cancelled() => return,
        };
        match tended {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = news => {}
                    () = tokio::time::sleep(TEND) => {}
                    () = stop.cancelled() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the upkeep of redactions failed; tried again");
                // Whatever is new meets the same failure.
                tokio::select! {
                    () = tokio::time::sleep(TEND) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
}

/// Whether there is more to look up.
async fn tend_once(
    redactions: &Redactions,
    failures: &mut HashMap<RedactionId, i64>,
) -> Result<bool, RedactionError> {
    let inner = &redactions.0;
    let mut db = inner.catalog.read().await?;
    let doomed = upkeep::doomed(&mut db).await?;
    let spent = upkeep::spent_originals(&mut db).await?;
    let to_list = upkeep::to_list(&mut db).await?;
    drop(db);
    for id in &doomed {
        inner.storage.delete_prefix(&store::prefix(id)).await?;
        let mut tx = inner.catalog.begin().await?;
        upkeep::remove(&mut tx, id).await?;
        tx.commit().await.map_err(CatalogError::from)?;
    }
    for (id, ordinal) in &spent {
        forget_original(redactions, id, *ordinal).await?;
    }
    let Some(redaction) = to_list else {
        return Ok(false);
    };
    let inputs: Vec<String> = serde_json::from_str(&redaction.inputs)
        .map_err(|error| RedactionError::Inputs(error.to_string()))?;
    let gathered = match gather(&inner.storage, &inputs).await {
        Ok(gathered) => gathered,
        Err(error) => {
            let failed = failures.entry(redaction.id.clone()).or_insert(0);
            *failed += 1;
            if *failed < ATTEMPTS {
                return Err(error);
            }
            gather::lost(&inputs, &error)
        }
    };
    failures.remove(&redaction.id);
    let mut tx = inner.catalog.begin().await?;
    redactions::open(&mut tx, &redaction.id, &gathered.files, gathered.skipped).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    inner.news.notify_waiters();
    Ok(true)
}

#[cfg(test)]
mod tests;
