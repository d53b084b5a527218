//! Readers of text in pictures, opened at first use and kept for the next video.

use rushes_models::{ModelStore, TextReader};

use crate::error::StageError;
use crate::stages::idle::IdleModels;

/// The readers of a process. Each is used by one thread at a time.
#[derive(Debug)]
pub struct TextReaders {
    models: ModelStore,
    threads: usize,
    idle: IdleModels<TextReader>,
}

impl TextReaders {
    /// Readers from `models`, to run on `threads` threads each.
    #[must_use]
    pub fn new(models: ModelStore, threads: usize) -> Self {
        Self {
            models,
            threads,
            idle: IdleModels::new(),
        }
    }

    /// Calls `read` with a reader of `model`.
    pub(super) fn with<T>(
        &self,
        model: &str,
        read: impl FnOnce(&mut TextReader) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let open = || TextReader::open(&self.models, model, self.threads).map_err(StageError::from);
        self.idle.with(model, open, read)
    }
}
