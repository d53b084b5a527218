//! Errors of models that tell faces apart.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why faces cannot be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaceError {
    /// A file of the model is damaged, or is of another network.
    #[error("cannot use the weights at {}: {problem}; run `rushes models verify {model}`", path.display())]
    Weights {
        /// Id of the model.
        model: String,
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The detector gives boxes only.
    #[error(
        "the detector {detector} does not say where eyes, nose and mouth are; name another one in the manifest of {model}"
    )]
    NoPoints {
        /// Id of the model.
        model: String,
        /// Id of the detector.
        detector: String,
    },
    /// None of the detectors is installed.
    #[error("no detector for {model} is installed; run `rushes models pull {model}`")]
    NoDetector {
        /// Id of the model.
        model: String,
    },
    /// The network returned other numbers than those of a face.
    #[error(
        "the model {model} returned an invalid description of a face; run `rushes models verify {model}`"
    )]
    Outputs {
        /// Id of the model.
        model: String,
    },
}

impl FaceError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Weights { .. } | Self::Outputs { .. } => ErrorKind::Corrupt,
            Self::NoPoints { .. } => ErrorKind::InvalidInput,
            Self::NoDetector { .. } => ErrorKind::Unsupported,
        }
    }
}
