use super::*;

fn store_with_one_file(sha256: Option<Digest>) -> (tempfile::TempDir, ModelStore, Manifest) {
    let root = tempfile::tempdir().unwrap();
    let mut manifest = ManifestSet::built_in().get("minilm").unwrap().clone();
    manifest.files.truncate(1);
    manifest.files[0].bytes = Some(3);
    manifest.files[0].sha256 = sha256;
    let store = ModelStore::new(root.path().to_owned());
    (root, store, manifest)
}

#[test]
fn a_missing_file_is_an_error_that_names_the_pull() {
    let (_root, store, manifest) = store_with_one_file(None);
    assert_eq!(store.status(&manifest).unwrap(), Status::Missing);
    let error = store.file(&manifest, "model.safetensors").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("run `rushes models pull minilm`"),
        "{error}"
    );
    assert_eq!(
        store.file(&manifest, "nonsense").unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn the_status_follows_names_and_lengths() {
    let (_root, store, manifest) = store_with_one_file(None);
    let path = store.path_of(&manifest, "model.safetensors");
    write_whole(&path, b"ab").unwrap();
    assert_eq!(store.status(&manifest).unwrap(), Status::Partial);
    write_whole(&path, b"abc").unwrap();
    assert_eq!(store.status(&manifest).unwrap(), Status::Installed);
    assert_eq!(store.file(&manifest, "model.safetensors").unwrap(), path);
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "nothing is left aside"
    );
}

#[test]
fn verifying_tells_sound_corrupt_and_unpinned_files_apart() {
    let (_root, store, manifest) = store_with_one_file(Some(Digest::of_bytes(b"abc")));
    assert_eq!(
        store.verify(&manifest).unwrap().files[0].finding,
        Finding::Missing
    );
    let path = store.path_of(&manifest, "model.safetensors");
    write_whole(&path, b"abc").unwrap();
    assert!(store.verify(&manifest).unwrap().is_sound());
    write_whole(&path, b"abd").unwrap();
    assert!(matches!(
        store.verify(&manifest).unwrap().files[0].finding,
        Finding::Corrupt { .. }
    ));

    let mut unpinned = manifest;
    unpinned.files[0].sha256 = None;
    assert_eq!(
        store.verify(&unpinned).unwrap().files[0].finding,
        Finding::Unpinned
    );
}

#[test]
fn a_damaged_lock_file_is_an_error_that_names_it() {
    let (root, store, manifest) = store_with_one_file(None);
    fs::write(root.path().join("lock.toml"), "not toml at all").unwrap();
    let error = store.verify(&manifest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("lock.toml"), "{error}");
}

#[test]
fn a_second_writer_waits_for_the_first() {
    let (_root, store, _) = store_with_one_file(None);
    let first = store.lock_for_writing().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let other = store.clone();
    let waiting = std::thread::Builder::new()
        .name("second-writer".to_owned())
        .spawn(move || {
            let _second = other.lock_for_writing().unwrap();
            sender.send(()).unwrap();
        })
        .unwrap();
    assert!(
        receiver
            .recv_timeout(std::time::Duration::from_millis(100))
            .is_err()
    );
    drop(first);
    receiver
        .recv_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    waiting.join().unwrap();
}
