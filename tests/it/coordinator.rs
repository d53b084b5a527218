//! The conformance suite of coordinators, run over each implementation.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rushes::catalog::assets::{NewAsset, register};
use rushes::catalog::keys::{self, Scope};
use rushes::catalog::runs::{self, Run, RunState};
use rushes::catalog::{AssetId, Catalog, JobId, RunId, jobs, queue};
use rushes::features::{LocalCoordinator, Settings, WorkerLock, request};
use rushes_models::{ErrorKind, ModelStore, space_of};
use rushes_workers::coordinator::http::{HttpCoordinator, WorkKey};
use rushes_workers::coordinator::{Coordinator, CoordinatorError, Directive, Failure, Lease};
use rushes_workers::media::MediaInfo;
use rushes_workers::segment::{Boundary, BoundaryKind, DetectorKind};
use rushes_workers::stages::{
    DialogueOutput, EmbeddingsOutput, Output, ProbeOutput, ProxiesOutput, Queue, ShotSpan,
    ShotsOutput, Task, ThumbnailsOutput,
};
use rushes_workers::storage::Locator;
use rushes_workers::watch::Progress;

use crate::support::work_server::WorkServer;

/// What is tested: a coordinator, on a queue of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    LocalMedia,
    LocalEmbed,
    /// A real server on loopback. It has the embed queue only.
    HttpEmbed,
}

/// A catalogue with one film in it, and the coordinator that is tested.
pub(crate) struct Bench {
    pub(crate) catalog: Catalog,
    /// Does the work of the media queue.
    pub(crate) local: Arc<dyn Coordinator>,
    /// Is tested on `queue`.
    pub(crate) coordinator: Arc<dyn Coordinator>,
    queue: Queue,
    pub(crate) asset: AssetId,
    job: JobId,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Option<WorkServer>,
}

impl Bench {
    async fn new(over: Over) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.db"))
            .await
            .unwrap();
        let (asset, job) = film(&catalog, "a").await;
        let local: Arc<dyn Coordinator> = Arc::new(LocalCoordinator::new(
            catalog.clone(),
            folder.path().to_owned(),
        ));
        let mut coordinator = Arc::clone(&local);
        let mut server = None;
        if over == Over::HttpEmbed {
            let started = WorkServer::start(&catalog, folder.path());
            coordinator = Arc::new(client(&started, &key(&catalog, "key").await));
            server = Some(started);
        }
        Self {
            local,
            coordinator,
            queue: if over == Over::LocalMedia {
                Queue::Media
            } else {
                Queue::Embed
            },
            catalog,
            asset,
            job,
            folder,
            server,
        }
    }

    /// On this machine, tested on the embed queue.
    pub(crate) async fn over_local_embed() -> Self {
        Self::new(Over::LocalEmbed).await
    }

    /// The same over another catalogue, in a data folder of its own.
    pub(crate) fn over(&self, catalog: Catalog) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local: Arc<dyn Coordinator> = Arc::new(LocalCoordinator::new(
            catalog.clone(),
            folder.path().to_owned(),
        ));
        Self {
            catalog,
            coordinator: Arc::clone(&local),
            local,
            queue: self.queue,
            asset: self.asset.clone(),
            job: self.job.clone(),
            folder,
            server: None,
        }
    }

    /// Over a server, with a run of the embed queue to be leased.
    pub(crate) async fn over_http() -> Self {
        let bench = Self::new(Over::HttpEmbed).await;
        bench.complete_media().await;
        bench
    }

    /// The coordinator that has `queue`.
    fn of(&self, queue: Queue) -> &Arc<dyn Coordinator> {
        if queue == self.queue {
            &self.coordinator
        } else {
            &self.local
        }
    }

    async fn lease(&self, queue: Queue) -> Option<Lease> {
        self.of(queue).lease("worker", queue).await.unwrap()
    }

    /// Leases the first run of the tested queue, whose inputs are made ready.
    async fn begin(&self) -> Lease {
        if self.queue == Queue::Embed {
            self.complete_media().await;
        }
        self.next().await.unwrap()
    }

    pub(crate) async fn next(&self) -> Option<Lease> {
        self.lease(self.queue).await
    }

    async fn complete(&self, lease: &Lease) {
        let queue = if matches!(lease.task, Task::Embeddings(_)) {
            Queue::Embed
        } else {
            Queue::Media
        };
        let done = self.of(queue).complete(&lease.ticket, &answer(lease)).await;
        done.unwrap();
    }

    async fn complete_media(&self) {
        while let Some(lease) = self.lease(Queue::Media).await {
            self.complete(&lease).await;
        }
    }

    async fn state(&self) -> RunState {
        let mut db = self.catalog.read().await.unwrap();
        jobs::get(&mut db, &self.job).await.unwrap().state()
    }

    pub(crate) async fn run(&self, lease: &Lease) -> Run {
        let id: RunId = lease.ticket.run.parse().unwrap();
        let mut db = self.catalog.read().await.unwrap();
        runs::get(&mut db, &id).await.unwrap()
    }

    async fn state_of(&self, lease: &Lease) -> RunState {
        self.run(lease).await.state
    }

    async fn generation(&self) -> i64 {
        let mut db = self.catalog.read().await.unwrap();
        rushes::catalog::assets::get(&mut db, &self.asset)
            .await
            .unwrap()
            .generation
    }

    /// Completes whatever is leased until nothing is left.
    pub(crate) async fn complete_all(&self) {
        loop {
            let mut idle = true;
            for queue in [Queue::Media, Queue::Embed] {
                while let Some(lease) = self.lease(queue).await {
                    idle = false;
                    self.complete(&lease).await;
                }
            }
            if idle {
                return;
            }
        }
    }
}

