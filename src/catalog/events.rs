//! What happened, in order. Triggers of the database write it.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection, Dialect};
use super::{AssetId, BinId, CatalogError, JobId, KeyId, RedactionId, TitleId};

/// Events that are kept; a follower that is further behind has missed some.
const KEPT: i64 = 100_000;
/// What the types of events begin with.
pub const FAMILIES: [&str; 6] = ["asset.", "stage.", "job.", "title.", "bin.", "redaction."];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Event {
    /// Its rank; later events have higher ones.
    pub seq: i64,
    /// When it happened, Unix milliseconds.
    pub at: i64,
    /// What it is: `asset.registered`, `asset.changed`, `asset.left` (to its old title), `asset.replaced`,
    /// `asset.deleted`, `stage.STATE`, `job.STATE`; `title.` or `bin.` with `created`, `changed`, `deleted`; `redaction.` with `created`, `done`, `failed`,
    /// `deleted`.
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    #[schema(example = "job.ready")]
    pub kind: String,
    /// The title; of an event of an asset, a stage or a job, the title of the asset.
    #[sqlx(rename = "title_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub title: Option<TitleId>,
    /// The asset, of an event of an asset, a stage or a job.
    #[sqlx(rename = "asset_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub asset: Option<AssetId>,
    /// The job, of an event of a job.
    #[sqlx(rename = "job_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub job: Option<JobId>,
    /// The bin, of an event of a bin.
    #[sqlx(rename = "bin_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub bin: Option<BinId>,
    /// The redaction, of an event of a redaction.
    #[sqlx(rename = "redaction_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub redaction: Option<RedactionId>,
    /// More of it: the feature of a stage, the code and reason of a failure, the place of an asset, the name of a title,
    /// the name and revision of a bin, the files of a redaction that are done and that failed.
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
pub async fn newest(db: &mut Connection) -> Result<i64, CatalogError> {
    // The newest one is never deleted.
    Ok(
        database::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events")
            .fetch_one(db)
            .await?,
    )
}

/// The rank up to which all events are there; later ones may be written at this moment.
///
/// # Errors
/// If the database fails.
pub async fn settled(db: &mut Connection) -> Result<i64, CatalogError> {
    match settled_after(db, 0).await? {
        Some(settled) => Ok(settled),
        None => newest(db).await,
    }
}

/// The rank up to which all events are there, if some may be after `seen`; none where writers take turns.
async fn settled_after(db: &mut Connection, seen: i64) -> Result<Option<i64>, CatalogError> {
    Ok(match db.dialect() {
        Dialect::Sqlite => None,
        Dialect::Postgres => {
            let settled = database::query_scalar("SELECT settled_events($1)");
            Some(settled.bind(seen).fetch_one(db).await?)
        }
    })
}

/// The rank of the oldest event that is kept.
///
/// # Errors
/// If the database fails.
pub async fn oldest(db: &mut Connection) -> Result<Option<i64>, CatalogError> {
    Ok(database::query_scalar("SELECT MIN(seq) FROM events")
        .fetch_one(db)
        .await?)
}

/// The events that a follower receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those of these titles and their assets.
    pub titles: Option<Vec<TitleId>>,
    /// Of bins, only those of this key. Without a key, all if all titles are included, and none otherwise.
    pub owner: Option<KeyId>,
    /// Whether to include those of redactions.
    pub redactions: bool,
}

impl EventFilter {
    /// All events.
    pub const ALL: Self = Self {
        titles: None,
        owner: None,
        redactions: true,
    };
}

/// Up to `limit` events after the one of rank `seq`, oldest first, that `filter` selects.
///
/// # Errors
/// If the database fails.
pub async fn after(
    db: &mut Connection,
    seq: i64,
    filter: &EventFilter,
    limit: u32,
) -> Result<Vec<Event>, CatalogError> {
    let settled = settled_after(db, seq).await?.unwrap_or(i64::MAX);
    Ok(database::query_as(
        "SELECT seq, at, type, NULLIF(title_id, '') AS title_id, NULLIF(asset_id, '') AS asset_id, job_id, bin_id,
                redaction_id, body
           FROM events
          WHERE seq > $1 AND seq <= $6
            AND CASE WHEN bin_id IS NOT NULL THEN owner = $3 OR ($3 IS NULL AND $2 IS NULL)
                     WHEN redaction_id IS NOT NULL THEN $4
                     ELSE $2 IS NULL OR title_id IN (SELECT value FROM json_each($2)) END
          ORDER BY seq LIMIT $5",
    )
    .bind(seq)
    .bind(filter.titles.as_ref().map(|titles| serde_json::json!(titles).to_string()))
    .bind(&filter.owner)
    .bind(filter.redactions)
    .bind(limit)
    .bind(settled)
    .fetch_all(db)
    .await?)
}

/// Deletes events beyond those that are kept.
///
/// # Errors
/// If the database fails.
pub async fn trim(db: &mut Connection) -> Result<(), CatalogError> {
    database::query("DELETE FROM events WHERE seq <= (SELECT MAX(seq) FROM events) - $1")
        .bind(KEPT)
        .execute(db)
        .await?;
    Ok(())
}
