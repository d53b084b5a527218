//! The work: named threads that take files, redact them and store the results; and a task that looks inputs up and
//! clears away.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rushes_models::{ErrorKind, with_causes};
use rushes_workers::storage::{Storage, Uri};
use rushes_workers::watch::Watch;
use rushes_workers::worker::HEARTBEAT;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::gather::{self, gather};
use super::{RedactionError, Redactions, store};
use crate::catalog::queue::Verdict;
use crate::catalog::redactions::{self, FileResult, RedactionFile, RedactionTask, upkeep};
use crate::catalog::{Catalog, CatalogError, RedactionId, members};
use crate::fleet::HeldRole;
use crate::{features, telemetry};

/// How long nobody looks whether there is something to do, unless it is said.
const IDLE: Duration = Duration::from_secs(1);
/// How often what could not be cleared away is tried again.
const TEND: Duration = Duration::from_secs(5);
/// How long files in progress may continue after a signal to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long a worker waits before it asks a catalogue again that did not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The running work.
#[derive(Debug)]
pub struct RedactionWorkers {
    catalog: Catalog,
    name: String,
    threads: Vec<JoinHandle<()>>,
    tending: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl RedactionWorkers {
    /// Starts `count` threads, which lease files, and the upkeep while this process holds `role`. The caller has taken over
    /// from processes that died.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(redactions: &Redactions, role: HeldRole, count: usize) -> std::io::Result<Self> {
        let catalog = redactions.0.catalog.clone();
        let name = redactions.0.options.member.clone();
        let stop = CancellationToken::new();
        let mut threads = Vec::new();
        for number in 0..count {
            let worker = Worker {
                name: name.clone(),
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
        let (tended, until) = (redactions.clone(), stop.clone());
        let tending = tokio::spawn(async move {
            let tended = &tended;
            role.while_held(&until, |term| tend(tended, tended.0.catalog.under(term)))
                .await;
        });
        Ok(Self {
            catalog,
            name,
            threads,
            tending,
            stop,
        })
    }

    /// Ends the work. A file that is not through in a moment is given back.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.tending.await {
            tracing::error!(error = %with_causes(&error), "the upkeep of redactions died");
        }
        let deadline = Instant::now() + GRACE;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Threads that go on end with the process; what they had then is another's.
        let released = async {
            let mut tx = self.catalog.begin().await?;
            upkeep::release(&mut tx, &self.name).await?;
            Ok::<_, CatalogError>(tx.commit().await?)
        };
        if let Err(error) = released.await {
            tracing::warn!(error = %with_causes(&error), "files under way were not given back; the next start does it");
        }
    }
}

/// One thread: one file at a time.
struct Worker {
    name: String,
    redactions: Redactions,
    runtime: Handle,
    stop: CancellationToken,
}

impl Worker {
    fn run(self) {
        while !self.stop.is_cancelled() {
            match self.runtime.block_on(self.next()) {
                Ok(Some(task)) => self.work(&task),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "cannot take a file to redact");
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
            // Who takes a file does not wait for others who do.
            let mut tx = inner.catalog.begin_beside().await?;
            // Others would take the file back at once from a process that they take for dead.
            let is_shared = inner.catalog.database().is_some();
            if !is_shared || members::is_alive(&mut tx, &self.name).await? {
                let task = redactions::take(&mut tx, &self.name).await?;
                tx.commit().await?;
                return Ok(task);
            }
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
        let watch = Arc::new(Watch::default());
        let heart = self.runtime.spawn(beat(
            self.redactions.clone(),
            file.clone(),
            Arc::clone(&watch),
            self.stop.clone(),
        ));
        let outcome = self.redactions.work_on(&self.runtime, task, &watch);
        heart.abort();
        // What was stopped with this process is given back.
        if outcome.is_err() && self.stop.is_cancelled() {
            return;
        }
        let verdict = match &outcome {
            Ok(_) => None,
            Err(error) => Some(features::verdict(error.kind(), file.attempts)),
        };
        let retried = matches!(verdict, Some(Verdict::Retry(_)));
        let told = match verdict {
            None => "done",
            Some(Verdict::Retry(_)) => "retry",
            Some(Verdict::GiveUp) => "failed",
        };
        metrics::counter!(telemetry::REDACTED_PICTURES_TOTAL.name, "outcome" => told).increment(1);
        // What was stopped, somebody deleted.
        if let Err(error) = &outcome
            && error.kind() != ErrorKind::Cancelled
        {
            tracing::warn!(redaction = %file.redaction_id, file = file.ordinal, kind = %error.kind(),
                           code = error.code(), retried, "a file was not redacted");
        }
        // What happened must be written down, or the file would be under way for ever.
        let is_ours = loop {
            match self.runtime.block_on(self.settle(file, &outcome)) {
                Ok(is_ours) => break is_ours,
                Err(_) if self.stop.is_cancelled() => return,
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "the outcome of a redacted file cannot be stored; tried again");
                    self.pause(PATIENCE);
                }
            }
        };
        // One that was given back meanwhile needs its original again.
        if is_ours && !retried && is_upload(file) {
            let inner = &self.redactions.0;
            let forgotten = forget_original(
                &inner.storage,
                &inner.catalog,
                (&file.redaction_id, file.ordinal),
            );
            if let Err(error) = self.runtime.block_on(forgotten) {
                tracing::warn!(error = %with_causes(&error), "an original cannot be deleted; tried again later");
            }
        }
    }

    async fn settle(
        &self,
        file: &RedactionFile,
        outcome: &Result<FileResult, RedactionError>,
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
                .delete_prefix(&store::attempt_folder(file))
                .await
        {
            tracing::warn!(error = %with_causes(&error), "half a result cannot be cleared away");
        }
        let mut tx = inner.catalog.begin().await?;
        let is_ours = match outcome {
            Ok(result) => redactions::finish(&mut tx, file, result).await?,
            Err(error) => {
                let verdict = features::verdict(error.kind(), file.attempts);
                redactions::fail(&mut tx, file, &error.failure(), verdict).await?
            }
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

/// Keeps how far a file is, and stops the work on it if nobody wants it any more or the process ends.
async fn beat(
    redactions: Redactions,
    file: RedactionFile,
    watch: Arc<Watch>,
    stop: CancellationToken,
) {
    let inner = &redactions.0;
    loop {
        let mut news = std::pin::pin!(inner.news.notified());
        news.as_mut().enable();
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            // Perhaps it was deleted.
            () = news => {}
            () = stop.cancelled() => break,
        }
        let done = i64::try_from(watch.now().done).unwrap_or(i64::MAX);
        let beaten = async {
            let mut tx = inner.catalog.begin_beside().await?;
            let is_wanted = redactions::heartbeat(&mut tx, &file, done).await?;
            tx.commit().await?;
            Ok::<_, CatalogError>(is_wanted)
        };
        match beaten.await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "the progress of a file was not kept");
            }
        }
    }
    watch.stop();
}

