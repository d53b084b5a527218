//! Assets and shots in lists.

use serde::Serialize;
use utoipa::ToSchema;

use super::shot::BoundaryView;
use super::time::{Clock, Time};
use crate::catalog::listing::{AssetSummary, ListedShot};
use crate::catalog::metadata::{Metadata, Tags};
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, CatalogError, ShotId, TitleId};

/// An asset in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssetListItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AssetId,
    /// Name of its title.
    pub title: String,
    /// Id of its title.
    #[schema(value_type = String)]
    pub title_id: TitleId,
    /// Where it is.
    pub uri: String,
    /// Size in bytes.
    pub size: i64,
    /// Shots that readers see.
    pub shots: i64,
    /// How often what readers see of it was replaced; 0 is nothing yet.
    pub generation: i64,
    /// Where the computation of its features stands: `pending`, `running`, `ready`, `failed`, `cancelled`.
    #[schema(value_type = String)]
    pub state: RunState,
    /// Tags in alphabetical order.
    #[schema(value_type = Vec<String>)]
    pub tags: Tags,
    /// Metadata by key.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// When it was registered, Unix milliseconds.
    pub created_ms: i64,
}

/// A shot in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShotListItem {
    /// Its id.
    #[schema(value_type = String)]
    pub shot: ShotId,
    /// First frame.
    pub start: Time,
    /// One past the last frame.
    pub end: Time,
    /// The boundary with which it begins.
    #[serde(rename = "in")]
    pub opening: BoundaryView,
    /// Tags that people gave its frames.
    #[schema(value_type = Vec<String>)]
    pub tags: Tags,
    /// A note on its frames.
    pub note: Option<String>,
}

impl From<AssetSummary> for AssetListItem {
    fn from(asset: AssetSummary) -> Self {
        Self {
            id: asset.id,
            title: asset.title,
            title_id: asset.title_id,
            uri: asset.uri,
            size: asset.size,
            shots: asset.shots,
            generation: asset.generation,
            state: asset.state,
            tags: asset.tags,
            metadata: asset.metadata,
            created_ms: asset.created_at,
        }
    }
}

impl ShotListItem {
    pub(crate) fn new(asset: &AssetId, shot: ListedShot) -> Result<Self, CatalogError> {
        let clock = Clock::parse(&shot.scan)?;
        Ok(Self {
            shot: ShotId {
                asset: asset.clone(),
                start: shot.start_frame.cast_unsigned(),
                end: shot.end_frame.cast_unsigned(),
            },
            start: clock.stored(shot.start_frame, shot.start_ms),
            end: clock.stored(shot.end_frame, shot.end_ms),
            opening: (&shot.opening).into(),
            tags: shot.tags.map(Tags::from).unwrap_or_default(),
            note: shot.note,
        })
    }
}
