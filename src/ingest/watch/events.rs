//! What the kernel reports about watched folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rushes_models::with_causes;

use super::inbox::{Inbox, Touched};

/// Collects the paths to which something happened.
#[derive(Debug)]
pub(super) struct Events {
    watcher: RecommendedWatcher,
    inbox: Arc<Inbox<PathBuf>>,
}

impl Events {
    pub(super) fn new() -> notify::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let noted = Arc::clone(&inbox);
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(move |event| note(&noted, event), config)?;
        Ok(Self { watcher, inbox })
    }

    /// Watches a folder and everything below it. Repeating it is harmless.
    pub(super) fn add(&mut self, folder: &Path) -> notify::Result<()> {
        self.watcher.watch(folder, RecursiveMode::Recursive)
    }

    /// Waits until something happens.
    pub(super) async fn wait(&self) {
        self.inbox.wait().await;
    }

    /// Takes what has happened.
    pub(super) fn take(&self) -> Touched<PathBuf> {
        self.inbox.take()
    }
}

fn note(inbox: &Inbox<PathBuf>, event: notify::Result<Event>) {
    match event {
        Ok(event) if event.need_rescan() => inbox.note([], true),
        // Our own looks open files.
        Ok(event) if is_reading(event.kind) => {}
        Ok(event) => inbox.note(event.paths, false),
        Err(error) => {
            tracing::warn!(error = %with_causes(&error), "lost events of a watched folder; it is read completely");
            inbox.note([], true);
        }
    }
}

fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use notify::event::{CreateKind, Flag};

    use super::*;

    #[test]
    fn an_overflow_asks_for_a_look_at_everything_and_reading_for_none() {
        let inbox = Inbox::default();
        let created = Event::new(EventKind::Create(CreateKind::File));
        note(&inbox, Ok(created.add_path("/in/a.mp4".into())));
        let read = EventKind::Access(AccessKind::Open(AccessMode::Any));
        note(&inbox, Ok(Event::new(read).add_path("/in/b.mp4".into())));
        let touched = inbox.take();
        assert_eq!(touched.names, HashSet::from(["/in/a.mp4".into()]));
        assert!(!touched.is_partial);
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        note(&inbox, Ok(overflow));
        assert!(inbox.take().is_partial);
    }
}
