//! The vectors of shots.

use std::collections::HashMap;

use sqlx::FromRow;

use super::database::{self, Connection};
use super::shots::Shot;
use super::{AssetId, CatalogError, RunId, ShotId};

/// The published vectors of an asset: the space of each embedding run, and one vector per shot in order.
///
/// # Errors
/// If the database fails or a stored vector is damaged.
pub async fn of_asset(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<Vec<(String, Vec<Vec<f32>>)>, CatalogError> {
    let mut vectors = Vec::new();
    for (run, space) in spaces(db, asset, "embeddings").await? {
        vectors.push((space, of_run(db, &run).await?));
    }
    Ok(vectors)
}

/// The published runs of a kind of feature that has a space for each model, with their spaces.
pub(super) async fn spaces(
    db: &mut Connection,
    asset: &AssetId,
    kind: &str,
) -> Result<Vec<(RunId, String)>, CatalogError> {
    Ok(database::query_as(
        "SELECT r.id, json_extract(r.output, '$.space') FROM runs r
           JOIN published p ON p.run_id = r.id AND p.feature LIKE $1
          WHERE p.asset_id = $2",
    )
    .bind(format!("{kind}/%"))
    .bind(asset)
    .fetch_all(db)
    .await?)
}

/// The vectors of a run, in order.
pub(super) async fn of_run(
    db: &mut Connection,
    run: &RunId,
) -> Result<Vec<Vec<f32>>, CatalogError> {
    let stored: Vec<Vec<u8>> =
        database::query_scalar("SELECT vector FROM vectors WHERE run_id = $1 ORDER BY ordinal")
            .bind(run)
            .fetch_all(db)
            .await?;
    stored.iter().map(|bytes| unpack(bytes)).collect()
}

/// The published vector of a shot in `space`, if it has one.
///
/// # Errors
/// If the database fails or the stored vector is damaged.
pub async fn of_shot(
    db: &mut Connection,
    shot: &Shot,
    space: &str,
) -> Result<Option<Vec<f32>>, CatalogError> {
    let stored: Option<Vec<u8>> = database::query_scalar(
        "SELECT v.vector FROM vectors v
           JOIN runs r ON r.id = v.run_id AND json_extract(r.output, '$.space') = $1
           JOIN published p ON p.run_id = r.id
          WHERE p.asset_id = $2 AND v.ordinal = $3",
    )
    .bind(space)
    .bind(&shot.asset_id)
    .bind(shot.ordinal)
    .fetch_optional(db)
    .await?;
    stored.map(|bytes| unpack(&bytes)).transpose()
}

/// A published shot with its vector.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedShot {
    /// The shot.
    pub id: ShotId,
    /// Start and end in milliseconds.
    pub ms: (u64, u64),
    /// Its vector.
    pub vector: Vec<f32>,
}

#[derive(FromRow)]
struct VectorRow {
    asset_id: AssetId,
    start_frame: i64,
    end_frame: i64,
    start_ms: i64,
    end_ms: i64,
    vector: Vec<u8>,
}

impl TryFrom<VectorRow> for EmbeddedShot {
    type Error = CatalogError;

    fn try_from(row: VectorRow) -> Result<Self, CatalogError> {
        Ok(Self {
            id: ShotId {
                asset: row.asset_id,
                start: row.start_frame.cast_unsigned(),
                end: row.end_frame.cast_unsigned(),
            },
            ms: (row.start_ms.cast_unsigned(), row.end_ms.cast_unsigned()),
            vector: unpack(&row.vector)?,
        })
    }
}

/// The published vectors of these shots in `space`. Shots without one are left out.
///
/// # Errors
/// If the database fails or a stored vector is damaged.
pub async fn of_shots(
    db: &mut Connection,
    ids: &[ShotId],
    space: &str,
) -> Result<HashMap<ShotId, Vec<f32>>, CatalogError> {
    let wanted: Vec<_> = ids.iter().map(|id| (&id.asset, id.start, id.end)).collect();
    let rows: Vec<VectorRow> = database::query_as(
        "SELECT p.asset_id, s.start_frame, s.end_frame, s.start_ms, s.end_ms, v.vector
           FROM json_each($1) q
           JOIN published p ON p.asset_id = q.value ->> 0 AND p.feature = 'shots'
           JOIN shots s ON s.run_id = p.run_id AND s.start_frame = CAST(q.value ->> 1 AS BIGINT) AND s.end_frame = CAST(q.value ->> 2 AS BIGINT)
           JOIN published e ON e.asset_id = p.asset_id AND e.feature LIKE 'embeddings/%'
           JOIN runs r ON r.id = e.run_id AND json_extract(r.output, '$.space') = $2
           JOIN vectors v ON v.run_id = r.id AND v.ordinal = s.ordinal",
    )
    .bind(serde_json::json!(wanted).to_string())
    .bind(space)
    .fetch_all(db)
    .await?;
    let vectors = rows.into_iter().map(|row| {
        let shot = EmbeddedShot::try_from(row)?;
        Ok((shot.id, shot.vector))
    });
    vectors.collect()
}

/// The published shots of an asset that are shown from one time to another, in milliseconds, with their vectors in
/// `space`. Shots without one are left out.
///
/// # Errors
/// If the database fails or a stored vector is damaged.
pub async fn within(
    db: &mut Connection,
    asset: &AssetId,
    (from_ms, to_ms): (u64, u64),
    space: &str,
) -> Result<Vec<EmbeddedShot>, CatalogError> {
    let bound = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let rows: Vec<VectorRow> = database::query_as(
        "SELECT p.asset_id, s.start_frame, s.end_frame, s.start_ms, s.end_ms, v.vector
           FROM published p
           JOIN shots s ON s.run_id = p.run_id
           JOIN published e ON e.asset_id = p.asset_id AND e.feature LIKE 'embeddings/%'
           JOIN runs r ON r.id = e.run_id AND json_extract(r.output, '$.space') = $1
           JOIN vectors v ON v.run_id = r.id AND v.ordinal = s.ordinal
          WHERE p.asset_id = $2 AND p.feature = 'shots' AND s.start_ms < $3 AND s.end_ms > $4
          ORDER BY s.ordinal",
    )
    .bind(space)
    .bind(asset)
    .bind(bound(to_ms))
    .bind(bound(from_ms))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(EmbeddedShot::try_from).collect()
}

fn unpack(bytes: &[u8]) -> Result<Vec<f32>, CatalogError> {
    let (floats, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(CatalogError::Corrupt { what: "a vector" });
    }
    Ok(floats.iter().map(|&x| f32::from_le_bytes(x)).collect())
}
