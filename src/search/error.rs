//! Errors of a search.

use std::borrow::Cow;

use rushes_models::{ErrorKind, ModelError};
use thiserror::Error;

use super::query::syntax::SyntaxError;
use crate::catalog::CatalogError;
use crate::catalog::filter::FilterError;
use crate::index::IndexError;

/// A search that could not be answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The query is empty.
    #[error("nothing to search for; give a text, a shot, a picture or a filter")]
    Empty,
    /// The query is too long.
    #[error("the query is longer than {0} characters; shorten it")]
    TooLong(usize),
    /// The text of a query has a mistake.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The model that a search names has no vectors here.
    #[error("no video has vectors of the model {0:?}; the list of models says which ones are used")]
    NoSpace(String),
    /// The model that a search names does not have the vectors of all videos yet.
    #[error(
        "the vectors of {0} are still being computed; leave out the model, and the active one answers"
    )]
    NotBuilt(String),
    /// A request asks for nothing, or for two things.
    #[error("{0}")]
    Body(String),
    /// The query has too many parts.
    #[error("a query has at most {0} parts")]
    TooManyParts(usize),
    /// The query has too many facets.
    #[error("a query has at most {0} facets")]
    TooManyFacets(usize),
    /// A weight is out of range.
    #[error("{0} is not a weight of a part; use a number from -100 to 100 that is not 0")]
    Weight(f64),
    /// The weight of a modality is out of range.
    #[error("{0} is not a weight of a modality; use a number above 0 and up to 100")]
    ModalityWeight(f64),
    /// Nothing is wanted.
    #[error("the query says only what is not wanted; say what is wanted too, as in `car -night`")]
    AllNegative,
    /// The sum of the parts has no direction.
    #[error("the parts of the query cancel each other out; change their weights")]
    CancelOut,
    /// A modality is asked for that no part of the query can be searched by.
    #[error("the query has nothing to search for by {0}; add a part, or leave out the modality")]
    NothingFor(&'static str),
    /// A time span ends before it starts.
    #[error("the time from {from_ms} ms to {to_ms} ms is empty; `to_ms` must be later")]
    Span {
        /// Start.
        from_ms: u64,
        /// End.
        to_ms: u64,
    },
    /// The asset has no vectors in this space yet.
    #[error("asset {asset} has no vectors in space {space} yet; wait for its embeddings")]
    NoVectors {
        /// The asset.
        asset: String,
        /// The space.
        space: String,
    },
    /// Nothing is shown at that time.
    #[error("asset {asset} shows nothing from {from_ms} ms to {to_ms} ms; choose another time")]
    Outside {
        /// The asset.
        asset: String,
        /// Start.
        from_ms: u64,
        /// End.
        to_ms: u64,
    },
    /// A vector of another length.
    #[error("the vector has {given} values, but vectors of {space} have {dims}")]
    VectorLength {
        /// Length of the vector.
        given: usize,
        /// The space.
        space: String,
        /// Length of its vectors.
        dims: usize,
    },
    /// A vector of another space.
    #[error(
        "the vector is in space {given}, but {searched} is searched; encode it with that model"
    )]
    OtherSpace {
        /// The space of the vector.
        given: String,
        /// The space that is searched.
        searched: String,
    },
    /// A part says what is not wanted in a modality that is not searched.
    #[error(
        "part {0} excludes something from a modality that is not searched; say also what is wanted there"
    )]
    UnusedPart(usize),
    /// A shot has no picture to compare.
    #[error("shot {0} shows no picture, so nothing is similar to it; choose another shot")]
    NoPicture(String),
    /// There is no sentence encoder.
    #[error(
        "dialogue cannot be searched by meaning, because no sentence encoder is installed; run `rushes models pull minilm`, and see models.text_to_text in the settings"
    )]
    NoSentences,
    /// A value of a vector is no finite number.
    #[error("value {0} of the vector, counted from 0, is not a finite number")]
    VectorNotFinite(usize),
    /// A vector without a direction.
    #[error("the vector is zero, so it has no direction")]
    VectorZero,
    /// A threshold of similarity is out of range.
    #[error("{0} is not a similarity to collapse by; use a number above 0 and up to 1")]
    Threshold(f32),
    /// Nothing that the query names has an asset of its own.
    #[error(
        "`other` leaves out the asset or the title of a shot, or of a time of an asset, that the query is to be like, but it has none; add one, or leave out `other`"
    )]
    NothingOwn,
    /// There are too many shots in scope to be compared with each other.
    #[error(
        "a list can be grouped or collapsed if it has up to {0} shots; add filters, or something to search for"
    )]
    TooManyToGroup(usize),
    /// A filter cannot be applied.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The values of a field cannot be counted.
    #[error(transparent)]
    Facet(FilterError),
    /// The number of hits per page is out of range.
    #[error("limit must be from 1 to {0}")]
    Limit(usize),
    /// The page token belongs to another query, or is invalid.
    #[error(
        "this page token is invalid, or belongs to another query or another server; request the first page again"
    )]
    Page,
    /// The page token is too old.
    #[error("this page token has expired; request the first page again")]
    PageExpired,
    /// The list of an answer cannot be kept or read.
    #[error("the pages of the answer cannot be kept in the data folder")]
    Pages(#[source] std::io::Error),
    /// The picture cannot be read.
    #[error("{name}: {cause}")]
    Picture {
        /// The file.
        name: String,
        /// The reason.
        cause: String,
    },
    /// The clip cannot be read.
    #[error("the clip cannot be searched by: {0}")]
    Clip(String),
    /// The clip has too many bytes.
    #[error("the clip has more than {0} bytes; send a shorter one, or search by a shot of it")]
    ClipTooLarge(u64),
    /// The clip is too long.
    #[error("the clip is longer than {0} s; cut it, or ingest it and search by its shots")]
    ClipTooLong(u64),
    /// The shot has no vector in this space yet.
    #[error("shot {shot} has no vector in space {space} yet; wait for its embeddings")]
    NoVector {
        /// The shot.
        shot: String,
        /// The space.
        space: String,
    },
    /// It is not known yet how the shot ends.
    #[error(
        "how shot {0} ends has not been computed yet; wait for the job of its file, or ingest the file again if that was before this version"
    )]
    NoEdges(String),
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
            Self::Filter(error) | Self::Facet(error) => error.code().into(),
            Self::Syntax(error) => error.code.into(),
            Self::Body(_) => "bad-request".into(),
            Self::NoSpace(_) => "no-such-space".into(),
            Self::NotBuilt(_) => "space-not-ready".into(),
            Self::Empty => "empty-query".into(),
            Self::TooLong(_) => "too-long".into(),
            Self::TooManyParts(_) => "too-many-parts".into(),
            Self::TooManyFacets(_) => "too-many-facets".into(),
            Self::TooManyToGroup(_) => "too-many-to-group".into(),
            Self::NothingOwn => "nothing-own".into(),
            Self::Weight(_) | Self::ModalityWeight(_) => "bad-weight".into(),
            Self::AllNegative => "all-negative".into(),
            Self::CancelOut => "parts-cancel-out".into(),
            Self::NothingFor(_) => "nothing-for-modality".into(),
            Self::Span { .. } | Self::Outside { .. } => "bad-span".into(),
            Self::VectorLength { .. } => "vector-length".into(),
            Self::OtherSpace { .. } => "other-space".into(),
            Self::UnusedPart(_) => "unused-part".into(),
            Self::NoPicture(_) => "no-picture".into(),
            Self::NoSentences => "no-sentence-encoder".into(),
            Self::VectorNotFinite(_) => "vector-not-finite".into(),
            Self::VectorZero => "vector-zero".into(),
            Self::Threshold(_) => "bad-threshold".into(),
            Self::Picture { .. } => "bad-picture".into(),
            Self::Clip(_) => "bad-clip".into(),
            Self::ClipTooLarge(_) => "clip-too-large".into(),
            Self::ClipTooLong(_) => "clip-too-long".into(),
            Self::Page => "bad-page-token".into(),
            Self::PageExpired => "page-token-expired".into(),
            Self::Pages(error) if is_full(error) => "disk-full".into(),
            Self::NoVector { .. } | Self::NoVectors { .. } => "not-embedded-yet".into(),
            Self::NoEdges(_) => "not-made-yet".into(),
            _ => self.kind().as_str().into(),
        }
    }

    /// The field of a request that is wrong, if it is one.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others concern the query as a whole, or no field"
    )]
    pub fn field(&self) -> Option<String> {
        match self {
            Self::Syntax(_) => Some("q".to_owned()),
            Self::Filter(error) => Some(match error.field() {
                Some(field) => format!("filters.{field}"),
                None => "filters".to_owned(),
            }),
            Self::Facet(_) | Self::TooManyFacets(_) => Some("facets".to_owned()),
            Self::Threshold(_) => Some("collapse.similar".to_owned()),
            Self::ModalityWeight(_) => Some("weights".to_owned()),
            Self::NothingFor(_) => Some("modalities".to_owned()),
            Self::TooManyParts(_) => Some("parts".to_owned()),
            Self::NothingOwn => Some("other".to_owned()),
            Self::Limit(_) => Some("limit".to_owned()),
            Self::NoSpace(_) | Self::NotBuilt(_) => Some("model".to_owned()),
            Self::Page | Self::PageExpired => Some("page".to_owned()),
            _ => None,
        }
    }

    /// What a caller should do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty
            | Self::TooLong(_)
            | Self::Syntax(_)
            | Self::Body(_)
            | Self::TooManyParts(_)
            | Self::TooManyFacets(_)
            | Self::TooManyToGroup(_)
            | Self::NothingOwn
            | Self::Weight(_)
            | Self::ModalityWeight(_)
            | Self::AllNegative
            | Self::CancelOut
            | Self::NothingFor(_)
            | Self::Span { .. }
            | Self::Outside { .. }
            | Self::VectorLength { .. }
            | Self::OtherSpace { .. }
            | Self::VectorNotFinite(_)
            | Self::VectorZero
            | Self::Threshold(_)
            | Self::Limit(_)
            | Self::Page
            | Self::PageExpired
            | Self::Filter(_)
            | Self::Facet(_)
            | Self::NoPicture(_)
            | Self::UnusedPart(_)
            | Self::Clip(_)
            | Self::NoSpace(_)
            | Self::Picture { .. } => ErrorKind::InvalidInput,
            Self::ClipTooLarge(_) | Self::ClipTooLong(_) => ErrorKind::Limit,
            Self::NoSentences
            | Self::NotBuilt(_)
            | Self::NoEdges(_)
            | Self::NoVector { .. }
            | Self::NoVectors { .. } => ErrorKind::Unavailable,
            Self::Pages(error) if is_full(error) => ErrorKind::Unavailable,
            Self::Pages(_) => ErrorKind::Internal,
            Self::Model(error) => error.kind(),
            Self::Catalog(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Died => ErrorKind::Internal,
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::StorageFull
}
