//! Jobs: what a person asked for and follows.

use std::collections::HashMap;

use sqlx::{FromRow, SqliteConnection};

use super::runs::{Run, RunState};
use super::{AssetId, CatalogError, JobId, RunId, TitleId, note_change, now_ms, results};

/// A job with the runs it consists of.
#[derive(Debug, Clone)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// The asset whose features it asks for.
    pub asset_id: AssetId,
    /// When it was asked for, Unix milliseconds.
    pub created_at: i64,
    /// When somebody cancelled it.
    pub cancelled_at: Option<i64>,
    /// The runs that were asked for and that no later one has replaced.
    pub runs: Vec<Run>,
}

impl Job {
    /// Where the whole stands: under way while a worker has any run, failed if any failed. One whose runs all wait,
    /// because it was interrupted for example, waits as a whole.
    #[must_use]
    pub fn state(&self) -> RunState {
        let has = |state| self.runs.iter().any(|run| run.state == state);
        if self.cancelled_at.is_some() && !self.runs.iter().all(|run| run.state == RunState::Ready)
        {
            // Runs that another job asks for as well are not this one's any more.
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

    /// What was wrong but stopped nothing, of all runs.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.runs.iter().flat_map(Run::warnings).collect()
    }
}

/// Records that somebody asked for these runs of an asset.
///
/// # Errors
/// If the database fails.
pub async fn create(
    db: &mut SqliteConnection,
    asset: &AssetId,
    runs: &[RunId],
) -> Result<JobId, CatalogError> {
    let id = JobId::new();
    sqlx::query("INSERT INTO jobs (id, asset_id, created_at) VALUES (?, ?, ?)")
        .bind(&id)
        .bind(asset)
        .bind(now_ms())
        .execute(&mut *db)
        .await?;
    ask(db, &id, runs).await?;
    Ok(id)
}

/// Asks again for what a job asks for: `runs` are its runs from now on.
///
/// # Errors
/// If the database fails.
pub async fn renew(
    db: &mut SqliteConnection,
    id: &JobId,
    runs: &[RunId],
) -> Result<(), CatalogError> {
    for statement in [
        "UPDATE jobs SET cancelled_at = NULL WHERE id = ?",
        "DELETE FROM job_runs WHERE job_id = ?",
    ] {
        sqlx::query(statement).bind(id).execute(&mut *db).await?;
    }
    ask(db, id, runs).await
}

/// Gives `runs` of an asset to those of its jobs whose runs are gone, with the asset that they were of.
///
/// # Errors
/// If the database fails.
pub async fn adopt(
    db: &mut SqliteConnection,
    asset: &AssetId,
    runs: &[RunId],
) -> Result<(), CatalogError> {
    let orphans: Vec<JobId> = sqlx::query_scalar(
        "SELECT id FROM jobs j WHERE asset_id = ?
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

async fn ask(db: &mut SqliteConnection, job: &JobId, runs: &[RunId]) -> Result<(), CatalogError> {
    for run in runs {
        sqlx::query("INSERT INTO job_runs (job_id, run_id) VALUES (?, ?)")
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
/// [`CatalogError::NotFound`] if there is none, or its asset was deleted.
pub async fn get(db: &mut SqliteConnection, id: &JobId) -> Result<Job, CatalogError> {
    let jobs = get_many(db, std::slice::from_ref(id)).await?;
    jobs.into_iter()
        .next()
        .ok_or_else(|| CatalogError::NotFound {
            what: "job",
            id: id.to_string(),
        })
}

/// The jobs with these ids that are still there, in no order. Two statements, however many there are.
///
/// # Errors
/// If the database fails.
pub async fn get_many(db: &mut SqliteConnection, ids: &[JobId]) -> Result<Vec<Job>, CatalogError> {
    #[derive(FromRow)]
    struct RunOfJob {
        job_id: JobId,
        #[sqlx(flatten)]
        run: Run,
    }
    let ids = serde_json::json!(ids).to_string();
    let rows: Vec<(JobId, AssetId, i64, Option<i64>)> = sqlx::query_as(
        "SELECT id, asset_id, created_at, cancelled_at FROM jobs
          WHERE id IN (SELECT value FROM json_each(?))",
    )
    .bind(&ids)
    .fetch_all(&mut *db)
    .await?;
    let asked: Vec<RunOfJob> = sqlx::query_as(
        "SELECT j.job_id, r.* FROM runs r JOIN job_runs j ON j.run_id = r.id
          WHERE j.job_id IN (SELECT value FROM json_each(?)) ORDER BY r.rowid",
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

/// The newest jobs, newest first; of these titles only, if some are given.
///
/// # Errors
/// If the database fails.
pub async fn recent(
    db: &mut SqliteConnection,
    limit: u32,
    titles: Option<&[TitleId]>,
) -> Result<Vec<Job>, CatalogError> {
    let ids: Vec<JobId> = match titles {
        None => {
            sqlx::query_scalar("SELECT id FROM jobs ORDER BY rowid DESC LIMIT ?")
                .bind(limit)
                .fetch_all(&mut *db)
                .await?
        }
        Some(titles) => {
            sqlx::query_scalar(
                "SELECT j.id FROM jobs j JOIN assets a ON a.id = j.asset_id
                  WHERE a.title_id IN (SELECT value FROM json_each(?)) ORDER BY j.rowid DESC LIMIT ?",
            )
            .bind(serde_json::json!(titles).to_string())
            .bind(limit)
            .fetch_all(&mut *db)
            .await?
        }
    };
    let rank: HashMap<&JobId, usize> = ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
    let mut jobs = get_many(db, &ids).await?;
    jobs.sort_by_key(|job| rank.get(&job.id).copied());
    Ok(jobs)
}

/// The newest job of an asset that nobody cancelled.
///
/// # Errors
/// If the database fails.
pub async fn newest_of(
    db: &mut SqliteConnection,
    asset: &AssetId,
) -> Result<Option<JobId>, CatalogError> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM jobs WHERE asset_id = ? AND cancelled_at IS NULL
              ORDER BY rowid DESC LIMIT 1",
    )
    .bind(asset)
    .fetch_optional(db)
    .await?)
}

/// Cancels a job: what is still under way of it stops, unless another job asks for it as well. What is already
/// published stays.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is no such job.
pub async fn cancel(db: &mut SqliteConnection, id: &JobId) -> Result<Job, CatalogError> {
    let job = get(db, id).await?;
    if job.state().is_final() {
        return Ok(job);
    }
    sqlx::query("UPDATE jobs SET cancelled_at = ? WHERE id = ?")
        .bind(now_ms())
        .bind(id)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "UPDATE runs SET state = 'cancelled', finished_at = ?, reason = 'cancelled', lease_until = NULL,
                worker = NULL
          WHERE state IN ('pending', 'running')
            AND id IN (SELECT run_id FROM job_runs WHERE job_id = ?2)
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