/// The secret of a new key.
pub(crate) async fn key(catalog: &Catalog, name: &str) -> String {
    let mut tx = catalog.begin().await.unwrap();
    let (_, secret) = keys::create(&mut tx, name, Scope::Work).await.unwrap();
    tx.commit().await.unwrap();
    secret.reveal().to_owned()
}

/// A client that does not wait for work.
pub(crate) fn client(server: &WorkServer, secret: &str) -> HttpCoordinator {
    let key = WorkKey::new(secret).unwrap();
    HttpCoordinator::new(&server.address, &key, false)
        .unwrap()
        .waiting(Duration::ZERO)
}

/// Runs each check over each coordinator.
macro_rules! suite {
    ($($check:ident)*) => {
        mod local_media { $(#[tokio::test] async fn $check() {
            super::$check(super::Bench::new(super::Over::LocalMedia).await).await;
        })* }
        mod local_embed { $(#[tokio::test] async fn $check() {
            super::$check(super::Bench::new(super::Over::LocalEmbed).await).await;
        })* }
        mod http_embed { $(#[tokio::test] async fn $check() {
            super::$check(super::Bench::new(super::Over::HttpEmbed).await).await;
        })* }
    };
}

suite! {
    runs_are_leased_only_when_their_inputs_are_ready
    an_asset_is_published_once_when_all_of_it_is_settled
    a_completion_counts_once_and_only_with_the_newest_token
    a_heartbeat_keeps_the_lease_until_the_job_is_cancelled
    bad_input_fails_at_once_and_what_waited_for_it_too
    what_does_not_answer_is_tried_again_later
    a_failed_side_feature_does_not_hide_the_film
    the_same_bytes_under_two_names_become_one_asset
    vectors_that_cannot_be_right_are_refused_and_nothing_is_lost
    vectors_are_stored_to_the_bit
    vectors_stay_until_those_of_a_new_model_are_ready
    a_film_deleted_under_a_worker_leaves_nothing_behind
}

fn settings() -> Settings {
    Settings {
        model: "lite".to_owned(),
        space: space_of(&ModelStore::new("models".into()), "lite").unwrap(),
        detector: DetectorKind::Learned,
        proxy_height: 480,
        frames_per_shot: 4,
        frame_vectors: false,
    }
}

pub(crate) async fn film(catalog: &Catalog, name: &str) -> (AssetId, JobId) {
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
    let runs = request(&mut tx, &asset, &settings()).await.unwrap();
    let job = jobs::create(&mut tx, &asset, &runs).await.unwrap();
    tx.commit().await.unwrap();
    (asset, job)
}

