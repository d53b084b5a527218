//! All errors of this crate.
//!
//! Errors of functions that return [`ModelError`] are here, one file each, so that they lie below it. Errors of
//! lower modules (manifests, the store, the runtime, pictures) are in those modules.

mod backend;
mod detect;
mod dual;
mod faces;
mod lite;
mod ocr;
mod pull;
mod speech;
mod tagger;
mod text;

pub use self::backend::BackendError;
pub use self::detect::DetectError;
pub use self::dual::DualError;
pub use self::faces::FaceError;
pub use self::lite::LiteError;
pub use self::ocr::OcrError;
pub use self::pull::{Attempt, PullError, SourceError};
pub use self::speech::SpeechError;
pub use self::tagger::TaggerError;
pub use self::text::TextError;
use crate::kind::ErrorKind;
use crate::manifest::ManifestError;
use crate::preprocess::PreprocessError;
use crate::runtime::RuntimeError;
use crate::store::StoreError;

/// Any error of this crate. Its message is that of the inner error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The store of pulled files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A pull.
    #[error(transparent)]
    Pull(#[from] Box<PullError>),
    /// ONNX Runtime.
    #[error(transparent)]
    Runtime(RuntimeError),
    /// A picture.
    #[error(transparent)]
    Picture(#[from] PreprocessError),
    /// A text encoder.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A detector.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// Faces.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// Speech.
    #[error(transparent)]
    Speech(#[from] SpeechError),
    /// A tagger of sounds.
    #[error(transparent)]
    Tagger(#[from] TaggerError),
    /// A dual encoder.
    #[error(transparent)]
    Dual(#[from] DualError),
    /// A backend.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A device lacks memory for a batch; a smaller one may fit.
    #[error(
        "{backend} lacks memory for a batch of {batch}; choose a smaller model, or free memory on the device"
    )]
    OutOfMemory {
        /// The device.
        backend: String,
        /// Pictures or texts in the batch.
        batch: usize,
    },
    /// A reader of text in pictures.
    #[error(transparent)]
    Ocr(#[from] OcrError),
    /// The `lite` model.
    #[error(transparent)]
    Lite(#[from] LiteError),
}

impl ModelError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Manifest(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Pull(e) => e.kind(),
            Self::Runtime(e) => e.kind(),
            Self::Picture(e) => e.kind(),
            Self::Text(e) => e.kind(),
            Self::Detect(e) => e.kind(),
            Self::Face(e) => e.kind(),
            Self::Speech(e) => e.kind(),
            Self::Tagger(e) => e.kind(),
            Self::Dual(e) => e.kind(),
            Self::Backend(e) => e.kind(),
            Self::Lite(e) => e.kind(),
            Self::Ocr(e) => e.kind(),
            // It depends on the device and the moment, not on the input.
            Self::OutOfMemory { .. } => ErrorKind::Overloaded,
        }
    }
}

impl From<RuntimeError> for ModelError {
    /// A library that is not installed counts like any other missing file.
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Manifest(error) => Self::Manifest(error),
            RuntimeError::Store(error) => Self::Store(error),
            error @ (RuntimeError::Load { .. } | RuntimeError::Run { .. }) => Self::Runtime(error),
        }
    }
}
