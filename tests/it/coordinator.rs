//! The conformance suite of coordinators, run over each implementation.

use std::path::Path;
use std::sync::Arc;

use rushes::catalog::assets::{NewAsset, register};
use rushes::catalog::runs::RunState;
use rushes::catalog::{AssetId, Catalog, JobId, jobs};
use rushes::features::{LocalCoordinator, Settings, WorkerLock, request};
use rushes_models::ErrorKind;
use rushes_workers::coordinator::{
    Coordinator, CoordinatorError, Directive, Failure, Lease, Progress,
};
use rushes_workers::media::MediaInfo;
use rushes_workers::storage::Locator;
use rushes_workers::task::{Output, Queue, ShotSpan, Task};

/// A catalogue with one film in it, and the coordinator that is tested.
struct Bench {
    catalog: Catalog,
    coordinator: Arc<dyn Coordinator>,
    asset: AssetId,
    job: JobId,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.db"))
            .await
            .unwrap();
        let (asset, job) = film(&catalog, "a").await;
        Self {
            coordinator: Arc::new(LocalCoordinator::new(
                catalog.clone(),
                folder.path().to_owned(),
            )),
            catalog,
            asset,
            job,
            folder,
        }
    }

    async fn lease(&self, queue: Queue) -> Option<Lease> {
        self.coordinator.lease("worker", queue).await.unwrap()
    }

    async fn state(&self) -> RunState {
        let mut db = self.catalog.read().await.unwrap();
        jobs::get(&mut db, &self.job).await.unwrap().state()
    }

    async fn generation(&self) -> i64 {
        let mut db = self.catalog.read().await.unwrap();
        rushes::catalog::assets::get(&mut db, &self.asset)
            .await
            .unwrap()
            .generation
    }

    /// Completes whatever is leased until nothing is left.
    async fn complete_all(&self) {
        loop {
            let mut idle = true;
            for queue in [Queue::Media, Queue::Embed] {
                while let Some(lease) = self.lease(queue).await {
                    idle = false;
                    let output = answer(&lease);
                    self.coordinator.complete(&lease, &output).await.unwrap();
                }
            }
            if idle {
                return;
            }
        }
    }
}

fn settings() -> Settings {
    Settings {
        model: "lite".to_owned(),
        proxy_height: 480,
    }
}

async fn film(catalog: &Catalog, name: &str) -> (AssetId, JobId) {
    let locator = Locator {
        uri: format!("file:///{name}.mp4"),
        version: Some("1".to_owned()),
        size: 10,
    };
    let mut tx = catalog.begin().await.unwrap();
    let new = NewAsset {
        locator: &locator,
        title: name,
        sidecars: &[],
    };
    let (asset, _) = register(&mut tx, new).await.unwrap();
    request(&mut tx, &asset, &settings()).await.unwrap();
    let job = jobs::create(&mut tx, &asset).await.unwrap();
    tx.commit().await.unwrap();
    (asset, job)
}

/// A plausible result of a task: two shots.
fn answer(lease: &Lease) -> Output {
    let keys = |kind: &str| {
        vec![
            format!("{}/0.{kind}", lease.prefix),
            format!("{}/1.{kind}", lease.prefix),
        ]
    };
    let shot = |start, end| ShotSpan {
        start,
        end,
        start_ms: start * 40,
        end_ms: end * 40,
        boundary: "cut".to_owned(),
        confidence: 1.0,
    };
    match &lease.task {
        Task::Probe { media } => Output::Probe {
            blake3: blake3_of(&media.uri),
            info: Box::new(info()),
        },
        Task::Shots { .. } => Output::Shots {
            timeline: format!("{}/timeline", lease.prefix),
            frames: 20,
            rate: "25".parse().unwrap(),
            variable: false,
            start_timecode: None,
            shots: vec![shot(0, 10), shot(10, 20)],
            warnings: Vec::new(),
        },
        Task::Proxies { shots, .. } => {
            assert_eq!(shots.as_slice(), [(0, 10), (10, 20)]);
            Output::Proxies { keys: keys("mp4") }
        }
        Task::Thumbnails { proxies } => {
            assert_eq!(proxies.len(), 2);
            Output::Thumbnails { keys: keys("jpg") }
        }
        Task::Embeddings { model, .. } => Output::Embeddings {
            space: format!("{model}@1"),
            vectors: vec![vec![1.0, 0.0], vec![0.0, 1.0]],
        },
        Task::Dialogue { .. } => Output::Dialogue { cues: Vec::new() },
    }
}

