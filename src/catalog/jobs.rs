//! Jobs: what a user asked for and follows.

use std::collections::HashMap;

use sqlx::FromRow;

use super::database::{self, Connection};
use super::runs::{Run, RunState};
use super::{AssetId, CatalogError, JobId, RunId, TitleId, note_change, now_ms, results};

/// A job and its runs.
#[derive(Debug, Clone)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// The asset whose features it asks for.
    pub asset_id: AssetId,
    /// When it was requested, in Unix milliseconds.
    pub created_at: i64,
    /// When it was cancelled.
    pub cancelled_at: Option<i64>,
    /// The requested runs, except those that a later run has replaced.
    pub runs: Vec<Run>,
}

impl Job {
    /// The state of the whole job: running while a worker has any of its runs, failed if any failed. A job
    /// whose runs are all pending, for example after an interruption, is pending.
    #[must_use]
    pub fn state(&self) -> RunState {
        let has = |state| self.runs.iter().any(|run| run.state == state);
        let is_done =
            !self.runs.is_empty() && self.runs.iter().all(|run| run.state == RunState::Ready);
        if self.cancelled_at.is_some() && !is_done {
            // Runs that another job also asked for no longer belong to this job. Those of a replaced file are deleted.
            RunState::Cancelled
        } else if self.runs.iter().all(|run| run.state.is_final()) {
            [RunState::Failed, RunState::Cancelled]
                .into_iter()
                .find(|&state| has(state))
                .unwrap_or(RunState::Ready)
        } else if has(RunState::Running) {
            RunState::Running
        } else {
            RunState::Pending
        }
    }

    /// Why it failed: the reasons of the runs that failed by themselves.
    #[must_use]
    pub fn reasons(&self) -> Vec<&str> {
        self.runs
            .iter()
            .filter(|run| run.state == RunState::Failed)
            // A run that only lacks its input has no reason of its own.
            .filter(|run| run.failure_kind.as_deref() != Some("input-failed"))
            .filter_map(|run| run.reason.as_deref())
            .collect()
    }

    /// Problems that did not stop it, from all its runs.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.runs.iter().flat_map(Run::warnings).collect()
    }
}

/// Records a request for these runs of an asset.
///
/// # Errors
/// If the database fails.
pub async fn create(
    db: &mut Connection,
    asset: &AssetId,
    runs: &[RunId],
) -> Result<JobId, CatalogError> {
    let id = JobId::new();
    database::query("INSERT INTO jobs (id, asset_id, created_at) VALUES ($1, $2, $3)")
        .bind(&id)
        .bind(asset)
        .bind(now_ms())
        .execute(&mut *db)
        .await?;
    ask(db, &id, runs).await?;
    Ok(id)
}

/// Repeats the request of a job; from now on `runs` are its runs.
///
/// # Errors
/// If the database fails.
pub async fn renew(db: &mut Connection, id: &JobId, runs: &[RunId]) -> Result<(), CatalogError> {
    for statement in [
        "UPDATE jobs SET cancelled_at = NULL WHERE id = $1",
        "DELETE FROM job_runs WHERE job_id = $1",
    ] {
        database::query(statement)
            .bind(id)
            .execute(&mut *db)
            .await?;
    }
    ask(db, id, runs).await
}

/// Assigns `runs` of an asset to those of its jobs whose runs were deleted with the asset they belonged to.
///
/// # Errors
/// If the database fails.
pub async fn adopt(
    db: &mut Connection,
    asset: &AssetId,
    runs: &[RunId],
) -> Result<(), CatalogError> {
    let orphans: Vec<JobId> = database::query_scalar(
        "SELECT id FROM jobs j WHERE asset_id = $1
            AND cancelled_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM job_runs r WHERE r.job_id = j.id)",
    )
    .bind(asset)
    .fetch_all(&mut *db)
    .await?;
    for job in orphans {
        ask(db, &job, runs).await?;
    }
    Ok(())
}