/// A plausible result of a task: two shots.
pub(crate) fn answer(lease: &Lease) -> Output {
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
        opening: Boundary {
            kind: BoundaryKind::Dissolve,
            start: start.saturating_sub(2),
            end: start + 2,
            confidence: 1.0,
        },
        same_as: None,
    };
    match &lease.task {
        Task::Probe(task) => ProbeOutput {
            blake3: blake3_of(&task.media.uri),
            info: Box::new(info()),
        }
        .into(),
        Task::Shots(_) => ShotsOutput {
            timeline: format!("{}/timeline", lease.prefix),
            frames: 20,
            rate: "25".parse().unwrap(),
            variable: false,
            start_timecode: None,
            shots: vec![shot(0, 10), shot(10, 20)],
            warnings: Vec::new(),
        }
        .into(),
        Task::Proxies(task) => {
            assert_eq!(task.shots, [(0, 10), (10, 20)]);
            ProxiesOutput { keys: keys("mp4") }.into()
        }
        Task::Thumbnails(task) => {
            assert_eq!(task.proxies.len(), 2);
            ThumbnailsOutput { keys: keys("jpg") }.into()
        }
        Task::Embeddings(task) => {
            assert_eq!(task.proxies.len(), 2);
            vectors(&[1.0, 0.0])
        }
        Task::Dialogue(_) => DialogueOutput {
            cues: Vec::new(),
            warnings: vec!["film.srt: line 3: this cue has no words".to_owned()],
        }
        .into(),
    }
}

/// A vector for each shot, whose first numbers are these.
pub(crate) fn vectors(firsts: &[f32]) -> Output {
    let space = space_of(&ModelStore::new("models".into()), "lite").unwrap();
    let vector = |first: &f32| {
        let mut vector = vec![0.0; space.dims];
        (vector[0], vector[1]) = (*first, (1.0 - first * first).sqrt());
        vector
    };
    Output::Embeddings(EmbeddingsOutput {
        vectors: firsts.iter().map(vector).collect(),
        space: space.id,
        frame_vectors: None,
    })
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
        code: "test-failed".to_owned(),
        reason: "a.mp4: because".to_owned(),
    }
}

pub(crate) fn lost(result: &Result<(), CoordinatorError>) -> bool {
    matches!(result, Err(CoordinatorError::LeaseLost(_)))
}

async fn runs_are_leased_only_when_their_inputs_are_ready(bench: Bench) {
    let probe = bench.lease(Queue::Media).await.unwrap();
    assert!(matches!(probe.task, Task::Probe(_)));
    assert!(bench.lease(Queue::Media).await.is_none());
    assert!(bench.lease(Queue::Embed).await.is_none());
    bench.complete(&probe).await;
    let shots = bench.lease(Queue::Media).await.unwrap();
    let Task::Shots(task) = &shots.task else {
        panic!("{:?}", shots.task)
    };
    assert_eq!(task.detector, DetectorKind::Learned);
    let early = task.proxies.clone().unwrap();
    assert!(bench.lease(Queue::Embed).await.is_none());
    bench.complete(&shots).await;
    // What was cut early is where the run of the proxies looks for it.
    let mut prefix = None;
    while let Some(lease) = bench.lease(Queue::Media).await {
        if let Task::Proxies(task) = &lease.task {
            assert_eq!(early.height, task.height);
            prefix = Some(lease.prefix.clone());
        }
        bench.complete(&lease).await;
    }
    assert_eq!(prefix, Some(early.prefix));
    let vectors = bench.lease(Queue::Embed).await.unwrap();
    assert!(matches!(vectors.task, Task::Embeddings(_)));
    assert!(bench.lease(Queue::Embed).await.is_none());
}

async fn an_asset_is_published_once_when_all_of_it_is_settled(bench: Bench) {
    assert_eq!(bench.generation().await, 0);
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
    assert_eq!(bench.generation().await, 1);
    // Asking again computes nothing and publishes nothing.
    film(&bench.catalog, "a").await;
    assert!(bench.next().await.is_none());
    assert_eq!(bench.generation().await, 1);
}

