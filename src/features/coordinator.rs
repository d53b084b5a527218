//! The coordinator for workers in this process, directly on the catalogue.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rushes_models::{ErrorKind, with_causes};
use rushes_workers::coordinator::{
    Coordinator, CoordinatorError, Directive, Failure, Lease, Ticket,
};
use rushes_workers::stages::{Output, Queue, Task};
use rushes_workers::watch::Progress;
use rushes_workers::worker::HEARTBEAT;
use tokio::sync::Notify;

use super::definition::{Accepted, RunInputs, prefix};
use super::registry::registered;
use super::request::feature_of;
use super::{liveness, retry};
use crate::catalog::database::Connection;
use crate::catalog::queue::{self, LEASE_MS, Verdict};
use crate::catalog::runs::Run;
use crate::catalog::{Catalog, CatalogError, RunId, garbage, members, now_ms, results, runs};
use crate::telemetry;

/// How long a worker that found no work waits before it looks again. Another process may queue work, and cannot
/// wake this one.
const POLL: Duration = Duration::from_millis(300);

const _: () = assert!(LEASE_MS.cast_unsigned() as u128 > 5 * HEARTBEAT.as_millis());

/// What happened to a submitted result.
enum Receipt {
    Kept,
    LeaseLost,
    /// It cannot belong to this run. Nothing was stored, and the lease stays.
    Invalid(String),
    /// It cannot be used. Nothing was stored, and the run is to fail.
    Refused(Failure),
}

/// The queue in the catalogue, for workers on this machine.
#[derive(Debug, Clone)]
pub struct LocalCoordinator {
    catalog: Catalog,
    data: PathBuf,
    /// This process among those who share the catalogue.
    member: String,
    clock: LeaseClock,
    /// Whether this process grants leases to remote workers, and so those leases expire by its clock. Processes that share a
    /// database have its clock.
    leads: Arc<AtomicBool>,
    /// Notified when a run of this process has ended, because other runs may have waited for it.
    ended: Arc<Notify>,
}

/// Unix time at the start of the process, plus the time since on a monotonic clock. A jump of the system clock
/// therefore neither ends nor extends a lease.
#[derive(Debug, Clone, Copy)]
struct LeaseClock {
    began: Instant,
    began_ms: i64,
}

impl LeaseClock {
    fn start() -> Self {
        Self {
            began: Instant::now(),
            began_ms: now_ms(),
        }
    }

    fn now_ms(self) -> i64 {
        let since = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.began_ms.saturating_add(since)
    }
}

impl LocalCoordinator {
    /// Creates it on `catalog`, for the process `member` with the data folder `data`.
    #[must_use]
    pub fn new(catalog: Catalog, data: PathBuf, member: String) -> Self {
        Self {
            catalog,
            data,
            member,
            clock: LeaseClock::start(),
            leads: Arc::default(),
            ended: Arc::new(Notify::new()),
        }
    }

    /// Takes charge of the leases of remote workers and restarts them, because they could not be extended while
    /// no process was in charge. Only the process that runs the engine may call it. Of those that share a database, the one
    /// that joined while no other was there has restarted them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lead(&self) -> Result<(), CatalogError> {
        self.leads.store(true, Ordering::Relaxed);
        if self.is_shared() {
            return Ok(());
        }
        let mut tx = self.catalog.begin().await?;
        let now = self.now(&mut tx).await?;
        queue::renew_leases(&mut tx, now + LEASE_MS).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether processes with other data folders may work on the catalogue.
    fn is_shared(&self) -> bool {
        self.catalog.database().is_some()
    }

    /// The time on the clock of leases.
    async fn now(&self, db: &mut Connection) -> Result<i64, CatalogError> {
        let shared = queue::clock(db).await?;
        Ok(shared.unwrap_or_else(|| self.clock.now_ms()))
    }

    /// Waits briefly if there is nothing to lease.
    async fn lease_within(
        &self,
        worker: &str,
        queue: Queue,
        models: Option<&[String]>,
    ) -> Result<Option<Lease>, CoordinatorError> {
        // Subscribe before looking, so that no notification is missed in between.
        let ended = self.ended.notified();
        let leased = self.take(worker, queue, models).await;
        let leased = leased.map_err(unavailable)?;
        if leased.is_none() {
            tokio::time::timeout(POLL, ended).await.ok();
        }
        Ok(leased)
    }

