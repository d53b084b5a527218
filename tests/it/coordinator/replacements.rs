//! Replacements of an asset's file, one run at a time.

use rushes::catalog::assets::{self, Sidecar};
use rushes::catalog::replacements;
use rushes::ingest::{FoundVideo, replace, withdraw_file};

use super::*;

fn file(name: &str, version: &str) -> Locator {
    Locator {
        uri: format!("file:///{name}.mp4"),
        version: Some(version.to_owned()),
        size: 10,
    }
}

async fn replaced(bench: &Bench, asset: &AssetId, by: Locator) -> JobId {
    let video = FoundVideo {
        locator: by,
        sidecars: Vec::new(),
    };
    let job = replace(&bench.catalog, asset, &video, &settings()).await;
    job.unwrap()
}

async fn registered(bench: &Bench, locator: &Locator, sidecars: &[Sidecar]) -> (AssetId, bool) {
    let mut tx = bench.catalog.begin().await.unwrap();
    let new = NewAsset {
        locator,
        title: "another title",
        sidecars,
    };
    let found = register(&mut tx, new).await.unwrap();
    request(&mut tx, &found.0, &settings()).await.unwrap();
    tx.commit().await.unwrap();
    found
}

async fn asset(bench: &Bench, id: &AssetId) -> assets::Asset {
    let mut db = bench.catalog.read().await.unwrap();
    assets::get(&mut db, id).await.unwrap()
}

async fn job_state(bench: &Bench, id: &JobId) -> RunState {
    let mut db = bench.catalog.read().await.unwrap();
    jobs::get(&mut db, id).await.unwrap().state()
}

async fn content(bench: &Bench) -> i64 {
    let mut db = bench.catalog.read().await.unwrap();
    let pending = replacements::of(&mut db, &bench.asset).await.unwrap();
    pending.unwrap().content
}

#[tokio::test]
async fn a_file_that_is_to_become_an_assets_content_becomes_no_other_asset() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_all().await;
    let job = replaced(&bench, &bench.asset, file("new", "1")).await;
    let beside = Sidecar {
        locator: file("new.srt", "1"),
        language: None,
        is_burnt_in: false,
    };
    let found = registered(&bench, &file("new", "1"), &[beside]).await;
    assert_eq!(found, (bench.asset.clone(), false));
    let shown = asset(&bench, &bench.asset).await;
    assert_eq!(shown.uri, "file:///a.mp4");
    assert_eq!(shown.subtitle_files().unwrap().len(), 1);
    // The same file again changes nothing, and no other asset can have it.
    let again = replaced(&bench, &bench.asset, file("new", "1")).await;
    assert_eq!(content(&bench).await, 1);
    let (other, _) = video(&bench.catalog, "b").await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let taken = replacements::begin(&mut tx, &other, &file("new", "1"), &[]).await;
    assert_eq!(taken.unwrap_err().code(), "bytes-in-use");
    drop(tx);
    bench.complete_all().await;
    let shown = asset(&bench, &bench.asset).await;
    assert_eq!(
        (&*shown.uri, shown.content, shown.replaced_by),
        ("file:///new.mp4", 1, None)
    );
    for job in [&job, &again] {
        assert_eq!(job_state(&bench, job).await, RunState::Ready);
    }
}

/// A copy of the bytes that are to come is not a place of the current ones.
#[tokio::test]
async fn a_copy_of_a_pending_replacement_does_not_locate_the_old_bytes() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_all().await;
    replaced(&bench, &bench.asset, file("new", "1")).await;
    let probe = bench.next().await.unwrap();
    bench.complete(&probe).await;
    // Before the shots of the replacement are there.
    let (copy, _) = registered(&bench, &file("copy", "1"), &[]).await;
    assert_ne!(copy, bench.asset);
    let probe = loop {
        let lease = bench.next().await.unwrap();
        if matches!(&lease.task, Task::Probe(_)) {
            break lease;
        }
        bench.complete(&lease).await;
        assert_eq!(asset(&bench, &bench.asset).await.content, 1);
    };
    let same = Output::Probe(ProbeOutput {
        blake3: blake3_of("file:///new.mp4"),
        info: Box::new(info()),
    });
    bench.local.complete(&probe.ticket, &same).await.unwrap();
    assert_eq!(asset(&bench, &copy).await.id, bench.asset);
    let job = withdraw_file(&bench.catalog, &bench.asset, &settings()).await;
    assert_eq!(job_state(&bench, &job.unwrap()).await, RunState::Ready);
    assert_eq!(asset(&bench, &bench.asset).await.uri, "file:///a.mp4");
    let (found, new) = registered(&bench, &file("copy", "1"), &[]).await;
    assert!(new && found != bench.asset, "{found}");
}

