//! Readers of faces, opened at first use and kept for the next video.

use rushes_models::{FaceReader, ModelStore};

use crate::error::StageError;
use crate::stages::idle::IdleModels;

/// The readers of faces of a process. Each is used by one thread at a time.
#[derive(Debug)]
pub struct FaceReaders {
    models: ModelStore,
    threads: usize,
    idle: IdleModels<FaceReader>,
}

impl FaceReaders {
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
        read: impl FnOnce(&mut FaceReader) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        // Another detector may have been installed since a reader was opened.
        let name = FaceReader::name_of(&self.models, model)?;
        let open = || FaceReader::open(&self.models, model, self.threads).map_err(StageError::from);
        self.idle.with(&name, open, read)
    }
}
