//! Reads shots and vectors of the published generation.

use std::collections::HashSet;

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{AssetId, CatalogError, RunId, ShotId, TitleId};

/// The boundary with which a shot begins.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Opening {
    /// Its kind: `start`, `cut`, `fade` …
    #[sqlx(rename = "boundary")]
    pub kind: String,
    /// First frame of the transition; for a cut, the first frame of the shot. `None` for shots from an earlier
    /// version, which stored only their start.
    #[sqlx(rename = "boundary_start")]
    pub start_frame: Option<i64>,
    /// The frame after the transition; for a cut, the same as the first.
    #[sqlx(rename = "boundary_end")]
    pub end_frame: Option<i64>,
    /// Confidence of the detector, 0 to 1.
    pub confidence: f64,
}

/// The boundary of the following shot, if there is one.
#[derive(Debug, Clone, PartialEq, FromRow)]
struct NextOpening {
    next_boundary: Option<String>,
    next_start: Option<i64>,
    next_end: Option<i64>,
    next_confidence: Option<f64>,
}

/// A published shot.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Shot {
    /// Its asset.
    pub asset_id: AssetId,
    /// File of that asset.
    pub uri: String,
    /// Name of the title.
    pub title: String,
    /// Rank within the asset.
    pub ordinal: i64,
    /// First frame.
    pub start_frame: i64,
    /// One past the last frame.
    pub end_frame: i64,
    /// Start in milliseconds from the start of the file.
    pub start_ms: i64,
    /// End in milliseconds, exclusive.
    pub end_ms: i64,
    /// The boundary at its start.
    #[sqlx(flatten)]
    pub opening: Opening,
    #[sqlx(flatten)]
    next: NextOpening,
    /// First frame of the asset's first shot that looks nearly the same, if that is an earlier shot.
    pub same_as_start: Option<i64>,
    /// One past the last frame of that shot.
    pub same_as_end: Option<i64>,
    /// The result of the run that detected it: rate and timecode.
    pub scan: String,
    /// Key of its proxy, if it has one.
    pub proxy: Option<String>,
    /// Key of its thumbnail, if it has one.
    pub thumbnail: Option<String>,
    /// Width of the picture by its height, as displayed, if known.
    pub aspect: Option<f64>,
}

impl Shot {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ShotId {
        self.id_of(self.start_frame, self.end_frame)
    }

    /// The boundary at its end, which is the start of the next shot; `None` if it ends with the video.
    #[must_use]
    pub fn closing(&self) -> Option<Opening> {
        let (kind, confidence) = self
            .next
            .next_boundary
            .clone()
            .zip(self.next.next_confidence)?;
        Some(Opening {
            kind,
            start_frame: self.next.next_start,
            end_frame: self.next.next_end,
            confidence,
        })
    }

    /// The id of the first shot that looks nearly the same, if that is an earlier shot.
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

/// The shot with this id, in the published generation.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut Connection, id: &ShotId) -> Result<Shot, CatalogError> {
    let shots = get_many(db, std::slice::from_ref(id)).await?;
    shots
        .into_iter()
        .next()
        .flatten()
        .ok_or_else(|| CatalogError::NotFound {
            what: "shot",
            id: id.to_string(),
        })
}

/// The shots with these ids in the published generation, in the same order; `None` for an id without a shot. It
/// takes one statement for any number of ids.
///
/// # Errors
/// If the database fails.
pub async fn get_many(
    db: &mut Connection,
    ids: &[ShotId],
) -> Result<Vec<Option<Shot>>, CatalogError> {
    #[derive(FromRow)]
    struct RankedShot {
        rank: i64,
        #[sqlx(flatten)]
        shot: Shot,
    }
    let wanted: Vec<_> = ids.iter().map(|id| (&id.asset, id.start, id.end)).collect();
    let rows: Vec<RankedShot> = database::query_as(
        "SELECT CAST(q.key AS BIGINT) AS rank, a.id AS asset_id, a.uri, t.name AS title, s.ordinal, s.start_frame, s.end_frame,
                s.start_ms, s.end_ms, s.boundary, s.boundary_start, s.boundary_end, s.confidence,
                n.boundary AS next_boundary, n.boundary_start AS next_start, n.boundary_end AS next_end,
                n.confidence AS next_confidence,
                f.start_frame AS same_as_start, f.end_frame AS same_as_end, r.output AS scan,
                (SELECT o.key FROM objects o JOIN published q ON q.run_id = o.run_id
                  WHERE q.asset_id = a.id AND q.feature = 'proxies' AND o.ordinal = s.ordinal) AS proxy,
                (SELECT o.key FROM objects o JOIN published q ON q.run_id = o.run_id
                  WHERE q.asset_id = a.id AND q.feature = 'thumbnails' AND o.ordinal = s.ordinal) AS thumbnail,
                (SELECT CAST(v.details ->> 'display_width' AS DOUBLE PRECISION)
                        / NULLIF(CAST(v.details ->> 'display_height' AS DOUBLE PRECISION), 0)
                   FROM (SELECT i.output -> ('$.info.streams[' || (i.output ->> '$.info.main_video') || '].details') AS details
                           FROM published q JOIN runs i ON i.id = q.run_id
                          WHERE q.asset_id = a.id AND q.feature = 'probe') v) AS aspect
           FROM json_each($1) q
           JOIN assets a ON a.id = COALESCE((SELECT asset_id FROM aliases WHERE id = q.value ->> 0), q.value ->> 0)
           JOIN titles t ON t.id = a.title_id
           JOIN published p ON p.asset_id = a.id AND p.feature = 'shots'
           JOIN runs r ON r.id = p.run_id
           JOIN shots s ON s.run_id = p.run_id AND s.start_frame = CAST(q.value ->> 1 AS BIGINT) AND s.end_frame = CAST(q.value ->> 2 AS BIGINT)
           LEFT JOIN shots f ON f.run_id = s.run_id AND f.ordinal = s.same_as
           LEFT JOIN shots n ON n.run_id = s.run_id AND n.ordinal = s.ordinal + 1",
    )
    .bind(serde_json::json!(wanted).to_string())
    .fetch_all(db)
    .await?;
    let mut shots: Vec<Option<Shot>> = vec![None; ids.len()];
    for row in rows {
        let place = usize::try_from(row.rank)
            .ok()
            .and_then(|at| shots.get_mut(at));
        if let Some(place) = place {
            *place = Some(row.shot);
        }
    }
    Ok(shots)
}

