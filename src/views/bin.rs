//! Bins and what is in them.

use rushes_workers::time::Rate;
use serde::Serialize;
use utoipa::ToSchema;

use super::shot::AssetRef;
use super::time::{Clock, Time};
use crate::catalog::bins::{Bin, BinItem};
use crate::catalog::{AssetId, BinId, BinItemId, CatalogError, ShotId};

/// A bin without its items.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BinSummary {
    /// Id.
    #[schema(value_type = String)]
    pub id: BinId,
    /// What people call it. Unique.
    pub name: String,
    /// Counts every change; name it in `if-match` so that nobody's change is lost.
    pub revision: i64,
    /// Items in it.
    pub items: i64,
    /// Name of the key that alone sees it, with those that see everything; null for a bin of everybody.
    pub owner: Option<String>,
    /// When it was made, Unix milliseconds.
    pub created_ms: i64,
    /// When it was last changed.
    pub updated_ms: i64,
}

/// A bin with its items.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BinView {
    /// The bin.
    #[serde(flatten)]
    pub bin: BinSummary,
    /// Its items in order.
    pub picks: Vec<BinItemView>,
}

/// A span of frames in a bin.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BinItemView {
    /// Id.
    #[schema(value_type = String)]
    pub id: BinItemId,
    /// Name of its title.
    pub title: String,
    /// The file.
    pub asset: AssetRef,
    /// The id that a shot with these very frames has. Look it up to see whether there is one.
    #[schema(value_type = String)]
    pub shot: ShotId,
    /// The shot that its middle frame is in now, whose thumbnail and clip show it; null if there is none.
    #[schema(value_type = Option<String>)]
    pub shown_in: Option<ShotId>,
    /// First frame. Milliseconds are nominal where the frame rate varies.
    pub start: Time,
    /// One past the last frame.
    pub end: Time,
    /// Frame rate as a fraction.
    #[schema(value_type = String, example = "24000/1001")]
    pub rate: Rate,
    /// What a person noted.
    pub note: Option<String>,
    /// The query that found it.
    pub query: Option<String>,
    /// Its score in that search: its ranks in all recalls, fused.
    pub score: Option<f64>,
    /// How alike it and the query look, -1 to 1.
    pub similarity: Option<f64>,
    /// What is said in it.
    pub line: Option<String>,
}

impl From<Bin> for BinSummary {
    fn from(bin: Bin) -> Self {
        Self {
            id: bin.id,
            name: bin.name,
            revision: bin.revision,
            items: bin.items,
            owner: bin.owner,
            created_ms: bin.created_at,
            updated_ms: bin.updated_at,
        }
    }
}

impl BinView {
    pub(crate) fn new(bin: Bin, items: Vec<BinItem>) -> Result<Self, CatalogError> {
        let picks: Result<_, _> = items.into_iter().map(BinItemView::new).collect();
        Ok(Self {
            bin: bin.into(),
            picks: picks?,
        })
    }
}

impl BinItemView {
    fn new(item: BinItem) -> Result<Self, CatalogError> {
        let asset: AssetId = item.asset_id;
        let clock = match &item.scan {
            Some(scan) => Clock::parse(scan)?,
            // Its shots are being found anew; frames are all that is known.
            None => Clock::unknown(),
        };
        let at = |frame: i64| {
            let frame = frame.cast_unsigned();
            clock.at(frame, clock.rate.ms_of(frame))
        };
        let shot = |start: i64, end: i64| ShotId {
            asset: asset.clone(),
            start: start.cast_unsigned(),
            end: end.cast_unsigned(),
        };
        let shown = item.shown_start.zip(item.shown_end);
        Ok(Self {
            id: item.id,
            title: item.title,
            shot: shot(item.start_frame, item.end_frame),
            shown_in: shown.map(|(start, end)| shot(start, end)),
            asset: AssetRef {
                id: asset,
                uri: item.uri,
            },
            start: at(item.start_frame),
            end: at(item.end_frame),
            rate: clock.rate,
            note: item.note,
            query: item.query,
            score: item.score,
            similarity: item.similarity,
            line: item.line,
        })
    }
}
