//! Where the time of a picture goes.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Seconds that each stage of one picture took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Opening and decoding the file.
    pub decode: f64,
    /// Rendering the views.
    pub render: f64,
    /// The detectors.
    pub detect: f64,
    /// Joining what several views saw of one object.
    pub merge: f64,
    /// Masks and blurring.
    pub blur: f64,
    /// Writing the file, in memory.
    pub write: f64,
}

/// Runs `work` and adds the seconds it took.
pub(super) fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    *seconds += started.elapsed().as_secs_f64();
    result
}
