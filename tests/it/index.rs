//! The index follows its catalogue, whatever happens to either.

use std::collections::HashSet;
use std::sync::Arc;

use rushes::catalog::database;
use rushes::catalog::{AssetId, Catalog, note_change};
use rushes::index::{Follower, Index, ShotSet};
use rushes::search::{Modality, Searcher};
use rushes_models::{EncoderOptions, ModelStore, space_of};

use crate::coordinator::{Bench, video};
use crate::support::postgres::servers;

/// The videos found by visual search.
fn found(index: &Index) -> HashSet<AssetId> {
    let space = space_of(&ModelStore::new("models".into()), "lite").unwrap();
    let mut query = vec![0.0; space.dims];
    query[1] = 1.0;
    let (near, _) = index.nearest(&space.id, &query, 100, None);
    near.into_iter().map(|near| near.shot.asset).collect()
}

async fn followed(bench: &Bench, catalog: &Catalog) -> Follower {
    let mut follower = Follower::open(&bench.folder.path().join("index"), catalog.clone()).unwrap();
    follower.catch_up().await.unwrap();
    follower.publish().await.unwrap();
    follower
}

async fn set_vectors(catalog: &Catalog, asset: &AssetId, vector: &[f32]) {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut tx = catalog.begin().await.unwrap();
    let update =
        "UPDATE vectors SET vector = $1 WHERE run_id IN (SELECT id FROM runs WHERE asset_id = $2)";
    let updated = database::query(update)
        .bind(bytes)
        .bind(asset)
        .execute(&mut tx)
        .await
        .unwrap();
    assert_eq!(updated.rows_affected(), 2);
    note_change(&mut tx, asset).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_video_that_cannot_be_indexed_is_set_aside_and_holds_up_no_other() {
    let bench = Bench::over_local_embed().await;
    let (bad, _) = video(&bench.catalog, "b").await;
    bench.complete_all().await;
    let all = HashSet::from([bench.asset.clone(), bad.clone()]);
    assert_eq!(found(followed(&bench, &bench.catalog).await.index()), all);

    // Of another dimension, and with values that are not finite; the validation cannot detect either kind of
    // damage.
    for (videos, damaged) in [(3, &[0.6, 0.8][..]), (4, &[f32::NAN; 384][..])] {
        set_vectors(&bench.catalog, &bad, damaged).await;
        let (later, _) = video(&bench.catalog, &format!("after {}", damaged.len())).await;
        bench.complete_all().await;
        let follower = followed(&bench, &bench.catalog).await;
        assert_eq!(
            follower.index().set_aside().keys().collect::<Vec<_>>(),
            [&bad]
        );
        let seen = found(follower.index());
        assert!(seen.contains(&later) && !seen.contains(&bad), "{seen:?}");
        // A search reports that one cannot be found, wherever it is in scope.
        let searcher = Searcher::new(
            bench.catalog.clone(),
            Arc::clone(follower.index()),
            ModelStore::new("models".into()),
            ("lite", EncoderOptions::threads(1)),
            bench.folder.path().join("pages"),
        );
        let senses = [Modality::Visual, Modality::Dialogue];
        let ready = async |scope: Option<&ShotSet>| {
            let found = searcher.coverage(&senses, scope).await.unwrap();
            assert_eq!(found.dialogue.unwrap().ready, found.total);
            (found.ready, found.total)
        };
        let all: i64 = videos;
        assert_eq!(ready(None).await, (all - 1, all));
        assert_eq!(
            ready(Some(&ShotSet::from_assets([bad.clone()]))).await,
            (0, 1)
        );
        assert_eq!(ready(Some(&ShotSet::from_assets([later]))).await, (1, 1));
        drop(follower);
        // A process that opens the index later sees it too.
        let reader = Index::open(&bench.folder.path().join("index")).unwrap();
        assert!(reader.set_aside().contains_key(&bad));
    }
    // The right dimension again, but too long: vectors let in by an earlier version do no harm.
    let mut long = vec![0.0; 384];
    long[1] = 2.0;
    set_vectors(&bench.catalog, &bad, &long).await;
    let follower = followed(&bench, &bench.catalog).await;
    assert!(follower.index().set_aside().is_empty());
    assert!(found(follower.index()).contains(&bad));
}

#[tokio::test]
async fn a_catalogue_put_back_from_a_backup_gets_an_index_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db")).await;
    let back_up = async |catalog: &Catalog| {
        let backup = folder.path().join("backup.db");
        let mut db = catalog.read().await.unwrap();
        database::query("VACUUM INTO ?")
            .bind(backup.to_str())
            .execute(&mut db)
            .await
            .unwrap();
        Catalog::open(&backup).await.unwrap()
    };
    check_backup(catalog.unwrap(), back_up).await;
    for server in servers() {
        let address = server.database();
        let catalog = Catalog::connect(&address.clone().into()).await;
        let back_up = async |_: &Catalog| {
            let backup = server.backed_up(&address);
            Catalog::connect(&backup.into()).await.unwrap()
        };
        check_backup(catalog.unwrap(), back_up).await;
    }
}

