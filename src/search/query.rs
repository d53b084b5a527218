//! What can be asked.

use std::sync::Arc;

use image::RgbImage;

use super::recall::{Modality, modalities};
use super::{MAX_LIMIT, SearchError};
use crate::catalog::{AssetId, ShotId, TitleId};

/// Longest query text in characters.
const MAX_TEXT: usize = 2000;

/// What is looked for.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Words.
    Text(String),
    /// Shots like this one.
    Shot(ShotId),
    /// Shots like this picture.
    Picture(Arc<RgbImage>),
}

/// Where to look; everything is searched if both lists are empty, else what either names.
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
    /// Whether nothing is left out.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.titles.is_empty() && self.assets.is_empty() && self.within.is_none()
    }
}

/// One search.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What is looked for.
    pub subject: Subject,
    /// By which senses; all if empty.
    pub modalities: Vec<Modality>,
    /// Where.
    pub scope: Scope,
    /// Hits on a page.
    pub limit: usize,
    /// The page, as the answer before named it.
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

    /// By which senses it looks: those asked for that can look for this at all.
    pub(super) fn senses(&self) -> Vec<Modality> {
        modalities(&self.modalities, &self.subject)
    }
}
