//! Why a dual encoder cannot be opened or cannot encode.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why a dual encoder cannot be opened or cannot encode.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DualError {
    /// Of which model and file the rest is said.
    #[error("{}: {source}; run `rushes models verify {model}`", path.display())]
    File {
        /// Id of the model.
        model: String,
        /// The file, or the folder of configuration files.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// The architecture is not one of those above.
    #[error(
        "the architecture {name:?} is not known; known are clip, siglip, and OpenCLIP's CLIP and PE-Core"
    )]
    Architecture {
        /// What the model's files call it.
        name: String,
    },
    /// The configuration contradicts itself, or cannot be read.
    #[error("the configuration cannot be used: {problem}")]
    Config {
        /// What is wrong.
        problem: String,
    },
    /// The weights are no safetensors, or are cut short.
    #[error("the weights cannot be read: {problem}")]
    Weights {
        /// What is wrong.
        problem: String,
    },
    /// The weights lack a tensor.
    #[error("the weights have no tensor {name:?}")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor {name:?} has the shape {actual:?} instead of {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// What the configuration says.
        expected: Vec<usize>,
        /// What it is.
        actual: Vec<usize>,
    },
    /// The weights hold tensors of another architecture.
    #[error(
        "the weights have {count} tensors that the configuration does not speak of, such as {some}"
    )]
    UnknownTensors {
        /// How many.
        count: usize,
        /// The first few.
        some: String,
    },
    /// A tensor holds infinities or what is no number.
    #[error("tensor {name:?} holds values that are no numbers")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// The network returned vectors that cannot be used.
    #[error(
        "{backend} made vectors that are no numbers or zero; try another back end (models.backend)"
    )]
    Diverged {
        /// What computed.
        backend: String,
    },
    /// The tokenizer refused a text.
    #[error("the tokenizer failed: {message}")]
    Tokenize {
        /// Cause.
        message: String,
    },
    /// candle failed.
    #[error("candle failed: {0}")]
    Run(#[from] candle_core::Error),
}

impl DualError {
    /// What kind of failure this is.
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
