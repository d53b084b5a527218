//! The worker: named threads that lease runs, compute them and submit the results.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rushes_models::with_causes;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::coordinator::{Coordinator, CoordinatorError, Directive, Failure, Lease, Ticket};
use crate::error::StageError;
use crate::stages::{Output, Queue, Stages};
use crate::watch::Watch;

/// Interval of heartbeats.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// Pause before asking an unreachable coordinator again.
const PATIENCE: Duration = Duration::from_secs(2);
/// Number of attempts to submit a result to an unreachable coordinator.
const TRIES: u32 = 150;

/// The worker threads of this process.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
    refusal: Arc<OnceLock<String>>,
}

impl Workers {
    /// Starts `count` threads for each queue. They run until [`Workers::stop`].
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(
        name: &str,
        coordinator: &Arc<dyn Coordinator>,
        stages: &Arc<Stages>,
        counts: &[(Queue, usize)],
    ) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let refusal = Arc::<OnceLock<String>>::default();
        let mut threads = Vec::new();
        for &(queue, count) in counts {
            for number in 0..count {
                let slot = Slot {
                    worker: name.to_owned(),
                    queue,
                    coordinator: Arc::clone(coordinator),
                    stages: Arc::clone(stages),
                    runtime: Handle::current(),
                    stop: stop.clone(),
                    refusal: Arc::clone(&refusal),
                };
                threads.push(
                    std::thread::Builder::new()
                        .name(format!("{}-{number}", queue.as_str()))
                        .spawn(move || slot.run())?,
                );
            }
        }
        Ok(Self {
            threads,
            stop,
            refusal,
        })
    }

    /// Waits until the coordinator refuses these workers, and returns the reason. Waits forever if it does not.
    pub async fn refused(&self) -> String {
        self.stop.cancelled().await;
        match self.refusal.get() {
            Some(why) => why.clone(),
            None => std::future::pending().await,
        }
    }

    /// Asks every thread to return its work, and waits until all have ended.
    pub async fn stop(self) {
        self.stop.cancel();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in self.threads {
                if thread.join().is_err() {
                    tracing::error!("a worker thread panicked while stopping");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("waiting for the worker threads failed");
        }
    }
}

/// One worker thread: one run at a time.
struct Slot {
    worker: String,
    queue: Queue,
    coordinator: Arc<dyn Coordinator>,
    stages: Arc<Stages>,
    runtime: Handle,
    stop: CancellationToken,
    refusal: Arc<OnceLock<String>>,
}