/// The first job of the asset and that of its replacement both end as cancelled, and what was interrupted is computed again.
#[tokio::test]
async fn a_withdrawn_replacement_cancels_its_job_and_computes_what_is_missing() {
    let bench = Bench::new(Over::LocalMedia).await;
    let probe = bench.next().await.unwrap();
    bench.complete(&probe).await;
    let job = replaced(&bench, &bench.asset, file("new", "1")).await;
    assert_eq!(bench.state().await, RunState::Cancelled);
    let probe = bench.next().await.unwrap();
    bench.complete(&probe).await;
    let next = withdraw_file(&bench.catalog, &bench.asset, &settings()).await;
    assert_eq!(job_state(&bench, &job).await, RunState::Cancelled);
    let mut db = bench.catalog.read().await.unwrap();
    let all = rushes::catalog::events::EventFilter::ALL;
    let events = rushes::catalog::events::after(&mut db, 0, &all, 500).await;
    let of_job = |event: &&rushes::catalog::events::Event| event.job.as_ref() == Some(&job);
    let told: Vec<String> = events
        .unwrap()
        .iter()
        .filter(of_job)
        .map(|event| event.kind.clone())
        .collect();
    assert_eq!(told, ["job.cancelled"]);
    drop(db);
    bench.complete_all().await;
    assert_eq!(job_state(&bench, &next.unwrap()).await, RunState::Ready);
    assert_eq!(bench.generation().await, 1);
    assert_eq!(job_state(&bench, &job).await, RunState::Cancelled);
    // The next replacement does not pass for this one.
    replaced(&bench, &bench.asset, file("newer", "1")).await;
    assert_eq!(content(&bench).await, 2);
}

#[tokio::test]
async fn a_replacement_does_not_remove_a_newer_video_of_the_same_file() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_all().await;
    let older = registered(&bench, &file("new", "1"), &[]).await.0;
    bench.complete_all().await;
    replaced(&bench, &bench.asset, file("new", "2")).await;
    let newer = registered(&bench, &file("new", "3"), &[]).await.0;
    loop {
        let mut idle = true;
        for queue in [Queue::Media, Queue::Embed] {
            if let Some(lease) = bench.lease(queue).await {
                idle = false;
                let Task::Probe(task) = &lease.task else {
                    bench.complete(&lease).await;
                    continue;
                };
                let version = task.media.version.as_deref().unwrap();
                if version == "3" {
                    let bad = failure(ErrorKind::InvalidInput);
                    bench.local.fail(&lease.ticket, &bad).await.unwrap();
                } else {
                    let output = Output::Probe(ProbeOutput {
                        blake3: blake3_of(&format!("{}/{version}", task.media.uri)),
                        info: Box::new(info()),
                    });
                    bench.local.complete(&lease.ticket, &output).await.unwrap();
                }
            }
        }
        if idle {
            break;
        }
    }
    assert_eq!(asset(&bench, &bench.asset).await.content, 1);
    assert_eq!(asset(&bench, &newer).await.id, newer);
    let mut db = bench.catalog.read().await.unwrap();
    assert!(assets::get(&mut db, &older).await.is_err());
}

#[tokio::test]
async fn subtitles_wait_until_a_failed_replacement_is_withdrawn() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_all().await;
    let job = replaced(&bench, &bench.asset, file("new", "1")).await;
    let check = async || {
        let mut db = bench.catalog.read().await.unwrap();
        replacements::check(&mut db, &bench.asset).await
    };
    check().await.unwrap();
    let probe = bench.next().await.unwrap();
    let bad = failure(ErrorKind::InvalidInput);
    bench.local.fail(&probe.ticket, &bad).await.unwrap();
    assert_eq!(job_state(&bench, &job).await, RunState::Failed);
    assert_eq!(check().await.unwrap_err().code(), "replacement-failed");
    let next = withdraw_file(&bench.catalog, &bench.asset, &settings()).await;
    check().await.unwrap();
    assert_eq!(job_state(&bench, &next.unwrap()).await, RunState::Ready);
    assert_eq!(job_state(&bench, &job).await, RunState::Cancelled);
}
