//! Runs: one computation of one feature of one asset.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::database::{self, Connection, text_enum};
use super::{AssetId, CatalogError, RunId, now_ms};

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Waiting for its inputs, its turn or its next attempt.
    Pending,
    /// Leased by a worker.
    Running,
    /// Its result is stored.
    Ready,
    /// Given up, with a reason.
    Failed,
    /// Cancelled by a user.
    Cancelled,
}

text_enum!(RunState {
    Pending => "pending",
    Running => "running",
    Ready => "ready",
    Failed => "failed",
    Cancelled => "cancelled",
});

impl RunState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Ready,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the state can only change on request.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A run as stored.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Run {
    /// Id.
    pub id: RunId,
    /// Its asset.
    pub asset_id: AssetId,
    /// Its feature.
    pub feature: String,
    /// Its parameters as JSON.
    pub params: String,
    /// Whether nothing waits for it: it computes vectors of a model that does not answer searches.
    pub background: bool,
    /// Its state.
    pub state: RunState,
    /// Number of attempts so far.
    pub attempts: i64,
    /// Number of workers that died while they held the run, without progress beyond the previous one.
    pub deaths: i64,
    /// Progress at the last of these deaths.
    pub done_at_death: i64,
    /// Fencing token of the newest lease.
    pub token: i64,
    /// The holder of the lease.
    pub worker: Option<String>,
    /// Units done.
    pub done: i64,
    /// Total units, if known.
    pub total: Option<i64>,
    /// Kind of the last failure.
    pub failure_kind: Option<String>,
    /// Its stable code, for programs.
    pub failure_code: Option<String>,
    /// Why it failed, or why it is waiting.
    pub reason: Option<String>,
    /// The result as JSON.
    pub output: Option<String>,
    /// When a worker first started it.
    pub started_at: Option<i64>,
    /// When it reached its final state.
    pub finished_at: Option<i64>,
}

impl Run {
    /// The record stored in it; `None` if there is none, or it belongs to another feature.
    #[must_use]
    pub fn record<R: serde::de::DeserializeOwned>(&self) -> Option<R> {
        serde_json::from_str(self.output.as_deref()?).ok()
    }

    /// Problems with the video or its subtitles that did not prevent the result.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Warned {
            #[serde(default)]
            warnings: Vec<String>,
        }
        self.record()
            .map_or_else(Vec::new, |warned: Warned| warned.warnings)
    }
}

/// A run to create.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// The asset.
    pub asset: &'a AssetId,
    /// The feature.
    pub feature: &'a str,
    /// Digest of feature, code version, parameters and inputs.
    pub key: &'a str,
    /// Parameters as JSON.
    pub params: &'a str,
    /// The queue for it.
    pub queue: &'a str,
    /// Whether nothing waits for it.
    pub background: bool,
    /// The runs that are its inputs.
    pub inputs: &'a [RunId],
}

/// Makes sure that a run with this key exists and is requested. A failed or cancelled run is queued again.
///
/// # Errors
/// If the database fails.
pub async fn ensure(db: &mut Connection, new: NewRun<'_>) -> Result<RunId, CatalogError> {
    let known: Option<(RunId, RunState)> =
        database::query_as("SELECT id, state FROM runs WHERE asset_id = $1 AND key = $2")
            .bind(new.asset)
            .bind(new.key)
            .fetch_optional(&mut *db)
            .await?;
    let id = if let Some((id, state)) = known {
        database::query("UPDATE runs SET background = $1 WHERE id = $2 AND background <> $1")
            .bind(new.background)
            .bind(&id)
            .execute(&mut *db)
            .await?;
        if matches!(state, RunState::Failed | RunState::Cancelled) {
            database::query(
                "UPDATE runs SET state = 'pending', attempts = 0, deaths = 0, done_at_death = -1, not_before = 0, done = 0,
                        failure_kind = NULL, failure_code = NULL, reason = NULL, finished_at = NULL WHERE id = $1",
            )
            .bind(&id)
            .execute(&mut *db)
            .await?;
        }
        id
    } else {
        let id = RunId::new();
        database::query(
            "INSERT INTO runs (id, asset_id, feature, key, params, queue, background, state, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8)",
        )
        .bind(&id)
        .bind(new.asset)
        .bind(new.feature)
        .bind(new.key)
        .bind(new.params)
        .bind(new.queue)
        .bind(new.background)
        .bind(now_ms())
        .execute(&mut *db)
        .await?;
        for input in new.inputs {
            database::query("INSERT INTO run_inputs (run_id, input_id) VALUES ($1, $2)")
                .bind(&id)
                .bind(input)
                .execute(&mut *db)
                .await?;
        }
        id
    };
    database::query(
        "INSERT INTO wanted (asset_id, feature, run_id) VALUES ($1, $2, $3)
         ON CONFLICT (asset_id, feature) DO UPDATE SET run_id = excluded.run_id",
    )
    .bind(new.asset)
    .bind(new.feature)
    .bind(&id)
    .execute(db)
    .await?;
    Ok(id)
}

/// The run with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if it was deleted.
pub async fn get(db: &mut Connection, id: &RunId) -> Result<Run, CatalogError> {
    database::query_as("SELECT * FROM runs WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "run",
            id: id.to_string(),
        })
}

/// The inputs of `id`.
///
/// # Errors
/// If the database fails.
pub async fn inputs(db: &mut Connection, id: &RunId) -> Result<Vec<Run>, CatalogError> {
    Ok(database::query_as(
        "SELECT r.* FROM runs r JOIN run_inputs i ON i.input_id = r.id WHERE i.run_id = $1",
    )
    .bind(id)
    .fetch_all(db)
    .await?)
}

/// The most recently requested runs of an asset, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn wanted(db: &mut Connection, asset: &AssetId) -> Result<Vec<Run>, CatalogError> {
    Ok(database::query_as(
        "SELECT r.* FROM runs r JOIN wanted w ON w.run_id = r.id WHERE w.asset_id = $1 ORDER BY r.rowid",
    )
    .bind(asset)
    .fetch_all(db)
    .await?)
}

/// The published runs of an asset.
///
/// # Errors
/// If the database fails.
pub async fn published(db: &mut Connection, asset: &AssetId) -> Result<Vec<Run>, CatalogError> {
    Ok(database::query_as(
        "SELECT r.* FROM runs r JOIN published p ON p.run_id = r.id WHERE p.asset_id = $1 ORDER BY r.rowid",
    )
    .bind(asset)
    .fetch_all(db)
    .await?)
}

/// Makes `features` all that is requested of an asset; runs of other features are no longer waited for.
///
/// # Errors
/// If the database fails.
pub async fn want_only(
    db: &mut Connection,
    asset: &AssetId,
    features: &[&str],
) -> Result<(), CatalogError> {
    database::query(
        "DELETE FROM wanted WHERE asset_id = $1 AND feature NOT IN (SELECT value FROM json_each($2))",
    )
    .bind(asset)
    .bind(serde_json::json!(features).to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// The number of runs per queue and state.
///
/// # Errors
/// If the database fails.
pub async fn counts(db: &mut Connection) -> Result<Vec<(String, RunState, i64)>, CatalogError> {
    Ok(
        database::query_as("SELECT queue, state, COUNT(*) FROM runs GROUP BY queue, state")
            .fetch_all(db)
            .await?,
    )
}
