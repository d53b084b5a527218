//! How hits are combined, left out, put together and ordered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How modalities are combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// A shot is found if any modality finds it.
    #[default]
    Any,
    /// A shot is found if every modality finds it, at the same time.
    All,
}

/// What becomes one hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Each shot.
    #[default]
    Shot,
    /// The shots of an asset.
    Asset,
    /// The shots of a title.
    Title,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SortBy {
    /// By score; a list without anything to look for by title, then by registration and frame.
    #[default]
    Relevance,
    /// By asset in the order of registration, then by frame.
    Time,
    /// By the day and time at which the asset was added, the newest first, then by frame.
    Date,
    /// By the day and time at which the asset was added, the oldest first, then by registration and frame. Of
    /// near-duplicates that become one hit, the first in this order is shown.
    Earliest,
    /// By the integrated loudness of the shot, the loudest first. What is silent is the quietest; shots whose sound was not
    /// measured come last.
    Loudest,
    /// By the integrated loudness of the shot, the quietest first; shots whose sound was not measured come last.
    Quietest,
}

/// What is left out of what is like a shot, or like a time of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtherOnly {
    /// Its asset.
    Assets,
    /// Its title.
    Titles,
}

/// Which similar shots become one hit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Collapse {
    /// Shots whose vectors are at least this similar.
    pub similar: Option<f32>,
    /// Shots of one place that alternate with those of another, as in a dialogue.
    pub alternating: bool,
}
