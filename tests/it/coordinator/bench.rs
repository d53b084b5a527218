//! A catalogue, a coordinator on it, and plausible results.

use secrecy::ExposeSecret as _;

use super::*;
use crate::support::catalogue;
use crate::support::postgres::PostgresServer;

/// The subject of a test: a coordinator, with one of its queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    LocalMedia,
    LocalEmbed,
    /// A real server on loopback. It has only the embed queue.
    HttpEmbed,
}

/// A catalogue with one video in it, and the coordinator under test.
pub(crate) struct Bench {
    pub(crate) catalog: Catalog,
    /// Does the work of the media queue.
    pub(crate) local: Arc<dyn Coordinator>,
    /// Tests on `queue`.
    pub(crate) coordinator: Arc<dyn Coordinator>,
    pub(super) queue: Queue,
    pub(crate) asset: AssetId,
    pub(super) job: JobId,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Option<WorkServer>,
}

impl Bench {
    pub(super) async fn new(over: Over) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalogue(folder.path()).await;
        Self::with(over, catalog, folder).await
    }

    /// With its catalogue in a new database of a server.
    pub(super) async fn on(server: &PostgresServer, over: Over) -> Self {
        let catalog = Catalog::connect(&server.database().into()).await.unwrap();
        Self::with(over, catalog, tempfile::tempdir().unwrap()).await
    }

    async fn with(over: Over, catalog: Catalog, folder: tempfile::TempDir) -> Self {
        let (asset, job) = video(&catalog, "a").await;
        let local: Arc<dyn Coordinator> = Arc::new(LocalCoordinator::new(
            catalog.clone(),
            folder.path().to_owned(),
            members::fresh_name(),
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

    /// On this machine, with the embed queue.
    pub(crate) async fn over_local_embed() -> Self {
        Self::new(Over::LocalEmbed).await
    }

    /// On this machine, with the embed queue and its own catalogue.
    pub(crate) async fn local(catalog: Catalog) -> Self {
        Self::with(Over::LocalEmbed, catalog, tempfile::tempdir().unwrap()).await
    }

    /// The same on another catalogue, with its own data folder.
    pub(crate) fn over(&self, catalog: Catalog) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local: Arc<dyn Coordinator> = Arc::new(LocalCoordinator::new(
            catalog.clone(),
            folder.path().to_owned(),
            members::fresh_name(),
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

    /// Through a server, with an embed run ready to lease.
    pub(crate) async fn over_http() -> Self {
        let bench = Self::new(Over::HttpEmbed).await;
        bench.complete_media().await;
        bench
    }

    /// The coordinator with `queue`.
    pub(super) fn of(&self, queue: Queue) -> &Arc<dyn Coordinator> {
        if queue == self.queue {
            &self.coordinator
        } else {
            &self.local
        }
    }

    pub(super) async fn lease(&self, queue: Queue) -> Option<Lease> {
        self.of(queue).lease("worker", queue).await.unwrap()
    }

    /// Leases the first run of the tested queue, after making its inputs ready.
    pub(super) async fn begin(&self) -> Lease {
        if self.queue == Queue::Embed {
            self.complete_media().await;
        }
        self.next().await.unwrap()
    }

    pub(crate) async fn next(&self) -> Option<Lease> {
        self.lease(self.queue).await
    }

    pub(super) async fn complete(&self, lease: &Lease) {
        let queue = if matches!(lease.task, Task::Embeddings(_)) {
            Queue::Embed
        } else {
            Queue::Media
        };
        let done = self.of(queue).complete(&lease.ticket, &answer(lease)).await;
        done.unwrap();
    }

    pub(super) async fn complete_media(&self) {
        while let Some(lease) = self.lease(Queue::Media).await {
            self.complete(&lease).await;
        }
    }

    pub(super) async fn state(&self) -> RunState {
        let mut db = self.catalog.read().await.unwrap();
        jobs::get(&mut db, &self.job).await.unwrap().state()
    }

    pub(crate) async fn run(&self, lease: &Lease) -> Run {
        let id: RunId = lease.ticket.run.parse().unwrap();
        let mut db = self.catalog.read().await.unwrap();
        runs::get(&mut db, &id).await.unwrap()
    }

    pub(super) async fn state_of(&self, lease: &Lease) -> RunState {
        self.run(lease).await.state
    }

    pub(super) async fn generation(&self) -> i64 {
        let mut db = self.catalog.read().await.unwrap();
        rushes::catalog::assets::get(&mut db, &self.asset)
            .await
            .unwrap()
            .generation
    }

    /// Completes leases until none is left.
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
    let (_, secret) = keys::create(&mut tx, name, &Grant::of(KeyScope::Work))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    secret.expose_secret().to_owned()
}

/// A client that does not wait for work.
pub(crate) fn client(server: &WorkServer, secret: &str) -> HttpCoordinator {
    let key = WorkKey::new(secret).unwrap();
    HttpCoordinator::new(&server.address, &key, false)
        .unwrap()
        .waiting(Duration::ZERO)
}

pub(super) fn settings() -> Settings {
    Settings {
        model: "lite".to_owned(),
        space: space_of(&ModelStore::new("models".into()), "lite").unwrap(),
        sentences: None,
        speech: None,
        reader: None,
        sound: true,
        tagger: None,
        faces: None,
        detector: DetectorKind::Learned,
        proxy_height: 480,
        frames_per_shot: 4,
        frame_vectors: false,
    }
}

pub(crate) async fn video(catalog: &Catalog, name: &str) -> (AssetId, JobId) {
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
        Task::Edges(task) => edges(task.proxies.len()),
        Task::Embeddings(task) => {
            assert_eq!(task.proxies.len(), 2);
            vectors(&[1.0, 0.0])
        }
        Task::Dialogue(_) => DialogueOutput {
            cues: Vec::new(),
            warnings: vec!["video.srt: line 3: this cue has no text".to_owned()],
        }
        .into(),
        Task::Speech(task) => {
            assert!(!task.is_subtitled);
            SpeechOutput {
                basis: SpeechBasis::NoSound,
                cues: Vec::new(),
            }
            .into()
        }
        Task::Meaning(task) => {
            assert!(task.passages.is_empty());
            let vectors = Vec::new();
            let space = "minilm@v2".to_owned();
            MeaningOutput { space, vectors }.into()
        }
        Task::Sound(_) => SoundFindings {
            track: SoundTrack::Unknown,
            shots: Vec::new(),
            bangs: Vec::new(),
        }
        .into(),
        Task::SoundTags(_) => SoundTagsOutput {
            tagger: "yamnet@unverified".to_owned(),
            tags: Vec::new(),
        }
        .into(),
        Task::People(_) => PeopleOutput {
            model: "faces@1+centerface@1.5.0".to_owned(),
            faces: Vec::new(),
        }
        .into(),
        Task::Text(_) => TextOutput {
            reader: "ppocr-v5@1".to_owned(),
            texts: Vec::new(),
        }
        .into(),
    }
}

/// The edges of so many shots, in which nothing is.
pub(crate) fn edges(shots: usize) -> Output {
    let nothing = EdgeDescriptor::from_bytes(&[0; EdgeDescriptor::BYTES]).unwrap();
    let edges = ShotEdges {
        first: nothing,
        last: nothing,
    };
    EdgesOutput {
        edges: vec![edges; shots],
    }
    .into()
}

/// One vector per shot, starting with these numbers.
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

pub(super) fn blake3_of(text: &str) -> String {
    // It only has to differ between videos; it is not a hash.
    format!("{text:x<64}")
}

pub(super) fn info() -> MediaInfo {
    serde_json::from_value(serde_json::json!({
        "container": "mov", "bytes": 10, "duration_ms": 800, "start_ms": 0, "streams": [],
        "main_video": 0, "chapters": [], "start_timecode": null
    }))
    .unwrap()
}

pub(super) fn failure(kind: ErrorKind) -> Failure {
    Failure {
        kind,
        code: "test-failed".to_owned(),
        reason: "a.mp4: because".to_owned(),
    }
}

pub(crate) fn lost(result: &Result<(), CoordinatorError>) -> bool {
    matches!(result, Err(CoordinatorError::LeaseLost(_)))
}
