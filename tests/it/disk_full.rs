//! A full disk stops the work with a reason, and the work goes on when there is room.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Rushes, films, told};

/// A small file system of its own; unmounted at the end.
pub(crate) struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    pub(crate) fn mount(at: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            Some(Self(at))
        } else {
            eprintln!("skipped: a small file system cannot be mounted here");
            None
        }
    }

    fn grow(&self) {
        let grown = Command::new("mount")
            .args(["-o", "remount,size=64m"])
            .arg(self.0)
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0).status().ok();
    }
}

#[test]
fn work_stopped_by_a_full_disk_goes_on_when_there_is_room() {
    let Some(rushes) = Rushes::new() else { return };
    let store = rushes.folder.path().join("store");
    let Some(disk) = SmallDisk::mount(&store) else {
        return;
    };
    let film = films::made(&rushes.folder.path().join("film.mp4"), 4, 60, 0);
    let store = store.to_str().unwrap();
    let child = rushes
        .command(&["--store", store, "ingest", film.to_str().unwrap(), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let jobs = rushes.json(&["jobs"]).to_string();
        if jobs.contains("no room left") {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the full disk was never reported: {jobs}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    disk.grow();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"shots\": 4"));
}
