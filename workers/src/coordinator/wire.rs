//! What travels between a coordinator and a worker on another machine, as JSON: both ends use this.

use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Directive, Ticket};
use crate::stages::{Output, Queue};
use crate::watch::Progress;

/// Longest time in milliseconds that a request for work may wait for some.
pub const MAX_WAIT_MS: u64 = 20_000;

/// Where the routes are.
pub const PATH: &str = "/v1/work";
/// Code of the problem that reports a lost lease.
pub const LEASE_LOST: &str = "lease-lost";
/// Code of the problem that reports a result which cannot be one of its run.
pub const BAD_RESULT: &str = "bad-result";

/// What a worker must know before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// Always true: the server is there and the key is accepted.
    pub ok: bool,
    /// Version of the server's program.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The model that vectors are asked of.
    #[schema(example = "lite")]
    pub model: String,
    /// The space it makes: model and revision.
    #[schema(example = "lite@0.1.0")]
    pub space: String,
    /// Length of a vector.
    pub dims: usize,
    /// Identity of the server's store; a worker's own store must have the same.
    pub store: String,
}

/// A request for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// Name of the worker: letters, digits, `.`, `_` and `-`, at most 64.
    #[schema(example = "gpu-box-1")]
    pub worker: String,
    /// Queues it works on; only `embed` has work for other machines.
    #[schema(value_type = Vec<String>, example = json!(["embed"]))]
    pub queues: Vec<Queue>,
    /// Milliseconds to wait for work if there is none, at most 20000.
    #[serde(default)]
    pub wait_ms: u64,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Of the lease.
    pub token: i64,
    /// Shots done.
    pub done: u64,
    /// Shots in all, where known.
    pub total: Option<u64>,
}

/// The answer to a sign of life.
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
    /// Of the lease.
    pub token: i64,
    /// What the run yields: for `embeddings` the space, the vectors of all shots in order, and where those of
    /// single frames were asked for, their key in the store.
    pub output: Output,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailRequest {
    /// Of the lease.
    pub token: i64,
    /// Decides whether the run is tried again: `unavailable`, `corrupt` …
    #[schema(value_type = String, example = "unavailable")]
    pub kind: ErrorKind,
    /// What went wrong: a stable code in lower-case letters, digits and hyphens, at most 64.
    #[schema(example = "decode-failed")]
    pub code: String,
    /// File, cause and fix, for a person.
    pub reason: String,
}

/// A run given back unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Of the lease.
    pub token: i64,
}

impl HeartbeatRequest {
    /// As it travels.
    #[must_use]
    pub const fn new(ticket: &Ticket, progress: Progress) -> Self {
        Self {
            token: ticket.token,
            done: progress.done,
            total: progress.total,
        }
    }

    /// How far the run has come; counts that no video has are cut to what a catalogue can keep.
    #[must_use]
    pub fn progress(self) -> Progress {
        let most = i64::MAX.cast_unsigned();
        Progress {
            done: self.done.min(most),
            total: self.total.map(|total| total.min(most)),
        }
    }
}
