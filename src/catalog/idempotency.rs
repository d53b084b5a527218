//! Answers that are kept for the same request again.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{CatalogError, now_ms};

/// How long an answer is kept, in milliseconds: a day.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KeptAnswer {
    /// Digest of the request's method, path and body.
    pub fingerprint: String,
    /// The status; `None` while the request is under way.
    pub status: Option<i64>,
    /// The content type.
    pub kind: Option<String>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

/// Begins a request with an idempotency key, which the member `member` carries out; the answer that is kept, if there was one with this key before.
///
/// # Errors
/// If the database fails.
pub async fn begin(
    db: &mut Connection,
    (caller, key): (&str, &str),
    fingerprint: &str,
    member: &str,
) -> Result<Option<KeptAnswer>, CatalogError> {
    database::query("DELETE FROM idempotency WHERE created_at < $1")
        .bind(now_ms() - KEPT_MS)
        .execute(&mut *db)
        .await?;
    let kept = database::query_as(
        "SELECT fingerprint, status, kind, body FROM idempotency WHERE caller = $1 AND key = $2",
    )
    .bind(caller)
    .bind(key)
    .fetch_optional(&mut *db)
    .await?;
    if kept.is_none() {
        database::query(
            "INSERT INTO idempotency (caller, key, fingerprint, created_at, member) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(caller)
        .bind(key)
        .bind(fingerprint)
        .bind(now_ms())
        .bind(member)
        .execute(db)
        .await?;
    }
    Ok(kept)
}

/// Keeps the answer to a request.
///
/// # Errors
/// If the database fails.
pub async fn keep(
    db: &mut Connection,
    (caller, key): (&str, &str),
    (status, kind, body): (u16, &str, &[u8]),
) -> Result<(), CatalogError> {
    database::query(
        "UPDATE idempotency SET status = $1, kind = $2, body = $3 WHERE caller = $4 AND key = $5",
    )
    .bind(status)
    .bind(kind)
    .bind(body)
    .bind(caller)
    .bind(key)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a request that came to nothing, so that it can be made again.
///
/// # Errors
/// If the database fails.
pub async fn forget(db: &mut Connection, (caller, key): (&str, &str)) -> Result<(), CatalogError> {
    database::query("DELETE FROM idempotency WHERE caller = $1 AND key = $2")
        .bind(caller)
        .bind(key)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets requests that a member had under way.
///
/// # Errors
/// If the database fails.
pub async fn forget_unfinished_of(db: &mut Connection, member: &str) -> Result<(), CatalogError> {
    database::query("DELETE FROM idempotency WHERE status IS NULL AND member = $1")
        .bind(member)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets requests that no member has under way.
///
/// # Errors
/// If the database fails.
pub async fn forget_unfinished(db: &mut Connection) -> Result<(), CatalogError> {
    database::query(
        "DELETE FROM idempotency WHERE status IS NULL
            AND NOT EXISTS (SELECT 1 FROM members m WHERE m.name = idempotency.member)",
    )
    .execute(db)
    .await?;
    Ok(())
}
