//! The devices of a process, started at first use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rushes_models::device::{Device, DeviceOptions};
use rushes_models::{EncoderOptions, ImageEncoder, ModelError, ModelStore, open_image_encoders};

use crate::error::StageError;

/// Opens the encoders of a model, one per device.
pub type Opener = Box<dyn Fn(&str) -> Result<Vec<Box<dyn ImageEncoder>>, ModelError> + Send + Sync>;

/// The devices of this process, by model.
pub struct Devices {
    opener: Opener,
    open: Mutex<HashMap<String, Arc<Device>>>,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

impl Devices {
    /// Encoders from `models`, opened with `options`: one, or one per GPU.
    #[must_use]
    pub fn new(models: ModelStore, options: EncoderOptions) -> Self {
        Self::opened_by(Box::new(move |model| {
            open_image_encoders(&models, model, &options)
        }))
    }

    /// Encoders from `opener`.
    #[must_use]
    pub fn opened_by(opener: Opener) -> Self {
        Self {
            opener,
            open: Mutex::default(),
        }
    }

    /// The device of `model`. Starts it if there is none, or if the previous one has ended.
    ///
    /// # Errors
    /// If the model is unknown, not installed or damaged, or a thread cannot start.
    pub fn get(&self, model: &str) -> Result<Arc<Device>, StageError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = open.get(model).filter(|device| device.is_alive()) {
            return Ok(Arc::clone(device));
        }
        // Before the new one is opened, so that the old one's memory is free again.
        open.remove(model);
        let encoders = (self.opener)(model)?;
        let device = Arc::new(Device::start(model, encoders, DeviceOptions::default())?);
        open.insert(model.to_owned(), Arc::clone(&device));
        drop(open);
        Ok(device)
    }
}
