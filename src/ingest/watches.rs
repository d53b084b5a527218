//! Watches of the server: each place has a task that submits what arrives there and knows how it went.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rushes_models::with_causes;
use rushes_workers::storage::Storage;
use tokio_util::sync::CancellationToken;

use super::watch::{Announcements, FolderWatch, Sight, WatchError, WatchOptions};
use super::{FoundVideo, submit_unasked};
use crate::catalog::runs::RunState;
use crate::catalog::watches::{self, StoredWatch};
use crate::catalog::{Catalog, CatalogError, JobId, RoleTerm, WatchId, jobs};
use crate::features::Settings;
use crate::fleet::HeldRole;

/// How often the jobs of videos that are under way are read.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait before a place that cannot be watched is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How a file of a watched place is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FileState {
    Pending,
    Ready,
    Refused(String),
}

/// What a watch has seen since the server began to watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchReport {
    /// Whether another server watches the place, and this one knows nothing of it.
    pub is_elsewhere: bool,
    /// Why the place cannot be read at present.
    pub failure: Option<String>,
    /// Videos that are being ingested.
    pub pending: usize,
    /// Videos that are searchable.
    pub ready: usize,
    /// Files that were refused or could not be ingested, with the reasons, by URI.
    pub refused: Vec<(String, String)>,
}

