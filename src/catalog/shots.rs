//! Reading shots, vectors and dialogue of the published generation.

use sqlx::{FromRow, SqliteConnection};

use super::{AssetId, CatalogError, RunId, ShotId};

/// A shot that readers see.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Shot {
    /// Its asset.
    pub asset_id: AssetId,
    /// That asset's file.
    pub uri: String,
    /// Name of the title.
    pub title: String,
    /// Rank within the asset.
    pub ordinal: i64,
    /// First frame.
    pub start_frame: i64,
    /// One past the last.
    pub end_frame: i64,
    /// Milliseconds from the start of the file.
    pub start_ms: i64,
    /// End, exclusive.
    pub end_ms: i64,
    /// How it begins.
    pub boundary: String,
    /// Confidence of that boundary.
    pub confidence: f64,
    /// First frame of the asset's first shot that shows nearly the same picture, if an earlier one does.
    pub same_as_start: Option<i64>,
    /// One past the last frame of that shot.
    pub same_as_end: Option<i64>,
    /// The result of the run that found it: rate, timecode.
    pub scan: String,
    /// Key of its proxy, if there is one.
    pub proxy: Option<String>,
    /// Key of its thumbnail, if there is one.
    pub thumbnail: Option<String>,
}

impl Shot {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ShotId {
        self.id_of(self.start_frame, self.end_frame)
    }

    /// The id of the first shot that shows nearly the same picture, if an earlier one does.
    #[must_use]
    pub fn same_as(&self) -> Option<ShotId> {
        let span = self.same_as_start.zip(self.same_as_end);
        span.map(|(start, end)| self.id_of(start, end))
    }

    fn id_of(&self, start: i64, end: i64) -> ShotId {
        ShotId {
            asset: self.asset_id.clone(),
            start: start.cast_unsigned(),
            end: end.cast_unsigned(),
        }
    }
}

/// A line of dialogue that readers see.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Cue {
    /// First frame.
    pub start_frame: i64,
    /// One past the last.
    pub end_frame: i64,
    /// Milliseconds from the start of the file.
    pub start_ms: i64,
    /// End, exclusive.
    pub end_ms: i64,
    /// The words.
    pub text: String,
    /// Language, where known.
    pub language: Option<String>,
}

/// The shot with this id, in the published generation.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut SqliteConnection, id: &ShotId) -> Result<Shot, CatalogError> {
    sqlx::query_as(
        "SELECT a.id AS asset_id, a.uri, t.name AS title, s.ordinal, s.start_frame, s.end_frame,
                s.start_ms, s.end_ms, s.boundary, s.confidence, f.start_frame AS same_as_start, f.end_frame AS same_as_end, r.output AS scan,
                (SELECT o.key FROM objects o JOIN published q ON q.run_id = o.run_id
                  WHERE q.asset_id = a.id AND q.feature = 'proxies' AND o.ordinal = s.ordinal) AS proxy,
                (SELECT o.key FROM objects o JOIN published q ON q.run_id = o.run_id
                  WHERE q.asset_id = a.id AND q.feature = 'thumbnails' AND o.ordinal = s.ordinal) AS thumbnail
           FROM assets a
           JOIN titles t ON t.id = a.title_id
           JOIN published p ON p.asset_id = a.id AND p.feature = 'shots'
           JOIN runs r ON r.id = p.run_id
           JOIN shots s ON s.run_id = p.run_id AND s.start_frame = ? AND s.end_frame = ?
           LEFT JOIN shots f ON f.run_id = s.run_id AND f.ordinal = s.same_as
          WHERE a.id = COALESCE((SELECT asset_id FROM aliases WHERE id = ?3), ?3)",
    )
    .bind(id.start.cast_signed())
    .bind(id.end.cast_signed())
    .bind(&id.asset)
    .fetch_optional(db)
    .await?
    .ok_or_else(|| CatalogError::NotFound {
        what: "shot",
        id: id.to_string(),
    })
}

