//! What can go wrong with the index.

use std::path::{Path, PathBuf};

use rushes_models::ErrorKind;
use thiserror::Error;

use crate::catalog::CatalogError;

/// A failed access to the index. Whatever it is, `rushes index rebuild` makes the index again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file of the index cannot be read or written.
    #[error("{}: {source}; check the disk, then run `rushes index rebuild`", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A snapshot contradicts itself or is of another version.
    #[error("{}: {what}; run `rushes index rebuild`", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The text index failed.
    #[error("the text index failed ({0}); run `rushes index rebuild`")]
    Text(#[from] tantivy::TantivyError),
    /// Vectors of another dimension than the space has.
    #[error(
        "asset {asset}: vectors of {found} dimensions in a space of {expected}; run `rushes index rebuild`"
    )]
    Dimensions {
        /// The asset.
        asset: String,
        /// Of the space.
        expected: usize,
        /// Of the vectors.
        found: usize,
    },
    /// Not one vector for each shot.
    #[error("asset {asset}: {vectors} vectors for {shots} shots; this is a defect of rushes")]
    Counts {
        /// The asset.
        asset: String,
        /// Its shots.
        shots: usize,
        /// Its vectors.
        vectors: usize,
    },
    /// A vector that holds something other than numbers.
    #[error(
        "asset {asset}: the vector of shot {shot} has values that are no numbers; compute it again with `rushes ingest`"
    )]
    NoNumbers {
        /// The asset.
        asset: String,
        /// Rank of the shot.
        shot: usize,
    },
    /// The indexing thread ended without an answer.
    #[error("the indexing thread died: {0}; this is a defect of rushes")]
    Died(String),
    /// Another process writes this index.
    #[error("another rushes process is at work on this data folder; stop it first")]
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
            Self::Text(_) | Self::Died(_) => ErrorKind::Internal,
            Self::Catalog(error) => error.kind(),
        }
    }

    /// Whether the files contradict themselves, or are of another version: only then is making the index again the
    /// answer. A lack of permission, of descriptors or of room says nothing about them.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else fails is no reason to delete hours of work"
    )]
    pub(super) fn is_damage(&self) -> bool {
        use tantivy::TantivyError;
        use tantivy::directory::error::OpenReadError;
        match self {
            Self::Damaged { .. } => true,
            Self::Text(error) => matches!(
                error,
                TantivyError::DataCorruption(_)
                    | TantivyError::SchemaError(_)
                    | TantivyError::IncompatibleIndex(_)
                    | TantivyError::DeserializeError(_)
                    | TantivyError::OpenReadError(
                        OpenReadError::FileDoesNotExist(_) | OpenReadError::IncompatibleIndex(_)
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
