//! The jobs of a decoding process: one file per job, with both of its ends.
//!
//! The child does a job through its [`ChildJob`]. The method of [`Sandbox`](crate::sandbox::Sandbox) beside it
//! runs the job in a child, and accepts only possible results. The two jobs that redact a video are in
//! `crate::redact`.

mod confinement;
mod listen;
mod probe;
mod proxies;
mod shots;
mod sound;
mod stills;
mod subtitles;

use std::process::ExitCode;

use self::confinement::ConfinementJob;
use self::listen::ListenJob;
use self::probe::ProbeJob;
use self::proxies::ProxiesJob;
use self::shots::ShotsJob;
use self::sound::SoundJob;
pub use self::sound::SoundSink;
use self::subtitles::{CaptionsJob, SubtitlesJob};
use crate::media::StillsJob;
use crate::redact::{LookJob, RewriteJob, SurveyJob};
#[cfg(doc)]
use crate::sandbox::ChildJob;
use crate::sandbox::{ServedJob, serve};

/// All jobs of a child.
const JOBS: [ServedJob; 12] = [
    ServedJob::of::<ConfinementJob>(),
    ServedJob::of::<ProbeJob>(),
    ServedJob::of::<ShotsJob>(),
    ServedJob::of::<ProxiesJob>(),
    ServedJob::of::<StillsJob>(),
    ServedJob::of::<SubtitlesJob>(),
    ServedJob::of::<CaptionsJob>(),
    ServedJob::of::<SoundJob>(),
    ServedJob::of::<ListenJob>(),
    ServedJob::of::<SurveyJob>(),
    ServedJob::of::<LookJob>(),
    ServedJob::of::<RewriteJob>(),
];

/// Runs a decoding process from start to end, and returns the exit code of the process.
///
/// When the binary is started as `decode-child`, it calls this before anything else. It serves one request from
/// standard input and answers on standard output, where nothing else may be written.
#[must_use]
pub fn child_main() -> ExitCode {
    serve(&JOBS)
}

#[test]
fn no_two_jobs_have_one_name() {
    let names: std::collections::HashSet<_> = JOBS.iter().map(ServedJob::name).collect();
    assert_eq!(names.len(), JOBS.len());
}