fn blake3_of(text: &str) -> String {
    // Only has to differ between films; this is no hash.
    format!("{text:x<64}")
}

fn info() -> MediaInfo {
    serde_json::from_value(serde_json::json!({
        "container": "mov", "bytes": 10, "duration_ms": 800, "start_ms": 0, "streams": [],
        "main_video": 0, "chapters": [], "start_timecode": null
    }))
    .unwrap()
}

fn failure(kind: ErrorKind) -> Failure {
    Failure {
        kind,
        reason: "a.mp4: because".to_owned(),
    }
}

fn lost(result: &Result<(), CoordinatorError>) -> bool {
    matches!(result, Err(CoordinatorError::LeaseLost(_)))
}

#[tokio::test]
async fn runs_are_leased_only_when_their_inputs_are_ready() {
    let bench = Bench::new().await;
    let probe = bench.lease(Queue::Media).await.unwrap();
    assert!(matches!(probe.task, Task::Probe { .. }));
    assert!(bench.lease(Queue::Media).await.is_none());
    assert!(bench.lease(Queue::Embed).await.is_none());
    bench
        .coordinator
        .complete(&probe, &answer(&probe))
        .await
        .unwrap();
    let shots = bench.lease(Queue::Media).await.unwrap();
    assert!(matches!(shots.task, Task::Shots { .. }));
}

#[tokio::test]
async fn an_asset_is_published_once_when_all_of_it_is_settled() {
    let bench = Bench::new().await;
    assert_eq!(bench.generation().await, 0);
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
    assert_eq!(bench.generation().await, 1);
    // Asking again computes nothing and publishes nothing.
    film(&bench.catalog, "a").await;
    assert!(bench.lease(Queue::Media).await.is_none());
    assert_eq!(bench.generation().await, 1);
}

#[tokio::test]
async fn a_completion_counts_once_and_only_with_the_newest_token() {
    let bench = Bench::new().await;
    let first = bench.lease(Queue::Media).await.unwrap();
    bench.coordinator.release(&first).await.unwrap();
    let second = bench.lease(Queue::Media).await.unwrap();
    assert_eq!(first.run, second.run);
    assert!(second.token > first.token);
    assert!(lost(
        &bench.coordinator.complete(&first, &answer(&first)).await
    ));
    assert!(lost(
        &bench
            .coordinator
            .fail(&first, &failure(ErrorKind::Corrupt))
            .await
    ));
    bench
        .coordinator
        .complete(&second, &answer(&second))
        .await
        .unwrap();
    assert!(lost(
        &bench.coordinator.complete(&second, &answer(&second)).await
    ));
}

#[tokio::test]
async fn a_heartbeat_keeps_the_lease_until_the_job_is_cancelled() {
    let bench = Bench::new().await;
    let lease = bench.lease(Queue::Media).await.unwrap();
    let progress = Progress {
        done: 3,
        total: Some(10),
    };
    let beat = || bench.coordinator.heartbeat(&lease, progress);
    assert_eq!(beat().await.unwrap(), Directive::Continue);
    let mut tx = bench.catalog.begin().await.unwrap();
    jobs::cancel(&mut tx, &bench.job).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(beat().await.unwrap(), Directive::Stop);
    assert!(lost(
        &bench.coordinator.complete(&lease, &answer(&lease)).await
    ));
    assert_eq!(bench.state().await, RunState::Cancelled);
}

#[tokio::test]
async fn bad_input_fails_at_once_and_what_waited_for_it_too() {
    let bench = Bench::new().await;
    let lease = bench.lease(Queue::Media).await.unwrap();
    bench
        .coordinator
        .fail(&lease, &failure(ErrorKind::InvalidInput))
        .await
        .unwrap();
    assert_eq!(bench.state().await, RunState::Failed);
    let mut db = bench.catalog.read().await.unwrap();
    let job = jobs::get(&mut db, &bench.job).await.unwrap();
    assert_eq!(job.reasons(), ["a.mp4: because"]);
    drop(db);
    assert!(bench.lease(Queue::Media).await.is_none());
    // Asking again begins anew.
    film(&bench.catalog, "a").await;
    assert_eq!(bench.state().await, RunState::Pending);
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
}

