//! The boundary of this crate: pictures and texts in, unit vectors out. No type of an inference library
//! crosses it.

use std::fmt::Debug;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, EncoderOptions};
use crate::dual::{DualImageEncoder, DualTextEncoder};
use crate::error::ModelError;
use crate::lite::{LiteImageEncoder, LiteTextEncoder};
use crate::manifest::{ConseParameters, Manifest, ManifestError, Parameters};
use crate::preprocess::Prepared;
use crate::store::ModelStore;
use crate::text::SentenceEncoder;

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

/// The space of a model, without opening it.
///
/// # Errors
///
/// There is no such model, or it makes no vectors.
pub fn space_of(store: &ModelStore, id: &str) -> Result<Space, ModelError> {
    let manifest = store.manifests().get(id)?;
    let dims = manifest
        .dims()
        .ok_or_else(|| wrong_kind(id, "make vectors"))?;
    Space::of(store, manifest, dims)
}

/// Opens the picture half of a model.
///
/// # Errors
///
/// The model is unknown, sees no pictures, was not pulled (the error names the pull), or is damaged.
pub fn open_image_encoder(
    store: &ModelStore,
    model: &str,
    options: &EncoderOptions,
) -> Result<Box<dyn ImageEncoder>, ModelError> {
    let manifest = store.manifests().get(model)?;
    if let Parameters::DualEncoder(parameters) = &manifest.parameters {
        return Ok(Box::new(DualImageEncoder::open(
            store, manifest, parameters, options,
        )?));
    }
    let parameters = conse_parameters(manifest)?;
    Ok(Box::new(LiteImageEncoder::open(
        store,
        manifest,
        parameters,
        options.threads,
    )?))
}

/// Opens the picture half of a model for each device that it is to run on: one for each GPU, or one.
///
/// # Errors
///
/// As [`open_image_encoder`].
pub fn open_image_encoders(
    store: &ModelStore,
    model: &str,
    options: &EncoderOptions,
) -> Result<Vec<Box<dyn ImageEncoder>>, ModelError> {
    let is_dual = matches!(
        store.manifests().get(model)?.parameters,
        Parameters::DualEncoder(_)
    );
    let count = if is_dual {
        Backend::choose(store, options)?.encoders()
    } else {
        1
    };
    (0..count)
        .map(|gpu| open_image_encoder(store, model, &EncoderOptions { gpu, ..*options }))
        .collect()
}

/// Opens the text half of a model.
///
/// # Errors
///
/// The model is unknown, reads no texts, was not pulled (the error names the pull), or is damaged.
pub fn open_text_encoder(
    store: &ModelStore,
    model: &str,
    options: &EncoderOptions,
) -> Result<Box<dyn TextEncoder>, ModelError> {
    let manifest = store.manifests().get(model)?;
    match &manifest.parameters {
        Parameters::BertSentence(parameters) => Ok(Box::new(SentenceEncoder::open(
            store, manifest, parameters,
        )?)),
        Parameters::ConseEfficientnetLite0(parameters) => Ok(Box::new(LiteTextEncoder::open(
            store, manifest, parameters,
        )?)),
        Parameters::DualEncoder(parameters) => Ok(Box::new(DualTextEncoder::open(
            store, manifest, parameters, options,
        )?)),
        Parameters::OnnxRuntime(_) | Parameters::Detector(_) => {
            Err(wrong_kind(model, "read texts"))
        }
    }
}

pub(crate) fn conse_parameters(manifest: &Manifest) -> Result<&ConseParameters, ModelError> {
    match &manifest.parameters {
        Parameters::ConseEfficientnetLite0(parameters) => Ok(parameters),
        Parameters::BertSentence(_)
        | Parameters::DualEncoder(_)
        | Parameters::OnnxRuntime(_)
        | Parameters::Detector(_) => Err(wrong_kind(&manifest.id, "see pictures")),
    }
}

fn wrong_kind(id: &str, job: &'static str) -> ModelError {
    ManifestError::WrongKind {
        id: id.to_owned(),
        job,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_space_is_the_model_and_its_revision() {
        let root = tempfile::tempdir().unwrap();
        let store = ModelStore::new(root.path().to_owned());
        assert_eq!(
            space_of(&store, "lite").unwrap(),
            Space {
                id: "lite@0.1.0".to_owned(),
                dims: 384
            }
        );
        assert_eq!(
            space_of(&store, "nonsense").unwrap_err().kind(),
            ErrorKind::NotFound
        );
        assert_eq!(
            space_of(&store, "onnxruntime").unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_model_that_was_not_pulled_is_an_error_that_names_the_pull() {
        let root = tempfile::tempdir().unwrap();
        let store = ModelStore::new(root.path().to_owned());
        let error = open_image_encoder(&store, "lite", &EncoderOptions::threads(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().contains("rushes models pull lite"),
            "{error}"
        );
        assert!(
            open_text_encoder(&store, "minilm", &EncoderOptions::threads(1))
                .unwrap_err()
                .to_string()
                .contains("rushes models pull minilm")
        );
        assert_eq!(
            open_image_encoder(&store, "minilm", &EncoderOptions::threads(1))
                .unwrap_err()
                .kind(),
            ErrorKind::InvalidInput
        );
    }
}
