//! Models that are opened at first use and kept for the next video.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rushes_models::{FaceReader, ModelError, ModelStore, SoundTagger, TextReader};

use crate::error::StageError;

/// A model that is kept.
pub trait IdleModel: Sized {
    /// Opens a model by its id, to run on this many threads.
    ///
    /// # Errors
    /// The model is unknown, not installed or damaged.
    fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError>;

    /// The name under which it is kept. Models that differ have different ones.
    ///
    /// # Errors
    /// The model is unknown, or not installed.
    fn name_of(_store: &ModelStore, id: &str) -> Result<String, ModelError> {
        Ok(id.to_owned())
    }
}

impl IdleModel for TextReader {
    fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError> {
        Self::open(store, id, threads)
    }
}

impl IdleModel for FaceReader {
    fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError> {
        Self::open(store, id, threads)
    }

    // Another detector may have been installed since a reader was opened.
    fn name_of(store: &ModelStore, id: &str) -> Result<String, ModelError> {
        Self::name_of(store, id)
    }
}

impl IdleModel for SoundTagger {
    fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError> {
        Self::open(store, id, threads)
    }
}

/// The models of one kind of a process. Each is used by one thread at a time.
#[derive(Debug)]
pub struct IdleModels<M> {
    models: ModelStore,
    threads: usize,
    /// Open ones that nobody uses, by name.
    idle: Mutex<HashMap<String, Vec<M>>>,
}

impl<M: IdleModel> IdleModels<M> {
    /// Models from `models`, to run on `threads` threads each.
    #[must_use]
    pub fn new(models: ModelStore, threads: usize) -> Self {
        Self {
            models,
            threads,
            idle: Mutex::default(),
        }
    }

    /// Calls `job` with an idle model of this id, or with one that is opened now. It is idle again after that.
    ///
    /// # Errors
    /// The model cannot be opened, or that of `job`.
    pub(super) fn with<T>(
        &self,
        id: &str,
        job: impl FnOnce(&mut M) -> Result<T, StageError>,
    ) -> Result<T, StageError> {
        let name = M::name_of(&self.models, id)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.get_mut(&name).and_then(Vec::pop);
        drop(idle);
        let mut model = match known {
            Some(model) => model,
            None => M::open(&self.models, id, self.threads)?,
        };
        let done = job(&mut model);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(name).or_default().push(model);
        drop(idle);
        done
    }
}