/// First and one-past-last frame of each published shot of an asset, in order.
///
/// # Errors
/// If the database fails.
pub async fn spans(
    db: &mut SqliteConnection,
    asset: &AssetId,
) -> Result<Vec<(u64, u64)>, CatalogError> {
    let run: Option<RunId> =
        sqlx::query_scalar("SELECT run_id FROM published WHERE asset_id = ? AND feature = 'shots'")
            .bind(asset)
            .fetch_optional(&mut *db)
            .await?;
    match run {
        Some(run) => spans_of_run(db, &run).await,
        None => Ok(Vec::new()),
    }
}

/// The published dialogue of an asset, in order of time.
///
/// # Errors
/// If the database fails.
pub async fn cues(db: &mut SqliteConnection, asset: &AssetId) -> Result<Vec<Cue>, CatalogError> {
    Ok(sqlx::query_as(
        "SELECT c.* FROM cues c JOIN published p ON p.run_id = c.run_id AND p.feature = 'dialogue'
          WHERE p.asset_id = ? ORDER BY c.ordinal",
    )
    .bind(asset)
    .fetch_all(db)
    .await?)
}

/// The published vectors of an asset: for each embedding run its space and a vector a shot, in order.
///
/// # Errors
/// If the database fails or a stored vector is damaged.
pub async fn vectors(
    db: &mut SqliteConnection,
    asset: &AssetId,
) -> Result<Vec<(String, Vec<Vec<f32>>)>, CatalogError> {
    let runs: Vec<(String, String)> = sqlx::query_as(
        "SELECT r.id, json_extract(r.output, '$.space') FROM runs r
           JOIN published p ON p.run_id = r.id AND p.feature LIKE 'embeddings/%'
          WHERE p.asset_id = ?",
    )
    .bind(asset)
    .fetch_all(&mut *db)
    .await?;
    let mut spaces = Vec::with_capacity(runs.len());
    for (run, space) in runs {
        let stored: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT vector FROM vectors WHERE run_id = ? ORDER BY ordinal")
                .bind(&run)
                .fetch_all(&mut *db)
                .await?;
        let vectors = stored
            .iter()
            .map(|bytes| unpack(bytes))
            .collect::<Result<_, _>>()?;
        spaces.push((space, vectors));
    }
    Ok(spaces)
}

/// The published vector of a shot in `space`, if it has one.
///
/// # Errors
/// If the database fails or the stored vector is damaged.
pub async fn vector(
    db: &mut SqliteConnection,
    shot: &Shot,
    space: &str,
) -> Result<Option<Vec<f32>>, CatalogError> {
    let stored: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT v.vector FROM vectors v
           JOIN runs r ON r.id = v.run_id AND json_extract(r.output, '$.space') = ?
           JOIN published p ON p.run_id = r.id
          WHERE p.asset_id = ? AND v.ordinal = ?",
    )
    .bind(space)
    .bind(&shot.asset_id)
    .bind(shot.ordinal)
    .fetch_optional(db)
    .await?;
    stored.map(|bytes| unpack(&bytes)).transpose()
}

/// First and one-past-last frame of each shot that a run found, in order.
///
/// # Errors
/// If the database fails.
pub async fn spans_of_run(
    db: &mut SqliteConnection,
    run: &RunId,
) -> Result<Vec<(u64, u64)>, CatalogError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT start_frame, end_frame FROM shots WHERE run_id = ? ORDER BY ordinal",
    )
    .bind(run)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(start, end)| (start.cast_unsigned(), end.cast_unsigned()))
        .collect())
}

/// Keys of the objects that a run stored, one a shot, in order.
///
/// # Errors
/// If the database fails.
pub async fn keys_of_run(
    db: &mut SqliteConnection,
    run: &RunId,
) -> Result<Vec<String>, CatalogError> {
    Ok(
        sqlx::query_scalar("SELECT key FROM objects WHERE run_id = ? ORDER BY ordinal")
            .bind(run)
            .fetch_all(db)
            .await?,
    )
}

fn unpack(bytes: &[u8]) -> Result<Vec<f32>, CatalogError> {
    let (floats, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(CatalogError::Corrupt { what: "a vector" });
    }
    Ok(floats.iter().map(|&x| f32::from_le_bytes(x)).collect())
}
