//! Files from outside are decoded in a child process that can die without taking us with it.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::media::{Bounds, MediaError, MediaInfo, ProxyParams, RawCue};
use crate::segment::{SegmentParams, ShotScan};
use crate::source::ByteSource;
use crate::time::Timeline;

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
    /// 4 GiB, no limit on processor time, 120 s of silence.
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            cpu_seconds: None,
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
    /// Its arguments, which lead to [`child_main`].
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

    /// What the file says about itself.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn probe(&self, _source: &mut dyn ByteSource) -> Result<MediaInfo, MediaError> {
        Err(MediaError::Internal("not built yet".to_owned()))
    }

    /// The film's timeline and shots.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn shots(
        &self,
        _source: &mut dyn ByteSource,
        _params: &SegmentParams,
        _observer: &mut dyn Observer,
    ) -> Result<ShotScan, MediaError> {
        Err(MediaError::Internal("not built yet".to_owned()))
    }

    /// One small mp4 for each span of frames, handed to `job.sink` in order.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn proxies(
        &self,
        _source: &mut dyn ByteSource,
        _job: &ProxyJob<'_>,
        _observer: &mut dyn Observer,
        _sink: &mut dyn FnMut(usize, Vec<u8>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        Err(MediaError::Internal("not built yet".to_owned()))
    }

    /// The cues of a text subtitle stream.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn subtitles(
        &self,
        _source: &mut dyn ByteSource,
        _stream: usize,
    ) -> Result<Vec<RawCue>, MediaError> {
        Err(MediaError::Internal("not built yet".to_owned()))
    }
}

/// Which proxies to make, and how.
#[derive(Debug, Clone, Copy)]
pub struct ProxyJob<'a> {
    /// The film's timeline, as [`Sandbox::shots`] found it.
    pub timeline: &'a Timeline,
    /// Spans of frames `[start, end)`, sorted, not overlapping.
    pub spans: &'a [Range<u64>],
    /// How they are encoded.
    pub params: &'a ProxyParams,
}

/// The whole life of a decoding child; its exit code is the process's.
///
/// The binary calls this first thing when started as `decode-child`.
#[must_use]
pub fn child_main() -> ExitCode {
    ExitCode::FAILURE
}
