//! Taggers of sounds, opened at first use and kept for the next video.

use rushes_models::{ModelStore, SoundTagger};

use crate::error::StageError;
use crate::stages::idle::IdleModels;

/// The taggers of a process. Each is used by one thread at a time.
#[derive(Debug)]
pub struct SoundTaggers {
    models: ModelStore,
    threads: usize,
    idle: IdleModels<SoundTagger>,
}

impl SoundTaggers {
    /// Taggers from `models`, to run on `threads` threads each.
    #[must_use]
    pub fn new(models: ModelStore, threads: usize) -> Self {
        Self {
            models,
            threads,
            idle: IdleModels::new(),
        }
    }

    /// Calls `job` with a tagger of `model`.
    pub(in crate::stages) fn with<T>(
        &self,
        model: &str,
        job: impl FnOnce(&mut SoundTagger) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let open =
            || SoundTagger::open(&self.models, model, self.threads).map_err(StageError::from);
        self.idle.with(model, open, job)
    }
}