#[tokio::test]
async fn what_does_not_answer_is_tried_again_later() {
    let bench = Bench::new().await;
    let lease = bench.lease(Queue::Media).await.unwrap();
    bench
        .coordinator
        .fail(&lease, &failure(ErrorKind::Unavailable))
        .await
        .unwrap();
    assert_eq!(bench.state().await, RunState::Pending);
    // It waits: not at once.
    assert!(bench.lease(Queue::Media).await.is_none());
}

#[tokio::test]
async fn a_failed_side_feature_does_not_hide_the_film() {
    let bench = Bench::new().await;
    loop {
        let lease = bench.lease(Queue::Media).await.unwrap();
        if matches!(lease.task, Task::Dialogue { .. }) {
            bench
                .coordinator
                .fail(&lease, &failure(ErrorKind::InvalidInput))
                .await
                .unwrap();
            break;
        }
        bench
            .coordinator
            .complete(&lease, &answer(&lease))
            .await
            .unwrap();
    }
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Failed);
    assert_eq!(bench.generation().await, 1);
}

#[tokio::test]
async fn the_same_bytes_under_two_names_become_one_asset() {
    let bench = Bench::new().await;
    bench.complete_all().await;
    let (twin, job) = film(&bench.catalog, "b").await;
    let probe = bench.lease(Queue::Media).await.unwrap();
    let output = Output::Probe {
        blake3: blake3_of("file:///a.mp4"),
        info: Box::new(info()),
    };
    bench.coordinator.complete(&probe, &output).await.unwrap();
    let mut db = bench.catalog.read().await.unwrap();
    let found = rushes::catalog::assets::get(&mut db, &twin).await.unwrap();
    assert_eq!(found.id, bench.asset);
    assert_eq!(
        jobs::get(&mut db, &job).await.unwrap().state(),
        RunState::Ready
    );
    drop(db);
    assert!(bench.lease(Queue::Media).await.is_none());
}

#[tokio::test]
async fn the_runs_of_a_dead_worker_are_taken_over_at_once() {
    let bench = Bench::new().await;
    let dead = WorkerLock::new(bench.folder.path()).unwrap();
    let held = bench
        .coordinator
        .lease(dead.name(), Queue::Media)
        .await
        .unwrap()
        .unwrap();
    assert!(bench.lease(Queue::Media).await.is_none());
    // Dropping the lock is what the system does when a process dies.
    drop(dead);
    let taken = bench.lease(Queue::Media).await.unwrap();
    assert_eq!(taken.run, held.run);
    assert!(lost(
        &bench.coordinator.complete(&held, &answer(&held)).await
    ));
}

#[tokio::test]
async fn a_film_deleted_under_a_worker_leaves_nothing_behind() {
    let bench = Bench::new().await;
    let lease = bench.lease(Queue::Media).await.unwrap();
    let mut tx = bench.catalog.begin().await.unwrap();
    rushes::catalog::assets::remove(&mut tx, &bench.asset)
        .await
        .unwrap();
    let prefixes = rushes::catalog::assets::garbage(&mut tx).await.unwrap();
    for prefix in &prefixes {
        rushes::catalog::assets::collected(&mut tx, prefix)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert!(prefixes.contains(&lease.prefix));
    // What the worker stored since is garbage again.
    assert!(lost(
        &bench.coordinator.complete(&lease, &answer(&lease)).await
    ));
    let mut db = bench.catalog.read().await.unwrap();
    let garbage = rushes::catalog::assets::garbage(&mut db).await.unwrap();
    assert_eq!(garbage, [lease.prefix]);
}

#[test]
fn a_catalogue_cannot_be_opened_on_something_else() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file: &Path = &folder.path().join("catalog.db");
    std::fs::write(
        file,
        b"this is no database, however long it may be ...............",
    )
    .unwrap();
    let error = runtime
        .block_on(Catalog::open(file))
        .unwrap_err()
        .to_string();
    assert!(error.contains("catalog.db"), "{error}");
}
