//! A full disk stops the work with a reason, and the work resumes when there is space.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rushes::catalog::Catalog;
use rushes::index::Index;
use rushes_models::{ModelStore, space_of};
use rushes_workers::segment::{Boundary, BoundaryKind};
use rushes_workers::stages::{
    Output as Result, ProxiesOutput, Queue, ShotSpan, Task, ThumbnailsOutput,
};

use crate::coordinator::{Bench, answer, edges, vectors, video};
use crate::support::{Rushes, missing, told, videos};

/// A small file system, unmounted at the end.
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
            missing("disk", "a small file system cannot be mounted here");
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
    rushes.begin();
    let store = rushes.folder.path().join("store");
    let Some(disk) = SmallDisk::mount(&store) else {
        return;
    };
    let video = videos::made(&rushes.folder.path().join("video.mp4"), 4, 60, 0);
    let store = store.to_str().unwrap();
    let child = rushes
        .command(&[
            "--store",
            store,
            "ingest",
            video.to_str().unwrap(),
            "--json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let jobs = rushes.json(&["jobs"]).to_string();
        if jobs.contains("the disk is full") {
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

/// Shots of a video whose vectors need more space than there is.
const MANY: u64 = 400;
/// Largest file in kilobytes; everything except the vectors needs less.
const ROOM: u32 = 256;

/// Adds a video of `MANY` shots, whose vectors start with `first`, to the catalogue.
async fn video_of_many_shots(catalog: &Catalog, name: &str, first: f32) {
    let bench = Bench::over_local_embed().await.over(catalog.clone());
    video(catalog, name).await;
    let shots: Vec<ShotSpan> = (0..MANY)
        .map(|at| ShotSpan {
            start: at * 10,
            end: at * 10 + 10,
            start_ms: at * 400,
            end_ms: at * 400 + 400,
            opening: Boundary {
                kind: BoundaryKind::Cut,
                start: at * 10,
                end: at * 10,
                confidence: 1.0,
            },
            same_as: None,
        })
        .collect();
    for queue in [Queue::Media, Queue::Embed] {
        while let Some(lease) = bench.local.lease("worker", queue).await.unwrap() {
            let keys = |kind: &str| -> Vec<String> {
                let key = |at| format!("{}/{at}.{kind}", lease.prefix);
                (0..MANY).map(key).collect()
            };
            let result = match &lease.task {
                Task::Shots(_) => {
                    let mut result = answer(&lease);
                    if let Result::Shots(found) = &mut result {
                        (found.frames, found.shots) = (MANY * 10, shots.clone());
                    }
                    result
                }
                Task::Proxies(_) => ProxiesOutput { keys: keys("mp4") }.into(),
                Task::Edges(_) => edges(usize::try_from(MANY).unwrap()),
                Task::Thumbnails(_) => ThumbnailsOutput { keys: keys("jpg") }.into(),
                Task::Embeddings(_) => vectors(&vec![first; usize::try_from(MANY).unwrap()]),
                Task::Probe(_)
                | Task::Dialogue(_)
                | Task::Speech(_)
                | Task::Meaning(_)
                | Task::Text(_)
                | Task::Sound(_)
                | Task::SoundTags(_)
                | Task::People(_) => answer(&lease),
            };
            bench.local.complete(&lease.ticket, &result).await.unwrap();
        }
    }
}

/// Runs `rushes` so that no file can grow beyond `ROOM`; writing more fails as on a full disk.
fn without_room(rushes: &Rushes, args: &[&str]) -> Output {
    let command = rushes.command(args);
    let script = format!("trap '' XFSZ; ulimit -f {ROOM}; exec \"$0\" \"$@\"");
    let mut limited = Command::new("bash");
    limited
        .args(["-c", &script])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.output().unwrap()
}

/// The similarity of the shots nearest to the first axis, and their number.
fn seen(rushes: &Rushes) -> (usize, f32) {
    let index = Index::open(&rushes.data().join("index")).unwrap();
    let space = space_of(&ModelStore::new("models".into()), "lite").unwrap();
    let mut query = vec![0.0; space.dims];
    query[0] = 1.0;
    let (near, _) = index.nearest(&space.id, &query, 1000, None);
    (near.len(), near.first().map_or(0.0, |near| near.similarity))
}

fn snapshots(rushes: &Rushes) -> Vec<String> {
    let entries = std::fs::read_dir(rushes.data().join("index/vectors")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_disk_that_fills_up_while_a_snapshot_is_written_leaves_the_last_one() {
    let rushes = Rushes::without_models();
    let data = rushes.data();
    std::fs::create_dir(&data).unwrap();
    let catalog = Catalog::open(&data.join("catalog.db")).await.unwrap();
    video_of_many_shots(&catalog, "first", 1.0).await;
    let built = rushes.run(&["index", "rebuild"]);
    assert!(built.status.success(), "{}", told(&built));
    let many = usize::try_from(MANY).unwrap();
    assert_eq!(seen(&rushes).0, many);
    let before = snapshots(&rushes);

    video_of_many_shots(&catalog, "second", 0.6).await;
    catalog.close().await;
    let failed = without_room(&rushes, &["index", "rebuild"]);
    let said = told(&failed);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("index/vectors"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains("File too large"), "{said}");
    assert!(said.contains("check the disk"), "{said}");
    // Readers have the complete last published state, and nothing else takes space.
    assert_eq!(snapshots(&rushes), before);
    assert_eq!(seen(&rushes).0, many);

    // With space again, everything recovers.
    let built = rushes.run(&["index", "rebuild"]);
    assert!(built.status.success(), "{}", told(&built));
    assert_eq!(seen(&rushes).0, 2 * many);
}