async fn a_completion_counts_once_and_only_with_the_newest_token(bench: Bench) {
    let first = bench.begin().await;
    bench.coordinator.release(&first.ticket).await.unwrap();
    let second = bench.next().await.unwrap();
    assert_eq!(first.ticket.run, second.ticket.run);
    assert!(second.ticket.token > first.ticket.token);
    assert!(lost(
        &bench
            .coordinator
            .complete(&first.ticket, &answer(&first))
            .await
    ));
    let corrupt = failure(ErrorKind::Corrupt);
    assert!(lost(&bench.coordinator.fail(&first.ticket, &corrupt).await));
    assert!(lost(&bench.coordinator.release(&first.ticket).await));
    bench.complete(&second).await;
    assert!(lost(
        &bench
            .coordinator
            .complete(&second.ticket, &answer(&second))
            .await
    ));
}

async fn a_heartbeat_keeps_the_lease_until_the_job_is_cancelled(bench: Bench) {
    let lease = bench.begin().await;
    let progress = Progress {
        done: 3,
        total: Some(10),
    };
    let beat = || bench.coordinator.heartbeat(&lease.ticket, progress);
    assert_eq!(beat().await.unwrap(), Directive::Continue);
    let mut tx = bench.catalog.begin().await.unwrap();
    jobs::cancel(&mut tx, &bench.job).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(beat().await.unwrap(), Directive::Stop);
    assert!(lost(
        &bench
            .coordinator
            .complete(&lease.ticket, &answer(&lease))
            .await
    ));
    assert_eq!(bench.state_of(&lease).await, RunState::Cancelled);
}

async fn bad_input_fails_at_once_and_what_waited_for_it_too(bench: Bench) {
    let lease = bench.begin().await;
    let bad = failure(ErrorKind::InvalidInput);
    bench.coordinator.fail(&lease.ticket, &bad).await.unwrap();
    assert_eq!(bench.state().await, RunState::Failed);
    let mut db = bench.catalog.read().await.unwrap();
    let job = jobs::get(&mut db, &bench.job).await.unwrap();
    assert_eq!(job.reasons(), ["a.mp4: because"]);
    drop(db);
    assert!(bench.next().await.is_none());
    // Asking again begins anew.
    film(&bench.catalog, "a").await;
    assert_eq!(bench.state_of(&lease).await, RunState::Pending);
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
}

async fn what_does_not_answer_is_tried_again_later(bench: Bench) {
    let lease = bench.begin().await;
    let later = failure(ErrorKind::Unavailable);
    bench.coordinator.fail(&lease.ticket, &later).await.unwrap();
    assert_eq!(bench.state_of(&lease).await, RunState::Pending);
    // It waits: not at once.
    assert!(bench.next().await.is_none());
}

async fn a_failed_side_feature_does_not_hide_the_film(bench: Bench) {
    loop {
        let lease = bench.begin().await;
        if matches!(lease.task, Task::Dialogue(_) | Task::Embeddings(_)) {
            let bad = failure(ErrorKind::InvalidInput);
            bench.coordinator.fail(&lease.ticket, &bad).await.unwrap();
            break;
        }
        bench.complete(&lease).await;
    }
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Failed);
    assert_eq!(bench.generation().await, 1);
}

async fn the_same_bytes_under_two_names_become_one_asset(bench: Bench) {
    bench.complete_all().await;
    let (twin, job) = film(&bench.catalog, "b").await;
    let probe = bench.lease(Queue::Media).await.unwrap();
    let output = Output::Probe(ProbeOutput {
        blake3: blake3_of("file:///a.mp4"),
        info: Box::new(info()),
    });
    bench.local.complete(&probe.ticket, &output).await.unwrap();
    let mut db = bench.catalog.read().await.unwrap();
    let found = rushes::catalog::assets::get(&mut db, &twin).await.unwrap();
    assert_eq!(found.id, bench.asset);
    assert_eq!(
        jobs::get(&mut db, &job).await.unwrap().state(),
        RunState::Ready
    );
    drop(db);
    assert!(bench.next().await.is_none());
}

