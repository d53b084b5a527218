//! Errors of the index.

use std::path::{Path, PathBuf};

use rushes_models::{ErrorKind, LibraryError};
use thiserror::Error;

use crate::catalog::CatalogError;

/// A failed access to the index. `rushes index rebuild` fixes all of these.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file of the index cannot be read or written.
    #[error("{}: the index cannot be read or written; check the disk, then run `rushes index rebuild`", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The error from the system.
        #[source]
        source: std::io::Error,
    },
    /// A snapshot is inconsistent or of another version.
    #[error("{}: {what}; run `rushes index rebuild`", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The text index failed.
    #[error("the text index failed; run `rushes index rebuild`")]
    Text(#[source] LibraryError),
    /// The vectors have another dimension than the space.
    #[error(
        "asset {asset}: vectors of {found} dimensions in a space of {expected}; run `rushes index rebuild`"
    )]
    Dimensions {
        /// The asset.
        asset: String,
        /// Dimension of the space.
        expected: usize,
        /// Dimension of the vectors.
        found: usize,
    },
    /// The number of vectors differs from the number of shots.
    #[error("asset {asset}: {vectors} vectors for {shots} shots; this is a bug in rushes")]
    Counts {
        /// The asset.
        asset: String,
        /// Number of shots.
        shots: usize,
        /// Number of vectors.
        vectors: usize,
    },
    /// A vector has values that are not finite.
    #[error(
        "asset {asset}: the vector of shot {shot} has values that are not finite; compute it again with `rushes ingest`"
    )]
    NoNumbers {
        /// The asset.
        asset: String,
        /// Rank of the shot.
        shot: usize,
    },
    /// A segment of new vectors is inconsistent.
    #[error("the new vectors cannot be indexed: {0}; this is a bug in rushes")]
    Segment(String),
    /// The indexing thread ended without a result.
    #[error("the indexing thread failed: {0}; this is a bug in rushes")]
    Died(String),
    /// Another process writes this index.
    #[error("another rushes process is working on this data folder; stop it first")]
    Locked,
    /// The catalogue could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl IndexError {
    /// What a caller should do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::Locked => ErrorKind::Unavailable,
            Self::Damaged { .. }
            | Self::Dimensions { .. }
            | Self::Counts { .. }
            | Self::NoNumbers { .. } => ErrorKind::Corrupt,
            Self::Text(_) | Self::Segment(_) | Self::Died(_) => ErrorKind::Internal,
            Self::Catalog(error) => error.kind(),
        }
    }

    /// Whether the files are inconsistent or of another version. Only then is a rebuild the answer. Missing
    /// permission, descriptors or space say nothing about the files.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other failure justifies deleting hours of work"
    )]
    pub(super) fn is_damage(&self) -> bool {
        use tantivy::TantivyError;
        use tantivy::directory::error::OpenReadError;
        match self {
            Self::Damaged { .. } => true,
            Self::Text(error) => matches!(
                error.inner().downcast_ref(),
                Some(
                    TantivyError::DataCorruption(_)
                        | TantivyError::SchemaError(_)
                        | TantivyError::IncompatibleIndex(_)
                        | TantivyError::DeserializeError(_)
                        | TantivyError::OpenReadError(
                            OpenReadError::FileDoesNotExist(_)
                                | OpenReadError::IncompatibleIndex(_)
                        )
                )
            ),
            _ => false,
        }
    }

    pub(super) fn io(file: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            file: file.to_owned(),
            source,
        }
    }
}

impl From<tantivy::TantivyError> for IndexError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Text(LibraryError::new(error))
    }
}
