//! How shots begin and end.

use std::collections::HashMap;

use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use rushes_workers::edges::{EdgeDescriptor, ShotEdges};

use super::database::{self, Connection};
use super::{AssetId, CatalogError, RunId, ShotId};

/// How the shots of an asset begin, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetEdges {
    /// The asset.
    pub asset: AssetId,
    /// One descriptor after the other.
    firsts: Vec<u8>,
}

impl AssetEdges {
    /// The descriptors of the first frames, by rank of the shot.
    pub fn firsts(&self) -> impl Iterator<Item = (usize, EdgeDescriptor)> {
        let descriptors = self.firsts.chunks_exact(EdgeDescriptor::BYTES);
        let descriptors = descriptors.map(EdgeDescriptor::from_bytes).enumerate();
        descriptors.filter_map(|(rank, descriptor)| Some((rank, descriptor?)))
    }

    /// Bytes of memory.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.firsts.len()
    }
}

/// Stores the edges of the shots of a run, in order.
///
/// # Errors
/// If the database fails.
pub async fn store(
    db: &mut Connection,
    run: &RunId,
    edges: &[ShotEdges],
) -> Result<(), CatalogError> {
    let bytes = |of: fn(&ShotEdges) -> EdgeDescriptor| -> Vec<u8> {
        edges
            .iter()
            .flat_map(|edges| of(edges).to_bytes())
            .collect()
    };
    database::query("INSERT INTO edges (run_id, firsts, lasts) VALUES ($1, $2, $3)")
        .bind(run)
        .bind(bytes(|edges| edges.first))
        .bind(bytes(|edges| edges.last))
        .execute(db)
        .await?;
    Ok(())
}

/// How the shot of this rank in an asset ends; `None` if it is not computed yet.
///
/// # Errors
/// If the database fails or what it holds is damaged.
pub async fn last(
    db: &mut Connection,
    asset: &AssetId,
    rank: i64,
) -> Result<Option<EdgeDescriptor>, CatalogError> {
    let size = i64::try_from(EdgeDescriptor::BYTES).unwrap_or(i64::MAX);
    let stored: Option<Vec<u8>> = database::query_scalar(
        "SELECT substr(e.lasts, CAST($1 AS INTEGER), CAST($2 AS INTEGER)) FROM published p JOIN edges e ON e.run_id = p.run_id
          WHERE p.asset_id = $3 AND p.feature = 'edges'",
    )
    .bind(rank.saturating_mul(size).saturating_add(1))
    .bind(size)
    .bind(asset)
    .fetch_optional(db)
    .await?;
    let damaged = CatalogError::Corrupt {
        what: "the edges of a shot",
    };
    let descriptor = stored.map(|bytes| EdgeDescriptor::from_bytes(&bytes).ok_or(damaged));
    descriptor.transpose()
}

/// How the shots of these assets begin, or of all.
///
/// # Errors
/// If the database fails.
pub fn each<'db>(
    db: &'db mut Connection,
    assets: Option<&[AssetId]>,
) -> BoxStream<'db, Result<AssetEdges, CatalogError>> {
    let wanted = assets.map(|assets| serde_json::json!(assets).to_string());
    let rows = database::query_as(
        "SELECT p.asset_id, e.firsts FROM published p JOIN edges e ON e.run_id = p.run_id
          WHERE p.feature = 'edges'
            AND ($1 IS NULL OR p.asset_id IN (SELECT value FROM json_each($1)))",
    );
    let rows = rows.bind(wanted).fetch(db);
    rows.map_ok(|(asset, firsts)| AssetEdges { asset, firsts })
        .map_err(CatalogError::from)
        .boxed()
}

/// The published shots of these ranks; `None` for those that there are not.
///
/// # Errors
/// If the database fails.
pub async fn shots(
    db: &mut Connection,
    places: &[(AssetId, usize)],
) -> Result<Vec<Option<ShotId>>, CatalogError> {
    let rows: Vec<(i64, AssetId, i64, i64)> = database::query_as(
        "SELECT CAST(q.key AS BIGINT), p.asset_id, s.start_frame, s.end_frame
           FROM json_each($1) q
           JOIN published p ON p.asset_id = q.value ->> 0 AND p.feature = 'shots'
           JOIN shots s ON s.run_id = p.run_id AND s.ordinal = CAST(q.value ->> 1 AS BIGINT)",
    )
    .bind(serde_json::json!(places).to_string())
    .fetch_all(db)
    .await?;
    let mut shots = vec![None; places.len()];
    for (at, asset, start, end) in rows {
        let place = usize::try_from(at).ok().and_then(|at| shots.get_mut(at));
        if let Some(place) = place {
            *place = Some(ShotId {
                asset,
                start: start.cast_unsigned(),
                end: end.cast_unsigned(),
            });
        }
    }
    Ok(shots)
}

/// The first frames of the published shots of these assets, by asset and in order.
///
/// # Errors
/// If the database fails.
pub async fn starts(
    db: &mut Connection,
    assets: &[AssetId],
) -> Result<HashMap<AssetId, Vec<u64>>, CatalogError> {
    let rows: Vec<(AssetId, i64)> = database::query_as(
        "SELECT p.asset_id, s.start_frame
           FROM json_each($1) q
           JOIN published p ON p.asset_id = q.value AND p.feature = 'shots'
           JOIN shots s ON s.run_id = p.run_id ORDER BY p.asset_id, s.ordinal",
    )
    .bind(serde_json::json!(assets).to_string())
    .fetch_all(db)
    .await?;
    let mut starts: HashMap<AssetId, Vec<u64>> = HashMap::new();
    for (asset, start) in rows {
        starts.entry(asset).or_default().push(start.cast_unsigned());
    }
    Ok(starts)
}
