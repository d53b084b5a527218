//! The durable queue: leases with fencing tokens on the table of runs.

use rushes_workers::coordinator::Failure;

use super::database::{self, Connection, Dialect};
use super::redactions::upkeep;
use super::runs::Run;
use super::{CatalogError, RunId, now_ms};

/// Longest pause before a retry, in milliseconds. A retry later than this was scheduled while the clock was
/// wrong.
pub(super) const FARTHEST_RETRY_MS: i64 = 600_000;
/// How long the lease of a worker on another machine lasts without a heartbeat, in milliseconds.
pub const LEASE_MS: i64 = 30_000;
/// Number of worker deaths after which a run, or a file of a redaction, is given up.
pub(super) const DEADLY: i64 = 3;

/// Whether a worker's death shows in its file lock, or in that it is no living member. Leases of such workers do not expire,
/// whatever the clock does.
fn is_local(worker: &str) -> bool {
    worker.starts_with("local-")
}

/// The runs to choose from: those of a queue, and of the vectors in it those of these models only.
pub type Choice<'a> = (&'a str, Option<&'a [String]>);

/// The models of a choice as JSON, as the queries take them.
fn of_models(choice: Choice<'_>) -> Option<String> {
    choice.1.map(|models| serde_json::json!(models).to_string())
}

/// The clock by which leases expire, Unix milliseconds, if machines share the database and so have to share its clock.
///
/// # Errors
/// If the database fails.
pub async fn clock(db: &mut Connection) -> Result<Option<i64>, CatalogError> {
    Ok(match db.dialect() {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(
            database::query_scalar("SELECT now_ms()")
                .fetch_one(db)
                .await?,
        ),
    })
}

/// Whether the lease of a remote worker has expired.
///
/// # Errors
/// If the database fails.
pub async fn has_lapsed(db: &mut Connection, now: i64) -> Result<bool, CatalogError> {
    let leased = db.dialect().read_by("runs", "runs_leased");
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {leased} WHERE state = 'running' AND lease_until < $1)"
    );
    Ok(database::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(now)
        .fetch_one(db)
        .await?)
}

/// Whether there may be a run to lease. It only reads, so it costs no writer anything.
///
/// # Errors
/// If the database fails.
pub async fn is_waiting(
    db: &mut Connection,
    choice: Choice<'_>,
    now: i64,
) -> Result<bool, CatalogError> {
    let dialect = db.dialect();
    let (waiting, leased) = (
        dialect.read_by("runs", "runs_to_lease"),
        dialect.read_by("runs", "runs_leased"),
    );
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM {waiting}
                         WHERE queue = $1 AND state = 'pending' AND waits_for = 0
                           AND (not_before <= $2 OR not_before > $2 + $3)
                           AND ($4 IS NULL OR feature NOT LIKE 'embeddings/%'
                                OR substr(feature, 12) IN (SELECT value FROM json_each($4))))
             OR EXISTS (SELECT 1 FROM {leased}
                         WHERE state = 'running' AND queue = $1 AND lease_until < $2)"
    );
    Ok(database::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(choice.0)
        .bind(now)
        .bind(FARTHEST_RETRY_MS)
        .bind(of_models(choice))
        .fetch_one(db)
        .await?)
}

/// Leases the oldest run of `choice` whose inputs are ready, for `lease_ms` from `now`.
///
/// Videos that were registered first go first, so that videos become searchable one after another. Runs whose
/// worker died go after them, and runs in the background last.
///
/// # Errors
/// If the database fails.
pub async fn lease(
    db: &mut Connection,
    choice: Choice<'_>,
    worker: &str,
    (now, lease_ms): (i64, i64),
) -> Result<Option<Run>, CatalogError> {
    let dialect = db.dialect();
    let (waiting, alone) = (
        dialect.read_by("runs", "runs_to_lease"),
        dialect.unclaimed(""),
    );
    let sql = format!(
        "UPDATE runs
            SET state = 'running', token = token + 1, attempts = attempts + 1, worker = $2,
                lease_until = $4, started_at = COALESCE(started_at, $3), done = 0, total = NULL
          WHERE id = (
                SELECT id FROM {waiting}
                 WHERE queue = $1 AND state = 'pending' AND waits_for = 0
                   AND (not_before <= $3 OR not_before > $3 + $5)
                   AND ($6 IS NULL OR feature NOT LIKE 'embeddings/%'
                        OR substr(feature, 12) IN (SELECT value FROM json_each($6)))
                 ORDER BY background, deaths, asset_id, rowid LIMIT 1{alone})
         RETURNING *"
    );
    Ok(database::query_as(sqlx::AssertSqlSafe(sql))
        .bind(choice.0)
        .bind(worker)
        .bind(now)
        .bind((!is_local(worker)).then_some(now + lease_ms))
        .bind(FARTHEST_RETRY_MS)
        .bind(of_models(choice))
        .fetch_optional(db)
        .await?)
}