/// Those of these shots that are published, in the titles `within` if it is given.
///
/// # Errors
/// If the database fails.
pub async fn seen(
    db: &mut Connection,
    ids: &[ShotId],
    within: Option<&[TitleId]>,
) -> Result<HashSet<ShotId>, CatalogError> {
    let wanted: Vec<_> = ids.iter().map(|id| (&id.asset, id.start, id.end)).collect();
    let places: Vec<i64> = database::query_scalar(
        "SELECT CAST(q.key AS BIGINT) FROM json_each($1) q
           JOIN assets a ON a.id = COALESCE((SELECT asset_id FROM aliases WHERE id = q.value ->> 0), q.value ->> 0)
           JOIN published p ON p.asset_id = a.id AND p.feature = 'shots'
           JOIN shots s ON s.run_id = p.run_id AND s.start_frame = CAST(q.value ->> 1 AS BIGINT) AND s.end_frame = CAST(q.value ->> 2 AS BIGINT)
          WHERE $2 IS NULL OR a.title_id IN (SELECT value FROM json_each($2))",
    )
    .bind(serde_json::json!(wanted).to_string())
    .bind(within.map(|titles| serde_json::json!(titles).to_string()))
    .fetch_all(db)
    .await?;
    let seen = places
        .into_iter()
        .filter_map(|at| ids.get(usize::try_from(at).ok()?));
    Ok(seen.cloned().collect())
}

/// First and one-past-last frame of each published shot of an asset, in order.
///
/// # Errors
/// If the database fails.
pub async fn spans(db: &mut Connection, asset: &AssetId) -> Result<Vec<(u64, u64)>, CatalogError> {
    let run: Option<RunId> = database::query_scalar(
        "SELECT run_id FROM published WHERE asset_id = $1 AND feature = 'shots'",
    )
    .bind(asset)
    .fetch_optional(&mut *db)
    .await?;
    match run {
        Some(run) => spans_of_run(db, &run).await,
        None => Ok(Vec::new()),
    }
}

/// The published shots that share a frame with one of these spans of frames: asset and first frame.
///
/// # Errors
/// If the database fails.
pub async fn overlapping(
    db: &mut Connection,
    spans: &[(&AssetId, u64, u64)],
) -> Result<Vec<(AssetId, u64)>, CatalogError> {
    let rows: Vec<(AssetId, i64)> = database::query_as(
        "SELECT DISTINCT p.asset_id, s.start_frame
           FROM json_each($1) q
           JOIN published p ON p.asset_id = q.value ->> 0 AND p.feature = 'shots'
           JOIN shots s ON s.run_id = p.run_id AND s.start_frame < CAST(q.value ->> 2 AS BIGINT) AND s.end_frame > CAST(q.value ->> 1 AS BIGINT)",
    )
    .bind(serde_json::json!(spans).to_string())
    .fetch_all(db)
    .await?;
    let shots = rows.into_iter();
    Ok(shots
        .map(|(asset, start)| (asset, start.cast_unsigned()))
        .collect())
}

/// First and one-past-last frame of each shot of a run, in order.
///
/// # Errors
/// If the database fails.
pub async fn spans_of_run(
    db: &mut Connection,
    run: &RunId,
) -> Result<Vec<(u64, u64)>, CatalogError> {
    let rows: Vec<(i64, i64)> = database::query_as(
        "SELECT start_frame, end_frame FROM shots WHERE run_id = $1 ORDER BY ordinal",
    )
    .bind(run)
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(start, end)| (start.cast_unsigned(), end.cast_unsigned()))
        .collect())
}

/// Keys of the objects that a run stored, one per shot, in order.
///
/// # Errors
/// If the database fails.
pub async fn keys_of_run(db: &mut Connection, run: &RunId) -> Result<Vec<String>, CatalogError> {
    Ok(
        database::query_scalar("SELECT key FROM objects WHERE run_id = $1 ORDER BY ordinal")
            .bind(run)
            .fetch_all(db)
            .await?,
    )
}
