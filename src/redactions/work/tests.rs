use rushes_models::ModelStore;
use rushes_workers::storage::{S3Options, Storage};

use super::super::Options;
use super::*;
use crate::catalog::redactions::{NewFile, RedactionState, Stage};

/// A file that was given back and taken by another worker is no longer the first one's to settle.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_attempt_deletes_nothing_of_a_newer_one() {
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
    };
    let models = ModelStore::new(folder.path().join("models"));
    let worker = Worker {
        redactions: Redactions::new(
            catalog.clone(),
            storage.clone(),
            models,
            S3Options::default(),
            options,
        ),
        runtime: Handle::current(),
        stop: CancellationToken::new(),
    };

    let mut tx = catalog.begin().await.unwrap();
    let id = redactions::create(&mut tx, Stage::Listing, "{}", "[]", None)
        .await
        .unwrap();
    let picture = NewFile {
        name: "a.jpg".to_owned(),
        source: Some("file:///a.jpg".to_owned()),
        failure: None,
    };
    redactions::open(&mut tx, &id, &[picture], 0).await.unwrap();
    let old = redactions::take(&mut tx).await.unwrap().unwrap().file;
    // The server ends and gives the file back; its thread lingers, and the next server takes the file.
    upkeep::release(&mut tx).await.unwrap();
    let new = redactions::take(&mut tx).await.unwrap().unwrap().file;
    tx.commit().await.unwrap();
    assert_eq!((old.attempts, old.ordinal), (new.attempts, new.ordinal));

    let keys = [store::record_key(&id, 0), store::picture_key(&id, 0)];
    for key in &keys {
        storage
            .put(key, Bytes::from_static(b"newer"))
            .await
            .unwrap();
    }
    let made = RedactedFile {
        regions: 7,
        media_type: Some("image/jpeg"),
    };
    let died = || Err(RedactionError::Died("it was stopped".to_owned()));
    let settled = worker.settle(&old, &died(), None).await;
    assert!(!settled.unwrap());
    let settled = worker.settle(&old, &Ok(made), None).await;
    assert!(!settled.unwrap());
    for key in &keys {
        assert_eq!(storage.get(key).await.unwrap(), "newer", "{key}");
    }
    let mut db = catalog.read().await.unwrap();
    let file = redactions::file(&mut db, &id, 0).await.unwrap();
    assert_eq!((file.state, file.regions), (RedactionState::Running, None));
    drop(db);

    // The one that has it may.
    assert!(worker.settle(&new, &died(), None).await.unwrap());
    for key in &keys {
        assert!(storage.get(key).await.is_err(), "{key}");
    }
}
