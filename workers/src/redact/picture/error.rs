//! What can go wrong with a picture file.

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a picture could not be opened, changed or written back.
///
/// Damaged files are refused, never repaired: a repair shows other decoders another picture than
/// the one that was examined. The caller knows the name of the file and puts it in front.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PictureError {
    /// No known picture format.
    #[error("this is not a JPEG, PNG, WebP or TIFF picture")]
    NotPicture,
    /// A sound picture of a kind that cannot be changed in place.
    #[error("{0} is not supported; convert the picture to a plain JPEG or PNG first")]
    Unsupported(String),
    /// The file is cut short.
    #[error("the picture is cut short ({0}); upload it again")]
    Truncated(String),
    /// The file contradicts itself.
    #[error("the picture is damaged: {0}")]
    Corrupt(String),
    /// A limit would be exceeded.
    #[error("the limit on {what} is exceeded ({found} > {allowed}); make a smaller copy")]
    Limit {
        /// What is limited, e.g. `pixels`.
        what: String,
        /// What the file has.
        found: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// The changed picture could not be written.
    #[error("writing the picture failed: {0}")]
    Encode(String),
    /// A defect of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

impl PictureError {
    /// The kind of this failure, on which callers branch.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotPicture => ErrorKind::InvalidInput,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Truncated(_) | Self::Corrupt(_) => ErrorKind::Corrupt,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Encode(_) | Self::Internal(_) => ErrorKind::Internal,
        }
    }

    /// The stable kebab-case code of this failure, as sent over HTTP.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPicture => "not-picture",
            Self::Unsupported(_) => "picture-unsupported",
            Self::Truncated(_) => "picture-truncated",
            Self::Corrupt(_) => "picture-corrupt",
            Self::Limit { .. } => "picture-limit",
            Self::Encode(_) => "picture-encode-failed",
            Self::Internal(_) => "internal",
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    pub(crate) fn truncated(what: impl Into<String>) -> Self {
        Self::Truncated(what.into())
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }
}
