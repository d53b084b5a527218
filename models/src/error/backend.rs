//! Errors of backends.

use crate::kind::ErrorKind;

/// Why a backend cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// There is no such backend.
    #[error("unknown backend {name:?}; the known ones are {known}")]
    Unknown {
        /// The given name.
        name: String,
        /// The known names.
        known: String,
    },
    /// This program was built without it.
    #[error(
        "this rushes was built without CUDA; build with `--features cuda`, or choose another backend"
    )]
    NotBuilt,
    /// There is no GPU, or no usable one.
    #[error("GPU {gpu} cannot be used: {message}; `nvidia-smi` shows what the driver sees")]
    NoGpu {
        /// Its number.
        gpu: usize,
        /// Cause.
        message: String,
    },
}

impl BackendError {
    /// The kind of this failure.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } => ErrorKind::InvalidInput,
            Self::NotBuilt | Self::NoGpu { .. } => ErrorKind::Unsupported,
        }
    }
}
