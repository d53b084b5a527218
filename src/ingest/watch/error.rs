//! Why a place is not watched.

use rushes_models::ErrorKind;
use rushes_workers::storage::StorageError;
use thiserror::Error;

/// A place that cannot be watched.
#[derive(Debug, Error)]
pub enum WatchError {
    /// It does not exist, or is not readable.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file.
    #[error("{0}: not a folder; name the folder that holds it, or ingest it with `rushes ingest`")]
    NotAFolder(String),
    /// A place that is not a folder or a prefix in S3.
    #[error("{0}: cannot be watched; name a folder or s3://bucket/prefix/")]
    Unwatchable(String),
    /// A place that is part of another.
    #[error("{inner} is part of {outer}, which is watched with everything below it; leave it out")]
    Nested {
        /// The part.
        inner: String,
        /// The whole.
        outer: String,
    },
    /// The data folder or the store.
    #[error("{0}: rushes keeps its own files there; name a folder outside of it")]
    Own(String),
    /// A pattern that is not valid.
    #[error("--ignore: not a valid pattern; patterns are like *.tmp or day1/**/raw")]
    Ignore(#[from] globset::Error),
}

impl WatchError {
    /// The stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.code(),
            Self::NotAFolder(_) => "not-a-folder",
            Self::Unwatchable(_) => "unwatchable",
            Self::Nested { .. } => "nested-watch",
            Self::Own(_) => "own-folder",
            Self::Ignore(_) => "bad-pattern",
        }
    }

    /// What a caller should do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::NotAFolder(_)
            | Self::Unwatchable(_)
            | Self::Nested { .. }
            | Self::Own(_)
            | Self::Ignore(_) => ErrorKind::InvalidInput,
        }
    }
}
