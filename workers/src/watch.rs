//! What a running computation shares with whoever follows it: how far it is, and whether to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// How far a run has come, in whatever unit its feature counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
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

    /// Asks the stage to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The progress recorded last.
    #[must_use]
    pub fn now(&self) -> Progress {
        let total = self.total.load(Ordering::Relaxed);
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
        }
    }
}
