//! Assets.

use rushes_workers::media::MediaInfo;
use rushes_workers::stages::Feature;
use serde::Serialize;
use utoipa::ToSchema;

use super::job::StageView;
use crate::catalog::AssetId;
use crate::catalog::assets::Asset;
use crate::catalog::metadata::{Metadata, Tags};
use crate::catalog::records::ProbeRecord;
use crate::catalog::runs::Run;

/// An asset.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssetView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AssetId,
    /// Name of its title.
    pub title: String,
    /// Its location.
    pub uri: String,
    /// Location of the file that is to replace it, until what is computed of that is published.
    pub replaced_by: Option<String>,
    /// Tags in alphabetical order.
    #[schema(value_type = Vec<String>)]
    pub tags: Tags,
    /// Metadata by key.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// Size in bytes.
    pub size: i64,
    /// BLAKE3 digest of its bytes in hex, once the whole file has been read.
    pub blake3: Option<String>,
    /// Number of times its published results were replaced; 0 if nothing is published yet.
    pub generation: i64,
    /// Number of published shots.
    pub shots: usize,
    /// The properties of the file, once it has been probed.
    #[schema(value_type = Option<Object>)]
    pub media: Option<MediaInfo>,
    /// The stages of its features.
    pub stages: Vec<StageView>,
}

impl AssetView {
    /// `runs` are those that are wanted, `published` those of what readers see.
    pub(crate) fn new(asset: Asset, shots: usize, runs: &[Run], published: &[Run]) -> Self {
        // While a file is to be replaced, the newest probe is of the file that replaces it.
        let seen = if asset.replaced_by.is_some() {
            published
        } else {
            runs
        };
        let probe = seen
            .iter()
            .find(|run| run.feature == Feature::Probe.as_str());
        let media = probe.and_then(Run::record::<ProbeRecord>);
        Self {
            id: asset.id,
            title: asset.title,
            uri: asset.uri,
            replaced_by: asset.replaced_by,
            tags: asset.tags,
            metadata: asset.metadata,
            size: asset.size,
            blake3: asset.blake3,
            generation: asset.generation,
            shots,
            media: media.map(|record| *record.info),
            stages: runs.iter().map(StageView::from).collect(),
        }
    }
}
