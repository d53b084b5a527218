//! Watches folders and S3 prefixes for videos that are new or changed, and complete.
//!
//! Looks are taken when the kernel or a store reports an event, when a file may be complete, and regularly. `ledger` decides
//! from them what is due.

mod agenda;
mod announced;
mod error;
mod events;
mod inbox;
mod ledger;
mod names;
mod place;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use rushes_models::with_causes;
use rushes_workers::storage::{Locator, Storage, StorageError};

use self::agenda::{Agenda, Errand};
pub use self::announced::Announcements;
pub use self::error::WatchError;
use self::events::Events;
use self::ledger::{Ledger, Seen, Span};
use self::names::NameFilter;
use self::place::{Walk, WatchedPlace, folder_of, uri_of};
use super::FoundVideo;

/// Objects in S3 looked up at a time, for stores whose listings have no versions.
const LOOKUPS: usize = 16;
/// How long to wait before an announced object that cannot be read is looked at again.
const AGAIN: Duration = Duration::from_secs(60);

/// How to watch.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// A file is complete when its size and version have not changed for this long.
    pub settle: Duration,
    /// How often S3 prefixes are listed.
    pub interval: Duration,
    /// How often folders are read completely, besides the kernel's events.
    pub rescan: Duration,
    /// Patterns of names to leave out.
    pub ignore: Vec<String>,
    /// Folders and prefixes of rushes itself, whose files are never taken.
    pub own: Vec<String>,
}

impl Default for WatchOptions {
    /// 5 s until a file is complete, listings of S3 every minute, folders every five minutes.
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(5),
            interval: Duration::from_secs(60),
            rescan: Duration::from_secs(300),
            ignore: Vec::new(),
            own: Vec::new(),
        }
    }
}

/// Something to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// A complete video.
    Video {
        /// The video with its subtitle files.
        video: FoundVideo,
        /// Whether it was seen before, with other bytes or other subtitle files.
        changed: bool,
    },
    /// A file, folder or place that cannot be read.
    Refused {
        /// Its URI.
        name: String,
        /// The reason.
        reason: String,
    },
}

/// A watcher of several places.
#[derive(Debug)]
pub struct FolderWatch {
    storage: Storage,
    options: WatchOptions,
    names: NameFilter,
    own: Vec<String>,
    places: Vec<WatchedPlace>,
    ledger: Ledger,
    agenda: Agenda,
    /// `None` for a single pass, or if the kernel offers no events.
    events: Option<Events>,
    /// What stores say about their objects.
    announced: Arc<Announcements>,
    /// Whether to look again and again.
    is_lasting: bool,
}

impl FolderWatch {
    /// For one [`FolderWatch::pass`] over `places`, which are folders and `s3://bucket/prefix/`.
    ///
    /// # Errors
    /// If a place cannot be watched, or a pattern is not valid.
    pub fn once(
        storage: Storage,
        places: &[String],
        options: WatchOptions,
    ) -> Result<Self, WatchError> {
        let own: Vec<String> = options.own.iter().map(|own| folder_of(own)).collect();
        let places: Vec<WatchedPlace> = places
            .iter()
            .map(|place| WatchedPlace::open(place, &own))
            .collect::<Result<_, _>>()?;
        place::disjoint(&places)?;
        let mut agenda = Agenda::default();
        for at in 0..places.len() {
            agenda.plan(Errand::Place(at), Instant::now());
        }
        Ok(Self {
            storage,
            names: NameFilter::new(&options.ignore)?,
            own,
            places,
            ledger: Ledger::new(options.settle),
            agenda,
            events: None,
            announced: Arc::default(),
            is_lasting: false,
            options,
        })
    }

    /// For watching `places` until the end of the process.
    ///
    /// # Errors
    /// The same as for [`FolderWatch::once`].
    pub fn lasting(
        storage: Storage,
        places: &[String],
        options: WatchOptions,
    ) -> Result<Self, WatchError> {
        let mut watch = Self::once(storage, places, options)?;
        watch.is_lasting = true;
        if watch.places.iter().any(|place| place.folder.is_some()) {
            match Events::new() {
                Ok(events) => watch.events = Some(events),
                Err(error) => without_events(&error),
            }
            for at in 0..watch.places.len() {
                watch.listen(at);
            }
        }
        Ok(watch)
    }

    /// Looks at objects of its places as soon as they are announced.
    #[must_use]
    pub fn announced_by(mut self, announced: Arc<Announcements>) -> Self {
        self.announced = announced;
        self
    }