/// Cancels those jobs of an asset that have an unfinished or failed run which is not `kept`. They lose all their runs:
/// what is left of them is not what they were for.
///
/// # Errors
/// If the database fails.
pub(super) async fn give_up(
    db: &mut Connection,
    asset: &AssetId,
    kept: &[RunId],
) -> Result<(), CatalogError> {
    let given_up: Vec<JobId> = database::query_scalar(
        "SELECT id FROM jobs j WHERE asset_id = $1
            AND EXISTS (SELECT 1 FROM job_runs o JOIN runs r ON r.id = o.run_id
                         WHERE o.job_id = j.id AND r.state <> 'ready'
                           AND r.id NOT IN (SELECT value FROM json_each($2)))",
    )
    .bind(asset)
    .bind(serde_json::json!(kept).to_string())
    .fetch_all(&mut *db)
    .await?;
    for job in given_up {
        database::query("UPDATE jobs SET cancelled_at = $1 WHERE id = $2 AND cancelled_at IS NULL")
            .bind(now_ms())
            .bind(&job)
            .execute(&mut *db)
            .await?;
        database::query("DELETE FROM job_runs WHERE job_id = $1")
            .bind(&job)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

async fn ask(db: &mut Connection, job: &JobId, runs: &[RunId]) -> Result<(), CatalogError> {
    for run in runs {
        database::query("INSERT INTO job_runs (job_id, run_id) VALUES ($1, $2)")
            .bind(job)
            .bind(run)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// The job with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if it does not exist or its asset was deleted.
pub async fn get(db: &mut Connection, id: &JobId) -> Result<Job, CatalogError> {
    let jobs = get_many(db, std::slice::from_ref(id)).await?;
    jobs.into_iter()
        .next()
        .ok_or_else(|| CatalogError::NotFound {
            what: "job",
            id: id.to_string(),
        })
}

/// Those of the jobs with these ids that still exist, in no particular order. It takes two statements for any
/// number of jobs.
///
/// # Errors
/// If the database fails.
pub async fn get_many(db: &mut Connection, ids: &[JobId]) -> Result<Vec<Job>, CatalogError> {
    #[derive(FromRow)]
    struct RunOfJob {
        job_id: JobId,
        #[sqlx(flatten)]
        run: Run,
    }
    let ids = serde_json::json!(ids).to_string();
    let rows: Vec<(JobId, AssetId, i64, Option<i64>)> = database::query_as(
        "SELECT id, asset_id, created_at, cancelled_at FROM jobs
          WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(&ids)
    .fetch_all(&mut *db)
    .await?;
    let asked: Vec<RunOfJob> = database::query_as(
        "SELECT j.job_id, r.* FROM runs r JOIN job_runs j ON j.run_id = r.id
          WHERE j.job_id IN (SELECT value FROM json_each($1)) ORDER BY r.rowid",
    )
    .bind(&ids)
    .fetch_all(db)
    .await?;
    let mut runs: HashMap<JobId, Vec<Run>> = HashMap::new();
    for asked in asked {
        runs.entry(asked.job_id).or_default().push(asked.run);
    }
    let jobs = rows
        .into_iter()
        .map(|(id, asset_id, created_at, cancelled_at)| Job {
            runs: runs.remove(&id).unwrap_or_default(),
            id,
            asset_id,
            created_at,
            cancelled_at,
        });
    Ok(jobs.collect())
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only of assets of these titles.
    pub titles: Option<Vec<TitleId>>,
    /// Only of this asset.
    pub asset: Option<AssetId>,
    /// Only those in this state.
    pub state: Option<RunState>,
    /// Only those with a stage of this feature; `embeddings` stands for those of any model.
    pub feature: Option<String>,
    /// Only those requested at this time or later, Unix milliseconds.
    pub since: Option<i64>,
    /// Only those requested before this time.
    pub until: Option<i64>,
    /// Only those requested before the one of this rank.
    pub before: Option<i64>,
}

/// Up to `limit` jobs, newest first, each with its rank.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: &mut Connection,
    filter: &JobFilter,
    limit: u32,
) -> Result<Vec<(i64, Job)>, CatalogError> {
    // The state is that of `Job::state`.
    let found: Vec<(i64, JobId)> = database::query_as(
        "SELECT rank, id FROM (
            SELECT j.rowid AS rank, j.id,
                   (SELECT CASE WHEN j.cancelled_at IS NOT NULL AND (COUNT(*) = 0 OR COUNT(*) FILTER (WHERE r.state <> 'ready') > 0) THEN 'cancelled'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'running') > 0 THEN 'running'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'pending') > 0 THEN 'pending'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'failed') > 0 THEN 'failed'
                                WHEN COUNT(*) FILTER (WHERE r.state = 'cancelled') > 0 THEN 'cancelled' ELSE 'ready' END
                      FROM job_runs o JOIN runs r ON r.id = o.run_id WHERE o.job_id = j.id) AS state
              FROM jobs j JOIN assets a ON a.id = j.asset_id
             WHERE ($1 IS NULL OR j.rowid < $1)
               AND ($2 IS NULL OR a.title_id IN (SELECT value FROM json_each($2)))
               AND ($3 IS NULL OR j.asset_id = $3)
               AND ($4 IS NULL OR j.created_at >= $4)
               AND ($5 IS NULL OR j.created_at < $5)
               AND ($6 IS NULL OR EXISTS (
                    SELECT 1 FROM job_runs o JOIN runs r ON r.id = o.run_id
                     WHERE o.job_id = j.id AND (r.feature = $6 OR substr(r.feature, 1, length($6) + 1) = $6 || '/')))) l
          WHERE $7 IS NULL OR state = $7
          ORDER BY rank DESC LIMIT $8",
    )
    .bind(filter.before)
    .bind(filter.titles.as_ref().map(|titles| serde_json::json!(titles).to_string()))
    .bind(&filter.asset)
    .bind(filter.since)
    .bind(filter.until)
    .bind(&filter.feature)
    .bind(filter.state)
    .bind(limit)
    .fetch_all(&mut *db)
    .await?;
    let ids: Vec<JobId> = found.iter().map(|(_, id)| id.clone()).collect();
    let ranks: HashMap<JobId, i64> = found.into_iter().map(|(rank, id)| (id, rank)).collect();
    let jobs = get_many(db, &ids).await?.into_iter();
    let mut ranked: Vec<(i64, Job)> = jobs
        .filter_map(|job| Some((*ranks.get(&job.id)?, job)))
        .collect();
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    Ok(ranked)
}

