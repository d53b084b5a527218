//! Search queries.

use std::sync::Arc;

use image::RgbImage;

use super::recall::{Modality, modalities};
use super::{MAX_LIMIT, SearchError};
use crate::catalog::{AssetId, ShotId, TitleId};

/// Longest query text in characters.
const MAX_TEXT: usize = 2000;

/// What to search for.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A text.
    Text(String),
    /// Shots similar to this shot.
    Shot(ShotId),
    /// Shots similar to this picture.
    Picture(Arc<RgbImage>),
}

/// Where to search: the union of both lists, or everything if both are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Titles by id or name.
    pub titles: Vec<String>,
    /// Assets.
    pub assets: Vec<AssetId>,
    /// The titles that may be searched at all; all of them if `None`.
    pub within: Option<Vec<TitleId>>,
}

impl Scope {
    /// Whether everything is in scope.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.titles.is_empty() && self.assets.is_empty() && self.within.is_none()
    }
}

/// One search request.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What to search for.
    pub subject: Subject,
    /// Modalities to search; all if empty.
    pub modalities: Vec<Modality>,
    /// Where to search.
    pub scope: Scope,
    /// Hits per page.
    pub limit: usize,
    /// The page: `next` of the previous answer.
    pub page: Option<String>,
}

impl SearchRequest {
    pub(super) fn validate(&self) -> Result<(), SearchError> {
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            return Err(SearchError::Limit(MAX_LIMIT));
        }
        match &self.subject {
            Subject::Text(text) if text.trim().is_empty() => Err(SearchError::Empty),
            Subject::Text(text) if text.chars().count() > MAX_TEXT => {
                Err(SearchError::TooLong(MAX_TEXT))
            }
            Subject::Text(_) | Subject::Shot(_) | Subject::Picture(_) => Ok(()),
        }
    }

    /// The modalities to search: the requested ones that support this subject.
    pub(super) fn senses(&self) -> Vec<Modality> {
        modalities(&self.modalities, &self.subject)
    }
}
