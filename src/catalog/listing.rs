//! Assets and shots as lists, page by page.

use std::collections::HashMap;

use sqlx::FromRow;

use super::assets::Asset;
use super::database::{self, Connection};
use super::metadata::{Metadata, Tags};
use super::runs::RunState;
use super::shots::Opening;
use super::{AssetId, CatalogError, TitleId};

/// What an asset is, in short.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct AssetSummary {
    /// Its rank by registration. The next page starts after it.
    pub registered: i64,
    /// Id.
    pub id: AssetId,
    /// Id of its title.
    pub title_id: TitleId,
    /// That title's name.
    pub title: String,
    /// Where it is.
    pub uri: String,
    /// Size in bytes.
    pub size: i64,
    /// Shots that readers see.
    pub shots: i64,
    /// The generation that readers see; 0 is none yet.
    pub generation: i64,
    /// Where the computation of its features stands.
    pub state: RunState,
    /// Tags in alphabetical order.
    #[sqlx(try_from = "String")]
    pub tags: Tags,
    /// Metadata.
    #[sqlx(try_from = "String")]
    pub metadata: Metadata,
    /// When it was registered, Unix milliseconds.
    pub created_at: i64,
}

/// Which assets to list.
#[derive(Debug, Clone, Default)]
pub struct AssetFilter {
    /// Only of these titles.
    pub titles: Option<Vec<TitleId>>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those in this state.
    pub state: Option<RunState>,
    /// Only those whose place has this text in it, in any case of ASCII letters.
    pub name: Option<String>,
    /// Only those registered after the one of this rank.
    pub after: i64,
}

/// Up to `limit` assets in the order of registration.
///
/// # Errors
/// If the database fails.
pub async fn assets(
    db: &mut Connection,
    filter: &AssetFilter,
    limit: u32,
) -> Result<Vec<AssetSummary>, CatalogError> {
    Ok(database::query_as(
        "SELECT * FROM (
            SELECT a.registered, a.id, a.title_id, t.name AS title, a.uri, a.size, a.shots, a.generation, a.tags,
                   a.metadata, a.created_at,
                   (SELECT CASE WHEN COUNT(*) FILTER (WHERE r.state = 'running') > 0 THEN 'running'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'pending') > 0 THEN 'pending'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'failed') > 0 THEN 'failed'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'cancelled') > 0 THEN 'cancelled' ELSE 'ready' END
                      FROM wanted w JOIN runs r ON r.id = w.run_id WHERE w.asset_id = a.id) AS state
              FROM assets a JOIN titles t ON t.id = a.title_id
             WHERE a.registered > $1
               AND ($2 IS NULL OR a.title_id IN (SELECT value FROM json_each($2)))
               AND ($3 IS NULL OR EXISTS (SELECT 1 FROM json_each(a.tags) WHERE value = $3))
               AND ($5 IS NULL OR instr(lower(a.uri), $5) > 0)) l
          WHERE $4 IS NULL OR state = $4
          ORDER BY registered LIMIT $6",
    )
    .bind(filter.after)
    .bind(filter.titles.as_ref().map(|titles| serde_json::json!(titles).to_string()))
    .bind(&filter.tag)
    .bind(filter.state)
    .bind(filter.name.as_ref().map(|name| name.to_ascii_lowercase()))
    .bind(limit)
    .fetch_all(db)
    .await?)
}

/// A shot of an asset, in short.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ListedShot {
    /// First frame.
    pub start_frame: i64,
    /// One past the last.
    pub end_frame: i64,
    /// Milliseconds from the start of the file.
    pub start_ms: i64,
    /// End, exclusive.
    pub end_ms: i64,
    /// How it begins.
    #[sqlx(flatten)]
    pub opening: Opening,
    /// Tags that people gave its frames.
    pub tags: Option<String>,
    /// A note on its frames.
    pub note: Option<String>,
    /// The result of the run that found it: rate, timecode.
    pub scan: String,
}

/// Up to `limit` published shots of an asset that begin at frame `from` or after, in order.
///
/// # Errors
/// If the database fails.
pub async fn shots(
    db: &mut Connection,
    asset: &AssetId,
    from: u64,
    limit: u32,
) -> Result<Vec<ListedShot>, CatalogError> {
    Ok(database::query_as(
        "SELECT s.start_frame, s.end_frame, s.start_ms, s.end_ms, s.boundary, s.boundary_start, s.boundary_end,
                s.confidence, n.tags, n.note, r.output AS scan
           FROM published p
           JOIN runs r ON r.id = p.run_id
           JOIN shots s ON s.run_id = p.run_id
           LEFT JOIN annotations n ON n.asset_id = p.asset_id AND n.start_frame = s.start_frame
                                  AND n.end_frame = s.end_frame
          WHERE p.asset_id = $1 AND p.feature = 'shots' AND s.start_frame >= $2
          ORDER BY s.ordinal LIMIT $3",
    )
    .bind(asset)
    .bind(from.cast_signed())
    .bind(limit)
    .fetch_all(db)
    .await?)
}

/// Where an asset stands among others.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AssetPlace {
    /// Its id.
    pub id: AssetId,
    /// Its title.
    pub title: TitleId,
    /// Its rank by registration.
    pub registered: i64,
    /// When it was registered, Unix milliseconds.
    pub created_at: i64,
}

/// The places of assets. Those that do not exist are left out.
///
/// # Errors
/// If the database fails.
pub async fn places(
    db: &mut Connection,
    assets: &[AssetId],
) -> Result<HashMap<AssetId, AssetPlace>, CatalogError> {
    let places: Vec<AssetPlace> = database::query_as(
        "SELECT id, title_id AS title, registered, created_at FROM assets
          WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(serde_json::json!(assets).to_string())
    .fetch_all(db)
    .await?;
    let places = places.into_iter().map(|place| (place.id.clone(), place));
    Ok(places.collect())
}

/// The other places where an asset's bytes were seen, latest first.
///
/// # Errors
/// If the database fails.
pub async fn other_places(db: &mut Connection, asset: &Asset) -> Result<Vec<String>, CatalogError> {
    let places = "SELECT uri FROM locators WHERE asset_id = $1 AND uri <> $2 ORDER BY rowid DESC";
    Ok(database::query_scalar(places)
        .bind(&asset.id)
        .bind(&asset.uri)
        .fetch_all(db)
        .await?)
}