/// The newest job of an asset that was not cancelled.
///
/// # Errors
/// If the database fails.
pub async fn newest_of(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<Option<JobId>, CatalogError> {
    Ok(database::query_scalar(
        "SELECT id FROM jobs WHERE asset_id = $1 AND cancelled_at IS NULL
              ORDER BY rowid DESC LIMIT 1",
    )
    .bind(asset)
    .fetch_optional(db)
    .await?)
}

/// Cancels a job. Its unfinished runs stop, unless another job asked for them too. Published results stay.
///
/// # Errors
/// [`CatalogError::NotFound`] if the job does not exist.
pub async fn cancel(db: &mut Connection, id: &JobId) -> Result<Job, CatalogError> {
    let job = get(db, id).await?;
    if job.state().is_final() {
        return Ok(job);
    }
    database::query("UPDATE jobs SET cancelled_at = $1 WHERE id = $2")
        .bind(now_ms())
        .bind(id)
        .execute(&mut *db)
        .await?;
    database::query(
        "UPDATE runs SET state = 'cancelled', finished_at = $1, reason = 'cancelled', lease_until = NULL,
                worker = NULL
          WHERE state IN ('pending', 'running')
            AND id IN (SELECT run_id FROM job_runs WHERE job_id = $2)
            AND NOT EXISTS (SELECT 1 FROM job_runs o JOIN jobs j ON j.id = o.job_id
                             WHERE o.run_id = runs.id AND j.cancelled_at IS NULL)",
    )
    .bind(now_ms())
    .bind(id)
    .execute(&mut *db)
    .await?;
    if !results::publish_if_settled(db, &job.asset_id).await? {
        note_change(db, &job.asset_id).await?;
    }
    get(db, id).await
}
