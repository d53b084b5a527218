//! The engine: the workers and the index writer of a data folder. One process at a time runs it. Engines of other data
//! folders may work on the same catalogue, if it is in PostgreSQL.

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
use super::fleet::{check_fit, join, join_without_models};
use crate::catalog::{
    AssetId, Catalog, CatalogError, Role, audit, coverage, events, garbage, members, tallies,
    webhooks,
};
use crate::features::{self, Settings, WorkerLock, tend_spaces};
use crate::fleet::{HeldRole, Membership};
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
    membership: Arc<Membership>,
    _worker: WorkerLock,
    _lock: File,
}

/// Worker threads without the rest of an engine, beside the process that runs it.
#[derive(Debug)]
pub struct WorkersBeside {
    workers: Workers,
    membership: Membership,
    _worker: WorkerLock,
}

impl Engine {
    /// Starts the engine; `None` if another process runs it for this data folder.
    ///
    /// # Errors
    /// If the data folder is not writable, the index cannot be opened, or store or models are not those of others who work on
    /// the catalogue.
    pub async fn start(app: &App, parts: EngineParts) -> anyhow::Result<Option<Self>> {
        let Some(lock) = engine_lock(app)? else {
            return Ok(None);
        };
        check_fit(app).await?;
        let worker = worker_lock(app)?;
        // The process that had the lock before is dead, and is to be no member any more.
        features::bury_the_dead(&app.config.data, &app.catalog, &app.member).await?;
        let membership = Arc::new(join(app).await?);
        settle(app, &membership).await?;
        let upkeep = membership.role(Role::Upkeep).await?;
        let mut follower = follower(app).await?;
        follower.catch_up().await?;
        let index = Arc::clone(follower.index());
        membership.note_followed(index.seq());
        let stop = CancellationToken::new();
        let following = tokio::spawn(follower.run(stop.clone()));
        let sweeping = tokio::spawn(sweep(app.clone(), upkeep.clone(), stop.clone()));
        let tending = tokio::spawn(tend(
            app.clone(),
            app.settings()?,
            (Arc::clone(&index), Arc::clone(&membership)),
            upkeep,
            stop.clone(),
        ));
        let workers = start_workers(app, parts)?;
        let redacting = match parts.redact {
            0 => None,
            count => {
                let role = membership.role(Role::Redactions).await?;
                Some(redactions::RedactionWorkers::start(
                    &app.redactions,
                    role,
                    count,
                )?)
            }
        };
        Ok(Some(Self {
            index,
            workers,
            redacting,
            following,
            sweeping,
            tending,
            stop,
            membership,
            _worker: worker,
            _lock: lock,
        }))
    }

    /// A role that this process holds whenever no other does.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn role(&self, role: Role) -> Result<HeldRole, CatalogError> {
        self.membership.role(role).await
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
        // The tasks that shared it have ended.
        if let Some(membership) = Arc::into_inner(self.membership) {
            membership.leave().await;
        }
    }
}

impl WorkersBeside {
    /// Starts worker threads.
    ///
    /// # Errors
    /// As [`Engine::start`], or if the system refuses a thread.
    pub async fn start(app: &App, parts: EngineParts) -> anyhow::Result<Self> {
        check_fit(app).await?;
        let worker = worker_lock(app)?;
        let membership = join(app).await?;
        let workers = start_workers(app, parts)?;
        Ok(Self {
            workers,
            membership,
            _worker: worker,
        })
    }

    /// Returns unfinished work, and stops.
    pub async fn stop(self) {
        self.workers.stop().await;
        self.membership.leave().await;
    }
}

/// Settles what those before left behind, if nobody else is working now.
async fn settle(app: &App, membership: &Membership) -> Result<(), CatalogError> {
    app.coordinator.lead().await?;
    if membership.is_alone() {
        let mut tx = app.catalog.begin().await?;
        members::clear_away(&mut tx).await?;
        tx.commit().await?;
    }
    if let Err(error) = app.catalog.finish_scrub().await {
        // Nothing else that the engine does depends on it.
        tracing::warn!(error = %with_causes(&error), "bytes of deleted faces may still be in the catalogue");
    }
    Ok(())
}

fn worker_lock(app: &App) -> anyhow::Result<WorkerLock> {
    WorkerLock::new(&app.config.data, app.member.clone()).context("cannot write to the data folder")
}

