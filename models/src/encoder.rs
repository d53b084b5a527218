//! The boundary of this crate: pictures and texts in, unit vectors out. No type of an inference library
//! crosses it.

use std::fmt::Debug;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::manifest::Manifest;
use crate::preprocess::Prepared;
use crate::store::ModelStore;

/// An embedding space. Vectors of two spaces never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Space {
    /// Model id, `@`, revision: `lite@0.1.0`.
    pub id: String,
    /// Length of its vectors.
    pub dims: usize,
}

impl Space {
    /// Of a model whose manifest names no revision, the space is that of the weights that were pulled.
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
    /// Where the vectors live.
    fn space(&self) -> &Space;

    /// What computes, for people: library, precision, device.
    fn backend(&self) -> String;

    /// How many pictures are best given at once; more are cut into such batches.
    fn preferred_batch(&self) -> usize;

    /// Brings a picture of any size to what the network looks at. Work for any thread, so that the one
    /// that feeds the device need not do it.
    ///
    /// # Errors
    ///
    /// The picture has no pixels.
    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError>;

    /// One unit vector a picture, in order.
    ///
    /// # Errors
    ///
    /// A picture was prepared for another encoder, or the network fails.
    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// Prepares and encodes pictures, which may have different sizes.
    ///
    /// # Errors
    ///
    /// As [`ImageEncoder::prepare`] and [`ImageEncoder::encode`].
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
    /// Where the vectors live.
    fn space(&self) -> &Space;

    /// One unit vector a text, in order. A text that is too long is cut.
    ///
    /// # Errors
    ///
    /// The tokenizer or the network fails.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError>;
}