async fn vectors_that_cannot_be_right_are_refused_and_nothing_is_lost(bench: Bench) {
    bench.complete_media().await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    let Output::Embeddings(EmbeddingsOutput {
        space,
        vectors: sound,
        ..
    }) = answer(&lease)
    else {
        panic!("no vectors");
    };
    let with = |space: &str, vectors: &[Vec<f32>]| {
        Output::Embeddings(EmbeddingsOutput {
            space: space.to_owned(),
            vectors: vectors.to_vec(),
            frame_vectors: None,
        })
    };
    let shorter: Vec<Vec<f32>> = sound.iter().map(|vector| vector[1..].to_vec()).collect();
    let longer = |factor: f32| -> Vec<Vec<f32>> {
        let scaled = |vector: &Vec<f32>| vector.iter().map(|x| x * factor).collect();
        sound.iter().map(scaled).collect()
    };
    let nan = vectors(&[1.0, f32::NAN]);
    let infinite = vectors(&[1.0, f32::INFINITY]);
    for (bad, why) in [
        (with(&space, &sound[1..]), "1 vectors for 2 shots"),
        (with(&space, &[]), "0 vectors for 2 shots"),
        (with(&space, &shorter), "383 numbers"),
        (with("lite@9", &sound), "lite@9"),
        (with(&space, &longer(1.002)), "1.0020 long"),
        (with(&space, &longer(2.0)), "2.0000 long"),
        (with(&space, &longer(0.5)), "0.5000 long"),
        (nan, "not finite"),
        (infinite, "not finite"),
    ] {
        let refused = bench.of(Queue::Embed).complete(&lease.ticket, &bad).await;
        match refused {
            Err(CoordinatorError::Invalid(told)) => assert!(told.contains(why), "{told}"),
            other => panic!("{why}: {other:?}"),
        }
        assert_eq!(bench.state_of(&lease).await, RunState::Running);
    }
    assert_eq!(bench.generation().await, 0);
    bench.complete(&lease).await;
    assert_eq!(bench.generation().await, 1);
}

async fn vectors_are_stored_to_the_bit(bench: Bench) {
    bench.complete_media().await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    // Numbers that a way through decimal or through wider floats might change.
    let odd = vectors(&[f32::from_bits(1), -0.0]);
    let done = bench.of(Queue::Embed).complete(&lease.ticket, &odd).await;
    done.unwrap();
    let mut db = bench.catalog.read().await.unwrap();
    let kept = rushes::catalog::shots::vectors(&mut db, &bench.asset).await;
    let kept = kept.unwrap().remove(0);
    let Output::Embeddings(EmbeddingsOutput { space, vectors, .. }) = odd else {
        panic!("no vectors");
    };
    let bits = |vectors: &[Vec<f32>]| -> Vec<u32> {
        vectors.iter().flatten().map(|x| x.to_bits()).collect()
    };
    assert_eq!(kept.0, space);
    assert_eq!(bits(&kept.1), bits(&vectors));
}

#[tokio::test]
async fn another_detector_finds_shots_anew_and_the_first_ones_are_kept() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_media().await;
    let ask = async |detector| {
        let mut tx = bench.catalog.begin().await.unwrap();
        let settings = Settings {
            detector,
            ..settings()
        };
        request(&mut tx, &bench.asset, &settings).await.unwrap();
        tx.commit().await.unwrap();
    };
    ask(DetectorKind::Signal).await;
    let lease = bench.next().await.unwrap();
    let is_signal =
        |task: &Task| matches!(task, Task::Shots(task) if task.detector == DetectorKind::Signal);
    assert!(is_signal(&lease.task), "{:?}", lease.task);
    bench.complete(&lease).await;
    bench.complete_media().await;
    ask(DetectorKind::Learned).await;
    assert!(bench.next().await.is_none());
}

/// Over HTTP there are no locks: a worker there is dead when its lease is over.
#[tokio::test]
async fn the_runs_of_a_dead_worker_are_taken_over_at_once() {
    let bench = Bench::new(Over::LocalMedia).await;
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
    assert_eq!(taken.ticket.run, held.ticket.run);
    assert!(lost(
        &bench
            .coordinator
            .complete(&held.ticket, &answer(&held))
            .await
    ));
}

