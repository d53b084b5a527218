//! Errors of a search.

use std::borrow::Cow;

use rushes_models::{ErrorKind, ModelError};
use thiserror::Error;

use crate::catalog::CatalogError;
use crate::index::IndexError;

/// A search that could not be answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The query is empty.
    #[error("nothing to search for; give a text, a shot or a picture")]
    Empty,
    /// The query is too long.
    #[error("the query is longer than {0} characters; shorten it")]
    TooLong(usize),
    /// The number of hits per page is out of range.
    #[error("limit must be from 1 to {0}")]
    Limit(usize),
    /// The page token belongs to another query, or is invalid.
    #[error("this page token belongs to another query; request the first page again")]
    Page,
    /// The picture cannot be read.
    #[error("{name}: {cause}")]
    Picture {
        /// The file.
        name: String,
        /// The reason.
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
    /// The catalogue failed, or does not have the requested item.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A thread ended without a result.
    #[error("the search thread failed; this is a bug in rushes, see the log")]
    Died,
}

impl SearchError {
    /// The stable code, for programs: `empty-query`.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the kind is code enough for the others"
    )]
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Catalog(error) => error.code(),
            Self::Empty => "empty-query".into(),
            Self::Page => "bad-page-token".into(),
            Self::NoVector { .. } => "not-embedded-yet".into(),
            _ => self.kind().as_str().into(),
        }
    }

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
