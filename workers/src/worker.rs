//! The worker: named threads that lease runs, compute them, and hand in the results.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rushes_models::ErrorKind;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::coordinator::{Coordinator, CoordinatorError, Directive, Failure, Lease, Progress};
use crate::stages::{StageError, Stages};
use crate::task::Queue;

/// How often a worker says that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a worker waits before it asks a coordinator again that did not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The worker threads of this process.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// Shared between a running stage and its heartbeat.
#[derive(Debug, Default)]
pub struct Watch {
    done: AtomicU64,
    /// 0 means unknown.
    total: AtomicU64,
    stopped: AtomicBool,
}

impl Watch {
    /// Records progress.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total.unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether the stage should end.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn now(&self) -> Progress {
        let total = self.total.load(Ordering::Relaxed);
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
        }
    }
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
                };
                threads.push(
                    std::thread::Builder::new()
                        .name(format!("{}-{number}", queue.as_str()))
                        .spawn(move || slot.run())?,
                );
            }
        }
        Ok(Self { threads, stop })
    }

    /// Asks every thread to give its work back and waits until all have ended.
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
                Err(error) => {
                    tracing::warn!(%error, queue = self.queue.as_str(), "cannot lease work");
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
        let watch = Arc::new(Watch::default());
        let heart = self.runtime.spawn(beat(
            Arc::clone(&self.coordinator),
            lease.clone(),
            Arc::clone(&watch),
            self.stop.clone(),
        ));
        // A stage that panics fails its run, not its thread.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.stages.compute(lease, &watch)
        }))
        .unwrap_or(Err(StageError::Panicked));
        heart.abort();
        let reported = self.runtime.block_on(async {
            match outcome {
                Ok(output) => self.coordinator.complete(lease, output).await,
                Err(_) if self.stop.is_cancelled() => self.coordinator.release(lease).await,
                Err(error) => {
                    let failure = Failure {
                        kind: error.kind(),
                        reason: error.to_string(),
                    };
                    self.coordinator.fail(lease, failure).await
                }
            }
        });
        match reported {
            Ok(()) => {}
            Err(error @ CoordinatorError::LeaseLost(_)) => tracing::info!(%error),
            // The run stays leased and comes back when the lease runs out.
            Err(error) => {
                tracing::warn!(%error, run = lease.run, "a result could not be handed in");
            }
        }
    }
}

async fn beat(
    coordinator: Arc<dyn Coordinator>,
    lease: Lease,
    watch: Arc<Watch>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = stop.cancelled() => {
                watch.stopped.store(true, Ordering::Relaxed);
                return;
            }
        }
        match coordinator.heartbeat(&lease, watch.now()).await {
            Ok(Directive::Continue) => {}
            Ok(Directive::Stop) => watch.stopped.store(true, Ordering::Relaxed),
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                watch.stopped.store(true, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%error, run = lease.run, "a heartbeat was not heard"),
        }
    }
}