/// Why a place is not watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddWatchError {
    /// The place cannot be watched.
    #[error(transparent)]
    Place(#[from] WatchError),
    /// The catalogue failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

#[derive(Debug, Default)]
struct Progress {
    failure: Option<String>,
    files: BTreeMap<String, FileState>,
}

#[derive(Debug)]
struct RunningWatch {
    /// The place, a URI that ends with `/`.
    uri: String,
    announced: Arc<Announcements>,
    progress: Arc<Mutex<Progress>>,
    /// Under which it was started; `None` if it does not run.
    term: Option<RoleTerm>,
    stop: CancellationToken,
}

/// What the tasks of all watches need.
#[derive(Debug)]
struct Desk {
    catalog: Catalog,
    storage: Storage,
    settings: Settings,
    options: WatchOptions,
    role: HeldRole,
    running: Mutex<HashMap<WatchId, RunningWatch>>,
    stop: CancellationToken,
}

/// The watches of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watches(Arc<Desk>);

impl Watches {
    /// No watch runs yet. All watches end with `stop`, or with the term of `role`.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        storage: Storage,
        settings: Settings,
        options: WatchOptions,
        role: HeldRole,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Desk {
            catalog,
            storage,
            settings,
            options,
            role,
            running: Mutex::default(),
            stop,
        }))
    }

    /// Runs the watches that the catalogue has, whenever this process holds the role. Those whose place the settings do not
    /// allow any more are failing.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn run(
        &self,
        is_allowed: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<(), CatalogError> {
        if let Some(term) = self.0.role.held() {
            self.look_up(term, &is_allowed).await?;
        }
        let watches = self.clone();
        tokio::spawn(async move {
            let (this, is_allowed) = (&watches, &is_allowed);
            let desk = &this.0;
            desk.role
                .while_held(&desk.stop, |term| this.keep(term, is_allowed))
                .await;
        });
        Ok(())
    }

    /// Runs the watches that the catalogue has, also those that another server adds, until it is dropped.
    async fn keep(&self, term: RoleTerm, is_allowed: &(impl Fn(&str) -> bool + Sync)) {
        let _end = EndWatches(self);
        loop {
            if self.0.catalog.database().is_none() {
                // No other server adds any, and those of the catalogue run already.
                return std::future::pending().await;
            }
            if let Err(error) = self.look_up(term, is_allowed).await {
                tracing::warn!(error = %with_causes(&error), "cannot read which places to watch; tried again");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Starts the watches that are new in the catalogue, and ends those that are not there any more. Takes over what was
    /// announced to other servers.
    async fn look_up(
        &self,
        term: RoleTerm,
        is_allowed: &(impl Fn(&str) -> bool + Sync),
    ) -> Result<(), CatalogError> {
        let mut db = self.0.catalog.read().await?;
        let stored = watches::all(&mut db).await?;
        let is_announced = watches::is_anything_announced(&mut db).await?;
        drop(db);
        self.0.running().retain(|id, running| {
            // What was started under an earlier term can store nothing any more.
            let is_of_term = running.term.is_none_or(|of| of == term);
            let is_there = is_of_term && stored.iter().any(|watch| watch.id == *id);
            if !is_there {
                running.stop.cancel();
            }
            is_there
        });
        for watch in stored {
            if is_allowed(&watch.uri) {
                self.start(watch, term);
            } else {
                self.show_as_failing(watch);
            }
        }
        if is_announced {
            let mut tx = self.0.catalog.under(term).begin().await?;
            let uris = watches::take_announced(&mut tx).await?;
            tx.commit().await?;
            self.note(&uris);
        }
        Ok(())
    }

    fn show_as_failing(&self, watch: StoredWatch) {
        let failure = "it is not below a media root any more; add one, or delete the watch";
        let progress = Progress {
            failure: Some(failure.to_owned()),
            ..Progress::default()
        };
        let idle = RunningWatch {
            uri: watch.uri,
            announced: Arc::default(),
            progress: Arc::new(Mutex::new(progress)),
            term: None,
            stop: self.0.stop.child_token(),
        };
        self.0.running().entry(watch.id).or_insert(idle);
    }

    /// Watches a place from now on, and says whether that is new.
    ///
    /// # Errors
    /// [`AddWatchError`]; nothing is watched then.
    pub async fn add(
        &self,
        place: &str,
        title: Option<&str>,
    ) -> Result<(StoredWatch, bool), AddWatchError> {
        let opened = self.open(place)?;
        let uri = opened.places().next().unwrap_or(place).to_owned();
        let mut tx = self.0.catalog.begin().await?;
        for other in watches::all(&mut tx).await? {
            let (a, b) = (uri.as_str(), other.uri.as_str());
            if a != b && (a.starts_with(b) || b.starts_with(a)) {
                let (inner, outer) = if a.starts_with(b) { (a, b) } else { (b, a) };
                return Err(AddWatchError::Place(WatchError::Nested {
                    inner: inner.to_owned(),
                    outer: outer.to_owned(),
                }));
            }
        }
        let (watch, is_new) = watches::add(&mut tx, &uri, title).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        if is_new && let Some(term) = self.0.role.held() {
            self.start(watch.clone(), term);
        }
        Ok((watch, is_new))
    }

    /// Watches a place no longer. What was ingested from it stays.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] if it is not watched.
    pub async fn remove(&self, id: &WatchId) -> Result<(), CatalogError> {
        let mut tx = self.0.catalog.begin().await?;
        watches::remove(&mut tx, id).await?;
        tx.commit().await?;
        let running = self.0.running().remove(id);
        if let Some(running) = running {
            running.stop.cancel();
        }
        Ok(())
    }

    /// Has the watches look at objects that are said to have changed, if need be those of another server. Returns how many of
    /// them are in watched places; the others are nobody's.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn announce(&self, uris: &[String]) -> Result<usize, CatalogError> {
        if self.0.role.held().is_some() {
            return Ok(self.note(uris));
        }
        let mut tx = self.0.catalog.begin().await?;
        let places = watches::all(&mut tx).await?;
        let is_inside = |uri: &&String| places.iter().any(|place| uri.starts_with(&place.uri));
        let inside: Vec<&String> = uris.iter().filter(is_inside).collect();
        watches::keep_announced(&mut tx, &inside).await?;
        tx.commit().await?;
        Ok(inside.len())
    }

    /// Has the watches of this server look at objects.
    fn note(&self, uris: &[String]) -> usize {
        let mut taken = 0;
        for watch in self.0.running().values() {
            let inside = uris.iter().filter(|uri| uri.starts_with(&watch.uri));
            let inside: Vec<String> = inside.cloned().collect();
            if !inside.is_empty() {
                taken += inside.len();
                watch.announced.note(inside);
            }
        }
        taken
    }

    /// What a watch has seen so far.
    #[must_use]
    pub fn report(&self, id: &WatchId) -> WatchReport {
        let progress = self
            .0
            .running()
            .get(id)
            .map(|running| Arc::clone(&running.progress));
        let elsewhere = || WatchReport {
            is_elsewhere: true,
            ..WatchReport::default()
        };
        progress.map_or_else(elsewhere, |progress| locked(&progress).report())
    }

    fn open(&self, place: &str) -> Result<FolderWatch, WatchError> {
        let (storage, options) = (self.0.storage.clone(), self.0.options.clone());
        FolderWatch::lasting(storage, &[place.to_owned()], options)
    }

    /// Starts a watch, unless it runs already.
    fn start(&self, watch: StoredWatch, term: RoleTerm) {
        let mut running = self.0.running();
        let Entry::Vacant(place) = running.entry(watch.id.clone()) else {
            return;
        };
        let progress = Arc::new(Mutex::new(Progress::default()));
        let stop = self.0.stop.child_token();
        let announced = Arc::new(Announcements::default());
        place.insert(RunningWatch {
            uri: watch.uri.clone(),
            announced: Arc::clone(&announced),
            progress: Arc::clone(&progress),
            term: Some(term),
            stop: stop.clone(),
        });
        drop(running);
        let task = WatchTask {
            watches: self.clone(),
            catalog: self.0.catalog.under(term),
            watch,
            announced,
            progress,
            due: VecDeque::new(),
            open: HashMap::new(),
        };
        tokio::spawn(task.run(stop));
    }
}

/// Ends all watches when it is dropped.
struct EndWatches<'a>(&'a Watches);

