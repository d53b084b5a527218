//! Errors of detectors: opening them, and invalid outputs.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why a detector cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The network's outputs do not fit its head.
    #[error("the detector {model} returned {found}, which head {head} cannot decode")]
    Outputs {
        /// Id of the manifest.
        model: String,
        /// Name of the head.
        head: String,
        /// Names and shapes of the outputs.
        found: String,
    },
    /// The network returned values that are not finite.
    #[error("the detector {model} returned values that are not finite; its weights are corrupt")]
    NotANumber {
        /// Id of the manifest.
        model: String,
    },
    /// Integers were asked for, and the ranges of the network's activations are not known.
    #[error(
        "the detector {model} cannot compute with int8: its activations were not measured with these weights; use f32"
    )]
    NotMeasured {
        /// Id of the manifest.
        model: String,
    },
    /// Too many boxes to process.
    #[error(
        "the detector {model} found {found} boxes in one view, more than the limit of {most}; raise its threshold"
    )]
    TooMany {
        /// Id of the manifest.
        model: String,
        /// Their number.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// The file is not an ONNX model.
    #[error("the weights at {} are not an ONNX model: {problem}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
}

impl DetectError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Outputs { .. } => ErrorKind::InvalidInput,
            Self::Weights { .. } | Self::NotANumber { .. } => ErrorKind::Corrupt,
            Self::NotMeasured { .. } => ErrorKind::InvalidInput,
            Self::TooMany { .. } => ErrorKind::Limit,
        }
    }
}
