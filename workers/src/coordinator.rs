//! The queue from which workers get work and to which they submit results.

pub mod http;
pub mod wire;

use async_trait::async_trait;
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::stages::{Output, Queue, Task};
use crate::watch::Progress;

/// Identifies a lease. Its holder sends it with every report.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// The run, as opaque text.
    pub run: String,
    /// Fencing token: only results with the newest token are accepted.
    pub token: i64,
}

/// Work that belongs to this worker until its lease expires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lease {
    /// The ticket for reports.
    #[serde(flatten)]
    pub ticket: Ticket,
    /// The task.
    pub task: Task,
    /// Prefix of the keys of this run's stored objects.
    pub prefix: String,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directive {
    /// Continue computing.
    Continue,
    /// Stop: the run was cancelled, or the lease is lost.
    Stop,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Decides whether it is retried.
    pub kind: ErrorKind,
    /// Stable kebab-case code of the failure, for programs.
    pub code: String,
    /// File, cause and fix, for people.
    pub reason: String,
}

/// Why a coordinator failed or refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The lease expired, and the run may have another holder.
    #[error("the lease of run {0} is lost; its result is dropped")]
    LeaseLost(String),
    /// The result is not valid for this run. The run is unchanged.
    #[error("invalid result: {0}")]
    Invalid(String),
    /// The worker is refused. A retry does not help.
    #[error("{0}")]
    Refused(String),
    /// The coordinator or its database does not answer.
    #[error("the coordinator does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CoordinatorError {
    /// The stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LeaseLost(_) => wire::LEASE_LOST,
            Self::Invalid(_) => wire::BAD_RESULT,
            Self::Refused(_) => "worker-refused",
            Self::Unavailable(_) => "coordinator-unavailable",
        }
    }

    /// How a worker should react.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::LeaseLost(_) => ErrorKind::Cancelled,
            // A correct worker makes valid results, so this one has a bug.
            Self::Invalid(_) => ErrorKind::Internal,
            Self::Refused(_) => ErrorKind::Unsupported,
            Self::Unavailable(_) => ErrorKind::Unavailable,
        }
    }
}

/// The queue as a worker sees it. Every implementation passes the same conformance suite.
#[async_trait]
pub trait Coordinator: Send + Sync + std::fmt::Debug {
    /// Leases the next run of `queue` for `worker`; waits briefly if there is none.
    async fn lease(&self, worker: &str, queue: Queue) -> Result<Option<Lease>, CoordinatorError>;

    /// The same, of the runs that compute vectors only those of these models.
    async fn lease_of(
        &self,
        worker: &str,
        queue: Queue,
        _models: &[String],
    ) -> Result<Option<Lease>, CoordinatorError> {
        self.lease(worker, queue).await
    }

    /// Reports that the worker is alive and its progress, and extends the lease.
    async fn heartbeat(
        &self,
        ticket: &Ticket,
        progress: Progress,
    ) -> Result<Directive, CoordinatorError>;

    /// Submits the result: once, and only with the newest token.
    async fn complete(&self, ticket: &Ticket, output: &Output) -> Result<(), CoordinatorError>;

    /// Reports a failure; the coordinator decides whether the run is retried.
    async fn fail(&self, ticket: &Ticket, failure: &Failure) -> Result<(), CoordinatorError>;

    /// Returns the run unfinished, without counting a failure: the worker is shutting down.
    async fn release(&self, ticket: &Ticket) -> Result<(), CoordinatorError>;
}
