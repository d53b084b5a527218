//! Files from outside are decoded in a child process that can die without taking us with it.
//!
//! Decoders are large, old and written in C, and videos come from anywhere. So a video is decoded by a
//! child of the same program, which has limits on memory, processor time and files, an empty
//! environment, and three pipes. It asks its parent for the bytes of the video, and so needs neither
//! file system nor network nor credentials; a filter of system calls and Landlock hold it to that
//! ([`Confinement`]). What it answers is bounded and checked. It is killed when
//! its caller gives up, is cancelled, dies, or hears nothing for too long.
//!
//! This module is the transport, and knows no job: what a child can do is a `ChildJob` each, most of them in
//! `crate::child`, which lists them all.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::media::{Bounds, MediaError};

mod confine;
mod inside;
mod job;
mod parent;
mod wire;

pub use self::confine::{Confinement, Landlock, confine};
pub(crate) use self::inside::{Parent, ParentFile, serve};
pub(crate) use self::job::{ChildJob, HandUp, ServedJob};
pub(crate) use self::parent::protocol;

/// Bytes that the result of a job may have, and all early parts of it together.
pub(crate) const MAX_RESULT: u64 = wire::MAX_RESULT;

/// What a decoding child may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space in bytes (`RLIMIT_AS`).
    pub memory_bytes: u64,
    /// Processor seconds (`RLIMIT_CPU`), all threads together; `None` for no limit.
    pub cpu_seconds: Option<u64>,
    /// A child that sends nothing for this long is killed.
    pub stall: Duration,
    /// What a file may demand.
    pub bounds: Bounds,
}

impl Default for Limits {
    /// 4 GiB, a week of processor time, which no video takes and a loop without end does, 120 s of silence.
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            cpu_seconds: Some(7 * 24 * 3600),
            stall: Duration::from_secs(120),
            bounds: Bounds::default(),
        }
    }
}

/// Who follows a child's work and may stop it.
pub trait Observer {
    /// `done` of `total` frames are through; `total` is an estimate, absent where unknown.
    fn progress(&mut self, done: u64, total: Option<u64>);

    /// Whether to stop; asked about twenty times a second.
    fn cancelled(&self) -> bool;
}

/// Nobody watches.
impl Observer for () {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Starts decoding children.
///
/// Calls block until the child has answered: run them on worker threads, never on an async one.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The program to start.
    pub command: PathBuf,
    /// Its arguments, which lead to `child::child_main`.
    pub args: Vec<OsString>,
    /// What each child may use.
    pub limits: Limits,
}

impl Sandbox {
    /// Children of this very program, started as `<program> decode-child`.
    ///
    /// # Errors
    /// If the system does not tell the path of the running program.
    pub fn current_exe(limits: Limits) -> std::io::Result<Self> {
        Ok(Self {
            command: std::env::current_exe()?,
            args: vec!["decode-child".into()],
            limits,
        })
    }
}

/// Reads what a child says as JSON.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, MediaError> {
    serde_json::from_slice(json).map_err(|error| protocol(error.to_string()))
}

/// Writes JSON for the other end.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, MediaError> {
    serde_json::to_vec(value).map_err(|error| MediaError::Internal(error.to_string()))
}
