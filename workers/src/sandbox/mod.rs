//! Decodes files from outside in a child process, whose crash does not affect this one.
//!
//! Decoders are large, old and written in C, and videos come from anywhere. A video is therefore decoded by a
//! child process of the same program, with limits on memory, processor time and files, an empty environment,
//! and three pipes. It requests the bytes of the video from its parent, so it needs no file system, network or
//! credentials. A system call filter and Landlock enforce this ([`Confinement`]). Its answers are bounded and
//! checked. It is killed when its caller gives up, is cancelled, dies, or hears nothing for too long.
//!
//! This module is the transport and knows no job. Each job is a `ChildJob`, most of them in `crate::child`,
//! which lists them all.

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
pub use self::job::PassError;
pub(crate) use self::job::{ChildJob, HandUp, ServedJob};
pub(crate) use self::parent::protocol;

/// Most bytes of a job's result, and of all its early parts together.
pub(crate) const MAX_RESULT: u64 = wire::MAX_RESULT;

/// The resource limits of a decoding process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space in bytes (`RLIMIT_AS`).
    pub memory_bytes: u64,
    /// Processor time in seconds (`RLIMIT_CPU`), all threads together; `None` for no limit.
    pub cpu_seconds: Option<u64>,
    /// Longest silence. A child that sends nothing for this long is killed.
    pub stall: Duration,
    /// The limits of a file.
    pub bounds: Bounds,
}

impl Default for Limits {
    /// 4 GiB; a week of processor time, which no video needs but an endless loop reaches; 120 s of silence.
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            cpu_seconds: Some(7 * 24 * 3600),
            stall: Duration::from_secs(120),
            bounds: Bounds::default(),
        }
    }
}

/// Follows the work of a child, and may stop it.
pub trait Observer {
    /// `done` of `total` frames have been processed; `total` is an estimate, `None` if unknown.
    fn progress(&mut self, done: u64, total: Option<u64>);

    /// Whether to stop; polled about twenty times per second.
    fn cancelled(&self) -> bool;
}

/// No observer.
impl Observer for () {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Starts decoding processes.
///
/// Calls block until the child has answered. Call them on worker threads, never on an async thread.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The program to start.
    pub command: PathBuf,
    /// Its arguments, which lead to `child::child_main`.
    pub args: Vec<OsString>,
    /// The limits of each child.
    pub limits: Limits,
}

impl Sandbox {
    /// Children of this program, started as `<program> decode-child`.
    ///
    /// # Errors
    /// If the system does not provide the path of the running program.
    pub fn current_exe(limits: Limits) -> std::io::Result<Self> {
        Ok(Self {
            command: std::env::current_exe()?,
            args: vec!["decode-child".into()],
            limits,
        })
    }
}

/// Parses a child's JSON.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, MediaError> {
    serde_json::from_slice(json).map_err(|error| protocol(error.to_string()))
}

/// Writes JSON for the other end.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, MediaError> {
    serde_json::to_vec(value).map_err(|error| MediaError::Internal(error.to_string()))
}
