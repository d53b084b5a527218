//! The durable queue: leases with fencing tokens over the runs' table.

use rushes_models::ErrorKind;
use sqlx::SqliteConnection;

use super::runs::Run;
use super::{CatalogError, RunId, now_ms};

/// Leases the oldest run of `queue` whose inputs are ready, for `lease_ms` from now.
///
/// Runs of films that came first go first, so that films become findable one after another. A run
/// whose lease has lapsed is taken over; its former worker's token no longer fits.
///
/// # Errors
/// If the database fails.
pub async fn lease(
    db: &mut SqliteConnection,
    queue: &str,
    worker: &str,
    lease_ms: i64,
) -> Result<Option<Run>, CatalogError> {
    let now = now_ms();
    Ok(sqlx::query_as(
        "UPDATE runs
            SET state = 'running', token = token + 1, attempts = attempts + 1, worker = ?2,
                lease_until = ?3 + ?4, started_at = COALESCE(started_at, ?3), done = 0, total = NULL
          WHERE id = (
                SELECT r.id FROM runs r
                 WHERE r.queue = ?1
                   AND (r.state = 'pending' AND r.not_before <= ?3
                        OR r.state = 'running' AND r.lease_until < ?3)
                   AND NOT EXISTS (SELECT 1 FROM run_inputs i JOIN runs p ON p.id = i.input_id
                                    WHERE i.run_id = r.id AND p.state <> 'ready')
                 ORDER BY r.asset_id, r.rowid LIMIT 1)
         RETURNING *",
    )
    .bind(queue)
    .bind(worker)
    .bind(now)
    .bind(lease_ms)
    .fetch_optional(db)
    .await?)
}

/// Extends a lease and keeps the progress; `false` if the lease is lost or the run is cancelled.
///
/// # Errors
/// If the database fails.
pub async fn heartbeat(
    db: &mut SqliteConnection,
    run: &RunId,
    token: i64,
    lease_ms: i64,
    progress: (i64, Option<i64>),
) -> Result<bool, CatalogError> {
    let kept = sqlx::query(
        "UPDATE runs SET lease_until = ?, done = ?, total = ?
          WHERE id = ? AND token = ? AND state = 'running'",
    )
    .bind(now_ms() + lease_ms)
    .bind(progress.0)
    .bind(progress.1)
    .bind(run)
    .bind(token)
    .execute(db)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Marks a run ready with its result; `false` if the token no longer fits.
///
/// # Errors
/// If the database fails.
pub async fn finish(
    db: &mut SqliteConnection,
    run: &RunId,
    token: i64,
    output: &str,
) -> Result<bool, CatalogError> {
    let done = sqlx::query(
        "UPDATE runs SET state = 'ready', output = ?, finished_at = ?, done = COALESCE(total, done),
                lease_until = NULL,
                worker = NULL, failure_kind = NULL, reason = NULL
          WHERE id = ? AND token = ? AND state = 'running'",
    )
    .bind(output)
    .bind(now_ms())
    .bind(run)
    .bind(token)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What becomes of a run that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Tried again after this many milliseconds.
    Retry(i64),
    /// Given up.
    GiveUp,
}

/// Records a failure; `false` if the token no longer fits.
///
/// # Errors
/// If the database fails.
pub async fn fail(
    db: &mut SqliteConnection,
    run: (&RunId, i64),
    kind: ErrorKind,
    reason: &str,
    verdict: Verdict,
) -> Result<bool, CatalogError> {
    let now = now_ms();
    let (state, not_before, finished) = match verdict {
        Verdict::Retry(delay) => ("pending", now + delay, None),
        Verdict::GiveUp => ("failed", 0, Some(now)),
    };
    let done = sqlx::query(
        "UPDATE runs SET state = ?, not_before = ?, finished_at = ?, failure_kind = ?, reason = ?,
                lease_until = NULL, worker = NULL
          WHERE id = ? AND token = ? AND state = 'running'",
    )
    .bind(state)
    .bind(not_before)
    .bind(finished)
    .bind(kind.as_str())
    .bind(reason)
    .bind(run.0)
    .bind(run.1)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Fails every run that waits, directly or not, for `run`, which has failed.
///
/// # Errors
/// If the database fails.
pub async fn fail_dependents(db: &mut SqliteConnection, run: &Run) -> Result<(), CatalogError> {
    sqlx::query(
        "WITH RECURSIVE waiting (id) AS (
             SELECT run_id FROM run_inputs WHERE input_id = ?1
             UNION SELECT i.run_id FROM run_inputs i JOIN waiting w ON i.input_id = w.id)
         UPDATE runs SET state = 'failed', finished_at = ?2, failure_kind = 'input-failed', reason = ?3
          WHERE state = 'pending' AND id IN (SELECT id FROM waiting)",
    )
    .bind(&run.id)
    .bind(now_ms())
    .bind(format!("needs {}, which failed", run.feature))
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a run back as if it had not been begun; `false` if the token no longer fits.
///
/// # Errors
/// If the database fails.
pub async fn release(
    db: &mut SqliteConnection,
    run: &RunId,
    token: i64,
) -> Result<bool, CatalogError> {
    let done = sqlx::query(
        "UPDATE runs SET state = 'pending', attempts = attempts - 1, lease_until = NULL, worker = NULL
          WHERE id = ? AND token = ? AND state = 'running'",
    )
    .bind(run)
    .bind(token)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The workers that hold leases.
///
/// # Errors
/// If the database fails.
pub async fn holders(db: &mut SqliteConnection) -> Result<Vec<String>, CatalogError> {
    Ok(sqlx::query_scalar(
        "SELECT DISTINCT worker FROM runs WHERE state = 'running' AND worker IS NOT NULL",
    )
    .fetch_all(db)
    .await?)
}

/// Gives back every run of a worker that is known to be dead, without blame.
///
/// # Errors
/// If the database fails.
pub async fn release_all(db: &mut SqliteConnection, worker: &str) -> Result<u64, CatalogError> {
    let done = sqlx::query(
        "UPDATE runs SET state = 'pending', attempts = attempts - 1, lease_until = NULL, worker = NULL
          WHERE worker = ? AND state = 'running'",
    )
    .bind(worker)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