fn is_upload(file: &RedactionFile) -> bool {
    let source = file.source.as_deref().map(str::parse);
    matches!(source, Some(Ok(Uri::Store(_))))
}

async fn forget_original(
    storage: &Storage,
    catalog: &Catalog,
    (id, ordinal): (&RedactionId, i64),
) -> Result<(), RedactionError> {
    let folder = store::original_folder(id, ordinal);
    storage.delete_prefix(&folder).await?;
    let mut tx = catalog.begin().await?;
    upkeep::original_deleted(&mut tx, id, ordinal).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(())
}

/// Looks inputs up and clears away, until it is dropped. Nothing of it is half done then that is not done again.
async fn tend(redactions: &Redactions, catalog: Catalog) {
    // What other processes are asked for shows in the catalogue only.
    let pause = if catalog.database().is_some() {
        IDLE
    } else {
        TEND
    };
    let mut failures = HashMap::new();
    loop {
        let mut news = std::pin::pin!(redactions.0.news.notified());
        news.as_mut().enable();
        match tend_once(redactions, &catalog, &mut failures).await {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = news => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "the upkeep of redactions failed; tried again");
                // Whatever is new meets the same failure.
                tokio::time::sleep(TEND).await;
            }
        }
    }
}

/// Whether there is more to look up.
async fn tend_once(
    redactions: &Redactions,
    catalog: &Catalog,
    failures: &mut HashMap<RedactionId, i64>,
) -> Result<bool, RedactionError> {
    let inner = &redactions.0;
    let mut db = catalog.read().await?;
    let doomed = upkeep::doomed(&mut db).await?;
    let spent = upkeep::spent_originals(&mut db).await?;
    let to_list = upkeep::to_list(&mut db).await?;
    drop(db);
    for id in &doomed {
        inner.storage.delete_prefix(&store::prefix(id)).await?;
        let mut tx = catalog.begin().await?;
        upkeep::remove(&mut tx, id).await?;
        tx.commit().await.map_err(CatalogError::from)?;
    }
    for (id, ordinal) in &spent {
        forget_original(&inner.storage, catalog, (id, *ordinal)).await?;
    }
    let Some(redaction) = to_list else {
        return Ok(false);
    };
    let inputs: Vec<String> = serde_json::from_str(&redaction.inputs)
        .map_err(|error| RedactionError::Inputs(with_causes(&error)))?;
    let gathered = match gather(&inner.storage, &inputs).await {
        Ok(gathered) => gathered,
        Err(error) => {
            let failed = failures.entry(redaction.id.clone()).or_insert(0);
            *failed += 1;
            if matches!(features::verdict(error.kind(), *failed), Verdict::Retry(_)) {
                return Err(error);
            }
            gather::lost(&inputs, &error)
        }
    };
    failures.remove(&redaction.id);
    let mut tx = catalog.begin().await?;
    redactions::open(&mut tx, &redaction.id, &gathered.files, gathered.skipped).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    inner.news.notify_waiters();
    Ok(true)
}

#[cfg(test)]
mod tests;
