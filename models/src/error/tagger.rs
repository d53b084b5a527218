//! Why sounds cannot be named.

use std::path::PathBuf;

use crate::kind::ErrorKind;

/// Why sounds cannot be named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaggerError {
    /// The list of classes cannot be understood.
    #[error(
        "cannot read the classes of {model} in {}: {problem}; run `rushes models verify {model}`, or correct `classes` in its manifest",
        path.display()
    )]
    Classes {
        /// Id of the model.
        model: String,
        /// The list.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The network is not the one that the manifest describes.
    #[error(
        "the network {} is not the one that the manifest of {model} describes: {problem}; correct the manifest, or run `rushes models verify {model}`",
        path.display()
    )]
    Mismatch {
        /// Id of the model.
        model: String,
        /// The network.
        path: PathBuf,
        /// What differs.
        problem: String,
    },
    /// The network returned values that are not finite.
    #[error(
        "the network {} returned scores that are not finite; run `rushes models verify {model}`, or use another model",
        path.display()
    )]
    NotANumber {
        /// Id of the model.
        model: String,
        /// The network.
        path: PathBuf,
    },
}

impl TaggerError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Mismatch { .. } => ErrorKind::InvalidInput,
            Self::Classes { .. } | Self::NotANumber { .. } => ErrorKind::Corrupt,
        }
    }
}
