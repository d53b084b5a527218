//! The boundary of this crate: pictures and texts in, unit vectors out. No type of an inference library
//! crosses it.

use std::fmt::Debug;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::manifest::Manifest;
use crate::preprocess::Prepared;
use crate::store::ModelStore;

/// An embedding space. Vectors of two spaces are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Space {
    /// Model id, `@`, revision: `lite@0.1.0`.
    pub id: String,
    /// Length of its vectors.
    pub dims: usize,
}

impl Space {
    /// If a model's manifest names no revision, the space is named after the installed weights.
    pub(crate) fn of(
        store: &ModelStore,
        manifest: &Manifest,
        dims: usize,
    ) -> Result<Self, ModelError> {
        let id = match store.pinned_weights(manifest)? {
            Some(digest) => format!("{}@{}", manifest.id, &digest.to_string()[..12]),
            None => manifest.full_name(),
        };
        Ok(Self { id, dims })
    }
}

/// Turns pictures into vectors.
pub trait ImageEncoder: Send + Sync + Debug {
    /// The space of its vectors.
    fn space(&self) -> &Space;

    /// The backend, for display: library, precision, device.
    fn backend(&self) -> String;

    /// The best batch size. Larger inputs are divided into such batches.
    fn preferred_batch(&self) -> usize;

    /// Converts a picture of any size to the network's input format. Any thread may do this, so that the thread
    /// that feeds the device need not.
    ///
    /// # Errors
    ///
    /// The picture has no pixels.
    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError>;

    /// One unit vector per picture, in order.
    ///
    /// # Errors
    ///
    /// A picture was prepared for another encoder, or the network fails.
    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// Prepares and encodes pictures, which may have different sizes.
    ///
    /// # Errors
    ///
    /// The same as for [`ImageEncoder::prepare`] and [`ImageEncoder::encode`].
    fn encode_pictures(&self, pictures: &[RgbImage]) -> Result<Vec<Vec<f32>>, ModelError> {
        let prepared: Result<Vec<Prepared>, ModelError> = pictures
            .iter()
            .map(|picture| self.prepare(picture))
            .collect();
        self.encode(&prepared?)
    }
}

/// Turns texts into vectors.
pub trait TextEncoder: Send + Sync + Debug {
    /// The space of its vectors.
    fn space(&self) -> &Space;

    /// One unit vector per text, in order. A text that is too long is truncated.
    ///
    /// # Errors
    ///
    /// The tokenizer or the network fails.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError>;
}
