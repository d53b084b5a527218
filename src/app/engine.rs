//! The engine: the workers and the index writer of a data folder. One process at a time runs it.

use std::fs::{File, TryLockError};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rushes_models::with_causes;
use rushes_workers::coordinator::Coordinator;
use rushes_workers::stages::Queue;
use rushes_workers::worker::Workers;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::catalog::database::DatabaseLock;
use crate::catalog::{
    AssetId, Catalog, CatalogError, audit, coverage, events, garbage, tallies, uploads, webhooks,
};
use crate::features::{Settings, WorkerLock, tend_spaces};
use crate::index::{Follower, Index};
use crate::redactions;
use crate::search::tidy_pages;

/// How often to look for stored objects that nothing references.
const SWEEP: Duration = Duration::from_secs(5);
/// How often to look whether a model was added, is complete, or was removed.
const TEND: Duration = Duration::from_millis(500);
/// How often old events, deliveries and audit entries are deleted.
const TRIM: Duration = Duration::from_secs(3600);

/// The parts of the engine to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineParts {
    /// Workers on the media queue.
    pub media: usize,
    /// Workers on the embed queue.
    pub embed: usize,
    /// Workers that redact pictures and videos.
    pub redact: usize,
}

/// Running workers and index writer.
#[derive(Debug)]
pub struct Engine {
    index: Arc<Index>,
    workers: Workers,
    redacting: Option<redactions::RedactionWorkers>,
    following: JoinHandle<()>,
    sweeping: JoinHandle<()>,
    tending: JoinHandle<()>,
    stop: CancellationToken,
    _worker: WorkerLock,
    _lock: EngineLock,
}

/// What the one engine of a data folder, and of a catalogue, holds.
#[derive(Debug)]
struct EngineLock {
    _file: File,
    _database: DatabaseLock,
}

/// Who runs the engine.
enum EngineHolder {
    /// This process, as long as it holds this.
    This(EngineLock),
    /// Another process with this data folder.
    Beside,
    /// A process with another data folder, maybe on another machine, with the same database.
    Elsewhere,
}

impl Engine {
    /// Starts the engine; `None` if another process runs it for this data folder.
    ///
    /// # Errors
    /// If the data folder is not writable or the index cannot be opened.
    pub async fn start(app: &App, parts: EngineParts) -> anyhow::Result<Option<Self>> {
        let lock = match engine_lock(app).await? {
            EngineHolder::This(lock) => lock,
            EngineHolder::Beside => return Ok(None),
            EngineHolder::Elsewhere => anyhow::bail!(
                "a process with another data folder works on this catalogue; one at a time can. Stop it, or let this \
                 machine join it: rushes work --server URL"
            ),
        };
        let mut follower = follower(app).await?;
        follower.catch_up().await?;
        let index = Arc::clone(follower.index());
        let stop = CancellationToken::new();
        let following = tokio::spawn(follower.run(stop.clone()));
        let sweeping = tokio::spawn(sweep(app.clone(), stop.clone()));
        settle(app).await?;
        let tending = tokio::spawn(tend(
            app.clone(),
            app.settings()?,
            Arc::clone(&index),
            stop.clone(),
        ));
        let (worker, workers) = start_workers(app, parts)?;
        let redacting = match parts.redact {
            0 => None,
            count => Some(
                redactions::RedactionWorkers::start(&app.redactions, worker.name(), count).await?,
            ),
        };
        Ok(Some(Self {
            index,
            workers,
            redacting,
            following,
            sweeping,
            tending,
            stop,
            _worker: worker,
            _lock: lock,
        }))
    }

    /// The index that the engine updates.
    #[must_use]
    pub const fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Returns unfinished work, writes the index, and stops.
    pub async fn stop(self) {
        let redacting = async {
            if let Some(redacting) = self.redacting {
                redacting.stop().await;
            }
        };
        tokio::join!(self.workers.stop(), redacting);
        self.stop.cancel();
        for task in [self.following, self.sweeping, self.tending] {
            if let Err(error) = task.await {
                tracing::error!(error = %with_causes(&error), "an engine task panicked");
            }
        }
    }
}

/// Settles what the previous engine process left behind. Nobody else is working now.
async fn settle(app: &App) -> Result<(), CatalogError> {
    app.coordinator.lead().await?;
    let mut tx = app.catalog.begin().await?;
    uploads::discard_all(&mut tx).await?;
    tx.commit().await?;
    if let Err(error) = app.catalog.finish_scrub().await {
        // Nothing else that the engine does depends on it.
        tracing::warn!(error = %with_causes(&error), "bytes of deleted faces may still be in the catalogue");
    }
    Ok(())
}

