//! From a model id to its encoders.

use crate::backend::{Backend, EncoderOptions};
use crate::dual::{DualImageEncoder, DualTextEncoder};
use crate::encoder::{ImageEncoder, Space, TextEncoder};
use crate::error::ModelError;
use crate::lite::{LiteImageEncoder, LiteTextEncoder};
use crate::manifest::Parameters;
use crate::store::{ModelStore, Status};
use crate::text::SentenceEncoder;

/// Whether a model and all that it requires are installed.
///
/// # Errors
///
/// The model does not exist, or the folder cannot be read.
pub fn is_installed(store: &ModelStore, id: &str) -> Result<bool, ModelError> {
    for manifest in store.manifests().with_requirements(id)? {
        if store.status(manifest)? != Status::Installed {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The space of a model, without opening it.
///
/// # Errors
///
/// The model does not exist, or makes no vectors.
pub fn space_of(store: &ModelStore, id: &str) -> Result<Space, ModelError> {
    let manifest = store.manifests().get(id)?;
    let dims = manifest
        .dims()
        .ok_or_else(|| manifest.wrong_kind("make vectors"))?;
    Space::of(store, manifest, dims)
}

/// Opens the picture half of a model.
///
/// # Errors
///
/// The model is unknown, does not encode pictures, is not installed (the error names the pull), or is damaged.
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
    let parameters = manifest.conse()?;
    Ok(Box::new(LiteImageEncoder::open(
        store,
        manifest,
        parameters,
        options.threads,
    )?))
}

/// Opens the picture half of a model once per device: one per GPU, or one.
///
/// # Errors
///
/// The same as [`open_image_encoder`].
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
/// The model is unknown, does not encode texts, is not installed (the error names the pull), or is damaged.
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
        Parameters::OnnxRuntime(_)
        | Parameters::Detector(_)
        | Parameters::Whisper(_)
        | Parameters::SileroVad(_)
        | Parameters::FaceDescriptor(_)
        | Parameters::SoundTagger(_)
        | Parameters::PpOcr(_) => Err(manifest.wrong_kind("encode texts").into()),
    }
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
