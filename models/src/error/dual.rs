//! Why a dual encoder cannot be opened or cannot encode.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why a dual encoder cannot be opened or cannot encode.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DualError {
    /// The model and the file that the rest concerns.
    #[error("{}: the file cannot be used; run `rushes models verify {model}`", path.display())]
    File {
        /// Id of the model.
        model: String,
        /// The file, or the folder of configuration files.
        path: PathBuf,
        /// The problem with it.
        source: Box<Self>,
    },
    /// The architecture is not supported.
    #[error(
        "unknown architecture {name:?}; supported are clip, siglip, and OpenCLIP's CLIP and PE-Core"
    )]
    Architecture {
        /// Its name in the model's files.
        name: String,
    },
    /// The configuration is inconsistent or cannot be read.
    #[error("invalid configuration: {problem}")]
    Config {
        /// The problem.
        problem: String,
    },
    /// The weights are not safetensors, or are truncated.
    #[error("cannot read the weights: {problem}")]
    Weights {
        /// The problem.
        problem: String,
    },
    /// The weights lack a tensor.
    #[error("the weights have no tensor {name:?}")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor's shape differs from the configuration.
    #[error("tensor {name:?} has the shape {actual:?} instead of {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape in the configuration.
        expected: Vec<usize>,
        /// The actual shape.
        actual: Vec<usize>,
    },
    /// The weights hold tensors of another architecture.
    #[error("the weights have {count} tensors not described by the configuration, such as {some}")]
    UnknownTensors {
        /// Their number.
        count: usize,
        /// The first few.
        some: String,
    },
    /// A tensor contains values that are not finite.
    #[error("tensor {name:?} has values that are not finite")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// The network returned unusable vectors.
    #[error(
        "{backend} returned vectors that are zero or not finite; try another backend (models.backend)"
    )]
    Diverged {
        /// The backend.
        backend: String,
    },
    /// The tokenizer rejected a text.
    #[error("the tokenizer failed: {message}")]
    Tokenize {
        /// Cause.
        message: String,
    },
    /// candle failed.
    #[error("candle failed")]
    Run(#[from] candle_core::Error),
}

impl DualError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { source, .. } => source.kind(),
            Self::Architecture { .. } => ErrorKind::Unsupported,
            Self::Config { .. }
            | Self::Weights { .. }
            | Self::MissingTensor { .. }
            | Self::Shape { .. }
            | Self::UnknownTensors { .. }
            | Self::NotFinite { .. } => ErrorKind::Corrupt,
            Self::Diverged { .. } | Self::Tokenize { .. } | Self::Run(_) => ErrorKind::Internal,
        }
    }
}
