//! What kind of failure an error is: the one vocabulary shared by all three crates.

use serde::{Deserialize, Serialize};

/// The kind of a failure, on which callers branch: jobs decide whether to retry, HTTP picks a status.
///
/// The message of an error is for people; its kind is for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// A named thing does not exist.
    NotFound,
    /// The input itself is wrong; the same input will fail again.
    InvalidInput,
    /// The input is sound, but this build or machine cannot handle it.
    Unsupported,
    /// A configured limit (size, time, memory, disk) was exceeded.
    Limit,
    /// Too much work is already accepted; later may succeed.
    Overloaded,
    /// Somebody asked for the work to stop.
    Cancelled,
    /// Something outside (network, store, device) does not answer; later may succeed.
    Unavailable,
    /// Stored or received bytes contradict themselves or their digest.
    Corrupt,
    /// A defect of this program.
    Internal,
}

impl ErrorKind {
    /// Whether the same work may succeed later without anybody changing the input.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Overloaded | Self::Unavailable | Self::Internal => true,
            Self::NotFound
            | Self::InvalidInput
            | Self::Unsupported
            | Self::Limit
            | Self::Cancelled
            | Self::Corrupt => false,
        }
    }

    /// The stable kebab-case name, as stored in the catalogue and sent over HTTP.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::InvalidInput => "invalid-input",
            Self::Unsupported => "unsupported",
            Self::Limit => "limit",
            Self::Overloaded => "overloaded",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Anything that can go wrong in this crate. The message is the inner error's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A manifest.
    #[error(transparent)]
    Manifest(#[from] crate::manifest::ManifestError),
    /// The store of pulled files.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A pull.
    #[error(transparent)]
    Pull(#[from] Box<crate::pull::PullError>),
    /// ONNX Runtime.
    #[error(transparent)]
    Runtime(#[from] crate::runtime::RuntimeError),
    /// A picture.
    #[error(transparent)]
    Picture(#[from] crate::preprocess::PictureError),
    /// A text encoder.
    #[error(transparent)]
    Text(#[from] crate::text::TextError),
    /// A detector.
    #[error(transparent)]
    Detect(#[from] crate::detect::DetectError),
    /// A dual encoder.
    #[error(transparent)]
    Dual(#[from] crate::dual::DualError),
    /// A back end.
    #[error(transparent)]
    Backend(#[from] crate::backend::BackendError),
    /// A device has no room for a batch; a smaller one may fit.
    #[error(
        "{backend} has no memory for {batch} pictures at once; choose a smaller model, or free memory of the device"
    )]
    OutOfMemory {
        /// What computes.
        backend: String,
        /// Pictures or texts in the batch.
        batch: usize,
    },
    /// The `lite` model.
    #[error(transparent)]
    Lite(#[from] crate::lite::LiteError),
}

impl ModelError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Manifest(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Pull(e) => e.kind(),
            Self::Runtime(e) => e.kind(),
            Self::Picture(e) => e.kind(),
            Self::Text(e) => e.kind(),
            Self::Detect(e) => e.kind(),
            Self::Dual(e) => e.kind(),
            Self::Backend(e) => e.kind(),
            Self::Lite(e) => e.kind(),
            // Of the device and the moment, not of the input.
            Self::OutOfMemory { .. } => ErrorKind::Overloaded,
        }
    }
}
