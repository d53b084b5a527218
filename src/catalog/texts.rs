//! Text in the pictures of videos.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{AssetId, CatalogError, RunId};

/// Text in the picture for some time. Frames and milliseconds are half-open.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct PictureText {
    /// First frame.
    pub start_frame: i64,
    /// One past the last frame.
    pub end_frame: i64,
    /// Start in milliseconds from the start of the file.
    pub start_ms: i64,
    /// End in milliseconds.
    pub end_ms: i64,
    /// What it says.
    pub text: String,
    /// Mean probability of its characters, 0 to 1.
    pub score: f64,
    /// Left edge, as a share of the width of the picture.
    pub left: f64,
    /// Upper edge, as a share of the height.
    pub top: f64,
    /// Width, as a share of the picture's.
    pub width: f64,
    /// Height, as a share of the picture's.
    pub height: f64,
}

/// Stores the texts of a run, by time.
///
/// # Errors
/// If the database fails.
pub async fn store(
    db: &mut Connection,
    run: &RunId,
    texts: &[PictureText],
) -> Result<(), CatalogError> {
    for (ordinal, text) in texts.iter().enumerate() {
        database::query(
            r#"INSERT INTO texts (run_id, ordinal, start_frame, end_frame, start_ms, end_ms, text, score,
                                  "left", top, width, height)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"#,
        )
        .bind(run)
        .bind(ordinal.cast_signed() as i64)
        .bind(text.start_frame)
        .bind(text.end_frame)
        .bind(text.start_ms)
        .bind(text.end_ms)
        .bind(&text.text)
        .bind(text.score)
        .bind(text.left)
        .bind(text.top)
        .bind(text.width)
        .bind(text.height)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// The published texts of an asset, by time.
///
/// # Errors
/// If the database fails.
pub async fn of(db: &mut Connection, asset: &AssetId) -> Result<Vec<PictureText>, CatalogError> {
    Ok(database::query_as(
        "SELECT t.* FROM texts t JOIN published p ON p.run_id = t.run_id AND p.feature = 'text'
          WHERE p.asset_id = $1 ORDER BY t.ordinal",
    )
    .bind(asset)
    .fetch_all(db)
    .await?)
}

/// Whether the pictures of an asset were read.
///
/// # Errors
/// If the database fails.
pub async fn is_read(db: &mut Connection, asset: &AssetId) -> Result<bool, CatalogError> {
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM published WHERE asset_id = $1 AND feature = 'text')",
    )
    .bind(asset)
    .fetch_one(db)
    .await?)
}

/// Where published texts are, as [`PictureText`] says it: left, top, width and height. Each is given by its asset, its
/// first frame and what it says; `None` if there is no such text.
///
/// # Errors
/// If the database fails.
pub async fn places(
    db: &mut Connection,
    wanted: &[(&AssetId, u64, &str)],
) -> Result<Vec<Option<[f64; 4]>>, CatalogError> {
    let rows: Vec<(i64, f64, f64, f64, f64)> = database::query_as(
        r#"SELECT CAST(q.key AS BIGINT), t."left", t.top, t.width, t.height
             FROM json_each($1) q
             JOIN published p ON p.asset_id = q.value ->> 0 AND p.feature = 'text'
             JOIN texts t ON t.run_id = p.run_id AND t.start_frame = CAST(q.value ->> 1 AS BIGINT) AND t.text = q.value ->> 2"#,
    )
    .bind(serde_json::json!(wanted).to_string())
    .fetch_all(db)
    .await?;
    let mut places = vec![None; wanted.len()];
    for (at, left, top, width, height) in rows {
        let place = usize::try_from(at).ok().and_then(|at| places.get_mut(at));
        if let Some(place) = place {
            *place = Some([left, top, width, height]);
        }
    }
    Ok(places)
}
