//! Why a back end cannot be used.

use crate::kind::ErrorKind;

/// Why a back end cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// There is no such back end.
    #[error("there is no back end {name:?}; there are {known}")]
    Unknown {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// This program was built without it.
    #[error(
        "this rushes was built without CUDA; build with `--features cuda`, or choose another back end"
    )]
    NotBuilt,
    /// There is no GPU, or none that can be used.
    #[error("GPU {gpu} cannot be used: {message}; `nvidia-smi` shows what the driver sees")]
    NoGpu {
        /// Its number.
        gpu: usize,
        /// Cause.
        message: String,
    },
}

impl BackendError {
    /// What kind of failure this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } => ErrorKind::InvalidInput,
            Self::NotBuilt | Self::NoGpu { .. } => ErrorKind::Unsupported,
        }
    }
}
