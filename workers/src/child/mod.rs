//! What a decoding child can do: one file a job, with both of its ends.
//!
//! A job is done in the child by its [`ChildJob`]; the method of [`Sandbox`](crate::sandbox::Sandbox) beside it has a
//! child do it, and believes of the result only what can be true. The two jobs that redact a video are with the rest of
//! that, in `crate::redact`.

mod confinement;
mod probe;
mod proxies;
mod shots;
mod stills;
mod subtitles;

use std::process::ExitCode;

use self::confinement::ConfinementJob;
use self::probe::ProbeJob;
use self::proxies::ProxiesJob;
use self::shots::ShotsJob;
use self::subtitles::{CaptionsJob, SubtitlesJob};
use crate::media::StillsJob;
use crate::redact::{LookJob, RewriteJob, SurveyJob};
#[cfg(doc)]
use crate::sandbox::ChildJob;
use crate::sandbox::{ServedJob, serve};

/// Every job of a child.
const JOBS: [ServedJob; 10] = [
    ServedJob::of::<ConfinementJob>(),
    ServedJob::of::<ProbeJob>(),
    ServedJob::of::<ShotsJob>(),
    ServedJob::of::<ProxiesJob>(),
    ServedJob::of::<StillsJob>(),
    ServedJob::of::<SubtitlesJob>(),
    ServedJob::of::<CaptionsJob>(),
    ServedJob::of::<SurveyJob>(),
    ServedJob::of::<LookJob>(),
    ServedJob::of::<RewriteJob>(),
];

/// The whole life of a decoding child; its exit code is the process's.
///
/// The binary calls this first thing when started as `decode-child`. It serves one request, read
/// from standard input, and answers on standard output, where nothing else may be written.
#[must_use]
pub fn child_main() -> ExitCode {
    serve(&JOBS)
}

#[test]
fn no_two_jobs_have_one_name() {
    let names: std::collections::HashSet<_> = JOBS.iter().map(ServedJob::name).collect();
    assert_eq!(names.len(), JOBS.len());
}