/// The index follows a catalogue, and then what a backup has of it.
async fn check_backup(catalog: Catalog, back_up: impl AsyncFnOnce(&Catalog) -> Catalog) {
    let bench = Bench::local(catalog).await;
    bench.complete_all().await;
    drop(followed(&bench, &bench.catalog).await);
    let backup = back_up(&bench.catalog).await;
    let (lost, _) = video(&bench.catalog, "lost").await;
    bench.complete_all().await;
    let follower = followed(&bench, &bench.catalog).await;
    assert_eq!(
        found(follower.index()),
        HashSet::from([bench.asset.clone(), lost])
    );
    drop(follower);

    let restored = bench.over(backup);
    // It grows past the position up to which the index had followed the other one.
    let mut all = HashSet::from([bench.asset.clone()]);
    for name in ["c", "d", "e"] {
        all.insert(video(&restored.catalog, name).await.0);
    }
    restored.complete_all().await;
    assert_eq!(
        found(followed(&bench, &restored.catalog).await.index()),
        all
    );
}

#[tokio::test]
async fn an_index_that_cannot_be_read_now_is_not_deleted() {
    let bench = Bench::over_local_embed().await;
    bench.complete_all().await;
    drop(followed(&bench, &bench.catalog).await);
    let folder = bench.folder.path().join("index");
    let current = folder.join("vectors/CURRENT.json");
    let kept = std::fs::read(&current).unwrap();
    // An error that says nothing about the contents, such as a lack of permission or descriptors.
    std::fs::remove_file(&current).unwrap();
    std::fs::create_dir(&current).unwrap();
    let error = Follower::open(&folder, bench.catalog.clone()).unwrap_err();
    assert!(error.to_string().contains("CURRENT.json"), "{error}");
    std::fs::remove_dir(&current).unwrap();
    std::fs::write(&current, kept).unwrap();
    let follower = Follower::open(&folder, bench.catalog.clone()).unwrap();
    // Nothing was lost: it is found without following again.
    assert_eq!(
        found(follower.index()),
        HashSet::from([bench.asset.clone()])
    );
    drop(follower);
    // Damage is different: a rebuild is the answer to it.
    std::fs::write(&current, b"{").unwrap();
    assert_eq!(
        found(followed(&bench, &bench.catalog).await.index()).len(),
        1
    );
}

#[tokio::test]
async fn a_damaged_segment_is_made_again_alone_while_the_rest_serves() {
    let bench = Bench::over_local_embed().await;
    bench.complete_all().await;
    drop(followed(&bench, &bench.catalog).await);
    let folder = bench.folder.path().join("index/vectors");
    let segments = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|suffix| suffix == "vectors"))
            .collect::<HashSet<_>>()
    };
    let first = segments();
    let (second, _) = video(&bench.catalog, "second").await;
    bench.complete_all().await;
    drop(followed(&bench, &bench.catalog).await);
    let second_only: HashSet<_> = segments().difference(&first).cloned().collect();
    assert_eq!(second_only.len(), 1);
    let all = HashSet::from([bench.asset.clone(), second.clone()]);

    // Of the first video, whose segment is replaced each time.
    let of_first = || {
        let mut own = segments();
        own.retain(|path| !second_only.contains(path));
        own.into_iter().next().unwrap()
    };
    // Damage to what is read when a segment is opened, and to what is not.
    for at in ["head", "tail"] {
        let damaged = of_first();
        let mut bytes = std::fs::read(&damaged).unwrap();
        match at {
            "head" => bytes[0] ^= 1,
            _ => *bytes.last_mut().unwrap() ^= 1,
        }
        std::fs::write(&damaged, bytes).unwrap();
        let mut follower =
            Follower::open(&bench.folder.path().join("index"), bench.catalog.clone()).unwrap();
        follower.verify().await.unwrap();
        assert_eq!(follower.index().damage().len(), 1, "{at}");
        // The rest serves before anything is made again.
        assert_eq!(found(follower.index()), HashSet::from([second.clone()]));
        follower.catch_up().await.unwrap();
        follower.publish().await.unwrap();
        assert_eq!(found(follower.index()), all);
        assert!(follower.index().damage().is_empty());
        // Only the damaged segment was written again.
        assert_eq!(segments().len(), 2);
        assert!(second_only.is_subset(&segments()) && !segments().contains(&damaged));
    }
}