/// Two jobs that ask for the same are two: the runs that both ask for end with the second.
#[tokio::test]
async fn cancelling_a_job_leaves_what_another_asks_for() {
    let bench = Bench::new(Over::LocalMedia).await;
    let lease = bench.begin().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let runs = request(&mut tx, &bench.asset, &settings()).await.unwrap();
    let second = jobs::create(&mut tx, &bench.asset, &runs).await.unwrap();
    let first = jobs::cancel(&mut tx, &bench.job).await.unwrap();
    assert_eq!(first.state(), RunState::Cancelled);
    let other = jobs::get(&mut tx, &second).await.unwrap();
    assert_eq!(other.state(), RunState::Running);
    tx.commit().await.unwrap();
    let beat = bench
        .coordinator
        .heartbeat(&lease.ticket, Progress::default())
        .await;
    assert_eq!(beat.unwrap(), Directive::Continue);
    let mut tx = bench.catalog.begin().await.unwrap();
    let second = jobs::cancel(&mut tx, &second).await.unwrap();
    assert_eq!(second.state(), RunState::Cancelled);
    tx.commit().await.unwrap();
    assert_eq!(bench.state_of(&lease).await, RunState::Cancelled);
    // Asked for again, the first one is under way once more.
    let mut tx = bench.catalog.begin().await.unwrap();
    let runs = request(&mut tx, &bench.asset, &settings()).await.unwrap();
    jobs::renew(&mut tx, &bench.job, &runs).await.unwrap();
    tx.commit().await.unwrap();
    bench.complete_all().await;
    assert_eq!(bench.state().await, RunState::Ready);
}

/// Asks for the film's features with another model, whose space has its vectors' size.
async fn ask_for_another_model(bench: &Bench) -> JobId {
    let mut tx = bench.catalog.begin().await.unwrap();
    let mut other = settings();
    other.model = "other".to_owned();
    other.space.id = "other@1".to_owned();
    let runs = request(&mut tx, &bench.asset, &other).await.unwrap();
    let job = jobs::create(&mut tx, &bench.asset, &runs).await.unwrap();
    tx.commit().await.unwrap();
    job
}

async fn spaces(bench: &Bench) -> Vec<String> {
    let mut db = bench.catalog.read().await.unwrap();
    let stored = rushes::catalog::shots::vectors(&mut db, &bench.asset).await;
    let mut spaces: Vec<String> = stored
        .unwrap()
        .into_iter()
        .map(|(space, _)| space)
        .collect();
    spaces.sort();
    spaces
}

async fn vectors_stay_until_those_of_a_new_model_are_ready(bench: Bench) {
    bench.complete_all().await;
    let before = spaces(&bench).await;
    assert_eq!(before.len(), 1);
    // Cancelled.
    let job = ask_for_another_model(&bench).await;
    let mut tx = bench.catalog.begin().await.unwrap();
    jobs::cancel(&mut tx, &job).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(spaces(&bench).await, before);
    // Failed.
    ask_for_another_model(&bench).await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    let bad = failure(ErrorKind::Unsupported);
    bench
        .of(Queue::Embed)
        .fail(&lease.ticket, &bad)
        .await
        .unwrap();
    assert_eq!(spaces(&bench).await, before);
    // Ready: then they take the old ones' place.
    ask_for_another_model(&bench).await;
    let lease = bench.lease(Queue::Embed).await.unwrap();
    let Output::Embeddings(EmbeddingsOutput { vectors, .. }) = answer(&lease) else {
        panic!("no vectors");
    };
    let output = Output::Embeddings(EmbeddingsOutput {
        space: "other@1".to_owned(),
        vectors,
        frame_vectors: None,
    });
    bench
        .of(Queue::Embed)
        .complete(&lease.ticket, &output)
        .await
        .unwrap();
    assert_eq!(spaces(&bench).await, ["other@1"]);
}