impl Drop for EndWatches<'_> {
    fn drop(&mut self) {
        for (_, running) in self.0.0.running().drain() {
            running.stop.cancel();
        }
    }
}

impl Desk {
    fn running(&self) -> MutexGuard<'_, HashMap<WatchId, RunningWatch>> {
        locked(&self.running)
    }
}

impl Progress {
    fn report(&self) -> WatchReport {
        let count = |state: &FileState| self.files.values().filter(|of| *of == state).count();
        let refused = self.files.iter().filter_map(|(uri, state)| match state {
            FileState::Refused(reason) => Some((uri.clone(), reason.clone())),
            FileState::Pending | FileState::Ready => None,
        });
        WatchReport {
            is_elsewhere: false,
            failure: self.failure.clone(),
            pending: count(&FileState::Pending),
            ready: count(&FileState::Ready),
            refused: refused.collect(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One watched place.
struct WatchTask {
    watches: Watches,
    /// Nothing is submitted once another server watches.
    catalog: Catalog,
    watch: StoredWatch,
    announced: Arc<Announcements>,
    progress: Arc<Mutex<Progress>>,
    /// Videos to submit.
    due: VecDeque<FoundVideo>,
    /// The jobs of videos that are under way, with their URIs.
    open: HashMap<JobId, String>,
}

impl WatchTask {
    async fn run(mut self, stop: CancellationToken) {
        let mut seen = loop {
            match self.watches.open(&self.watch.uri) {
                Ok(seen) => break seen.announced_by(Arc::clone(&self.announced)),
                Err(error) => locked(&self.progress).failure = Some(with_causes(&error)),
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return,
            }
        };
        while !stop.is_cancelled() {
            let idle = self.due.is_empty() && self.open.is_empty();
            tokio::select! {
                () = seen.rest((!idle).then(|| Instant::now() + LOOK)) => {}
                () = stop.cancelled() => return,
            }
            let sights = seen.look().await;
            locked(&self.progress).failure = seen.failure().map(str::to_owned);
            for sight in sights {
                match sight {
                    Sight::Video { video, .. } => self.due.push_back(video),
                    // The place itself is reported as failing.
                    Sight::Refused { name, .. } if name == self.watch.uri => {}
                    Sight::Refused { name, reason } => {
                        self.note(name, FileState::Refused(reason));
                    }
                }
            }
            if let Err(error) = self.step().await {
                tracing::warn!(error = %with_causes(&error), place = self.watch.uri, "a watched video cannot be submitted; tried again");
            }
        }
    }

    /// Submits what is due, and notes which jobs have ended.
    async fn step(&mut self) -> Result<(), CatalogError> {
        let watches = self.watches.clone();
        let desk = &watches.0;
        while let Some(video) = self.due.front() {
            let title = self.watch.title.clone();
            let title = title.unwrap_or_else(|| video.default_title());
            let uri = video.locator.uri.clone();
            let submitted = submit_unasked(&self.catalog, video, &title, &desk.settings).await?;
            self.due.pop_front();
            // Without a job it was cancelled.
            if let Some(submitted) = submitted {
                self.note(uri.clone(), FileState::Pending);
                self.open.insert(submitted.job, uri);
            }
        }
        let ids: Vec<JobId> = self.open.keys().cloned().collect();
        let mut db = self.catalog.read().await?;
        let jobs = jobs::get_many(&mut db, &ids).await?;
        drop(db);
        for job in &jobs {
            let state = match job.state() {
                RunState::Pending | RunState::Running => continue,
                RunState::Ready => Some(FileState::Ready),
                RunState::Failed => Some(FileState::Refused(job.reasons().join("; "))),
                RunState::Cancelled => None,
            };
            let Some(uri) = self.open.remove(&job.id) else {
                continue;
            };
            match state {
                Some(state) => self.note(uri, state),
                None => drop(locked(&self.progress).files.remove(&uri)),
            }
        }
        // The others were deleted.
        for id in ids {
            if jobs.iter().all(|job| job.id != id)
                && let Some(uri) = self.open.remove(&id)
            {
                locked(&self.progress).files.remove(&uri);
            }
        }
        Ok(())
    }

    fn note(&self, uri: String, state: FileState) {
        locked(&self.progress).files.insert(uri, state);
    }
}
