//! What keeps redactions going beside their files: what a kill left behind, inputs to look up, things to clear
//! away.

use super::super::queue::DEADLY;
use super::super::{CatalogError, RedactionId, now_ms};
use super::Redaction;
use crate::catalog::database::{self, Connection};

/// Clears uploads away that a member was receiving.
///
/// # Errors
/// If the database fails.
pub async fn discard_uploads_of(db: &mut Connection, member: &str) -> Result<(), CatalogError> {
    database::query(
        "UPDATE redactions SET stage = 'deleting' WHERE stage = 'receiving' AND member = $1",
    )
    .bind(member)
    .execute(db)
    .await?;
    Ok(())
}

/// Clears uploads away that no member is receiving.
///
/// # Errors
/// If the database fails.
pub async fn discard_uploads(db: &mut Connection) -> Result<(), CatalogError> {
    database::query(
        "UPDATE redactions SET stage = 'deleting' WHERE stage = 'receiving'
            AND NOT EXISTS (SELECT 1 FROM members m WHERE m.name = redactions.member)",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes the files of `worker`, whose process has ended, away from it; [`DEADLY`] such ends give a file up.
///
/// # Errors
/// If the database fails.
pub(in super::super) async fn bury(db: &mut Connection, worker: &str) -> Result<(), CatalogError> {
    // One that got further is on its way, however often its machine is switched off.
    database::query(
        "UPDATE redaction_files
            SET deaths = deaths + CASE WHEN deaths = 0 OR done <= done_at_death THEN 1 ELSE 0 END, done_at_death = CASE WHEN done > done_at_death THEN done ELSE done_at_death END,
                attempts = attempts - 1, worker = NULL, state = 'queued'
          WHERE state = 'running' AND worker = $1",
    )
    .bind(worker)
    .execute(&mut *db)
    .await?;
    database::query(
        "UPDATE redaction_files
            SET state = 'failed', finished_at = $1, failure_kind = 'internal', failure_code = 'process-died',
                reason = 'the process ended each time this file was worked on; look into the server''s log'
          WHERE state = 'queued' AND deaths >= $2",
    )
    .bind(now_ms())
    .bind(DEADLY)
    .execute(db)
    .await?;
    Ok(())
}

/// Gives back what `worker` has under way as if it had not been begun.
///
/// # Errors
/// If the database fails.
pub async fn release(db: &mut Connection, worker: &str) -> Result<(), CatalogError> {
    database::query(
        "UPDATE redaction_files SET state = 'queued', attempts = attempts - 1, worker = NULL
          WHERE state = 'running' AND worker = $1",
    )
    .bind(worker)
    .execute(db)
    .await?;
    Ok(())
}

/// The oldest redaction whose inputs are to be looked up.
///
/// # Errors
/// If the database fails.
pub async fn to_list(db: &mut Connection) -> Result<Option<Redaction>, CatalogError> {
    Ok(
        database::query_as("SELECT * FROM redactions WHERE stage = 'listing' ORDER BY id LIMIT 1")
            .fetch_optional(db)
            .await?,
    )
}

/// Deleted redactions that nobody is at work on.
///
/// # Errors
/// If the database fails.
pub async fn doomed(db: &mut Connection) -> Result<Vec<RedactionId>, CatalogError> {
    Ok(database::query_scalar(
        "SELECT id FROM redactions r WHERE stage = 'deleting'
            AND NOT EXISTS (SELECT 1 FROM redaction_files f
                             WHERE f.state = 'running' AND f.redaction_id = r.id)",
    )
    .fetch_all(db)
    .await?)
}

/// Forgets a redaction that has been cleared away.
///
/// # Errors
/// If the database fails.
pub async fn remove(db: &mut Connection, id: &RedactionId) -> Result<(), CatalogError> {
    database::query("DELETE FROM redactions WHERE id = $1 AND stage = 'deleting'")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Uploaded originals of files that are through: redaction and number of each.
///
/// # Errors
/// If the database fails.
pub async fn spent_originals(db: &mut Connection) -> Result<Vec<(RedactionId, i64)>, CatalogError> {
    Ok(database::query_as(
        "SELECT redaction_id, ordinal FROM redaction_files
          WHERE state IN ('done', 'failed') AND substr(source, 1, 6) = 'store:' LIMIT 1000",
    )
    .fetch_all(db)
    .await?)
}

/// Records that an uploaded original has been deleted.
///
/// # Errors
/// If the database fails.
pub async fn original_deleted(
    db: &mut Connection,
    id: &RedactionId,
    ordinal: i64,
) -> Result<(), CatalogError> {
    database::query(
        "UPDATE redaction_files SET source = NULL WHERE redaction_id = $1 AND ordinal = $2",
    )
    .bind(id)
    .bind(ordinal)
    .execute(db)
    .await?;
    Ok(())
}
