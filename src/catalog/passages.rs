//! Passages of dialogue and their vectors.

use super::cues::CueOrigin;
use super::database::{self, Connection};
use super::{AssetId, CatalogError, RunId, vectors};

/// A passage of dialogue: a line, or a few neighbouring ones. Frames and milliseconds are half-open.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Passage {
    /// First frame that shows its first line.
    pub start_frame: i64,
    /// One past the last.
    pub end_frame: i64,
    /// Start in milliseconds from the start of the file.
    pub start_ms: i64,
    /// End in milliseconds.
    pub end_ms: i64,
    /// Its lines, joined.
    pub text: String,
    /// Where its lines come from.
    pub origin: CueOrigin,
}

/// The passages of an asset in one space, with their vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct SpacePassages {
    /// The space.
    pub space: String,
    /// First frame of each passage, and one past its last.
    pub frames: Vec<(u64, u64)>,
    /// One vector per passage.
    pub vectors: Vec<Vec<f32>>,
}

/// Stores the passages of a run, in the order of their vectors.
///
/// # Errors
/// If the database fails.
pub async fn store(
    db: &mut Connection,
    run: &RunId,
    passages: &[Passage],
) -> Result<(), CatalogError> {
    for (ordinal, passage) in passages.iter().enumerate() {
        database::query(
            "INSERT INTO passages (run_id, ordinal, start_frame, end_frame, start_ms, end_ms, text, origin)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(run)
        .bind(ordinal.cast_signed() as i64)
        .bind(passage.start_frame)
        .bind(passage.end_frame)
        .bind(passage.start_ms)
        .bind(passage.end_ms)
        .bind(&passage.text)
        .bind(passage.origin)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// The published passages of an asset, by space.
///
/// # Errors
/// If the database fails or a stored vector is damaged.
pub async fn of(db: &mut Connection, asset: &AssetId) -> Result<Vec<SpacePassages>, CatalogError> {
    let mut spaces = Vec::new();
    for (run, space) in vectors::spaces(db, asset, "meaning").await? {
        let frames: Vec<(i64, i64)> = database::query_as(
            "SELECT start_frame, end_frame FROM passages WHERE run_id = $1 ORDER BY ordinal",
        )
        .bind(&run)
        .fetch_all(&mut *db)
        .await?;
        let frames = frames.into_iter();
        spaces.push(SpacePassages {
            space,
            frames: frames
                .map(|(start, end)| (start.cast_unsigned(), end.cast_unsigned()))
                .collect(),
            vectors: vectors::of_run(db, &run).await?,
        });
    }
    Ok(spaces)
}

/// Published passages, by asset and by rank among the vectors of `feature`; `None` for those that are gone.
///
/// # Errors
/// If the database fails.
pub async fn get_many(
    db: &mut Connection,
    feature: &str,
    ids: &[(AssetId, u32)],
) -> Result<Vec<Option<Passage>>, CatalogError> {
    #[derive(sqlx::FromRow)]
    struct RankedPassage {
        rank: i64,
        #[sqlx(flatten)]
        passage: Passage,
    }
    let rows: Vec<RankedPassage> = database::query_as(
        "SELECT CAST(q.key AS BIGINT) AS rank, a.start_frame, a.end_frame, a.start_ms, a.end_ms, a.text, a.origin
           FROM json_each($1) q
           JOIN published p ON p.asset_id = q.value ->> 0 AND p.feature = $2
           JOIN passages a ON a.run_id = p.run_id AND a.ordinal = CAST(q.value ->> 1 AS BIGINT)",
    )
    .bind(serde_json::json!(ids).to_string())
    .bind(feature)
    .fetch_all(db)
    .await?;
    let mut passages: Vec<Option<Passage>> = vec![None; ids.len()];
    for row in rows {
        let place = usize::try_from(row.rank).ok();
        if let Some(place) = place.and_then(|at| passages.get_mut(at)) {
            *place = Some(row.passage);
        }
    }
    Ok(passages)
}
