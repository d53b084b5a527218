//! Why `lite` cannot be opened or cannot encode.

use crate::kind::ErrorKind;
use crate::torch_legacy::TorchError;

/// Why `lite` cannot be opened or cannot encode.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiteError {
    /// The weights cannot be read.
    #[error("the weights of the classifier cannot be read: {0}; run `rushes models verify lite`")]
    Weights(#[from] TorchError),
    /// The weights lack a tensor.
    #[error("the weights of the classifier have no tensor {name:?} of floats")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// The parameters of the manifest contradict the model.
    #[error("the manifest's parameters cannot be used: {problem}")]
    Parameters {
        /// What is wrong.
        problem: String,
    },
    /// A tensor of the weights has another shape.
    #[error("tensor {name:?} of the classifier has the unexpected shape {actual:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        actual: Vec<usize>,
    },
}

impl LiteError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Weights(e) => e.kind(),
            Self::Parameters { .. } => ErrorKind::InvalidInput,
            Self::MissingTensor { .. } | Self::Shape { .. } => ErrorKind::Corrupt,
        }
    }
}