/// What died with its process three times is given up, and does not hold up the other films meanwhile.
#[tokio::test]
async fn a_run_that_kills_its_process_is_given_up() {
    let bench = Bench::new(Over::LocalMedia).await;
    film(&bench.catalog, "b").await;
    let mut deadly = None;
    for death in 1..=3 {
        let worker = WorkerLock::new(bench.folder.path()).unwrap();
        let lease = async || {
            let leased = bench.coordinator.lease(worker.name(), Queue::Media).await;
            leased.unwrap().unwrap()
        };
        let mut held = lease().await;
        if death == 1 {
            deadly = Some(held.ticket.run.clone());
        } else {
            // The other film's runs come first now.
            while Some(&held.ticket.run) != deadly.as_ref() {
                bench.complete(&held).await;
                held = lease().await;
            }
        }
        assert_eq!(bench.run(&held).await.deaths, death - 1);
        drop(worker);
    }
    assert!(bench.lease(Queue::Media).await.is_none());
    let mut db = bench.catalog.read().await.unwrap();
    let job = jobs::get(&mut db, &bench.job).await.unwrap();
    drop(db);
    assert_eq!(job.state(), RunState::Failed);
    assert!(
        job.reasons()[0].starts_with("process-died"),
        "{:?}",
        job.reasons()
    );
    // Asked for again, it is begun anew.
    film(&bench.catalog, "a").await;
    let again = bench.lease(Queue::Media).await.unwrap();
    assert_eq!(Some(&again.ticket.run), deadly.as_ref());
    assert_eq!(bench.run(&again).await.deaths, 0);
}

/// A clock that jumps takes no lease from a worker of this machine, whose death shows in its lock.
#[tokio::test]
async fn only_leases_of_workers_elsewhere_lapse() {
    let bench = Bench::over_http().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let long_after = |now: i64| now + 3_600_000;
    let now = rushes::catalog::now_ms();
    let local = queue::lease(&mut tx, "embed", "local-1", (now, 30_000)).await;
    let local = local.unwrap().unwrap();
    assert!(
        queue::bury_lapsed(&mut tx, long_after(now))
            .await
            .unwrap()
            .is_empty()
    );
    let still = runs::get(&mut tx, &local.id).await.unwrap();
    assert_eq!(still.state, RunState::Running);
    queue::release(&mut tx, &local.id, local.token)
        .await
        .unwrap();
    for death in 1..=3 {
        let lease = queue::lease(&mut tx, "embed", "remote/k/w", (now, 30_000)).await;
        let lease = lease.unwrap().unwrap();
        // Before its time is over, and after a server was away and came back, it is still the worker's.
        assert!(
            queue::bury_lapsed(&mut tx, now + 29_999)
                .await
                .unwrap()
                .is_empty()
        );
        queue::renew_leases(&mut tx, long_after(now) + 30_000)
            .await
            .unwrap();
        assert!(
            queue::bury_lapsed(&mut tx, long_after(now))
                .await
                .unwrap()
                .is_empty()
        );
        let given_up = queue::bury_lapsed(&mut tx, long_after(now) + 30_001)
            .await
            .unwrap();
        assert_eq!(given_up.len(), usize::from(death == 3));
        assert_eq!(runs::get(&mut tx, &lease.id).await.unwrap().deaths, death);
    }
}

