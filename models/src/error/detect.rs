//! Why a detector cannot be opened or answers with nonsense.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why a detector cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// What comes out of the network does not fit its head.
    #[error("the detector {model} answers with {found}, which head {head} cannot read")]
    Outputs {
        /// Id of the manifest.
        model: String,
        /// Name of the head.
        head: String,
        /// Names and shapes of the outputs.
        found: String,
    },
    /// The network answers with what is no number.
    #[error("the detector {model} returned values that are not finite; its weights are corrupt")]
    NotANumber {
        /// Id of the manifest.
        model: String,
    },
    /// More boxes than can be looked through.
    #[error(
        "the detector {model} sees {found} things in one view, and at most {most} can be told apart; raise its threshold"
    )]
    TooMany {
        /// Id of the manifest.
        model: String,
        /// How many.
        found: usize,
        /// How many it may see.
        most: usize,
    },
    /// The file is no ONNX model.
    #[error("the weights at {} are no ONNX model: {problem}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl DetectError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Outputs { .. } => ErrorKind::InvalidInput,
            Self::Weights { .. } | Self::NotANumber { .. } => ErrorKind::Corrupt,
            Self::TooMany { .. } => ErrorKind::Limit,
        }
    }
}
