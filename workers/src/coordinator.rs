//! Where workers get their work and leave their results.

pub mod http;
pub mod wire;

use async_trait::async_trait;
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::stages::{Output, Queue, Task};
use crate::watch::Progress;

/// What the holder of a lease sends back with all that it says of the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// The run to compute. Of no meaning to the worker.
    pub run: String,
    /// Fencing token: a result with any but the newest token is refused.
    pub token: i64,
}

/// Work that is this worker's until its lease runs out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lease {
    /// What the worker shows when it reports.
    #[serde(flatten)]
    pub ticket: Ticket,
    /// What to do.
    pub task: Task,
    /// Stored objects of this run have keys that begin with this.
    pub prefix: String,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directive {
    /// Keep computing.
    Continue,
    /// Stop: somebody cancelled the run, or the lease is lost.
    Stop,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Decides whether it is tried again.
    pub kind: ErrorKind,
    /// What went wrong, as a stable kebab-case code for programs.
    pub code: String,
    /// File, cause and fix, for a person.
    pub reason: String,
}

/// Why a coordinator refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The lease ran out and the run is somebody else's, or nobody's.
    #[error("the lease of run {0} is lost; its result is dropped")]
    LeaseLost(String),
    /// The result cannot be one of this run; the run is as it was.
    #[error("the result cannot be taken: {0}")]
    Invalid(String),
    /// The worker is not let in. Asking again changes nothing.
    #[error("{0}")]
    Refused(String),
    /// The coordinator or its database does not answer.
    #[error("the coordinator does not answer: {0}")]
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

    /// What a worker should do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::LeaseLost(_) => ErrorKind::Cancelled,
            // A sound worker makes sound results: this one has a defect.
            Self::Invalid(_) => ErrorKind::Internal,
            Self::Refused(_) => ErrorKind::Unsupported,
            Self::Unavailable(_) => ErrorKind::Unavailable,
        }
    }
}

/// The queue as a worker sees it. Every implementation passes the same conformance suite.
#[async_trait]
pub trait Coordinator: Send + Sync + std::fmt::Debug {
    /// Takes the next run of `queue` for `worker`; waits a moment if there is none.
    async fn lease(&self, worker: &str, queue: Queue) -> Result<Option<Lease>, CoordinatorError>;

    /// Says that the worker lives and how far it is; extends the lease.
    async fn heartbeat(
        &self,
        ticket: &Ticket,
        progress: Progress,
    ) -> Result<Directive, CoordinatorError>;

    /// Hands in the result. Once, and only with the newest token.
    async fn complete(&self, ticket: &Ticket, output: &Output) -> Result<(), CoordinatorError>;

    /// Reports a failure; the coordinator decides whether the run is tried again.
    async fn fail(&self, ticket: &Ticket, failure: &Failure) -> Result<(), CoordinatorError>;

    /// Gives the run back unfinished, without blame: the worker is shutting down.
    async fn release(&self, ticket: &Ticket) -> Result<(), CoordinatorError>;
}
