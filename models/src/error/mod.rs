//! Anything that can go wrong in this crate.
//!
//! Errors of what returns [`ModelError`] are here, a file each, so that they lie below it; those of the modules
//! below that (manifests, the store, the runtime, pictures) are with them.

mod backend;
mod detect;
mod dual;
mod lite;
mod pull;
mod text;

pub use self::backend::BackendError;
pub use self::detect::DetectError;
pub use self::dual::DualError;
pub use self::lite::LiteError;
pub use self::pull::{Attempt, PullError, SourceError};
pub use self::text::TextError;
use crate::kind::ErrorKind;
use crate::manifest::ManifestError;
use crate::preprocess::PreprocessError;
use crate::runtime::RuntimeError;
use crate::store::StoreError;

/// Anything that can go wrong in this crate. The message is the inner error's.
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
    /// A dual encoder.
    #[error(transparent)]
    Dual(#[from] DualError),
    /// A back end.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A device has no room for a batch; a smaller one may fit.
    #[error(
        "{backend} has no memory for {batch} pictures at once; choose a smaller model, or free memory of the device"
    )]
    OutOfMemory {
        /// What computes.
        backend: String,
        /// Pictures or texts in the batch.
        batch: usize,
    },
    /// The `lite` model.
    #[error(transparent)]
    Lite(#[from] LiteError),
}

impl ModelError {
    /// What kind of failure this is.
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
            Self::Dual(e) => e.kind(),
            Self::Backend(e) => e.kind(),
            Self::Lite(e) => e.kind(),
            // Of the device and the moment, not of the input.
            Self::OutOfMemory { .. } => ErrorKind::Overloaded,
        }
    }
}

impl From<RuntimeError> for ModelError {
    /// A library that was not pulled is like any other file that was not.
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Manifest(error) => Self::Manifest(error),
            RuntimeError::Store(error) => Self::Store(error),
            error @ (RuntimeError::Load { .. } | RuntimeError::Run { .. }) => Self::Runtime(error),
        }
    }
}
