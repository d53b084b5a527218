//! What the kernel reports about watched folders.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rushes_models::with_causes;
use tokio::sync::Notify;

/// With more paths than this to look at, one look at everything is cheaper.
const MOST: usize = 10_000;

/// Collects the paths to which something happened.
#[derive(Debug)]
pub(super) struct Events {
    watcher: RecommendedWatcher,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    touched: Mutex<Touched>,
    wake: Notify,
}

/// What happened since the last time.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// The files and folders.
    pub(super) paths: HashSet<PathBuf>,
    /// Whether there was more than these.
    pub(super) is_partial: bool,
}

impl Events {
    pub(super) fn new() -> notify::Result<Self> {
        let shared = Arc::new(Shared::default());
        let noted = Arc::clone(&shared);
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(move |event| noted.note(event), config)?;
        Ok(Self { watcher, shared })
    }

    /// Watches a folder and everything below it. Repeating it is harmless.
    pub(super) fn add(&mut self, folder: &Path) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::Recursive)
    }

    /// Waits until something happens.
    pub(super) async fn wait(&self) {
        self.shared.wake.notified().await;
    }

    /// Takes what has happened.
    pub(super) fn take(&self) -> Touched {
        std::mem::take(&mut *self.shared.lock())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: notify::Result<Event>) {
        let mut touched = self.lock();
        match event {
            Ok(event) if event.need_rescan() => touched.is_partial = true,
            // Our own looks open files.
            Ok(event) if is_reading(event.kind) => return,
            Ok(event) => touched.paths.extend(event.paths),
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "lost events of a watched folder; it is read completely");
                touched.is_partial = true;
            }
        }
        if touched.paths.len() > MOST {
            touched.paths.clear();
            touched.is_partial = true;
        }
        drop(touched);
        self.wake.notify_one();
    }
}

fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag};

    use super::*;

    #[test]
    fn an_overflow_and_too_many_paths_ask_for_a_look_at_everything() {
        let shared = Shared::default();
        let created = |path: String| {
            Ok(Event::new(EventKind::Create(CreateKind::File)).add_path(path.into()))
        };
        shared.note(created("/in/a.mp4".to_owned()));
        let read = EventKind::Access(AccessKind::Open(AccessMode::Any));
        shared.note(Ok(Event::new(read).add_path("/in/b.mp4".into())));
        let touched = std::mem::take(&mut *shared.lock());
        assert_eq!(touched.paths, HashSet::from(["/in/a.mp4".into()]));
        assert!(!touched.is_partial);
        shared.note(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(std::mem::take(&mut *shared.lock()).is_partial);
        for at in 0..=MOST {
            shared.note(created(format!("/in/{at}.mp4")));
        }
        let touched = std::mem::take(&mut *shared.lock());
        assert!(touched.is_partial && touched.paths.is_empty());
    }
}
