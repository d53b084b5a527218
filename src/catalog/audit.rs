//! Who changed what over HTTP.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection};
use super::{CatalogError, KeyId, now_ms};

/// How long an entry is kept, in milliseconds: a year.
const KEPT_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// One request that changed something, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct AuditEntry {
    /// Rank; later requests have higher ones.
    pub id: i64,
    /// When it was answered, Unix milliseconds.
    pub at: i64,
    /// Id of the key; null for a request of the server's own machine without one.
    #[schema(value_type = Option<String>)]
    pub key_id: Option<KeyId>,
    /// Name of the key at that time.
    pub key_name: Option<String>,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status of the answer.
    pub status: i64,
    /// The request's id, as in the answer and in the log.
    pub request_id: String,
    /// What it was about, where the path does not say: the people that were searched for, the grounds of a consent.
    pub note: Option<String>,
}

/// A request to be noted.
#[derive(Debug, Clone, Copy)]
pub struct AuditedRequest<'a> {
    /// The key's id and name, if it came with one.
    pub key: Option<(&'a KeyId, &'a str)>,
    /// The method.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The request's id.
    pub request_id: &'a str,
    /// What it was about, where the path does not say.
    pub note: Option<&'a str>,
}

/// Notes a request.
///
/// # Errors
/// If the database fails.
pub async fn note(db: &mut Connection, request: AuditedRequest<'_>) -> Result<(), CatalogError> {
    database::query(
        "INSERT INTO audit (at, key_id, key_name, method, path, status, request_id, note)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(now_ms())
    .bind(request.key.map(|(id, _)| id))
    .bind(request.key.map(|(_, name)| name))
    .bind(request.method)
    .bind(request.path)
    .bind(request.status)
    .bind(request.request_id)
    .bind(request.note)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets entries that are older than a year.
///
/// # Errors
/// If the database fails.
pub async fn trim(db: &mut Connection) -> Result<(), CatalogError> {
    database::query("DELETE FROM audit WHERE at < $1")
        .bind(now_ms() - KEPT_MS)
        .execute(db)
        .await?;
    Ok(())
}

/// The newest entries, newest first; those before the entry `before`, if that is given.
///
/// # Errors
/// If the database fails.
pub async fn recent(
    db: &mut Connection,
    limit: u32,
    before: Option<i64>,
) -> Result<Vec<AuditEntry>, CatalogError> {
    Ok(
        database::query_as("SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(db)
            .await?,
    )
}
