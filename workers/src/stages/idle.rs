//! Models that are opened at first use and kept for the next video.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Open models of a process that nobody uses, by name. Each is used by one thread at a time.
#[derive(Debug)]
pub(super) struct IdleModels<M>(Mutex<HashMap<String, Vec<M>>>);

impl<M> IdleModels<M> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Calls `job` with an idle model of this name, or with one that `open` opens. It is idle again after that.
    ///
    /// # Errors
    /// That of `open` or of `job`.
    pub(super) fn with<T, E>(
        &self,
        name: &str,
        open: impl FnOnce() -> Result<M, E>,
        job: impl FnOnce(&mut M) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.get_mut(name).and_then(Vec::pop);
        drop(idle);
        let mut model = match known {
            Some(model) => model,
            None => open()?,
        };
        let done = job(&mut model);
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(name.to_owned()).or_default().push(model);
        drop(idle);
        done
    }
}