impl Slot {
    fn run(self) {
        while !self.stop.is_cancelled() {
            let leased = self.runtime.block_on(async {
                tokio::select! {
                    leased = self.coordinator.lease(&self.worker, self.queue) => leased,
                    () = self.stop.cancelled() => Ok(None),
                }
            });
            match leased {
                Ok(Some(lease)) => self.work(&lease),
                Ok(None) => {}
                Err(CoordinatorError::Refused(why)) => {
                    // Any of the reasons will do.
                    self.refusal.set(why).ok();
                    self.stop.cancel();
                }
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), queue = self.queue.as_str(), "cannot lease work");
                    self.runtime.block_on(async {
                        tokio::select! {
                            () = tokio::time::sleep(PATIENCE) => {}
                            () = self.stop.cancelled() => {}
                        }
                    });
                }
            }
        }
    }

    fn work(&self, lease: &Lease) {
        let ticket = &lease.ticket;
        let watch = Arc::new(Watch::default());
        let heart = self.runtime.spawn(beat(
            Arc::clone(&self.coordinator),
            lease.ticket.clone(),
            Arc::clone(&watch),
            self.stop.clone(),
        ));
        // A panicking stage fails its run, not its thread.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.stages.compute(&lease.task, &lease.prefix, &watch)
        }))
        .unwrap_or(Err(StageError::Panicked));
        let stopping = self.stop.is_cancelled();
        let report = match outcome {
            Ok(output) => Report::Complete(Box::new(output)),
            Err(_) if stopping => Report::Release,
            Err(error) => Report::Fail(Failure {
                kind: error.kind(),
                code: error.code().to_owned(),
                reason: with_causes(&error),
            }),
        };
        let is_complete = matches!(report, Report::Complete(_));
        let reported = self.runtime.block_on(async {
            // So that the displayed progress matches the work done.
            if let Err(error) = self.coordinator.heartbeat(ticket, watch.now()).await {
                tracing::debug!(error = %with_causes(&error), run = ticket.run, "the last heartbeat failed");
            }
            match self.hand_in(ticket, report).await {
                Err(error @ CoordinatorError::Invalid(_)) => {
                    let failure = Failure {
                        kind: error.kind(),
                        code: error.code().to_owned(),
                        reason: with_causes(&error),
                    };
                    self.hand_in(ticket, Report::Fail(failure)).await
                }
                handed => handed,
            }
        });
        heart.abort();
        match reported {
            Ok(()) if is_complete => {
                if let Err(error) = self.stages.tidy(&lease.task, &lease.prefix) {
                    tracing::warn!(error = %with_causes(&error), run = ticket.run, "parts of a finished run remain in the store");
                }
            }
            Ok(()) => {}
            Err(error @ CoordinatorError::LeaseLost(_)) => {
                tracing::info!(error = %with_causes(&error));
            }
            // The run stays leased, and returns to the queue when the lease expires.
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), run = ticket.run, "cannot submit a result");
            }
        }
    }

    /// Submits a report, with retries: it may hold hours of work.
    async fn hand_in(&self, ticket: &Ticket, report: Report) -> Result<(), CoordinatorError> {
        let mut tries = 1;
        loop {
            let handed = match &report {
                Report::Complete(output) => self.coordinator.complete(ticket, output).await,
                Report::Fail(failure) => self.coordinator.fail(ticket, failure).await,
                Report::Release => self.coordinator.release(ticket).await,
            };
            let Err(CoordinatorError::Unavailable(error)) = handed else {
                return handed;
            };
            if tries == TRIES || self.stop.is_cancelled() {
                return Err(CoordinatorError::Unavailable(error));
            }
            tracing::warn!(error = %with_causes(&*error), run = ticket.run, "cannot submit a result; retrying");
            tries += 1;
            tokio::select! {
                () = tokio::time::sleep(PATIENCE) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

/// The outcome of a leased run.
enum Report {
    Complete(Box<Output>),
    Fail(Failure),
    Release,
}

async fn beat(
    coordinator: Arc<dyn Coordinator>,
    ticket: Ticket,
    watch: Arc<Watch>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            // The stage ends soon. Until then the lease must not expire.
            () = stop.cancelled(), if !watch.stopped() => {
                watch.stop();
            }
        }
        match coordinator.heartbeat(&ticket, watch.now()).await {
            Ok(Directive::Continue) => {}
            Ok(Directive::Stop) => watch.stop(),
            Err(CoordinatorError::LeaseLost(_) | CoordinatorError::Refused(_)) => watch.stop(),
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), run = ticket.run, "a heartbeat failed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use rushes_models::{EncoderOptions, ErrorKind, ModelStore};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;
    use crate::sandbox::{Limits, Sandbox};
    use crate::stages::ThumbnailsTask;
    use crate::storage::{S3Options, Storage};
    use crate::watch::Progress;

    /// Has one run, accepts no result, and then refuses everybody.
    #[derive(Debug)]
    struct Picky {
        lease: Mutex<Option<Lease>>,
        failures: UnboundedSender<Failure>,
    }

    #[async_trait]
    impl Coordinator for Picky {
        async fn lease(&self, _: &str, _: Queue) -> Result<Option<Lease>, CoordinatorError> {
            let lease = self.lease.lock().unwrap().take();
            match lease {
                Some(lease) => Ok(Some(lease)),
                None => Err(CoordinatorError::Refused("the key was revoked".to_owned())),
            }
        }

        async fn heartbeat(&self, _: &Ticket, _: Progress) -> Result<Directive, CoordinatorError> {
            Ok(Directive::Continue)
        }

        async fn complete(&self, _: &Ticket, _: &Output) -> Result<(), CoordinatorError> {
            Err(CoordinatorError::Invalid("no such thing".to_owned()))
        }

        async fn fail(&self, _: &Ticket, failure: &Failure) -> Result<(), CoordinatorError> {
            self.failures.send(failure.clone()).unwrap();
            Ok(())
        }

        async fn release(&self, _: &Ticket) -> Result<(), CoordinatorError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_result_that_is_not_taken_fails_its_run_and_a_refusal_ends_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path().to_str().unwrap(), S3Options::default()).unwrap();
        let sandbox = Sandbox::current_exe(Limits::default()).unwrap();
        let models = ModelStore::new(folder.path().to_owned());
        let stages = Arc::new(Stages::new(
            storage,
            sandbox,
            models,
            EncoderOptions::threads(1),
        ));
        let (failures, mut failed) = unbounded_channel();
        let coordinator: Arc<dyn Coordinator> = Arc::new(Picky {
            lease: Mutex::new(Some(Lease {
                ticket: Ticket {
                    run: "run".to_owned(),
                    token: 1,
                },
                task: ThumbnailsTask {
                    proxies: Vec::new(),
                }
                .into(),
                prefix: "runs/run".to_owned(),
            })),
            failures,
        });
        let workers =
            Workers::start("worker", &coordinator, &stages, &[(Queue::Media, 1)]).unwrap();
        let failure = failed.recv().await.unwrap();
        assert_eq!(failure.kind, ErrorKind::Internal);
        assert!(failure.reason.contains("no such thing"), "{failure:?}");
        assert_eq!(workers.refused().await, "the key was revoked");
        workers.stop().await;
    }
}
