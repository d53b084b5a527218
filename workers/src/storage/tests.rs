use std::path::Path as FsPath;

use super::*;
use rushes_models::ErrorKind;

fn storage(folder: &FsPath) -> Storage {
    Storage::open(folder.join("store").to_str().unwrap(), S3Options::default()).unwrap()
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_registered_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video.mp4");
    std::fs::write(&video, b"one").unwrap();
    let storage = storage(folder.path());
    let locator = storage.locate(video.to_str().unwrap()).await.unwrap();
    assert_eq!(locator.size, 3);
    assert_eq!(locator.file_name(), "video.mp4");
    std::fs::write(&video, b"three").unwrap();
    let error = storage.open_source(&locator).await.err().unwrap();
    assert!(matches!(error, StorageError::Changed(_)), "{error}");
}

#[tokio::test]
async fn a_folder_swapped_for_a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("videos"), folder.path().join("other"));
    for place in [&inside, &outside] {
        std::fs::create_dir(place).unwrap();
        std::fs::write(place.join("a.mp4"), b"one").unwrap();
    }
    let storage = storage(folder.path());
    let video = inside.join("a.mp4");
    let mut locator = storage.locate(video.to_str().unwrap()).await.unwrap();
    storage.open_source(&locator).await.unwrap();
    std::fs::remove_dir_all(&inside).unwrap();
    std::os::unix::fs::symlink(&outside, &inside).unwrap();
    // Even if size and time are the same.
    locator.version = storage
        .locate(video.to_str().unwrap())
        .await
        .unwrap()
        .version;
    let error = storage.open_source(&locator).await.err().unwrap();
    assert!(matches!(error, StorageError::Changed(_)), "{error}");
}

#[tokio::test]
async fn missing_files_and_foreign_schemes_are_typed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = storage(folder.path());
    let missing = storage.locate("/no/such/video.mp4").await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let foreign = storage.locate("gopher://a/b").await.unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn objects_are_put_read_and_deleted_by_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let storage = storage(folder.path());
    for key in ["runs/a/1.mp4", "runs/a/2.mp4", "runs/b/1.mp4"] {
        storage.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    assert_eq!(storage.delete_prefix("runs/a").await.unwrap(), 2);
    assert!(storage.get("runs/a/1.mp4").await.is_err());
    assert_eq!(storage.get("runs/b/1.mp4").await.unwrap().as_ref(), b"x");
    assert_eq!(storage.delete_prefix("runs/never").await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_created_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = storage(folder.path());
    let create = |bytes: &'static [u8]| storage.create("a b.jpg", Bytes::from_static(bytes));
    assert!(create(b"one").await.unwrap());
    assert!(!create(b"two").await.unwrap());
    assert_eq!(storage.get("a b.jpg").await.unwrap().as_ref(), b"one");
    storage.delete("a b.jpg").await.unwrap();
    storage.delete("a b.jpg").await.unwrap();
    assert!(create(b"two").await.unwrap());
}

#[tokio::test]
async fn names_are_the_same_in_the_store_as_everywhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("a~b [c]");
    let storage = Storage::open(prefix.to_str().unwrap(), S3Options::default()).unwrap();
    for name in ["Müller [1].jpg", "100%.jpg", "a#b?.jpg", "映画 {x}|y^.jpg"] {
        let key = format!("t ä/{name}");
        storage.put(&key, Bytes::from_static(b"x")).await.unwrap();
        assert!(
            prefix.join("t ä").join(name).try_exists().unwrap(),
            "{name}"
        );
        let found = storage.locate(&format!("store:{key}")).await.unwrap();
        assert_eq!(found.size, 1);
        storage.delete(&key).await.unwrap();
    }
    for outside in ["../x", "a/../../x", "a//b"] {
        let refused = storage.put(outside, Bytes::from_static(b"x")).await;
        assert!(refused.is_err(), "{outside}");
    }
}

#[tokio::test]
async fn an_upload_over_the_limit_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = storage(folder.path());
    let chunks = futures::stream::iter((0..8).map(|_| Ok(Bytes::from_static(&[0; 1024]))));
    let error = storage
        .put_stream("uploads/x", chunks, 4096)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(storage.get("uploads/x").await.is_err());
}
