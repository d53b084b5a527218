//! Jobs and their stages.

use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::jobs::Job;
use crate::catalog::runs::{Run, RunState};
use crate::catalog::{AssetId, JobId};

/// One stage of a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StageView {
    /// The feature that it computes.
    #[schema(example = "embeddings/lite")]
    pub feature: String,
    /// Its state: `pending`, `running`, `ready`, `failed`, `cancelled`.
    #[schema(value_type = String)]
    pub state: RunState,
    /// Units done.
    pub done: i64,
    /// Total units, if known.
    pub total: Option<i64>,
    /// When a worker first started it, in Unix milliseconds.
    pub started_ms: Option<i64>,
    /// When it reached its final state, in Unix milliseconds.
    pub finished_ms: Option<i64>,
    /// Kind of the last failure.
    pub failure: Option<String>,
    /// Stable code of the failure for programs: `not-media`, `disk-full` …
    #[schema(example = "not-media")]
    pub code: Option<String>,
    /// File, cause and fix.
    pub reason: Option<String>,
    /// Problems with the video or its subtitles that did not stop the work.
    pub warnings: Vec<String>,
}

impl From<&Run> for StageView {
    fn from(run: &Run) -> Self {
        Self {
            feature: run.feature.clone(),
            state: run.state,
            done: run.done,
            total: run.total,
            started_ms: run.started_at,
            finished_ms: run.finished_at,
            failure: run.failure_kind.clone(),
            code: run.failure_code.clone(),
            reason: run.reason.clone(),
            warnings: run.warnings(),
        }
    }
}

/// A job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: JobId,
    /// The asset whose features it asks for.
    #[schema(value_type = String)]
    pub asset: AssetId,
    /// The state of the whole job.
    #[schema(value_type = String)]
    pub state: RunState,
    /// When it was requested, in Unix milliseconds.
    pub created_ms: i64,
    /// Why it failed.
    pub reasons: Vec<String>,
    /// Its stages.
    pub stages: Vec<StageView>,
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id.clone(),
            asset: job.asset_id.clone(),
            state: job.state(),
            created_ms: job.created_at,
            reasons: job.reasons().into_iter().map(str::to_owned).collect(),
            stages: job.runs.iter().map(StageView::from).collect(),
        }
    }
}

/// Jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// Newest first.
    pub jobs: Vec<JobView>,
    /// Token of the next page; null on the last.
    pub next: Option<String>,
}
