//! State that a running computation shares with its observer: its progress, and whether to stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The progress of a run, in the unit of its feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Total units, if known.
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

    /// Asks the stage to stop.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The last recorded progress.
    #[must_use]
    pub fn now(&self) -> Progress {
        let total = self.total.load(Ordering::Relaxed);
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
        }
    }
}
