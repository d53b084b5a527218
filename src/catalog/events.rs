//! What happened, in order. Triggers of the database write it.

use serde::Serialize;
use sqlx::{FromRow, SqliteConnection};
use utoipa::ToSchema;

use super::{AssetId, CatalogError, JobId, TitleId};

/// Events that are kept; a follower that is further behind has missed some.
const KEPT: i64 = 100_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Event {
    /// Its rank; later events have higher ones.
    pub seq: i64,
    /// When it happened, Unix milliseconds.
    pub at: i64,
    /// What it is: `asset.registered`, `asset.deleted`, `stage.STATE` or `job.STATE`.
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    #[schema(example = "job.ready")]
    pub kind: String,
    /// The title of the asset.
    #[sqlx(rename = "title_id")]
    #[schema(value_type = String)]
    pub title: TitleId,
    /// The asset.
    #[sqlx(rename = "asset_id")]
    #[schema(value_type = String)]
    pub asset: AssetId,
    /// The job, of an event of a job.
    #[sqlx(rename = "job_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub job: Option<JobId>,
    /// More of it: the feature of a stage, the code and reason of a failure, the place of an asset.
    #[sqlx(try_from = "String")]
    #[schema(value_type = Object)]
    pub body: EventBody,
}

/// The part of an event that differs by its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventBody(serde_json::Value);

impl From<String> for EventBody {
    fn from(stored: String) -> Self {
        Self(serde_json::from_str(&stored).unwrap_or_default())
    }
}

/// The rank of the newest event; 0 if there is none.
///
/// # Errors
/// If the database fails.
pub async fn newest(db: &mut SqliteConnection) -> Result<i64, CatalogError> {
    // Also where the newest ones were deleted.
    let seq: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
            .fetch_optional(db)
            .await?;
    Ok(seq.unwrap_or(0))
}

/// The rank of the oldest event that is kept.
///
/// # Errors
/// If the database fails.
pub async fn oldest(db: &mut SqliteConnection) -> Result<Option<i64>, CatalogError> {
    Ok(sqlx::query_scalar("SELECT MIN(seq) FROM events")
        .fetch_one(db)
        .await?)
}

/// Up to `limit` events after the one of rank `seq`, oldest first; of these titles only, if some are given.
///
/// # Errors
/// If the database fails.
pub async fn after(
    db: &mut SqliteConnection,
    seq: i64,
    titles: Option<&[TitleId]>,
    limit: u32,
) -> Result<Vec<Event>, CatalogError> {
    Ok(sqlx::query_as(
        "SELECT * FROM events
          WHERE seq > ?1 AND (?2 IS NULL OR title_id IN (SELECT value FROM json_each(?2)))
          ORDER BY seq LIMIT ?3",
    )
    .bind(seq)
    .bind(titles.map(|titles| serde_json::json!(titles).to_string()))
    .bind(limit)
    .fetch_all(db)
    .await?)
}

/// Deletes events beyond those that are kept.
///
/// # Errors
/// If the database fails.
pub async fn trim(db: &mut SqliteConnection) -> Result<(), CatalogError> {
    sqlx::query("DELETE FROM events WHERE seq <= (SELECT MAX(seq) FROM events) - ?")
        .bind(KEPT)
        .execute(db)
        .await?;
    Ok(())
}