/// A retry that a clock put far away, before it was set right, is not waited for.
#[tokio::test]
async fn a_retry_in_a_future_that_was_a_mistake_is_due() {
    let bench = Bench::new(Over::LocalMedia).await;
    let mut tx = bench.catalog.begin().await.unwrap();
    let (now, year) = (rushes::catalog::now_ms(), 31_536_000_000);
    let lease = queue::lease(&mut tx, "media", "w", (now, 30_000))
        .await
        .unwrap()
        .unwrap();
    let verdict = queue::Verdict::Retry(year);
    let run = (&lease.id, lease.token);
    let why = queue::RunFailure {
        kind: ErrorKind::Unavailable,
        code: "store-unavailable",
        reason: "r",
    };
    queue::fail(&mut tx, run, &why, verdict, now).await.unwrap();
    assert!(queue::is_waiting(&mut tx, "media", now).await.unwrap());
    let again = queue::lease(&mut tx, "media", "w", (now, 30_000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.id, lease.id);
    let run = (&again.id, again.token);
    queue::fail(&mut tx, run, &why, queue::Verdict::Retry(60_000), now)
        .await
        .unwrap();
    assert!(!queue::is_waiting(&mut tx, "media", now).await.unwrap());
}

/// The counts behind coverage stay right in every way in which films come and go.
#[tokio::test]
async fn coverage_is_counted_right_without_counting() {
    let bench = Bench::new(Over::LocalEmbed).await;
    let covered = async |seq| {
        let mut db = bench.catalog.read().await.unwrap();
        let all = rushes::catalog::coverage(&mut db, "embeddings/lite", seq, None::<[&AssetId; 0]>);
        let all = all.await.unwrap();
        let ids = rushes::catalog::assets::list(&mut db, None).await.unwrap();
        let counted = rushes::catalog::coverage(&mut db, "embeddings/lite", seq, Some(&ids));
        assert_eq!(all, counted.await.unwrap());
        all
    };
    assert_eq!(covered(i64::MAX).await, (0, 1));
    bench.complete_all().await;
    assert_eq!(covered(i64::MAX).await, (1, 1));
    // Not yet taken in by an index.
    assert_eq!(covered(0).await, (0, 1));
    let (twin, _) = film(&bench.catalog, "b").await;
    assert_eq!(covered(i64::MAX).await, (1, 2));
    bench.complete_all().await;
    assert_eq!(covered(i64::MAX).await, (2, 2));
    let mut tx = bench.catalog.begin().await.unwrap();
    rushes::catalog::assets::remove(&mut tx, &twin)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(covered(i64::MAX).await, (1, 1));
    let mut db = bench.catalog.read().await.unwrap();
    let titles = rushes::catalog::assets::titles(&mut db).await.unwrap();
    assert_eq!(titles.len(), 1);
    assert_eq!((titles[0].assets, titles[0].shots), (1, 2));
    // One change per film is kept, however often it changed.
    let changes = rushes::catalog::changes_after(&mut db, 0, 100)
        .await
        .unwrap();
    assert_eq!(changes.len(), 2);
}

/// After the clock was set back, the newer registration of a path has the smaller id.
#[tokio::test]
async fn a_file_overwritten_while_the_clock_was_wrong_replaces_the_old_one() {
    let bench = Bench::new(Over::LocalMedia).await;
    bench.complete_all().await;
    let mut tx = bench.catalog.begin().await.unwrap();
    // Ids of the future, as a clock that was ahead gives them out.
    let future = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
    for (table, column) in [
        ("runs", "asset_id"),
        ("wanted", "asset_id"),
        ("published", "asset_id"),
        ("jobs", "asset_id"),
        ("locators", "asset_id"),
        ("changes", "asset_id"),
    ] {
        let statement = format!("UPDATE {table} SET {column} = '{future}' WHERE {column} = ?");
        sqlx::query("PRAGMA defer_foreign_keys = ON")
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&bench.asset)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    sqlx::query("UPDATE assets SET id = ? WHERE id = ?")
        .bind(future)
        .bind(&bench.asset)
        .execute(&mut *tx)
        .await
        .unwrap();
    let locator = Locator {
        uri: "file:///a.mp4".to_owned(),
        version: Some("2".to_owned()),
        size: 11,
    };
    let new = NewAsset {
        locator: &locator,
        title: "a",
        sidecars: &[],
    };
    let (current, _) = register(&mut tx, new).await.unwrap();
    request(&mut tx, &current, &settings()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(current.as_str() < future);
    let probe = bench.lease(Queue::Media).await.unwrap();
    let output = Output::Probe(ProbeOutput {
        blake3: blake3_of("other bytes"),
        info: Box::new(info()),
    });
    bench.local.complete(&probe.ticket, &output).await.unwrap();
    bench.complete_all().await;
    let mut db = bench.catalog.read().await.unwrap();
    let left = rushes::catalog::assets::list(&mut db, None).await.unwrap();
    assert_eq!(left, [current]);
}

async fn a_film_deleted_under_a_worker_leaves_nothing_behind(bench: Bench) {
    let lease = bench.begin().await;
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
        &bench
            .coordinator
            .complete(&lease.ticket, &answer(&lease))
            .await
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
