//! Files of redactions as the queue that they are: leased with a fencing token, and ended by whoever holds it.

use rushes_workers::coordinator::Failure;

use super::super::queue::{self, FARTHEST_RETRY_MS, Verdict};
use super::super::{CatalogError, now_ms};
use super::{RedactionFile, RedactionState, RedactionTask};
use crate::catalog::database::{self, Connection};

/// The time of the queue: that of the database, where machines share it.
async fn clock(db: &mut Connection) -> Result<i64, CatalogError> {
    Ok(queue::clock(db).await?.unwrap_or_else(now_ms))
}

/// Leases the next file to `worker`: of the oldest redaction the first that is queued.
///
/// # Errors
/// If the database fails.
pub async fn take(
    db: &mut Connection,
    worker: &str,
) -> Result<Option<RedactionTask>, CatalogError> {
    let now = clock(db).await?;
    let alone = db.dialect().unclaimed("f");
    let sql = format!(
        "UPDATE redaction_files SET state = 'running', attempts = attempts + 1, token = token + 1, worker = $3, done = 0
          WHERE rowid = (
                SELECT f.rowid FROM redaction_files f JOIN redactions r ON r.id = f.redaction_id
                 WHERE f.state = 'queued' AND (f.not_before <= $1 OR f.not_before > $1 + $2) AND r.stage = 'open'
                 ORDER BY f.redaction_id, f.ordinal LIMIT 1{alone})
         RETURNING *"
    );
    let file: Option<RedactionFile> = database::query_as(sqlx::AssertSqlSafe(sql))
        .bind(now)
        .bind(FARTHEST_RETRY_MS)
        .bind(worker)
        .fetch_optional(&mut *db)
        .await?;
    let Some(file) = file else { return Ok(None) };
    let (settings, output) =
        database::query_as("SELECT settings, output FROM redactions WHERE id = $1")
            .bind(&file.redaction_id)
            .fetch_one(db)
            .await?;
    Ok(Some(RedactionTask {
        file,
        settings,
        output,
    }))
}

/// Whether [`take`] would find a file.
///
/// # Errors
/// If the database fails.
pub async fn is_waiting(db: &mut Connection) -> Result<bool, CatalogError> {
    let now = clock(db).await?;
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM redaction_files f JOIN redactions r ON r.id = f.redaction_id
                         WHERE f.state = 'queued' AND (f.not_before <= $1 OR f.not_before > $1 + $2) AND r.stage = 'open')",
    )
    .bind(now)
    .bind(FARTHEST_RETRY_MS)
    .fetch_one(db)
    .await?)
}

/// Whether the caller's attempt is still the newest one.
///
/// # Errors
/// If the database fails.
pub async fn is_held(db: &mut Connection, file: &RedactionFile) -> Result<bool, CatalogError> {
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM redaction_files
          WHERE redaction_id = $1 AND ordinal = $2 AND state = 'running' AND token = $3)",
    )
    .bind(&file.redaction_id)
    .bind(file.ordinal)
    .bind(file.token)
    .fetch_one(db)
    .await?)
}

/// Whether the caller may store a result: its attempt is the newest one, and nobody deleted the redaction.
///
/// # Errors
/// If the database fails.
pub async fn may_store(db: &mut Connection, file: &RedactionFile) -> Result<bool, CatalogError> {
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM redaction_files f JOIN redactions r ON r.id = f.redaction_id
          WHERE f.redaction_id = $1 AND f.ordinal = $2 AND f.state = 'running' AND f.token = $3 AND r.stage = 'open')",
    )
    .bind(&file.redaction_id)
    .bind(file.ordinal)
    .bind(file.token)
    .fetch_one(db)
    .await?)
}

/// Keeps how far a file is, in thousandths; `false` if the caller is to stop, because it is no longer the caller's or
/// somebody deleted the redaction.
///
/// # Errors
/// If the database fails.
pub async fn heartbeat(
    db: &mut Connection,
    file: &RedactionFile,
    done: i64,
) -> Result<bool, CatalogError> {
    let kept = database::query(
        "UPDATE redaction_files SET done = $1
          WHERE redaction_id = $2 AND ordinal = $3 AND state = 'running' AND token = $4
            AND EXISTS (SELECT 1 FROM redactions r WHERE r.id = redaction_id AND r.stage = 'open')",
    )
    .bind(done)
    .bind(&file.redaction_id)
    .bind(file.ordinal)
    .bind(file.token)
    .execute(db)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// What a file came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileResult {
    /// Regions or tracks made unrecognisable.
    pub regions: i64,
    /// Name of the result.
    pub name: String,
    /// Its media type; none if there is only a record.
    pub media_type: Option<String>,
}

/// Records that a file is through; `false` if it is no longer the caller's.
///
/// # Errors
/// If the database fails.
pub async fn finish(
    db: &mut Connection,
    file: &RedactionFile,
    result: &FileResult,
) -> Result<bool, CatalogError> {
    let recorded = database::query(
        "UPDATE redaction_files SET state = 'done', regions = $1, result = $2, media_type = $3, finished_at = $4,
                done = 1000, worker = NULL, failure_kind = NULL, failure_code = NULL, reason = NULL
          WHERE redaction_id = $5 AND ordinal = $6 AND state = 'running' AND token = $7",
    )
    .bind(result.regions)
    .bind(&result.name)
    .bind(&result.media_type)
    .bind(now_ms())
    .bind(&file.redaction_id)
    .bind(file.ordinal)
    .bind(file.token)
    .execute(db)
    .await?;
    Ok(recorded.rows_affected() == 1)
}

/// Records a failure; `false` if the file is no longer the caller's.
///
/// # Errors
/// If the database fails.
pub async fn fail(
    db: &mut Connection,
    file: &RedactionFile,
    failure: &Failure,
    verdict: Verdict,
) -> Result<bool, CatalogError> {
    let now = clock(db).await?;
    let (state, not_before, finished) = match verdict {
        Verdict::Retry(delay) => (RedactionState::Queued, now + delay, None),
        Verdict::GiveUp => (RedactionState::Failed, 0, Some(now)),
    };
    let recorded = database::query(
        "UPDATE redaction_files SET state = $1, not_before = $2, finished_at = $3, failure_kind = $4,
                failure_code = $5, reason = $6, worker = NULL
          WHERE redaction_id = $7 AND ordinal = $8 AND state = 'running' AND token = $9",
    )
    .bind(state)
    .bind(not_before)
    .bind(finished)
    .bind(failure.kind.as_str())
    .bind(&failure.code)
    .bind(&failure.reason)
    .bind(&file.redaction_id)
    .bind(file.ordinal)
    .bind(file.token)
    .execute(db)
    .await?;
    Ok(recorded.rows_affected() == 1)
}