/// Extends a lease and stores the progress; `false` if the lease is lost or the run was cancelled.
///
/// # Errors
/// If the database fails.
pub async fn heartbeat(
    db: &mut Connection,
    (run, token): (&RunId, i64),
    until: i64,
    progress: (i64, Option<i64>),
) -> Result<bool, CatalogError> {
    let kept = database::query(
        "UPDATE runs SET lease_until = CASE WHEN lease_until IS NULL THEN NULL ELSE $1 END, done = $2, total = $3
          WHERE id = $4 AND token = $5 AND state = 'running'",
    )
    .bind(until)
    .bind(progress.0)
    .bind(progress.1)
    .bind(run)
    .bind(token)
    .execute(db)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Marks a run as ready; `false` if the token is stale. The same transaction stores its result.
///
/// # Errors
/// If the database fails.
pub async fn finish(db: &mut Connection, run: &RunId, token: i64) -> Result<bool, CatalogError> {
    let done = database::query(
        "UPDATE runs SET state = 'ready', finished_at = $1, done = COALESCE(total, done),
                lease_until = NULL,
                worker = NULL, failure_kind = NULL, failure_code = NULL, reason = NULL
          WHERE id = $2 AND token = $3 AND state = 'running'",
    )
    .bind(now_ms())
    .bind(run)
    .bind(token)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores the small part of a run's result as JSON in the run.
///
/// # Errors
/// If the database fails.
pub async fn keep_record(
    db: &mut Connection,
    run: &RunId,
    record: &str,
) -> Result<(), CatalogError> {
    database::query("UPDATE runs SET output = $1 WHERE id = $2")
        .bind(record)
        .bind(run)
        .execute(db)
        .await?;
    Ok(())
}

/// What happens to a failed run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Retry it after this many milliseconds.
    Retry(i64),
    /// Give it up.
    GiveUp,
}

/// Records a failure at `now` on the lease clock; `false` if the token is stale.
///
/// # Errors
/// If the database fails.
pub async fn fail(
    db: &mut Connection,
    run: (&RunId, i64),
    failure: &Failure,
    verdict: Verdict,
    now: i64,
) -> Result<bool, CatalogError> {
    let (state, not_before, finished) = match verdict {
        Verdict::Retry(delay) => ("pending", now + delay, None),
        Verdict::GiveUp => ("failed", 0, Some(now)),
    };
    let done = database::query(
        "UPDATE runs SET state = $1, not_before = $2, finished_at = $3, failure_kind = $4, failure_code = $5, reason = $6,
                lease_until = NULL, worker = NULL
          WHERE id = $7 AND token = $8 AND state = 'running'",
    )
    .bind(state)
    .bind(not_before)
    .bind(finished)
    .bind(failure.kind.as_str())
    .bind(&failure.code)
    .bind(&failure.reason)
    .bind(run.0)
    .bind(run.1)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Fails every run that depends, directly or indirectly, on the failed `run`.
///
/// # Errors
/// If the database fails.
pub async fn fail_dependents(db: &mut Connection, run: &Run) -> Result<(), CatalogError> {
    database::query(
        "WITH RECURSIVE waiting (id) AS (
             SELECT run_id FROM run_inputs WHERE input_id = $1
             UNION SELECT i.run_id FROM run_inputs i JOIN waiting w ON i.input_id = w.id)
         UPDATE runs SET state = 'failed', finished_at = $2, failure_kind = 'input-failed',
                failure_code = 'input-failed', reason = $3
          WHERE state = 'pending' AND id IN (SELECT id FROM waiting)",
    )
    .bind(&run.id)
    .bind(now_ms())
    .bind(format!("needs {}, which failed", run.feature))
    .execute(db)
    .await?;
    Ok(())
}

/// Returns a run as if it had never started; `false` if the token is stale.
///
/// # Errors
/// If the database fails.
pub async fn release(db: &mut Connection, run: &RunId, token: i64) -> Result<bool, CatalogError> {
    let done = database::query(
        "UPDATE runs SET state = 'pending', attempts = attempts - 1, lease_until = NULL, worker = NULL
          WHERE id = $1 AND token = $2 AND state = 'running'",
    )
    .bind(run)
    .bind(token)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The local workers that hold leases.
///
/// # Errors
/// If the database fails.
pub async fn local_holders(db: &mut Connection) -> Result<Vec<String>, CatalogError> {
    let leased = db.dialect().read_by("runs", "runs_leased");
    let sql = format!(
        "SELECT worker FROM {leased}
          WHERE state = 'running' AND worker >= 'local-' AND worker < 'local.'
         UNION
         SELECT worker FROM redaction_files WHERE state = 'running' AND worker IS NOT NULL"
    );
    Ok(database::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_all(db)
        .await?)
}

/// Takes the runs of `worker`, whose process has ended, away from it, and the files of redactions that it had.
///
/// # Errors
/// If the database fails.
pub async fn bury(db: &mut Connection, worker: &str) -> Result<Vec<Run>, CatalogError> {
    upkeep::bury(db, worker).await?;
    let held = database::query_as("SELECT * FROM runs WHERE state = 'running' AND worker = $1")
        .bind(worker)
        .fetch_all(&mut *db)
        .await?;
    take_back(db, held, "ended").await
}

/// Takes runs with expired leases away from their remote workers.
///
/// # Errors
/// If the database fails.
pub async fn bury_lapsed(db: &mut Connection, now: i64) -> Result<Vec<Run>, CatalogError> {
    let held =
        database::query_as("SELECT * FROM runs WHERE state = 'running' AND lease_until < $1")
            .bind(now)
            .fetch_all(&mut *db)
            .await?;
    take_back(db, held, "stopped answering").await
}

/// As [`renew_leases`], by the clock of a database that machines share.
///
/// # Errors
/// If the database fails.
pub async fn restart_leases(db: &mut Connection) -> Result<(), CatalogError> {
    let now = clock(db).await?.unwrap_or_else(now_ms);
    renew_leases(db, now + LEASE_MS).await
}

/// Restarts the leases of remote workers: they could not be extended while no server was running.
///
/// # Errors
/// If the database fails.
pub async fn renew_leases(db: &mut Connection, until: i64) -> Result<(), CatalogError> {
    database::query(
        "UPDATE runs SET lease_until = $1 WHERE state = 'running' AND lease_until IS NOT NULL",
    )
    .bind(until)
    .execute(db)
    .await?;
    Ok(())
}

/// Puts runs back into the queue after their worker died, and gives up those that [`DEADLY`] workers held
/// without progress. Returns the runs that were given up.
async fn take_back(
    db: &mut Connection,
    held: Vec<Run>,
    what: &str,
) -> Result<Vec<Run>, CatalogError> {
    let mut given_up = Vec::new();
    for mut run in held {
        // A run that makes progress is kept, however often its machine is switched off.
        if run.deaths == 0 || run.done <= run.done_at_death {
            run.deaths += 1;
        }
        run.done_at_death = run.done_at_death.max(run.done);
        let is_deadly = run.deaths >= DEADLY;
        let (state, kind, reason, finished) = if is_deadly {
            let reason = format!(
                "process-died: {DEADLY} workers {what} while they computed {}, without an error; check the system's log \
                 for a lack of memory or a crash, then run `rushes jobs JOB --retry`",
                run.feature
            );
            ("failed", Some("process-died"), Some(reason), Some(now_ms()))
        } else {
            ("pending", None, None, None)
        };
        database::query(
            "UPDATE runs SET state = $1, deaths = $2, done_at_death = $3, attempts = attempts - 1,
                    failure_kind = $4, failure_code = $5, reason = $6, finished_at = $7, lease_until = NULL,
                    worker = NULL
              WHERE id = $8",
        )
        .bind(state)
        .bind(run.deaths)
        .bind(run.done_at_death)
        .bind(kind)
        .bind(kind)
        .bind(reason)
        .bind(finished)
        .bind(&run.id)
        .execute(&mut *db)
        .await?;
        if is_deadly {
            given_up.push(run);
        }
    }
    Ok(given_up)
}
