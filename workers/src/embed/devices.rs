//! The devices of a process, started when first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rushes_models::device::{Device, DeviceOptions};
use rushes_models::{EncoderOptions, ImageEncoder, ModelError, ModelStore, open_image_encoders};

use crate::error::StageError;

/// Opens the encoders of a model, one for each device it is to run on.
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
    /// Encoders from `models`, opened by `options`: one, or one for each GPU.
    #[must_use]
    pub fn new(models: ModelStore, options: EncoderOptions) -> Self {
        Self::opened_by(Box::new(move |model| {
            open_image_encoders(&models, model, &options)
        }))
    }

    /// Encoders from wherever `opener` has them.
    #[must_use]
    pub fn opened_by(opener: Opener) -> Self {
        Self {
            opener,
            open: Mutex::default(),
        }
    }

    /// The device of `model`; starts it if there is none, or if the one there was has ended.
    ///
    /// # Errors
    /// If the model is unknown, not pulled, or damaged, or a thread cannot be started.
    pub fn get(&self, model: &str) -> Result<Arc<Device>, StageError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = open.get(model).filter(|device| device.is_alive()) {
            return Ok(Arc::clone(device));
        }
        // Before the new one is opened, so that the memory of the old one is free again.
        open.remove(model);
        let encoders = (self.opener)(model)?;
        let device = Arc::new(Device::start(model, encoders, DeviceOptions::default())?);
        open.insert(model.to_owned(), Arc::clone(&device));
        drop(open);
        Ok(device)
    }
}
