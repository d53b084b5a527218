//! Keys of the proxies and thumbnails that show frames of an asset.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{AssetId, CatalogError};

/// A published shot with its proxy.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ShotProxy {
    /// First frame.
    pub start_frame: i64,
    /// One past the last.
    pub end_frame: i64,
    /// Key of the proxy, if it has one.
    pub proxy: Option<String>,
}

/// The published shots of an asset that share a frame with `start..end`, in order.
///
/// # Errors
/// If the database fails.
pub async fn proxies_within(
    db: &mut Connection,
    asset: &AssetId,
    start: u64,
    end: u64,
) -> Result<Vec<ShotProxy>, CatalogError> {
    let (start, end) = (start.cast_signed(), end.cast_signed());
    Ok(database::query_as(
        "SELECT s.start_frame, s.end_frame,
                (SELECT o.key FROM objects o JOIN published q ON q.run_id = o.run_id
                  WHERE q.asset_id = p.asset_id AND q.feature = 'proxies' AND o.ordinal = s.ordinal) AS proxy
           FROM published p JOIN shots s ON s.run_id = p.run_id
          WHERE p.asset_id = $1 AND p.feature = 'shots' AND s.start_frame < $2 AND s.end_frame > $3
          ORDER BY s.ordinal",
    )
    .bind(asset)
    .bind(end)
    .bind(start)
    .fetch_all(db)
    .await?)
}

/// Key of the thumbnail of the published shot that shows `frame`, if it has been made.
///
/// # Errors
/// If the database fails.
pub async fn thumbnail_at(
    db: &mut Connection,
    asset: &AssetId,
    frame: u64,
) -> Result<Option<String>, CatalogError> {
    Ok(database::query_scalar(
        "SELECT o.key FROM published p
           JOIN shots s ON s.run_id = p.run_id AND s.start_frame <= $2 AND s.end_frame > $2
           JOIN published q ON q.asset_id = p.asset_id AND q.feature = 'thumbnails'
           JOIN objects o ON o.run_id = q.run_id AND o.ordinal = s.ordinal
          WHERE p.asset_id = $1 AND p.feature = 'shots'",
    )
    .bind(asset)
    .bind(frame.cast_signed())
    .fetch_optional(db)
    .await?)
}
