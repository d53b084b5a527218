//! What can go wrong with a search.

use rushes_models::{ErrorKind, ModelError};
use thiserror::Error;

use crate::catalog::CatalogError;
use crate::index::IndexError;

/// A search that could not be answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The query holds nothing to look for.
    #[error("nothing to search for; give some words, a shot or a picture")]
    Empty,
    /// The query is longer than anybody types.
    #[error("the query is longer than {0} characters; shorten it")]
    TooLong(usize),
    /// More or fewer hits than a page may have.
    #[error("limit must be from 1 to {0}")]
    Limit(usize),
    /// A page token of another query, or none of ours.
    #[error("this page token is not of this query; ask for the first page again")]
    Page,
    /// The picture cannot be read.
    #[error("{name}: {cause}")]
    Picture {
        /// The file.
        name: String,
        /// Why.
        cause: String,
    },
    /// The shot has no vector in this space yet.
    #[error("shot {shot} has no vector in space {space} yet; wait for its embeddings")]
    NoVector {
        /// The shot.
        shot: String,
        /// The space.
        space: String,
    },
    /// The model is missing or failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The catalogue failed, or knows no such thing.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A thread died.
    #[error("the search thread died; this is a defect of rushes, see the log")]
    Died,
}

impl SearchError {
    /// What a caller should do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty | Self::TooLong(_) | Self::Limit(_) | Self::Page | Self::Picture { .. } => {
                ErrorKind::InvalidInput
            }
            Self::NoVector { .. } => ErrorKind::Unavailable,
            Self::Model(error) => error.kind(),
            Self::Catalog(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Died => ErrorKind::Internal,
        }
    }
}
