//! Objects in S3 that somebody says have changed.

use super::inbox::{Inbox, Touched};

/// Collects the URIs of objects that are said to have changed. What is said is only a reason to look.
#[derive(Debug, Default)]
pub struct Announcements(Inbox<String>);

impl Announcements {
    /// Notes that something happened to these objects.
    pub fn note(&self, uris: impl IntoIterator<Item = String>) {
        self.0.note(uris, false);
    }

    /// Waits until something is noted.
    pub(super) async fn wait(&self) {
        self.0.wait().await;
    }

    /// Takes what was noted.
    pub(super) fn take(&self) -> Touched<String> {
        self.0.take()
    }
}
