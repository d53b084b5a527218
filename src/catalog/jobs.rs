//! Jobs: what a person asked for and follows.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::runs::{Run, RunState};
use super::{AssetId, CatalogError, JobId, note_change, now_ms, results};

/// A job with the runs it consists of.
#[derive(Debug, Clone)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// The asset whose features it asks for.
    pub asset_id: AssetId,
    /// When it was asked for, Unix milliseconds.
    pub created_at: i64,
    /// The runs.
    pub runs: Vec<Run>,
}

impl Job {
    /// Where the whole stands: under way while a worker has any run, failed if any failed. One whose runs all wait,
    /// because it was interrupted for example, waits as a whole.
    #[must_use]
    pub fn state(&self) -> RunState {
        let has = |state| self.runs.iter().any(|run| run.state == state);
        if self.runs.iter().all(|run| run.state.is_final()) {
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

/// Records that somebody asked for an asset's features.
///
/// # Errors
/// If the database fails.
pub async fn create(db: &mut SqliteConnection, asset: &AssetId) -> Result<JobId, CatalogError> {
    let id = JobId::new();
    sqlx::query("INSERT INTO jobs (id, asset_id, created_at) VALUES (?, ?, ?)")
        .bind(&id)
        .bind(asset)
        .bind(now_ms())
        .execute(db)
        .await?;
    Ok(id)
}

/// The job with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none, or its asset was deleted.
pub async fn get(db: &mut SqliteConnection, id: &JobId) -> Result<Job, CatalogError> {
    let row: Option<(AssetId, i64)> =
        sqlx::query_as("SELECT asset_id, created_at FROM jobs WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *db)
            .await?;
    let Some((asset_id, created_at)) = row else {
        return Err(CatalogError::NotFound {
            what: "job",
            id: id.to_string(),
        });
    };
    let runs = super::runs::wanted(db, &asset_id).await?;
    Ok(Job {
        id: id.clone(),
        asset_id,
        created_at,
        runs,
    })
}

/// The jobs with these ids that are still there, in no order. Two statements, however many there are.
///
/// # Errors
/// If the database fails.
pub async fn get_many(db: &mut SqliteConnection, ids: &[JobId]) -> Result<Vec<Job>, CatalogError> {
    let ids = serde_json::json!(ids).to_string();
    let rows: Vec<(JobId, AssetId, i64)> = sqlx::query_as(
        "SELECT id, asset_id, created_at FROM jobs WHERE id IN (SELECT value FROM json_each(?))",
    )
    .bind(&ids)
    .fetch_all(&mut *db)
    .await?;
    let wanted: Vec<Run> = sqlx::query_as(
        "SELECT r.* FROM runs r JOIN wanted w ON w.run_id = r.id
          WHERE w.asset_id IN (SELECT asset_id FROM jobs WHERE id IN (SELECT value FROM json_each(?)))
          ORDER BY r.rowid",
    )
    .bind(&ids)
    .fetch_all(db)
    .await?;
    let mut runs: HashMap<AssetId, Vec<Run>> = HashMap::new();
    for run in wanted {
        runs.entry(run.asset_id.clone()).or_default().push(run);
    }
    let jobs = rows.into_iter().map(|(id, asset_id, created_at)| Job {
        id,
        runs: runs.get(&asset_id).cloned().unwrap_or_default(),
        asset_id,
        created_at,
    });
    Ok(jobs.collect())
}

/// The newest jobs, newest first.
///
/// # Errors
/// If the database fails.
pub async fn recent(db: &mut SqliteConnection, limit: u32) -> Result<Vec<Job>, CatalogError> {
    let ids: Vec<JobId> = sqlx::query_scalar("SELECT id FROM jobs ORDER BY rowid DESC LIMIT ?")
        .bind(limit)
        .fetch_all(&mut *db)
        .await?;
    let rank: HashMap<&JobId, usize> = ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
    let mut jobs = get_many(db, &ids).await?;
    jobs.sort_by_key(|job| rank.get(&job.id).copied());
    Ok(jobs)
}

/// The newest job of an asset.
///
/// # Errors
/// If the database fails.
pub async fn newest_of(
    db: &mut SqliteConnection,
    asset: &AssetId,
) -> Result<Option<JobId>, CatalogError> {
    Ok(
        sqlx::query_scalar("SELECT id FROM jobs WHERE asset_id = ? ORDER BY rowid DESC LIMIT 1")
            .bind(asset)
            .fetch_optional(db)
            .await?,
    )
}

/// Cancels what is still under way of a job. What is already published stays.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is no such job.
pub async fn cancel(db: &mut SqliteConnection, id: &JobId) -> Result<Job, CatalogError> {
    let job = get(db, id).await?;
    sqlx::query(
        "UPDATE runs SET state = 'cancelled', finished_at = ?, reason = 'cancelled', lease_until = NULL,
                worker = NULL
          WHERE state IN ('pending', 'running')
            AND id IN (SELECT run_id FROM wanted WHERE asset_id = ?)",
    )
    .bind(now_ms())
    .bind(&job.asset_id)
    .execute(&mut *db)
    .await?;
    if !results::publish_if_settled(db, &job.asset_id).await? {
        note_change(db, &job.asset_id).await?;
    }
    get(db, id).await
}