/// Starts worker threads. The caller is a member, and holds the lock of its name.
fn start_workers(app: &App, parts: EngineParts) -> anyhow::Result<Workers> {
    let coordinator: Arc<dyn Coordinator> = Arc::new(app.coordinator.clone());
    let stages = Arc::new(app.stages()?);
    let counts = [(Queue::Media, parts.media), (Queue::Embed, parts.embed)];
    Workers::start(&app.member, &coordinator, &stages, &counts)
        .context("cannot start a worker thread")
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

/// Whether another process runs an engine on the catalogue.
///
/// # Errors
/// If the data folder is not writable, or the catalogue fails.
pub async fn is_engine_running(app: &App) -> anyhow::Result<bool> {
    let mut db = app.catalog.read().await?;
    let is_free = members::is_free(&mut db, Role::Upkeep).await?;
    Ok(engine_lock(app)?.is_none() || !is_free)
}

/// Takes the lock of the engine; `None` if another process with this data folder has it.
fn engine_lock(app: &App) -> anyhow::Result<Option<File>> {
    let path = app.config.data.join("engine.lock");
    let file = File::create(&path)
        .with_context(|| format!("cannot write {}; check the data folder", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Builds models that were added, and deletes the vectors of those that were removed.
async fn tend(
    app: App,
    settings: Settings,
    (index, membership): (Arc<Index>, Arc<Membership>),
    upkeep: HeldRole,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        membership.note_followed(index.seq());
        if let Some(term) = upkeep.held() {
            let is_followed = |feature: String| follows(&app.catalog, &index, feature);
            let catalog = app.catalog.under(term);
            if let Err(error) = tend_spaces(&catalog, &settings, is_followed).await {
                tracing::warn!(error = %with_causes(&error), "cannot request or delete the vectors of a model; retrying later");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TEND) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Whether the indexes of all who answer searches have all published results of a feature.
async fn follows(catalog: &Catalog, index: &Index, feature: String) -> Result<bool, CatalogError> {
    let mut db = catalog.snapshot().await?;
    let elsewhere = members::least_followed(&mut db).await?;
    let seq = elsewhere.unwrap_or(i64::MAX).min(index.seq());
    let (ready, _) = coverage(&mut db, &feature, seq, None::<[&AssetId; 0]>).await?;
    let published = tallies(&mut db)
        .await?
        .remove(&format!("published/{feature}"));
    Ok(ready == published.unwrap_or(0))
}

/// Deletes stored objects that nothing references, if this process has the upkeep, and old lists of searches.
async fn sweep(app: App, upkeep: HeldRole, stop: CancellationToken) {
    let mut trimmed: Option<Instant> = None;
    while !stop.is_cancelled() {
        // What was found contains what is said in videos, which may be deleted meanwhile.
        let pages = app.config.pages_folder();
        let tidied = tokio::task::spawn_blocking(move || tidy_pages(&pages)).await;
        if let Ok(Err(error)) = tidied {
            tracing::warn!(error = %with_causes(&error), "cannot delete old lists of searches; retrying later");
        }
        if let Some(term) = upkeep.held() {
            let catalog = app.catalog.under(term);
            if trimmed.is_none_or(|at| at.elapsed() > TRIM) {
                trimmed = Some(Instant::now());
                if let Err(error) = trim(&catalog).await {
                    tracing::warn!(error = %with_causes(&error), "cannot delete old events and audit entries; retrying later");
                }
            }
            if let Err(error) = sweep_once(&app, &catalog).await {
                tracing::warn!(error = %with_causes(&*error), "cannot delete unreferenced objects; retrying later");
            }
            // Workers do this as well, but there may be none.
            if let Err(error) =
                features::bury_the_dead(&app.config.data, &app.catalog, &app.member).await
            {
                tracing::warn!(error = %with_causes(&error), "cannot take over from dead processes; retrying later");
            }
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

/// Deletes stored objects that nothing references, at once; `false` if another process runs an engine, which then does it.
///
/// # Errors
/// If the catalogue or the store fails.
pub async fn collect_garbage(app: &App) -> anyhow::Result<bool> {
    let Some(_lock) = engine_lock(app)? else {
        return Ok(false);
    };
    let membership = join_without_models(app).await?;
    let swept = sweep_twice(app, &membership).await;
    membership.leave().await;
    swept
}

async fn sweep_twice(app: &App, membership: &Membership) -> anyhow::Result<bool> {
    let Some(term) = membership.role(Role::Upkeep).await?.held() else {
        return Ok(false);
    };
    let catalog = app.catalog.under(term);
    // The first round deletes. The second one finds empty prefixes, which can be forgotten.
    sweep_once(app, &catalog).await?;
    sweep_once(app, &catalog).await?;
    Ok(true)
}

/// Deletes stored objects that nothing references, and notes it in `catalog`.
async fn sweep_once(app: &App, catalog: &Catalog) -> anyhow::Result<()> {
    let mut db = catalog.read().await?;
    let prefixes = garbage::prefixes(&mut db).await?;
    drop(db);
    for prefix in prefixes {
        // A worker that does not know yet that its run is gone may still store objects below it, so only empty
        // prefixes are forgotten.
        if app.storage.delete_prefix(&prefix).await? > 0 {
            continue;
        }
        let mut tx = catalog.begin().await?;
        garbage::collected(&mut tx, &prefix).await?;
        tx.commit().await?;
    }
    Ok(())
}
