use bytes::Bytes;
use rushes_models::ModelStore;
use rushes_workers::sandbox::{Limits, Sandbox};
use rushes_workers::storage::{S3Options, Storage};
use tempfile::TempDir;

use super::super::Options;
use super::*;
use crate::catalog::queue;
use crate::catalog::redactions::{NewFile, RedactionState, Stage};

const NAME: &str = "local-1";

/// A worker, its catalogue and its store, which has one redaction of one file.
async fn bench() -> (Worker, Catalog, Storage, RedactionId, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db"))
        .await
        .unwrap();
    let store = folder.path().join("store");
    let storage = Storage::open(store.to_str().unwrap(), S3Options::default()).unwrap();
    let options = Options {
        redactors: 1,
        threads: 1,
        picture_limit: 1 << 20,
        picture_pixels: 1 << 20,
        video_limit: 1 << 20,
        memory: 1 << 30,
        member: NAME.to_owned(),
        staging: folder.path().join("staging"),
        sandbox: Sandbox {
            command: "false".into(),
            args: Vec::new(),
            limits: Limits::default(),
        },
    };
    let models = ModelStore::new(folder.path().join("models"));
    let s3 = S3Options::default();
    let worker = Worker {
        name: NAME.to_owned(),
        redactions: Redactions::new(catalog.clone(), storage.clone(), models, s3, options),
        runtime: Handle::current(),
        stop: CancellationToken::new(),
    };
    let mut tx = catalog.begin().await.unwrap();
    let id = redactions::create(&mut tx, Stage::Listing, "{}", "[]", None, NAME)
        .await
        .unwrap();
    let picture = NewFile {
        name: "a.jpg".to_owned(),
        source: Some("file:///a.jpg".to_owned()),
        failure: None,
    };
    redactions::open(&mut tx, &id, &[picture], 0).await.unwrap();
    tx.commit().await.unwrap();
    (worker, catalog, storage, id, folder)
}

/// A file that was given back and taken by another worker is no longer the first one's to settle.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_attempt_deletes_nothing_of_a_newer_one() {
    let (worker, catalog, storage, id, _folder) = bench().await;
    let mut tx = catalog.begin().await.unwrap();
    let old = redactions::take(&mut tx, NAME).await.unwrap().unwrap().file;
    // The server ends and gives the file back; its thread lingers, and the next server takes the file.
    upkeep::release(&mut tx, NAME).await.unwrap();
    let new = redactions::take(&mut tx, NAME).await.unwrap().unwrap().file;
    tx.commit().await.unwrap();
    assert_eq!((old.attempts, old.ordinal), (new.attempts, new.ordinal));

    let folders = [&old, &new].map(store::attempt_folder);
    assert_ne!(folders[0], folders[1]);
    let keys = ["output", "output.redaction.json"].map(|name| format!("{}/{name}", folders[1]));
    for key in &keys {
        storage
            .put(key, Bytes::from_static(b"newer"))
            .await
            .unwrap();
    }
    let made = FileResult {
        regions: 7,
        name: "output".to_owned(),
        media_type: Some("image/jpeg".to_owned()),
    };
    let died = || Err(RedactionError::Died("it was stopped".to_owned()));
    assert!(!worker.settle(&old, &died()).await.unwrap());
    assert!(!worker.settle(&old, &Ok(made)).await.unwrap());
    for key in &keys {
        assert_eq!(storage.get(key).await.unwrap(), "newer", "{key}");
    }
    let mut db = catalog.read().await.unwrap();
    let file = redactions::file(&mut db, &id, 0).await.unwrap();
    assert_eq!((file.state, file.regions), (RedactionState::Running, None));
    drop(db);

    // The one that has it may.
    assert!(worker.settle(&new, &died()).await.unwrap());
    for key in &keys {
        assert!(storage.get(key).await.is_err(), "{key}");
    }
}

/// Deaths are counted as for runs: a file that gets further each time is not given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_under_which_workers_die_is_given_up_unless_it_gets_further() {
    for (gets_further, expected) in [
        (false, RedactionState::Failed),
        (true, RedactionState::Queued),
    ] {
        let (worker, catalog, _storage, id, folder) = bench().await;
        for death in 1..=4 {
            let mut tx = catalog.begin().await.unwrap();
            let Some(task) = redactions::take(&mut tx, &worker.name).await.unwrap() else {
                assert!(!gets_further && death == 4, "given up at death {death}");
                break;
            };
            assert_eq!(task.file.attempts, 1);
            let done = if gets_further { 100 * death } else { 0 };
            assert!(
                redactions::heartbeat(&mut tx, &task.file, done)
                    .await
                    .unwrap()
            );
            assert_eq!(queue::local_holders(&mut tx).await.unwrap(), [NAME]);
            tx.commit().await.unwrap();
            // Nobody holds the lock of a worker of this name.
            features::bury_the_dead(folder.path(), &catalog, "local-me")
                .await
                .unwrap();
        }
        let mut db = catalog.read().await.unwrap();
        let file = redactions::file(&mut db, &id, 0).await.unwrap();
        assert_eq!(file.state, expected);
        let code = (!gets_further).then_some("process-died");
        assert_eq!(file.failure_code.as_deref(), code);
    }
}

/// A worker on a file of a deleted redaction is asked to stop, and may store nothing.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_for_a_deleted_redaction() {
    let (worker, catalog, _storage, id, _folder) = bench().await;
    let mut tx = catalog.begin().await.unwrap();
    let task = redactions::take(&mut tx, &worker.name).await.unwrap();
    let file = task.unwrap().file;
    assert!(redactions::may_store(&mut tx, &file).await.unwrap());
    redactions::doom(&mut tx, &id).await.unwrap();
    assert!(!redactions::may_store(&mut tx, &file).await.unwrap());
    assert!(!redactions::heartbeat(&mut tx, &file, 1).await.unwrap());
    // Its end is still the caller's to record, so that the rest can be cleared away.
    assert!(redactions::is_held(&mut tx, &file).await.unwrap());
}
