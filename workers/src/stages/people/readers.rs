//! Readers of faces, opened at first use and kept for the next video.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rushes_models::{FaceReader, ModelStore};

use crate::error::StageError;

/// The readers of faces of a process. Each is used by one thread at a time.
#[derive(Debug)]
pub struct FaceReaders {
    models: ModelStore,
    threads: usize,
    idle: Mutex<HashMap<String, Vec<FaceReader>>>,
}

impl FaceReaders {
    /// Readers from `models`, to run on `threads` threads each.
    #[must_use]
    pub fn new(models: ModelStore, threads: usize) -> Self {
        Self {
            models,
            threads,
            idle: Mutex::default(),
        }
    }

    /// Calls `read` with a reader of `model`.
    pub(super) fn with<T>(
        &self,
        model: &str,
        read: impl FnOnce(&mut FaceReader) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        // Another detector may have been installed since a reader was opened.
        let name = FaceReader::name_of(&self.models, model)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.get_mut(&name).and_then(Vec::pop);
        drop(idle);
        let mut reader = match known {
            Some(reader) => reader,
            None => FaceReader::open(&self.models, model, self.threads)?,
        };
        let read = read(&mut reader);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(name).or_default().push(reader);
        drop(idle);
        read
    }
}
