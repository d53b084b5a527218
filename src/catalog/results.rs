//! Stores the results of runs and publishes them, which switches generations.

use super::database::{self, Connection};
use super::runs::{Run, RunState};
use super::{AssetId, CatalogError, RunId, note_change};

/// The feature without which an asset has nothing to show.
const BACKBONE: &str = "shots";

/// A shot to store. Frames and milliseconds are half-open.
#[derive(Debug, Clone, PartialEq)]
pub struct ShotRow {
    /// First frame, and one past the last.
    pub frames: (u64, u64),
    /// When its first frame appears and its last frame disappears, in milliseconds from the start of the file.
    pub ms: (u64, u64),
    /// Kind of the boundary at its start: `start`, `cut`, `fade` …
    pub boundary: String,
    /// First frame of that transition, and the frame after it; for a cut, the shot's first frame twice.
    pub boundary_frames: (u64, u64),
    /// Confidence of that boundary, 0 to 1.
    pub confidence: f32,
    /// Rank of the asset's first shot that looks nearly the same, if that is an earlier shot.
    pub same_as: Option<u64>,
}

/// Stores the shots of a run, in order.
///
/// # Errors
/// If the database fails.
pub async fn store_shots(
    db: &mut Connection,
    run: &RunId,
    shots: &[ShotRow],
) -> Result<(), CatalogError> {
    for (ordinal, shot) in shots.iter().enumerate() {
        database::query(
            "INSERT INTO shots (run_id, ordinal, start_frame, end_frame, start_ms, end_ms, boundary,
                                boundary_start, boundary_end, confidence, same_as)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(run)
        .bind(ordinal.cast_signed() as i64)
        .bind(shot.frames.0.cast_signed())
        .bind(shot.frames.1.cast_signed())
        .bind(shot.ms.0.cast_signed())
        .bind(shot.ms.1.cast_signed())
        .bind(&shot.boundary)
        .bind(shot.boundary_frames.0.cast_signed())
        .bind(shot.boundary_frames.1.cast_signed())
        .bind(shot.confidence)
        .bind(shot.same_as.map(u64::cast_signed))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Stores the keys of a run's objects, one per shot.
///
/// # Errors
/// If the database fails.
pub async fn store_objects(
    db: &mut Connection,
    run: &RunId,
    keys: &[String],
) -> Result<(), CatalogError> {
    for (ordinal, key) in keys.iter().enumerate() {
        database::query("INSERT INTO objects (run_id, ordinal, key) VALUES ($1, $2, $3)")
            .bind(run)
            .bind(ordinal.cast_signed() as i64)
            .bind(key)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Stores the vectors of a run, one per shot.
///
/// # Errors
/// If the database fails.
pub async fn store_vectors(
    db: &mut Connection,
    run: &RunId,
    vectors: &[Vec<f32>],
) -> Result<(), CatalogError> {
    for (ordinal, vector) in vectors.iter().enumerate() {
        let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        database::query("INSERT INTO vectors (run_id, ordinal, vector) VALUES ($1, $2, $3)")
            .bind(run)
            .bind(ordinal.cast_signed() as i64)
            .bind(bytes)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Publishes the requested runs of an asset once none of them is unfinished, those in the background aside; `true` if
/// readers now see something new.
///
/// Nothing is published without shots. The published result of a feature stays until a newer run of it is ready; if the
/// feature is not requested any more, until a run of its kind is (vectors of another model, for example).
///
/// # Errors
/// If the database fails.
pub async fn publish_if_settled(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<bool, CatalogError> {
    let wanted = super::runs::wanted(db, asset).await?;
    if wanted
        .iter()
        .any(|run| !run.background && !run.state.is_final())
    {
        return Ok(false);
    }
    let (mut next, unready): (Vec<Run>, Vec<Run>) = wanted
        .into_iter()
        .partition(|run| run.state == RunState::Ready);
    if !next.iter().any(|run| run.feature == BACKBONE) {
        return Ok(false);
    }
    let seen = super::runs::published(db, asset).await?;
    let mut kept: Vec<Run> = Vec::new();
    for old in seen.iter().filter(|old| stays(old, &next, &unready)) {
        let inputs = super::runs::inputs(db, &old.id).await?;
        if inputs
            .iter()
            .all(|input| next.iter().any(|new| new.id == input.id))
        {
            kept.push(old.clone());
        } else if !old.background {
            // It was computed from other shots than the new ones. Readers must see all of the old or all of the
            // new.
            return Ok(false);
        }
    }
    next.append(&mut kept);
    let same = seen.len() == next.len()
        && seen
            .iter()
            .all(|old| next.iter().any(|new| new.id == old.id));
    if same {
        return Ok(false);
    }
    let differs = |one: &Run, others: &[Run]| {
        !one.background && !others.iter().any(|other| other.id == one.id)
    };
    let is_new =
        next.iter().any(|run| differs(run, &seen)) || seen.iter().any(|run| differs(run, &next));
    replace_published(db, asset, &next, is_new).await?;
    let replaced = super::replacements::apply(db, asset).await?;
    drop_superseded(db, asset).await?;
    super::assets::retire_overwritten(db, asset, replaced).await?;
    note_change(db, asset).await?;
    Ok(true)
}

/// Whether a published run stays, because a run in its place is requested and not ready.
fn stays(old: &Run, next: &[Run], unready: &[Run]) -> bool {
    let same = |new: &Run| new.feature == old.feature;
    let same_kind = |new: &Run| kind(&new.feature) == kind(&old.feature);
    if next.iter().any(same) {
        return false;
    }
    unready.iter().any(same)
        || (unready.iter().any(|new| same_kind(new) && !new.background)
            && !next.iter().any(same_kind))
}

/// The kind of a feature: `embeddings` for `embeddings/lite`. A kind may have several features, for different
/// models.
fn kind(feature: &str) -> &str {
    feature.split('/').next().unwrap_or(feature)
}

/// A generation that is new has other results than the one before; vectors in the background only add to it.
async fn replace_published(
    db: &mut Connection,
    asset: &AssetId,
    runs: &[Run],
    is_new: bool,
) -> Result<(), CatalogError> {
    database::query("DELETE FROM published WHERE asset_id = $1")
        .bind(asset)
        .execute(&mut *db)
        .await?;
    for run in runs {
        database::query("INSERT INTO published (asset_id, feature, run_id) VALUES ($1, $2, $3)")
            .bind(asset)
            .bind(&run.feature)
            .bind(&run.id)
            .execute(&mut *db)
            .await?;
    }
    database::query(
        "UPDATE assets SET generation = generation + $2, shots = (
                SELECT COUNT(*) FROM published p JOIN shots s ON s.run_id = p.run_id
                 WHERE p.asset_id = $1 AND p.feature = 'shots')
          WHERE id = $1",
    )
    .bind(asset)
    .bind(i64::from(is_new))
    .execute(db)
    .await?;
    Ok(())
}

/// Whether nothing of an asset can be published without this feature.
pub(super) fn is_needed(feature: &str) -> bool {
    [BACKBONE, "probe"].contains(&feature)
}

/// The runs that are published or requested, and their inputs.
pub(super) async fn kept(db: &mut Connection, asset: &AssetId) -> Result<Vec<RunId>, CatalogError> {
    Ok(database::query_scalar(
        "WITH RECURSIVE kept (id) AS (
             SELECT run_id FROM published WHERE asset_id = $1
             UNION SELECT run_id FROM wanted WHERE asset_id = $1
             UNION SELECT i.input_id FROM run_inputs i JOIN kept k ON i.run_id = k.id)
         SELECT id FROM kept",
    )
    .bind(asset)
    .fetch_all(db)
    .await?)
}

/// Deletes runs that are neither published nor requested, and are not an input of such a run.
pub(super) async fn drop_superseded(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<(), CatalogError> {
    let kept = serde_json::json!(kept(db, asset).await?).to_string();
    for statement in [
        "INSERT INTO garbage (prefix)
         SELECT 'runs/' || id FROM runs
          WHERE asset_id = $1 AND id NOT IN (SELECT value FROM json_each($2))
         ON CONFLICT DO NOTHING",
        "DELETE FROM runs WHERE asset_id = $1 AND id NOT IN (SELECT value FROM json_each($2))",
    ] {
        database::query(statement)
            .bind(asset)
            .bind(&kept)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
