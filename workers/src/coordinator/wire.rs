//! The JSON messages between a coordinator and a worker on another machine. Both ends use these types.

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Directive, Ticket};
use crate::stages::{Output, Queue};
use crate::watch::Progress;

/// Longest time, in milliseconds, that a request for work may wait.
pub const MAX_WAIT_MS: u64 = 20_000;

/// The base path of the routes.
pub const PATH: &str = "/v1/work";
/// Problem code of a lost lease.
pub const LEASE_LOST: &str = "lease-lost";
/// Problem code of an invalid result.
pub const BAD_RESULT: &str = "bad-result";

/// What a worker must know before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// Always true: the server is up and the key is accepted.
    pub ok: bool,
    /// Version of the server.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The model for vectors.
    #[schema(example = "lite")]
    pub model: String,
    /// Its space: model and revision.
    #[schema(example = "lite@0.1.0")]
    pub space: String,
    /// Length of a vector.
    pub dims: usize,
    /// All models that vectors are computed of. A worker need not have the others.
    #[serde(default)]
    pub models: Vec<WorkModel>,
    /// Identity of the server's store; the worker's own store must have the same.
    pub store: String,
}

/// A model that vectors are computed of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkModel {
    /// The model.
    #[schema(example = "lite")]
    pub model: String,
    /// Its space: model and revision.
    #[schema(example = "lite@0.1.0")]
    pub space: String,
    /// Length of a vector.
    pub dims: usize,
}

/// A request for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// Name of the worker: letters, digits, `.`, `_` and `-`, at most 64.
    #[schema(example = "gpu-box-1")]
    pub worker: String,
    /// Queues to work on; only `embed` has work for other machines.
    #[schema(value_type = Vec<String>, example = json!(["embed"]))]
    pub queues: Vec<Queue>,
    /// Milliseconds to wait for work if there is none, at most 20000.
    #[serde(default)]
    pub wait_ms: u64,
    /// The models that the worker has; vectors of others are not asked of it. All if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
}

/// A heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Fencing token of the lease.
    pub token: i64,
    /// Shots done.
    pub done: u64,
    /// Total shots, if known.
    pub total: Option<u64>,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatResponse {
    /// `continue` or `stop`.
    #[schema(value_type = String, example = "continue")]
    pub directive: Directive,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteRequest {
    /// Fencing token of the lease.
    pub token: i64,
    /// The output of the run. For `embeddings`: the space, the vectors of all shots in order, and the key of
    /// the vectors of single frames in the store, if they were requested.
    pub output: Output,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailRequest {
    /// Fencing token of the lease.
    pub token: i64,
    /// Decides whether the run is retried: `unavailable`, `corrupt` …
    #[schema(value_type = String, example = "unavailable")]
    pub kind: ErrorKind,
    /// Stable code of the failure in lower-case letters, digits and hyphens, at most 64.
    #[schema(example = "decode-failed")]
    pub code: String,
    /// File, cause and fix, for people.
    pub reason: String,
}

/// A run that is returned unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Fencing token of the lease.
    pub token: i64,
}

impl HeartbeatRequest {
    /// In its wire form.
    #[must_use]
    pub const fn new(ticket: &Ticket, progress: Progress) -> Self {
        Self {
            token: ticket.token,
            done: progress.done,
            total: progress.total,
        }
    }

    /// The progress of the run. Counts that no video has are clamped to what a catalogue can store.
    #[must_use]
    pub fn progress(self) -> Progress {
        let most = i64::MAX.cast_unsigned();
        Progress {
            done: self.done.min(most),
            total: self.total.map(|total| total.min(most)),
        }
    }
}
