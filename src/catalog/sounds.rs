//! How shots sound.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{AssetId, CatalogError, RunId, ShotId};

/// The sound of a shot.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ShotLevels {
    /// First frame of the shot.
    pub start_frame: i64,
    /// One past its last.
    pub end_frame: i64,
    /// Integrated loudness in LUFS; `None` in silence.
    pub loudness: Option<f64>,
    /// The loudest momentary loudness in LUFS.
    pub loudest: Option<f64>,
    /// True peak in dBTP.
    pub peak: Option<f64>,
    /// The share of the time that is silent, 0 to 1.
    pub silence: f64,
    /// The share of the time that resembles speech.
    pub speech: f64,
    /// The share of the time that resembles music.
    pub music: f64,
    /// Sounds that begin suddenly.
    pub onsets: i64,
    /// Bangs.
    pub bangs: i64,
}

/// A sound that begins suddenly and far above what was heard before.
#[derive(Debug, Clone, Copy, PartialEq, FromRow)]
pub struct Bang {
    /// The frame that is shown meanwhile.
    pub frame: i64,
    /// When, in milliseconds from the start of the file.
    pub ms: i64,
    /// By how many decibels it rises.
    pub rise: f64,
}

/// Stores the sound of the shots of a run, and its bangs by time.
///
/// # Errors
/// If the database fails.
pub async fn store(
    db: &mut Connection,
    run: &RunId,
    shots: &[ShotLevels],
    bangs: &[Bang],
) -> Result<(), CatalogError> {
    for shot in shots {
        database::query(
            "INSERT INTO sounds (run_id, start_frame, end_frame, loudness, loudest, peak, silence, speech, music, onsets, bangs)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(run)
        .bind(shot.start_frame)
        .bind(shot.end_frame)
        .bind(shot.loudness)
        .bind(shot.loudest)
        .bind(shot.peak)
        .bind(shot.silence)
        .bind(shot.speech)
        .bind(shot.music)
        .bind(shot.onsets)
        .bind(shot.bangs)
        .execute(&mut *db)
        .await?;
    }
    for (ordinal, bang) in bangs.iter().enumerate() {
        database::query(
            "INSERT INTO bangs (run_id, ordinal, frame, ms, rise) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(run)
        .bind(ordinal.cast_signed() as i64)
        .bind(bang.frame)
        .bind(bang.ms)
        .bind(bang.rise)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// The published sound of a shot; `None` if it was not measured.
///
/// # Errors
/// If the database fails.
pub async fn of_shot(
    db: &mut Connection,
    shot: &ShotId,
) -> Result<Option<ShotLevels>, CatalogError> {
    Ok(database::query_as(
        "SELECT x.* FROM published p JOIN sounds x ON x.run_id = p.run_id
          WHERE p.asset_id = $1 AND p.feature = 'sound' AND x.start_frame = $2 AND x.end_frame = $3",
    )
    .bind(&shot.asset)
    .bind(shot.start.cast_signed())
    .bind(shot.end.cast_signed())
    .fetch_optional(db)
    .await?)
}

/// The published bangs in a shot, by time.
///
/// # Errors
/// If the database fails.
pub async fn bangs_of(db: &mut Connection, shot: &ShotId) -> Result<Vec<Bang>, CatalogError> {
    Ok(database::query_as(
        "SELECT b.frame, b.ms, b.rise FROM published p JOIN bangs b ON b.run_id = p.run_id
          WHERE p.asset_id = $1 AND p.feature = 'sound' AND b.frame >= $2 AND b.frame < $3 ORDER BY b.ordinal",
    )
    .bind(&shot.asset)
    .bind(shot.start.cast_signed())
    .bind(shot.end.cast_signed())
    .fetch_all(db)
    .await?)
}

/// What is looked for in the sound of shots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundKind {
    /// A bang. Its measure is by how many decibels the strongest one rises.
    Bang,
    /// Sound that resembles music. Its measure is the share of the time.
    Music,
    /// Sound that resembles speech.
    Speech,
    /// Silence.
    Silence,
    /// Loud sound: its measure is the loudest momentary loudness in LUFS.
    Loud,
}

/// A shot with the sound that is looked for.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct SoundingShot {
    /// Its asset.
    pub asset: AssetId,
    /// First frame of the shot.
    pub start_frame: i64,
    /// One past its last.
    pub end_frame: i64,
    /// How strongly, as [`SoundKind`] says.
    pub measure: f64,
    /// The strongest bang.
    #[sqlx(flatten)]
    pub bang: MaybeBang,
}

/// A bang, if one was looked for.
#[derive(Debug, Clone, Copy, PartialEq, FromRow)]
pub struct MaybeBang {
    /// Its frame.
    pub frame: Option<i64>,
    /// Its time in milliseconds.
    pub ms: Option<i64>,
}

/// The shots that sound most like `kind`, the strongest first, at most `most` of them; in `assets` only, if they are given.
/// A shot counts from `least` on.
///
/// # Errors
/// If the database fails.
pub async fn find(
    db: &mut Connection,
    kind: SoundKind,
    least: f64,
    assets: Option<&[AssetId]>,
    most: u32,
) -> Result<Vec<SoundingShot>, CatalogError> {
    let measured = |column: &str| {
        format!(
            "SELECT p.asset_id AS asset, x.start_frame, x.end_frame, x.{column} AS measure, NULL AS frame, NULL AS ms
               FROM published p JOIN sounds x ON x.run_id = p.run_id
              WHERE p.feature = 'sound'"
        )
    };
    let found = match kind {
        SoundKind::Bang => BANGS.to_owned(),
        SoundKind::Music => measured("music"),
        SoundKind::Speech => measured("speech"),
        SoundKind::Silence => measured("silence"),
        SoundKind::Loud => measured("loudest"),
    };
    let assets = assets.map(|assets| serde_json::json!(assets).to_string());
    let sql = format!(
        "SELECT * FROM ({found}) f WHERE f.measure >= $1
            AND ($2 IS NULL OR f.asset IN (SELECT value FROM json_each($2)))
          ORDER BY f.measure DESC, f.asset, f.start_frame LIMIT $3"
    );
    Ok(database::query_as(sqlx::AssertSqlSafe(sql))
        .bind(least)
        .bind(assets)
        .bind(most)
        .fetch_all(db)
        .await?)
}

// The hardest bang of each shot, of equal ones the first.
const BANGS: &str =
    "SELECT h.asset, h.start_frame, h.end_frame, h.measure, h.frame, h.ms FROM (
 SELECT p.asset_id AS asset, x.start_frame, x.end_frame, b.rise AS measure, b.frame, b.ms,
        ROW_NUMBER() OVER (PARTITION BY p.asset_id, x.start_frame ORDER BY b.rise DESC, b.frame) AS turn
   FROM published p
   JOIN bangs b ON b.run_id = p.run_id
   JOIN sounds x ON x.run_id = p.run_id AND x.end_frame > b.frame
    AND x.start_frame = (SELECT MAX(y.start_frame) FROM sounds y
                          WHERE y.run_id = p.run_id AND y.start_frame <= b.frame)
  WHERE p.feature = 'sound') h WHERE h.turn = 1";

/// How many published shots have their sound measured, in `assets` only, if they are given.
///
/// # Errors
/// If the database fails.
pub async fn count(db: &mut Connection, assets: Option<&[AssetId]>) -> Result<i64, CatalogError> {
    let assets = assets.map(|assets| serde_json::json!(assets).to_string());
    Ok(database::query_scalar(
        "SELECT COUNT(*) FROM published p JOIN sounds x ON x.run_id = p.run_id
          WHERE p.feature = 'sound' AND ($1 IS NULL OR p.asset_id IN (SELECT value FROM json_each($1)))",
    )
    .bind(assets)
    .fetch_one(db)
    .await?)
}
