//! Files from outside are decoded in a child process that can die without taking us with it.
//!
//! Decoders are large, old and written in C, and films come from anywhere. So a film is decoded by a
//! child of the same program, which has limits on memory, processor time and files, an empty
//! environment, and three pipes. It asks its parent for the bytes of the film, and so needs neither
//! file system nor network nor credentials; a filter of system calls and Landlock hold it to that
//! ([`Confinement`]). What it answers is bounded and checked. It is killed when
//! its caller gives up, is cancelled, dies, or hears nothing for too long.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::dialogue::TimedText;
use crate::media::{
    Bounds, MediaError, MediaInfo, ProxyParams, SandboxFailure, StillsJob, Survey, Written,
};
use crate::redact::{LookJob, Looked, RewriteJob};
use crate::segment::{SegmentParams, ShotScan};
use crate::source::ByteSource;
use crate::time::Stretch;

mod child;
mod confine;
mod parent;
mod stills;
mod wire;

pub use self::child::child_main;
pub use self::confine::{Confinement, Landlock, confine};
pub(crate) use self::parent::Take;
use self::parent::{Proxies, Settled};
use self::stills::Stills;
use self::wire::Job;

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
    /// 4 GiB, a week of processor time, which no film takes and a loop without end does, 120 s of silence.
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

    /// What a child on this machine gives up before it decodes.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn confinement(&self) -> Result<Confinement, MediaError> {
        // A child is started for some bytes, of which it asks for none here.
        let mut nothing = bytes::Bytes::from_static(b"-");
        parse(&self.run(&mut nothing, Job::Confinement, &mut (), &mut ())?)
    }

    /// What the file says about itself.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn probe(
        &self,
        source: &mut dyn ByteSource,
        observer: &mut dyn Observer,
    ) -> Result<MediaInfo, MediaError> {
        parse(&self.run(source, Job::Probe, observer, &mut ())?)
    }

    /// The film's timeline and shots.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn shots(
        &self,
        source: &mut dyn ByteSource,
        params: &SegmentParams,
        observer: &mut dyn Observer,
    ) -> Result<ShotScan, MediaError> {
        let job = Job::Shots {
            params: params.clone(),
            early: false,
        };
        sound(parse(&self.run(source, job, observer, &mut ())?)?)
    }

    /// As [`Sandbox::shots`]; shots that nothing later will change are handed to `settled` in order
    /// while others are still looked for. The last few come with the result only.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn shots_as_they_settle(
        &self,
        source: &mut dyn ByteSource,
        params: &SegmentParams,
        observer: &mut dyn Observer,
        settled: &mut dyn FnMut(Stretch),
    ) -> Result<ShotScan, MediaError> {
        let job = Job::Shots {
            params: params.clone(),
            early: true,
        };
        sound(parse(&self.run(
            source,
            job,
            observer,
            &mut Settled::new(settled),
        )?)?)
    }

    /// One small mp4 for each of `stretches`, handed to `sink` in order with its frames. The next stretch is asked for
    /// when the one before is done; that may wait.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn proxies(
        &self,
        source: &mut dyn ByteSource,
        params: &ProxyParams,
        stretches: &mut dyn Iterator<Item = Stretch>,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(Range<u64>, Vec<u8>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let job = Job::Proxies(params.clone());
        let mut proxies = Proxies::new(stretches, sink);
        let (): () = parse(&self.run(source, job, observer, &mut proxies)?)?;
        proxies.finish()
    }

    /// Pictures of chosen frames, handed to `sink` in order with the numbers of their frames.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn stills(
        &self,
        source: &mut dyn ByteSource,
        job: &StillsJob,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(u64, RgbImage) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let mut stills = Stills::new(job, sink);
        let task = Job::Stills(job.clone());
        let (): () = parse(&self.run(source, task, observer, &mut stills)?)?;
        stills.finish()
    }

    /// The cues of a text subtitle stream.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn subtitles(
        &self,
        source: &mut dyn ByteSource,
        stream: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TimedText>, MediaError> {
        parse(&self.run(source, Job::Subtitles(stream), observer, &mut ())?)
    }

    /// The closed captions in the pictures of a film; empty if there are none.
    ///
    /// # Errors
    /// Any [`MediaError`].
    pub fn captions(
        &self,
        source: &mut dyn ByteSource,
        observer: &mut dyn Observer,
    ) -> Result<Vec<TimedText>, MediaError> {
        parse(&self.run(source, Job::Captions, observer, &mut ())?)
    }

    /// What a film holds, and what becomes of it when it is redacted.
    pub(crate) fn survey(
        &self,
        source: &mut dyn ByteSource,
        extension: &str,
        observer: &mut dyn Observer,
    ) -> Result<Survey, MediaError> {
        let job = Job::Survey(extension.to_owned());
        parse(&self.run(source, job, observer, &mut ())?)
    }

    /// Hands up the frames of a film.
    pub(crate) fn look(
        &self,
        source: &mut dyn ByteSource,
        job: LookJob,
        observer: &mut dyn Observer,
        taker: &mut dyn Take,
    ) -> Result<Looked, MediaError> {
        parse(&self.run(source, Job::Look(job), observer, taker)?)
    }

    /// Writes a film with changed frames.
    pub(crate) fn rewrite(
        &self,
        source: &mut dyn ByteSource,
        job: RewriteJob,
        observer: &mut dyn Observer,
        taker: &mut dyn Take,
    ) -> Result<Written, MediaError> {
        parse(&self.run(source, Job::Rewrite(Box::new(job)), observer, taker)?)
    }
}

/// Believes a child only what can be true of some film.
fn sound(scan: ShotScan) -> Result<ShotScan, MediaError> {
    if scan.is_sound() {
        return Ok(scan);
    }
    let what = "shots that do not cover the film".to_owned();
    Err(MediaError::Sandbox(SandboxFailure::Protocol(what)))
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, MediaError> {
    serde_json::from_slice(json)
        .map_err(|error| MediaError::Sandbox(SandboxFailure::Protocol(error.to_string())))
}
