//! Programs that read what rushes writes and share no code with it: `OpenTimelineIO` and MLT.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{missing, variable};

/// The Python with `tests/readers/requirements.txt` installed, named by `RUSHES_TEST_PYTHON`; `make test` installs it.
pub(crate) fn python() -> Option<PathBuf> {
    let python = variable("RUSHES_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        missing(
            "readers",
            "RUSHES_TEST_PYTHON names no Python with opentimelineio; `make test` installs one",
        );
    }
    python
}

/// What `OpenTimelineIO` reads in these files: clips by file extension.
pub(crate) fn timelines(python: &Path, fps: f64, files: &[PathBuf]) -> Value {
    let read = Command::new(python)
        .arg(script("timelines.py"))
        .arg(fps.to_string())
        .args(files)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{complaints}");
    serde_json::from_slice(&read.stdout).unwrap()
}

/// The source frames that MLT shows when it plays a timeline, one per rendered picture.
pub(crate) fn rendered(python: &Path, timeline: &Path) -> Vec<u32> {
    let rendered = Command::new(python)
        .arg(script("render.py"))
        .arg("melt")
        .arg(timeline)
        // MLT loads Qt, which looks for a screen.
        .env("QT_QPA_PLATFORM", "offscreen")
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&rendered.stderr);
    assert!(rendered.status.success(), "{complaints}");
    serde_json::from_slice(&rendered.stdout).unwrap()
}

/// A script in `tests/readers`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/readers")
        .join(name)
}
