//! Sentence encoders, opened at first use and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rushes_models::{EncoderOptions, ModelStore, TextEncoder, open_text_encoder};

use crate::error::StageError;

/// The sentence encoders of a process.
#[derive(Debug)]
pub struct Sentences {
    models: ModelStore,
    options: EncoderOptions,
    open: Mutex<HashMap<String, Arc<dyn TextEncoder>>>,
}

impl Sentences {
    /// Encoders from `models`, opened with `options`.
    #[must_use]
    pub fn new(models: ModelStore, options: EncoderOptions) -> Self {
        Self {
            models,
            options,
            open: Mutex::default(),
        }
    }

    /// The encoder of `model`.
    ///
    /// # Errors
    /// If the model is unknown, does not encode text, is not installed or is damaged.
    pub fn get(&self, model: &str) -> Result<Arc<dyn TextEncoder>, StageError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = open.get(model) {
            return Ok(Arc::clone(encoder));
        }
        let encoder = open_text_encoder(&self.models, model, &self.options)?;
        let encoder: Arc<dyn TextEncoder> = Arc::from(encoder);
        open.insert(model.to_owned(), Arc::clone(&encoder));
        drop(open);
        Ok(encoder)
    }
}
