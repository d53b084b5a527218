//! Opened redactors, kept by their settings.

use std::sync::{Mutex, PoisonError};

use rushes_models::ModelStore;
use rushes_workers::redact::{RedactError, Redactor, guarded};

use super::RedactionError;
use super::settings::RedactionRequest;

/// Shared by requests and batches.
#[derive(Debug)]
pub(super) struct Pool {
    models: ModelStore,
    /// Threads of each.
    threads: usize,
    /// Most that are kept while nobody uses them.
    most: usize,
    /// The last is the one used last.
    idle: Mutex<Vec<(String, Redactor)>>,
}

impl Pool {
    pub(super) const fn new(models: ModelStore, threads: usize, most: usize) -> Self {
        Self {
            models,
            threads,
            most,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Sees that there is a redactor for these settings, or says what is missing. Blocks.
    pub(super) fn check(&self, wanted: &RedactionRequest) -> Result<(), RedactionError> {
        let redactor = self.take(wanted)?;
        self.give(wanted, redactor);
        Ok(())
    }

    /// Works with a redactor for these settings. Blocks, and must not be called on an async thread.
    pub(super) fn with<T>(
        &self,
        wanted: &RedactionRequest,
        mut redactor: Redactor,
        work: impl FnOnce(&mut Redactor) -> Result<T, RedactionError>,
    ) -> Result<T, RedactionError> {
        let result = work(&mut redactor);
        // After a panic nobody knows what state it is in.
        if !matches!(result, Err(RedactionError::Redact(RedactError::Defect))) {
            self.give(wanted, redactor);
        }
        result
    }

    /// A redactor for these settings, to be used with [`Pool::with`].
    pub(super) fn take(&self, wanted: &RedactionRequest) -> Result<Redactor, RedactionError> {
        let (settings, key) = (wanted.settings()?, wanted.key());
        {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = idle.iter().rposition(|(of, _)| *of == key) {
                return Ok(idle.remove(at).1);
            }
        }
        guarded(|| Ok(Redactor::open(&self.models, settings, self.threads)?))
    }

    fn give(&self, wanted: &RedactionRequest, redactor: Redactor) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((wanted.key(), redactor));
        let over = idle.len().saturating_sub(self.most);
        let old: Vec<_> = idle.drain(..over).collect();
        drop(idle);
        drop(old);
    }
}
