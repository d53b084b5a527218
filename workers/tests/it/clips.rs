//! Clips for tests: made by the `ffmpeg` command, or real ones from `RUSHES_MATERIAL`.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rushes_workers::media::{Bounds, MediaError};
use rushes_workers::sandbox::{Limits, Sandbox};
use rushes_workers::segment::{SegmentParams, ShotScan, segment};
use rushes_workers::source::ByteSource;
use tempfile::TempDir;

#[path = "../../../models/src/testing/fixture.rs"]
mod fixture;

pub(crate) use self::fixture::{material, models};

/// A temporary folder of clips.
pub(crate) struct Clips(TempDir);

impl Clips {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `ffmpeg` with arguments separated by spaces, then the path of `name`.
    pub(crate) fn make(&self, arguments: &str, name: &str) -> PathBuf {
        let path = self.path(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-y"]);
        command.args(arguments.split_whitespace()).arg(&path);
        let output = command.current_dir(self.0.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ffmpeg {arguments}: {stderr}");
        path
    }

    /// An MP4 or MOV like [`Clips::make`], whose matrix tells players to turn its first track by an EXIF
    /// orientation.
    pub(crate) fn make_oriented(&self, arguments: &str, exif: usize, name: &str) -> PathBuf {
        // ISO/IEC 14496-12, 8.3.2: a, b, u, c, d, v in 16.16 fixed point, the third of each row in 2.30.
        let [a, b, c, d] = [
            [1, 0, 0, 1],
            [-1, 0, 0, 1],
            [-1, 0, 0, -1],
            [1, 0, 0, -1],
            [0, 1, 1, 0],
            [0, 1, -1, 0],
            [0, -1, -1, 0],
            [0, -1, 1, 0],
        ][exif - 1];
        let path = self.make(arguments, name);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(4).position(|it| it == b"tkhd").unwrap();
        for (index, value) in [a, b, 0, c, d, 0].into_iter().enumerate() {
            let place = at + 44 + index * 4;
            let value: i32 = value << 16;
            bytes[place..place + 4].copy_from_slice(&value.to_be_bytes());
        }
        self.write(name, &bytes)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

pub(crate) fn open(path: &Path) -> Box<dyn ByteSource> {
    Box::new(File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Timestamps of the first video stream's frames, as decoded by `ffprobe`.
pub(crate) fn ffprobe_pts(path: &Path) -> Vec<i64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"])
        .args(["-show_entries", "frame=best_effort_timestamp"])
        .arg(path)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect()
}

/// One line of `ffprobe -show_entries`, of the first stream of a kind.
pub(crate) fn ffprobe(path: &Path, stream: &str, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-of", "csv=p=0"])
        .args(["-show_entries", entries])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A sandbox whose children are the example program beside the tests.
pub(crate) fn sandbox(limits: Limits) -> Sandbox {
    Sandbox {
        command: example("decode_child"),
        args: Vec::<OsString>::new(),
        limits,
    }
}

/// An example program beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples").join(name);
    let is_built = program.try_exists().unwrap();
    assert!(
        is_built,
        "build it: cargo build -p rushes-workers --example {name}"
    );
    program
}

/// Segments a video with the defaults, in this process.
pub(crate) fn scan(path: &Path) -> ShotScan {
    try_scan(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn try_scan(path: &Path) -> Result<ShotScan, MediaError> {
    let mut progress = |_done, _total| Ok(());
    segment(
        open(path),
        &SegmentParams::default(),
        &Bounds::default(),
        &mut progress,
    )
}

#[test]
fn tests_that_lack_a_required_fixture_fail() {
    let test = "shots::fades_through_black_and_white_are_boundaries";
    fixture::assert_cannot_pass_by_skipping(test, "material");
    let test = "redact_video::a_damaged_video_is_redacted_as_far_as_it_plays";
    fixture::assert_cannot_pass_by_skipping(test, "models");
}
