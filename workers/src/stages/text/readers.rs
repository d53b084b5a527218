//! Readers of text in pictures, opened at first use and kept for the next video.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rushes_models::{ModelStore, TextReader};

use crate::error::StageError;

/// The readers of a process. Each is used by one thread at a time.
#[derive(Debug)]
pub struct TextReaders {
    models: ModelStore,
    threads: usize,
    idle: Mutex<HashMap<String, Vec<TextReader>>>,
}

impl TextReaders {
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
        read: impl FnOnce(&mut TextReader) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.get_mut(model).and_then(Vec::pop);
        drop(idle);
        let mut reader = match known {
            Some(reader) => reader,
            None => TextReader::open(&self.models, model, self.threads)?,
        };
        let read = read(&mut reader);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(model.to_owned()).or_default().push(reader);
        drop(idle);
        read
    }
}
