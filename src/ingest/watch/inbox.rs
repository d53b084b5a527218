//! What happened since the last look, as others report it at any time.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// With more names than this to look at, one look at everything is cheaper.
pub(super) const MOST: usize = 10_000;

/// Collects the names of what something happened to.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    touched: Mutex<Touched<T>>,
    wake: Notify,
}

/// What happened since the last time.
#[derive(Debug)]
pub(super) struct Touched<T> {
    /// The files and folders, or the objects.
    pub(super) names: HashSet<T>,
    /// Whether there was more than these.
    pub(super) is_partial: bool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self {
            touched: Mutex::default(),
            wake: Notify::new(),
        }
    }
}

impl<T> Default for Touched<T> {
    fn default() -> Self {
        Self {
            names: HashSet::new(),
            is_partial: false,
        }
    }
}

impl<T: Eq + Hash> Inbox<T> {
    /// Notes names, or that more happened than can be named.
    pub(super) fn note(&self, names: impl IntoIterator<Item = T>, is_partial: bool) {
        let mut touched = self.lock();
        touched.names.extend(names);
        touched.is_partial |= is_partial;
        if touched.names.len() > MOST {
            touched.names.clear();
            touched.is_partial = true;
        }
        drop(touched);
        self.wake.notify_one();
    }

    /// Waits until something is noted.
    pub(super) async fn wait(&self) {
        self.wake.notified().await;
    }

    /// Takes what was noted.
    pub(super) fn take(&self) -> Touched<T> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Touched<T>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn too_many_names_ask_for_a_look_at_everything() {
        let inbox = Inbox::default();
        inbox.note([1], false);
        inbox.wait().await;
        let touched = inbox.take();
        assert_eq!(touched.names, HashSet::from([1]));
        assert!(!touched.is_partial);
        inbox.note([], true);
        assert!(inbox.take().is_partial);
        inbox.note(0..=MOST, false);
        let touched = inbox.take();
        assert!(touched.is_partial && touched.names.is_empty());
    }
}
