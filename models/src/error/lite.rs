//! Why `lite` cannot be opened or cannot encode.

use crate::kind::ErrorKind;
use crate::torch_legacy::TorchError;

/// Why `lite` cannot be opened or cannot encode.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiteError {
    /// The weights cannot be read.
    #[error("cannot read the classifier's weights; run `rushes models verify lite`")]
    Weights(#[from] TorchError),
    /// The weights lack a tensor.
    #[error("the classifier's weights have no float tensor {name:?}")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// The manifest's parameters do not match the model.
    #[error("invalid parameters in the manifest: {problem}")]
    Parameters {
        /// The problem.
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
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Weights(e) => e.kind(),
            Self::Parameters { .. } => ErrorKind::InvalidInput,
            Self::MissingTensor { .. } | Self::Shape { .. } => ErrorKind::Corrupt,
        }
    }
}