/// Starts worker threads only, beside the process that runs the engine.
///
/// # Errors
/// If the data folder is not writable or the system refuses a thread.
pub(crate) fn start_workers(
    app: &App,
    parts: EngineParts,
) -> anyhow::Result<(WorkerLock, Workers)> {
    let worker = WorkerLock::new(&app.config.data).context("cannot write to the data folder")?;
    let coordinator: Arc<dyn Coordinator> = Arc::new(app.coordinator.clone());
    let stages = Arc::new(app.stages()?);
    let counts = [(Queue::Media, parts.media), (Queue::Embed, parts.embed)];
    let workers = Workers::start(worker.name(), &coordinator, &stages, &counts)
        .context("cannot start a worker thread")?;
    Ok((worker, workers))
}

/// A search on the command line may hold the writer's lock briefly while it catches up.
async fn follower(app: &App) -> anyhow::Result<Follower> {
    let folder = app.config.index_folder();
    let mut tries = 0;
    loop {
        match Follower::open(&folder, app.catalog.clone()) {
            Ok(follower) => return Ok(follower),
            Err(crate::index::IndexError::Locked) if tries < 100 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether another process runs the engine of this data folder.
///
/// # Errors
/// If the data folder is not writable.
pub async fn is_engine_running(app: &App) -> anyhow::Result<bool> {
    Ok(!matches!(engine_lock(app).await?, EngineHolder::This(_)))
}

async fn engine_lock(app: &App) -> anyhow::Result<EngineHolder> {
    let path = app.config.data.join("engine.lock");
    let file = File::create(&path)
        .with_context(|| format!("cannot write {}; check the data folder", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(match Box::pin(app.catalog.lock_engine()).await? {
            Some(database) => EngineHolder::This(EngineLock {
                _file: file,
                _database: database,
            }),
            None => EngineHolder::Elsewhere,
        }),
        Err(TryLockError::WouldBlock) => Ok(EngineHolder::Beside),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Builds models that were added, and deletes the vectors of those that were removed.
async fn tend(app: App, settings: Settings, index: Arc<Index>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let is_followed = |feature: String| follows(&app.catalog, &index, feature);
        if let Err(error) = tend_spaces(&app.catalog, &settings, is_followed).await {
            tracing::warn!(error = %with_causes(&error), "cannot request or delete the vectors of a model; retrying later");
        }
        tokio::select! {
            () = tokio::time::sleep(TEND) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether an index has all published results of a feature.
async fn follows(catalog: &Catalog, index: &Index, feature: String) -> Result<bool, CatalogError> {
    let mut db = catalog.snapshot().await?;
    let (ready, _) = coverage(&mut db, &feature, index.seq(), None::<[&AssetId; 0]>).await?;
    let published = tallies(&mut db)
        .await?
        .remove(&format!("published/{feature}"));
    Ok(ready == published.unwrap_or(0))
}

/// Deletes stored objects that nothing references.
async fn sweep(app: App, stop: CancellationToken) {
    let mut trimmed: Option<Instant> = None;
    while !stop.is_cancelled() {
        if trimmed.is_none_or(|at| at.elapsed() > TRIM) {
            trimmed = Some(Instant::now());
            if let Err(error) = trim(&app.catalog).await {
                tracing::warn!(error = %with_causes(&error), "cannot delete old events and audit entries; retrying later");
            }
        }
        // What was found contains what is said in videos, which may be deleted meanwhile.
        let pages = app.config.pages_folder();
        let tidied = tokio::task::spawn_blocking(move || tidy_pages(&pages)).await;
        if let Ok(Err(error)) = tidied {
            tracing::warn!(error = %with_causes(&error), "cannot delete old lists of searches; retrying later");
        }
        if let Err(error) = sweep_once(&app).await {
            tracing::warn!(error = %with_causes(&*error), "cannot delete unreferenced objects; retrying later");
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Deletes events, deliveries and audit entries that are older than they are kept.
async fn trim(catalog: &Catalog) -> Result<(), CatalogError> {
    let mut tx = catalog.begin().await?;
    events::trim(&mut tx).await?;
    webhooks::trim(&mut tx).await?;
    audit::trim(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Deletes stored objects that nothing references, at once; `false` if another process runs the engine, which
/// then does it.
///
/// # Errors
/// If the catalogue or the store fails.
pub async fn collect_garbage(app: &App) -> anyhow::Result<bool> {
    let EngineHolder::This(_lock) = engine_lock(app).await? else {
        return Ok(false);
    };
    // The first round deletes. The second one finds empty prefixes, which can be forgotten.
    sweep_once(app).await?;
    sweep_once(app).await?;
    Ok(true)
}

async fn sweep_once(app: &App) -> anyhow::Result<()> {
    let mut db = app.catalog.read().await?;
    let prefixes = garbage::prefixes(&mut db).await?;
    drop(db);
    for prefix in prefixes {
        // A worker that does not know yet that its run is gone may still store objects below it, so only empty
        // prefixes are forgotten.
        if app.storage.delete_prefix(&prefix).await? > 0 {
            continue;
        }
        let mut tx = app.catalog.begin().await?;
        garbage::collected(&mut tx, &prefix).await?;
        tx.commit().await?;
    }
    Ok(())
}