    /// The places, as URIs.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| place.uri.as_str())
    }

    /// Why a place cannot be read at present.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.places
            .iter()
            .find_map(|place| place.failure.as_deref())
    }

    /// Waits until it is time for [`FolderWatch::look`], at most until `limit`. It may be dropped and called again.
    pub async fn rest(&self, limit: Option<Instant>) {
        let next = self.agenda.next().into_iter().chain(limit).min();
        let time = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let event = async {
            match &self.events {
                Some(events) => events.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = event => {}
            () = self.announced.wait() => {}
        }
    }

    /// Takes the looks that are due, and returns what is to be done.
    pub async fn look(&mut self) -> Vec<Sight> {
        let now = Instant::now();
        if let Some(events) = &self.events {
            let touched = events.take();
            for path in touched.names {
                self.agenda.touch(path, now);
            }
            if touched.is_partial {
                self.rescan(now, |place| place.folder.is_some());
            }
        }
        let announced = self.announced.take();
        for uri in announced.names {
            self.agenda.plan(Errand::Object(uri), now);
        }
        if announced.is_partial {
            self.rescan(now, |place| place.folder.is_none());
        }
        let mut sights = Vec::new();
        for errand in self.agenda.take(now) {
            match errand {
                Errand::Place(at) => sights.extend(self.look_at_place(at).await),
                Errand::Touched(path) => self.look_at_path(&path, true).await,
                Errand::Again(path) => self.look_at_path(&path, false).await,
                Errand::Object(uri) => self.look_at_object(&uri).await,
            }
        }
        sights.extend(self.ledger.due());
        sights
    }

    /// Looks twice at everything, `settle` apart. What changes meanwhile is left for another pass.
    pub async fn pass(&mut self) -> Vec<Sight> {
        let mut sights = self.look().await;
        tokio::time::sleep(self.options.settle).await;
        sights.extend(self.look().await);
        sights
    }

    /// Plans a look at everything in some places.
    fn rescan(&mut self, now: Instant, which: impl Fn(&WatchedPlace) -> bool) {
        for at in 0..self.places.len() {
            if which(&self.places[at]) {
                self.agenda.plan(Errand::Place(at), now);
            }
        }
    }

    /// Asks the kernel for the events of a place.
    fn listen(&mut self, at: usize) {
        if let (Some(events), Some(folder)) = (&mut self.events, &self.places[at].folder)
            && let Err(error) = events.add(folder)
        {
            without_events(&error);
        }
    }

    /// Looks at everything in a place. A place that fails is reported once; its files stay known.
    async fn look_at_place(&mut self, at: usize) -> Option<Sight> {
        let looked = match self.places[at].folder.clone() {
            Some(folder) => self.look_at_folder(at, &folder).await,
            None => self.look_at_prefix(at).await,
        };
        let (now, is_local) = (Instant::now(), self.places[at].folder.is_some());
        if self.is_lasting {
            let pause = if is_local {
                self.options.rescan
            } else {
                self.options.interval
            };
            self.agenda.plan(Errand::Place(at), now + pause);
        }
        let failure = looked.err().map(|error| with_causes(&error));
        if failure.is_none() && self.places[at].failure.is_some() {
            // A folder that comes back is another one for the kernel.
            self.listen(at);
            self.agenda
                .plan(Errand::Place(at), now + self.options.settle);
        }
        let place = &mut self.places[at];
        let before = std::mem::replace(&mut place.failure, failure.clone());
        let reason = failure.filter(|failure| before.as_ref() != Some(failure))?;
        Some(Sight::Refused {
            name: place.uri.clone(),
            reason,
        })
    }

    async fn look_at_folder(&mut self, at: usize, folder: &Path) -> Result<(), StorageError> {
        let Some(root) = self.places[at].folder.clone() else {
            return Ok(());
        };
        let walk = Walk {
            root,
            names: self.names.clone(),
            own: self.own.clone(),
        };
        let walked = walk.below(folder.to_owned()).await?;
        let mut seen = HashSet::new();
        for path in walked.files {
            seen.extend(self.look_at_file(&path).await);
        }
        for (path, reason) in walked.refused {
            let uri = uri_of(&path);
            let now = Instant::now();
            self.see(&uri, Seen::Refused(reason), now, Errand::Again(path));
            seen.insert(uri);
        }
        self.ledger.keep_only(&folder_of(&uri_of(folder)), &seen);
        Ok(())
    }

    /// Looks at a file, and plans the next look if it is not complete yet. Returns its name, unless it is gone.
    async fn look_at_file(&mut self, path: &Path) -> Option<String> {
        let uri = uri_of(path);
        self.look_at_uri(&uri, Errand::Again(path.to_owned()))
            .await
            .then_some(uri)
    }

    /// Looks at an object to which something happened.
    async fn look_at_object(&mut self, uri: &str) {
        let mut prefixes = self.places.iter().filter(|place| place.folder.is_none());
        let name = prefixes.find_map(|place| uri.strip_prefix(&place.uri));
        if name.is_some_and(|name| self.names.takes(name)) && !place::is_own(uri, &self.own) {
            self.look_at_uri(uri, Errand::Object(uri.to_owned())).await;
        }
    }

    /// Looks at a file or an object, and plans this if it is not complete yet. Says whether there is one.
    async fn look_at_uri(&mut self, uri: &str, again: Errand) -> bool {
        let began = Instant::now();
        let seen = match self.storage.locate(uri).await {
            Ok(file) => Seen::File(file),
            Err(StorageError::NotFound(_) | StorageError::NotAFile(_)) => {
                match again {
                    // What is below its name are other objects.
                    Errand::Object(_) => self.ledger.remove(uri),
                    Errand::Place(_) | Errand::Touched(_) | Errand::Again(_) => {
                        self.ledger.forget(uri);
                    }
                }
                return false;
            }
            Err(error) => Seen::Refused(with_causes(&error)),
        };
        if matches!((&seen, &again), (Seen::Refused(_), Errand::Object(_))) {
            // Nobody announces it again, and the next listing may be a day away.
            self.agenda.plan(again.clone(), Instant::now() + AGAIN);
        }
        self.see(uri, seen, began, again);
        true
    }

    fn see(&mut self, uri: &str, seen: Seen, began: Instant, again: Errand) {
        let ended = Instant::now();
        if let Some(next) = self.ledger.see(uri, seen, Span { began, ended }) {
            self.agenda.plan(again, next);
        }
    }

    /// Looks at a file or folder to which something happened.
    async fn look_at_path(&mut self, path: &Path, is_event: bool) {
        let mut folders = self.places.iter().map(|place| place.folder.as_deref());
        let holds = |folder: Option<&Path>| folder.is_some_and(|folder| path.starts_with(folder));
        let Some(at) = folders.position(holds) else {
            return;
        };
        let Some(name) = self.places[at].name_of(path) else {
            // The watched folder itself.
            self.agenda.plan(Errand::Place(at), Instant::now());
            return;
        };
        let uri = uri_of(path);
        if !self.names.enters(&name) || place::is_own(&uri, &self.own) {
            return;
        }
        match tokio::fs::symlink_metadata(path).await {
            Ok(metadata) if metadata.is_dir() => {
                let began = Instant::now();
                match self.look_at_folder(at, path).await {
                    Ok(()) => self.ledger.remove(&uri),
                    Err(StorageError::NotFound(_)) => self.ledger.forget(&uri),
                    Err(error) => {
                        let refused = Seen::Refused(with_causes(&error));
                        self.see(&uri, refused, began, Errand::Again(path.to_owned()));
                    }
                }
                if is_event {
                    // The kernel may report nothing about files that came before it watched this folder.
                    let again = Instant::now() + self.options.settle;
                    self.agenda.plan(Errand::Again(path.to_owned()), again);
                }
            }
            Ok(metadata) if metadata.is_file() && self.names.takes(&name) => {
                self.look_at_file(path).await;
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.ledger.forget(&uri),
            // The folder above is unreadable, and is reported.
            Err(_) => {}
        }
    }

    async fn look_at_prefix(&mut self, at: usize) -> Result<(), StorageError> {
        let prefix = self.places[at].uri.clone();
        let began = Instant::now();
        let listed = match self.storage.list(&prefix).await {
            Ok(listing) => listing.files,
            // Nothing has this prefix yet.
            Err(StorageError::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let is_wanted = |file: &Locator| {
            let name = file.uri.strip_prefix(&prefix);
            name.is_some_and(|name| self.names.takes(name)) && !place::is_own(&file.uri, &self.own)
        };
        let wanted: Vec<Locator> = listed.into_iter().filter(is_wanted).collect();
        let storage = &self.storage;
        let seen: Vec<(String, Result<Locator, StorageError>)> = futures::stream::iter(wanted)
            .map(|file| async move {
                let uri = file.uri.clone();
                match file.version {
                    Some(_) => (uri, Ok(file)),
                    None => {
                        let located = storage.locate(&uri).await;
                        (uri, located)
                    }
                }
            })
            .buffered(LOOKUPS)
            .collect()
            .await;
        let span = Span {
            began,
            ended: Instant::now(),
        };
        let mut names = HashSet::new();
        for (uri, located) in seen {
            let seen = match located {
                Ok(file) => Seen::File(file),
                Err(StorageError::NotFound(_)) => continue,
                Err(error) => Seen::Refused(with_causes(&error)),
            };
            if let Some(next) = self.ledger.see(&uri, seen, span) {
                self.agenda.plan(Errand::Place(at), next);
            }
            names.insert(uri);
        }
        self.ledger.keep_only(&prefix, &names);
        Ok(())
    }
}

fn without_events(error: &notify::Error) {
    tracing::warn!(
        error = %with_causes(&error),
        "cannot watch a folder; it is only read at intervals (raise fs.inotify.max_user_watches, or use --rescan)"
    );
}

#[cfg(test)]
mod tests;
