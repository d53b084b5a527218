//! Why a device answers no more.

use std::sync::Arc;

use crate::error::ModelError;
use crate::kind::ErrorKind;

/// Why pictures get no vectors. A device that failed takes nothing more; a new one must be started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The encoder refused a batch, or has no memory for a single picture.
    #[error("{0}")]
    Encoder(#[source] Arc<ModelError>),
    /// The encoder panicked.
    #[error("the encoder of model {model} panicked; this is a defect of rushes, see the log")]
    Panicked {
        /// The model.
        model: String,
    },
    /// The encoder answered with another number of vectors than it was given pictures.
    #[error("the encoder of model {model} made {vectors} vectors of {pictures} pictures")]
    Miscounted {
        /// The model.
        model: String,
        /// Pictures given.
        pictures: usize,
        /// Vectors made.
        vectors: usize,
    },
    /// The device cannot be started.
    #[error("no device for model {model}: {problem}")]
    Unusable {
        /// The model.
        model: String,
        /// What is wrong.
        problem: String,
    },
    /// The submission was given up by its owner.
    #[error("the submission was given up")]
    Closed,
}

impl DeviceError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Encoder(source) => source.kind(),
            Self::Panicked { .. } | Self::Miscounted { .. } | Self::Unusable { .. } => {
                ErrorKind::Internal
            }
            Self::Closed => ErrorKind::Cancelled,
        }
    }
}