    async fn take(
        &self,
        worker: &str,
        queue: Queue,
        models: Option<&[String]>,
    ) -> Result<Option<Lease>, CatalogError> {
        liveness::bury_the_dead(&self.data, &self.catalog, &self.member).await?;
        let mut db = self.catalog.read().await?;
        let now = self.now(&mut db).await?;
        let is_waiting = queue::is_waiting(&mut db, (queue.as_str(), models), now).await?;
        if !is_waiting {
            return Ok(None);
        }
        let counts = self.is_shared() || self.leads.load(Ordering::Relaxed);
        let buries = counts && queue::has_lapsed(&mut db, now).await?;
        drop(db);
        if buries {
            let mut tx = self.catalog.begin().await?;
            let given_up = queue::bury_lapsed(&mut tx, now).await?;
            settle(&mut tx, &given_up).await?;
            tx.commit().await?;
        }
        // Who leases does not wait for others who do.
        let mut tx = self.catalog.begin_beside().await?;
        // Others would take the run back at once from a worker of a process that they take for dead.
        if self.is_shared() && worker == self.member && !members::is_alive(&mut tx, worker).await? {
            return Ok(None);
        }
        let Some(run) =
            queue::lease(&mut tx, (queue.as_str(), models), worker, (now, LEASE_MS)).await?
        else {
            tx.commit().await?;
            return Ok(None);
        };
        match task_of(&mut tx, &run).await {
            Ok(task) => {
                tx.commit().await?;
                Ok(Some(Lease {
                    ticket: Ticket {
                        run: run.id.to_string(),
                        token: run.token,
                    },
                    task,
                    prefix: prefix(&run.id),
                }))
            }
            // One run that cannot start must not block all others.
            Err(error @ CatalogError::Corrupt { .. }) => {
                let failure = Failure {
                    kind: error.kind(),
                    code: "catalogue-damaged".to_owned(),
                    reason: with_causes(&error),
                };
                tx.commit().await?;
                let mut tx = self.catalog.begin().await?;
                fail_run(&mut tx, &run, run.token, (&failure, Verdict::GiveUp), now).await?;
                tx.commit().await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn store(&self, ticket: &Ticket, output: &Output) -> Result<Receipt, CatalogError> {
        let id: RunId = ticket.run.parse()?;
        let mut tx = self.catalog.begin().await?;
        // Check the token first: everything below is written by its holder or not at all.
        if !queue::finish(&mut tx, &id, ticket.token).await? {
            garbage::discard_orphans(&mut tx, &id).await?;
            tx.commit().await?;
            return Ok(Receipt::LeaseLost);
        }
        let run = runs::get(&mut tx, &id).await?;
        let registered = registered(feature_of(&run)?);
        let mut inputs = RunInputs {
            db: &mut tx,
            run: &run,
        };
        match registered.accept(&mut inputs, output).await? {
            Accepted::Kept(record) => {
                queue::keep_record(&mut tx, &id, &record).await?;
                results::publish_if_settled(&mut tx, &run.asset_id).await?;
            }
            Accepted::Merged => {}
            Accepted::Invalid(fault) => return Ok(Receipt::Invalid(fault)),
            Accepted::Refused(failure) => return Ok(Receipt::Refused(failure)),
        }
        tx.commit().await?;
        count(&run.feature, "ready");
        Ok(Receipt::Kept)
    }

    /// A failure with what it may mean where processes on several machines share the catalogue.
    fn explained(&self, failure: &Failure) -> Failure {
        let mut failure = failure.clone();
        if self.is_shared() && failure.code == "file-not-found" {
            failure.reason.push_str(
                "; every machine that works on this catalogue must be able to read it by this name: keep it in S3, or in a \
                 folder that all of them have",
            );
        }
        failure
    }

    async fn record(&self, ticket: &Ticket, failure: &Failure) -> Result<bool, CatalogError> {
        let id: RunId = ticket.run.parse()?;
        let mut tx = self.catalog.begin().await?;
        let run = match runs::get(&mut tx, &id).await {
            Ok(run) => run,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                garbage::discard_orphans(&mut tx, &id).await?;
                tx.commit().await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let failure = &self.explained(failure);
        let verdict = retry::verdict(failure.kind, run.attempts);
        let now = self.now(&mut tx).await?;
        if !fail_run(&mut tx, &run, ticket.token, (failure, verdict), now).await? {
            return Ok(false);
        }
        tx.commit().await?;
        // The reason is stored with the run, where users look for it.
        let retried = matches!(verdict, Verdict::Retry(_));
        tracing::info!(feature = run.feature, asset = %run.asset_id, reason = failure.reason, retried,
                       "run failed");
        count(&run.feature, if retried { "retried" } else { "failed" });
        Ok(true)
    }
}

fn count(feature: &str, outcome: &'static str) {
    metrics::counter!(telemetry::RUNS_TOTAL.name, "feature" => feature.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// Records the failure of a leased run; `false` if the token is stale. If the run is given up, the runs that
/// depend on it fail too, and assets that are settled by this are published.
async fn fail_run(
    db: &mut Connection,
    run: &Run,
    token: i64,
    (failure, verdict): (&Failure, Verdict),
    now: i64,
) -> Result<bool, CatalogError> {
    if !queue::fail(db, (&run.id, token), failure, verdict, now).await? {
        return Ok(false);
    }
    if verdict == Verdict::GiveUp {
        settle(db, std::slice::from_ref(run)).await?;
    }
    Ok(true)
}

/// Fails the runs that depend on runs that were given up, and publishes the assets that are settled by this.
pub(super) async fn settle(db: &mut Connection, given_up: &[Run]) -> Result<(), CatalogError> {
    for run in given_up {
        queue::fail_dependents(db, run).await?;
        results::publish_if_settled(db, &run.asset_id).await?;
        count(&run.feature, "failed");
    }
    Ok(())
}

async fn task_of(db: &mut Connection, run: &Run) -> Result<Task, CatalogError> {
    let registered = registered(feature_of(run)?);
    registered.task(&mut RunInputs { db, run }).await
}

fn unavailable(error: CatalogError) -> CoordinatorError {
    CoordinatorError::Unavailable(error.into())
}

fn kept(kept: bool, ticket: &Ticket) -> Result<(), CoordinatorError> {
    if kept {
        Ok(())
    } else {
        Err(CoordinatorError::LeaseLost(ticket.run.clone()))
    }
}

#[async_trait]
impl Coordinator for LocalCoordinator {
    async fn lease(&self, worker: &str, queue: Queue) -> Result<Option<Lease>, CoordinatorError> {
        self.lease_within(worker, queue, None).await
    }

    async fn lease_of(
        &self,
        worker: &str,
        queue: Queue,
        models: &[String],
    ) -> Result<Option<Lease>, CoordinatorError> {
        self.lease_within(worker, queue, Some(models)).await
    }

    async fn heartbeat(
        &self,
        ticket: &Ticket,
        progress: Progress,
    ) -> Result<Directive, CoordinatorError> {
        let id: RunId = ticket.run.parse().map_err(unavailable)?;
        let counted = (
            progress.done.cast_signed(),
            progress.total.map(u64::cast_signed),
        );
        let mut tx = self.catalog.begin_beside().await.map_err(unavailable)?;
        let until = self.now(&mut tx).await.map_err(unavailable)? + LEASE_MS;
        let alive = queue::heartbeat(&mut tx, (&id, ticket.token), until, counted)
            .await
            .map_err(unavailable)?;
        tx.commit()
            .await
            .map_err(|error| unavailable(error.into()))?;
        Ok(if alive {
            Directive::Continue
        } else {
            Directive::Stop
        })
    }

    async fn complete(&self, ticket: &Ticket, output: &Output) -> Result<(), CoordinatorError> {
        let stored = self.store(ticket, output).await.map_err(unavailable)?;
        self.ended.notify_waiters();
        match stored {
            Receipt::Refused(failure) => self.fail(ticket, &failure).await,
            Receipt::Invalid(fault) => Err(CoordinatorError::Invalid(fault)),
            Receipt::Kept => Ok(()),
            Receipt::LeaseLost => kept(false, ticket),
        }
    }

    async fn fail(&self, ticket: &Ticket, failure: &Failure) -> Result<(), CoordinatorError> {
        kept(
            self.record(ticket, failure).await.map_err(unavailable)?,
            ticket,
        )
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), CoordinatorError> {
        let id: RunId = ticket.run.parse().map_err(unavailable)?;
        let mut tx = self.catalog.begin().await.map_err(unavailable)?;
        let released = queue::release(&mut tx, &id, ticket.token)
            .await
            .map_err(unavailable)?;
        tx.commit()
            .await
            .map_err(|error| unavailable(error.into()))?;
        kept(released, ticket)
    }
}
