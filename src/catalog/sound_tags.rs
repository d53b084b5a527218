//! The sounds that are heard in shots, by name.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{AssetId, CatalogError, RunId, ShotId};

/// A sound that is heard in a shot.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ShotTag {
    /// First frame of the shot.
    pub start_frame: i64,
    /// One past its last.
    pub end_frame: i64,
    /// What is heard, as the tagger calls it.
    pub name: String,
    /// How likely, 0 to 1, where it is most likely.
    pub score: f64,
    /// The frame that is shown there.
    pub frame: i64,
    /// When that is, in milliseconds from the start of the file.
    pub ms: i64,
}

/// What a tagger calls a sound.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SoundName {
    /// Its number in the catalogue.
    pub id: i64,
    /// The name.
    pub name: String,
}

/// A shot in which a sound is heard.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct TaggedShot {
    /// Its asset.
    pub asset: AssetId,
    /// The sound.
    #[sqlx(flatten)]
    pub tag: ShotTag,
}

/// Stores the sounds of the shots of a run.
///
/// # Errors
/// If the database fails.
pub async fn store(db: &mut Connection, run: &RunId, tags: &[ShotTag]) -> Result<(), CatalogError> {
    for tag in tags {
        database::query("INSERT INTO sound_names (name) VALUES ($1) ON CONFLICT (name) DO NOTHING")
            .bind(&tag.name)
            .execute(&mut *db)
            .await?;
        // Two classes of a tagger may have one name.
        database::query(
            "INSERT INTO sound_tags (run_id, start_frame, end_frame, name_id, score, frame, ms)
             SELECT $1, $2, $3, id, $4, $5, $6 FROM sound_names WHERE name = $7
             ON CONFLICT (run_id, start_frame, name_id) DO NOTHING",
        )
        .bind(run)
        .bind(tag.start_frame)
        .bind(tag.end_frame)
        .bind(tag.score)
        .bind(tag.frame)
        .bind(tag.ms)
        .bind(&tag.name)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// The published sounds of a shot, the most likely first.
///
/// # Errors
/// If the database fails.
pub async fn of_shot(db: &mut Connection, shot: &ShotId) -> Result<Vec<ShotTag>, CatalogError> {
    Ok(database::query_as(
        "SELECT t.start_frame, t.end_frame, n.name, t.score, t.frame, t.ms
           FROM published p JOIN sound_tags t ON t.run_id = p.run_id JOIN sound_names n ON n.id = t.name_id
          WHERE p.asset_id = $1 AND p.feature = 'sound-tags' AND t.start_frame = $2 AND t.end_frame = $3
          ORDER BY t.score DESC, n.name",
    )
    .bind(&shot.asset)
    .bind(shot.start.cast_signed())
    .bind(shot.end.cast_signed())
    .fetch_all(db)
    .await?)
}

/// Everything that sounds were ever called, by name.
///
/// # Errors
/// If the database fails.
pub async fn names(db: &mut Connection) -> Result<Vec<SoundName>, CatalogError> {
    Ok(
        database::query_as("SELECT id, name FROM sound_names ORDER BY name")
            .fetch_all(db)
            .await?,
    )
}

/// How many published shots were listened to for names, in `assets` only, if they are given.
///
/// # Errors
/// If the database fails.
pub async fn count(db: &mut Connection, assets: Option<&[AssetId]>) -> Result<i64, CatalogError> {
    let assets = assets.map(|assets| serde_json::json!(assets).to_string());
    Ok(database::query_scalar(
        "SELECT COUNT(*) FROM published p
           JOIN published q ON q.asset_id = p.asset_id AND q.feature = 'shots'
           JOIN shots s ON s.run_id = q.run_id
          WHERE p.feature = 'sound-tags' AND ($1 IS NULL OR p.asset_id IN (SELECT value FROM json_each($1)))",
    )
    .bind(assets)
    .fetch_one(db)
    .await?)
}

/// Whether a sound is heard in a published shot; in `assets` only, if they are given.
///
/// # Errors
/// If the database fails.
pub async fn is_heard(
    db: &mut Connection,
    name: i64,
    assets: Option<&[AssetId]>,
) -> Result<bool, CatalogError> {
    let assets = assets.map(|assets| serde_json::json!(assets).to_string());
    Ok(database::query_scalar(
        "SELECT EXISTS (
            SELECT 1 FROM sound_tags t
              JOIN published p ON p.run_id = t.run_id AND p.feature = 'sound-tags'
             WHERE t.name_id = $1 AND ($2 IS NULL OR p.asset_id IN (SELECT value FROM json_each($2))))",
    )
    .bind(name)
    .bind(assets)
    .fetch_one(db)
    .await?)
}

/// The published shots in which a sound is heard, the most likely first, at most `most` of them; in `assets` only, if they are
/// given.
///
/// # Errors
/// If the database fails.
pub async fn find(
    db: &mut Connection,
    name: i64,
    assets: Option<&[AssetId]>,
    most: u32,
) -> Result<Vec<TaggedShot>, CatalogError> {
    let assets = assets.map(|assets| serde_json::json!(assets).to_string());
    Ok(database::query_as(
        "SELECT p.asset_id AS asset, t.start_frame, t.end_frame, n.name, t.score, t.frame, t.ms
           FROM sound_tags t
           JOIN published p ON p.run_id = t.run_id AND p.feature = 'sound-tags'
           JOIN sound_names n ON n.id = t.name_id
          WHERE t.name_id = $1 AND ($2 IS NULL OR p.asset_id IN (SELECT value FROM json_each($2)))
          ORDER BY t.score DESC, p.asset_id, t.start_frame LIMIT $3",
    )
    .bind(name)
    .bind(assets)
    .bind(most)
    .fetch_all(db)
    .await?)
}
