//! Watching real folders. Time is not waited for: with `settle` at zero, the second look may be taken at once.

use std::path::Path;

use rushes_workers::storage::S3Options;

use super::*;
use crate::ingest::last_part;

fn options() -> WatchOptions {
    WatchOptions {
        settle: Duration::ZERO,
        interval: Duration::from_secs(3600),
        rescan: Duration::from_secs(3600),
        ignore: Vec::new(),
        own: Vec::new(),
    }
}

fn once(folder: &Path, options: WatchOptions) -> Result<FolderWatch, WatchError> {
    let storage = Storage::of_sources(S3Options::default());
    FolderWatch::once(storage, &[folder.display().to_string()], options)
}

fn named(sights: &[Sight]) -> Vec<String> {
    let name = |sight: &Sight| match sight {
        Sight::Video { video, .. } => last_part(&video.locator.uri),
        Sight::Refused { name, .. } => format!("refused {}", last_part(name)),
    };
    sights.iter().map(name).collect()
}

fn write(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"x").unwrap();
}

#[tokio::test]
async fn a_pass_finds_videos_below_folders_and_nothing_of_rushes_itself() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "a.mp4",
        "day 1/b.mov",
        "day 1/cache/c.mp4",
        "store/runs/proxy.mp4",
        "d.mp4.part",
        "notes.txt",
    ] {
        write(&folder.path().join(name));
    }
    let options = WatchOptions {
        ignore: vec!["cache".to_owned()],
        own: vec![folder.path().join("store").display().to_string()],
        ..options()
    };
    let mut watch = once(folder.path(), options.clone()).unwrap();
    assert_eq!(named(&watch.pass().await), ["a.mp4", "b.mov"]);
    assert!(watch.pass().await.is_empty());
    let own = once(&folder.path().join("store/runs"), options.clone());
    assert!(matches!(own, Err(WatchError::Own(_))), "{own:?}");
    let file = once(&folder.path().join("a.mp4"), options.clone());
    assert!(matches!(file, Err(WatchError::NotAFolder(_))), "{file:?}");
    let storage = Storage::of_sources(S3Options::default());
    let nested = ["s3://b/in".to_owned(), "s3://b/in/day1/".to_owned()];
    let nested = FolderWatch::once(storage, &nested, options.clone());
    assert!(
        matches!(nested, Err(WatchError::Nested { .. })),
        "{nested:?}"
    );
    let missing = once(&folder.path().join("missing"), options);
    assert!(
        matches!(missing, Err(WatchError::Storage(StorageError::NotFound(_)))),
        "{missing:?}"
    );
}

/// Looks until something is due; the kernel's events wake it up.
async fn next(watch: &mut FolderWatch) -> Vec<String> {
    loop {
        watch.rest(None).await;
        let sights = watch.look().await;
        if !sights.is_empty() {
            return named(&sights);
        }
    }
}

#[tokio::test]
async fn events_are_enough_for_new_files_new_folders_and_renames() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.mp4"));
    let storage = Storage::of_sources(S3Options::default());
    let place = folder.path().display().to_string();
    let mut watch = FolderWatch::lasting(storage, &[place], options()).unwrap();
    assert_eq!(next(&mut watch).await, ["a.mp4"]);
    write(&folder.path().join("b.mp4"));
    assert_eq!(next(&mut watch).await, ["b.mp4"]);
    // A folder that arrives whole, and a file in it later.
    let elsewhere = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    write(&elsewhere.path().join("day/c.mp4"));
    std::fs::rename(elsewhere.path().join("day"), folder.path().join("day")).unwrap();
    assert_eq!(next(&mut watch).await, ["c.mp4"]);
    write(&folder.path().join("day/d.mp4"));
    assert_eq!(next(&mut watch).await, ["d.mp4"]);
    // Under a temporary name, then under its own.
    write(&folder.path().join("e.mp4.part"));
    std::fs::rename(
        folder.path().join("e.mp4.part"),
        folder.path().join("e.mp4"),
    )
    .unwrap();
    assert_eq!(next(&mut watch).await, ["e.mp4"]);
}

#[tokio::test]
async fn a_folder_that_was_lost_is_reported_once_and_watched_again() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, away) = (parent.path().join("in"), parent.path().join("away"));
    write(&folder.join("a.mp4"));
    let mut watch = once(&folder, options()).unwrap();
    assert_eq!(named(&watch.pass().await), ["a.mp4"]);
    std::fs::rename(&folder, &away).unwrap();
    watch.agenda.plan(Errand::Place(0), Instant::now());
    assert_eq!(named(&watch.look().await), ["refused "]);
    watch.agenda.plan(Errand::Place(0), Instant::now());
    assert!(watch.look().await.is_empty());
    // Nothing was forgotten meanwhile, so only what came since is due.
    std::fs::rename(&away, &folder).unwrap();
    write(&folder.join("b.mp4"));
    watch.agenda.plan(Errand::Place(0), Instant::now());
    assert_eq!(named(&watch.pass().await), ["b.mp4"]);
}
