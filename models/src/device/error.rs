//! Why a device no longer answers.

use std::sync::Arc;

use crate::error::ModelError;
use crate::kind::ErrorKind;

/// Why pictures get no vectors. A failed device accepts nothing more, and a new one must be started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The encoder rejected a batch, or has no memory for a single picture.
    #[error(transparent)]
    Encoder(Arc<ModelError>),
    /// The encoder panicked.
    #[error("the encoder of model {model} panicked; this is a bug in rushes, see the log")]
    Panicked {
        /// The model.
        model: String,
    },
    /// The number of returned vectors differs from the number of pictures.
    #[error("the encoder of model {model} returned {vectors} vectors for {pictures} pictures")]
    Miscounted {
        /// The model.
        model: String,
        /// Number of pictures.
        pictures: usize,
        /// Number of vectors.
        vectors: usize,
    },
    /// The device cannot start.
    #[error("no device for model {model}: {problem}")]
    Unusable {
        /// The model.
        model: String,
        /// The problem.
        problem: String,
    },
    /// The owner has given the submission up.
    #[error("the submission was given up")]
    Closed,
}

impl DeviceError {
    /// The kind of this failure.
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
