//! Errors of storage.

use rushes_models::{ErrorKind, LibraryError};
use thiserror::Error;

/// A failed access to a video or to the feature store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The file or object does not exist.
    #[error("{0}: no such file; check the name")]
    NotFound(String),
    /// A folder without videos.
    #[error("{0}: no video found in it")]
    NoVideos(String),
    /// A subtitle file without a video.
    #[error("{0}: this is a subtitle file; put it beside its video and ingest the video")]
    Subtitles(String),
    /// A folder or a special file where a regular file is needed.
    #[error("{0}: not a regular file; name a file")]
    NotAFile(String),
    /// Not a path, `file://`, `s3://` or `store:` name.
    #[error("{0}: not a supported location; use a path, file:// or s3://bucket/key")]
    Scheme(String),
    /// The file differs from the registered version.
    #[error("{0}: the file changed after it was registered; register it again")]
    Changed(String),
    /// An object that reads otherwise than it was written.
    #[error("{0}: the store returns other bytes than were written; check its disks and try again")]
    Garbled(String),
    /// The object exceeds the limit.
    #[error("{name}: larger than the limit of {limit} bytes")]
    TooLarge {
        /// The object to store.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Reading or writing is not permitted.
    #[error("{name}: permission denied; allow rushes to access it")]
    Denied {
        /// The file or object.
        name: String,
        /// The error from the system.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk is full.
    #[error("{name}: the disk is full; free some space and the work continues")]
    Full {
        /// The file or object.
        name: String,
        /// The error from the system.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store does not answer, or answers with an error of its own.
    #[error(
        "{name}: the store does not answer; check the endpoint, the bucket, the network, and AWS_ACCESS_KEY_ID"
    )]
    Unavailable {
        /// The file or object.
        name: String,
        /// The error from the client.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An S3 setting that is unknown or conflicts with another.
    #[error("S3 setting {name}")]
    Setting {
        /// The setting, e.g. `aws_endpoint`.
        name: String,
        /// The problem with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "foreign error kinds are many and grow; the others count as unavailable"
)]
impl StorageError {
    /// The stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "file-not-found",
            Self::NoVideos(_) => "no-videos",
            Self::Subtitles(_) => "subtitles-alone",
            Self::NotAFile(_) => "not-a-file",
            Self::Scheme(_) => "unknown-place",
            Self::Changed(_) => "file-changed",
            Self::Garbled(_) => "object-garbled",
            Self::TooLarge { .. } => "file-too-large",
            Self::Denied { .. } => "permission-denied",
            Self::Setting { .. } => "bad-setting",
            Self::Full { .. } => "disk-full",
            Self::Unavailable { .. } => "store-unavailable",
        }
    }

    /// How a caller should react.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::NoVideos(_) => ErrorKind::NotFound,
            Self::NotAFile(_)
            | Self::Subtitles(_)
            | Self::Scheme(_)
            | Self::Changed(_)
            | Self::Denied { .. }
            | Self::Setting { .. } => ErrorKind::InvalidInput,
            Self::Garbled(_) => ErrorKind::Corrupt,
            Self::TooLarge { .. } => ErrorKind::Limit,
            // Space may become free again, so the work is retried.
            Self::Full { .. } | Self::Unavailable { .. } => ErrorKind::Unavailable,
        }
    }

    pub(crate) fn io(name: &str, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let name = name.to_owned();
        match source.kind() {
            Io::NotFound | Io::NotADirectory => Self::NotFound(name),
            Io::PermissionDenied => Self::Denied {
                name,
                source: source.into(),
            },
            Io::StorageFull | Io::QuotaExceeded => Self::Full {
                name,
                source: source.into(),
            },
            _ => Self::Unavailable {
                name,
                source: source.into(),
            },
        }
    }

    pub(crate) fn store(name: &str, source: object_store::Error) -> Self {
        if let object_store::Error::NotFound { .. } = source {
            return Self::NotFound(name.to_owned());
        }
        let name = name.to_owned();
        match io_kind(&source) {
            Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
                Self::Full {
                    name,
                    source: LibraryError::new(source).into(),
                }
            }
            Some(std::io::ErrorKind::PermissionDenied) => Self::Denied {
                name,
                source: LibraryError::new(source).into(),
            },
            _ => match source {
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. } => Self::Denied {
                    name,
                    source: LibraryError::new(source).into(),
                },
                object_store::Error::Precondition { .. } => Self::Changed(name),
                source => Self::Unavailable {
                    name,
                    source: LibraryError::new(source).into(),
                },
            },
        }
    }
}

/// The I/O error at the root of a store's error, if there is one: a full disk is reported in wrappers.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
