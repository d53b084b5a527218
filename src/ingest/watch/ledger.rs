//! Which files are complete, and which videos are due. It reads neither files nor a clock. The
//! caller passes what a look saw, and when.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use rushes_workers::dialogue::{is_subtitle_name, sidecar};
use rushes_workers::storage::Locator;

use super::Sight;
use crate::ingest::{FoundVideo, is_video_name, last_part, with_sidecars};

/// What a look saw under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A file with this size and version.
    File(Locator),
    /// A file or folder that cannot be read, with the reason.
    Refused(String),
}

/// When a look began and ended. A listing can take minutes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

#[derive(Debug)]
struct Entry {
    seen: Seen,
    /// End of the first look that saw exactly this.
    since: Instant,
    complete: bool,
    /// What was last handed out under this name.
    video: Option<FoundVideo>,
    refused: Option<String>,
}

/// Everything that was seen, by URI.
#[derive(Debug)]
pub(super) struct Ledger {
    settle: Duration,
    entries: BTreeMap<String, Entry>,
    /// Names to decide about: they became complete, or they disappeared.
    undecided: BTreeSet<String>,
}

impl Ledger {
    /// A file is complete when two looks at least `settle` apart saw the same.
    pub(super) const fn new(settle: Duration) -> Self {
        Self {
            settle,
            entries: BTreeMap::new(),
            undecided: BTreeSet::new(),
        }
    }

    /// Notes what a look saw. Returns when to look again if the file does not count as complete yet.
    pub(super) fn see(&mut self, uri: &str, seen: Seen, look: Span) -> Option<Instant> {
        let Some(entry) = self.entries.get_mut(uri) else {
            let entry = Entry {
                seen,
                since: look.ended,
                complete: false,
                video: None,
                refused: None,
            };
            self.entries.insert(uri.to_owned(), entry);
            return Some(look.ended + self.settle);
        };
        if entry.seen != seen {
            entry.seen = seen;
            entry.since = look.ended;
            entry.complete = false;
            return Some(look.ended + self.settle);
        }
        if entry.complete {
            return None;
        }
        let complete_at = entry.since + self.settle;
        if look.began < complete_at {
            return Some(complete_at);
        }
        entry.complete = true;
        self.undecided.insert(uri.to_owned());
        None
    }

    /// Forgets a name, but not what is below it.
    pub(super) fn remove(&mut self, uri: &str) {
        if self.entries.remove(uri).is_some() {
            self.undecided.insert(uri.to_owned());
        }
    }

    /// Forgets a file, or a folder with everything below it.
    pub(super) fn forget(&mut self, uri: &str) {
        self.remove(uri);
        self.keep_only(&format!("{uri}/"), &HashSet::new());
    }

    /// Forgets what is below `folder`, which ends with `/`, except what a look at all of it has seen.
    pub(super) fn keep_only(&mut self, folder: &str, seen: &HashSet<String>) {
        let gone: Vec<String> = self
            .below(folder)
            .map(|(uri, _)| uri.clone())
            .filter(|uri| !seen.contains(uri))
            .collect();
        for uri in gone {
            self.entries.remove(&uri);
            self.undecided.insert(uri);
        }
    }

    /// What is due since the last call: videos that are complete and new or changed, with their subtitle files, and
    /// refusals. A video waits for a subtitle file of its own that is still being written.
    pub(super) fn due(&mut self) -> Vec<Sight> {
        let mut candidates = BTreeSet::new();
        for uri in std::mem::take(&mut self.undecided) {
            let name = last_part(&uri);
            if is_subtitle_name(&name) {
                let videos = self.beside(&uri).filter(|(video, _)| {
                    let video = last_part(video);
                    is_video_name(&video) && sidecar(&video, &name).is_some()
                });
                candidates.extend(videos.map(|(video, _)| video.clone()));
            }
            candidates.insert(uri);
        }
        candidates
            .iter()
            .filter_map(|uri| self.decide(uri))
            .collect()
    }

    fn decide(&mut self, uri: &str) -> Option<Sight> {
        let entry = self.entries.get(uri).filter(|entry| entry.complete)?;
        let found = match &entry.seen {
            Seen::Refused(reason) => {
                let sight = Sight::Refused {
                    name: uri.to_owned(),
                    reason: reason.clone(),
                };
                let is_told = entry.refused.as_ref() == Some(reason);
                let told = reason.clone();
                self.entries.get_mut(uri)?.refused = Some(told);
                return (!is_told).then_some(sight);
            }
            Seen::File(locator) if is_video_name(&last_part(uri)) => {
                self.with_complete_sidecars(locator)?
            }
            Seen::File(_) => return None,
        };
        let entry = self.entries.get_mut(uri)?;
        entry.refused = None;
        let before = entry.video.replace(found.clone());
        (before.as_ref() != Some(&found)).then_some(Sight::Video {
            video: found,
            changed: before.is_some(),
        })
    }

    /// The video with its subtitle files; `None` while one of them is incomplete.
    fn with_complete_sidecars(&self, video: &Locator) -> Option<FoundVideo> {
        let name = last_part(&video.uri);
        let mut files = Vec::new();
        for (uri, entry) in self.beside(&video.uri) {
            if sidecar(&name, &last_part(uri)).is_none() {
                continue;
            }
            if !entry.complete {
                return None;
            }
            if let Seen::File(file) = &entry.seen {
                files.push(file.clone());
            }
        }
        Some(with_sidecars(video.clone(), &files))
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries
            .range(folder.to_owned()..)
            .take_while(move |(uri, _)| uri.starts_with(folder))
    }

    /// The entries in the same folder, without those in subfolders.
    fn beside(&self, uri: &str) -> impl Iterator<Item = (&String, &Entry)> {
        let folder = uri.rfind('/').map_or("", |end| &uri[..=end]);
        self.entries
            .range(folder.to_owned()..)
            .take_while(move |(uri, _)| uri.starts_with(folder))
            .filter(move |(uri, _)| !uri[folder.len()..].contains('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(5);

    /// A ledger and its moments, in seconds after a start.
    struct Desk {
        ledger: Ledger,
        start: Instant,
    }

    impl Desk {
        fn new() -> Self {
            Self {
                ledger: Ledger::new(SETTLE),
                start: Instant::now(),
            }
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        /// Sees `name` with `size` bytes; returns the second of the next look.
        fn see(&mut self, name: &str, size: u64, second: u64) -> Option<u64> {
            let uri = format!("file:///in/{name}");
            let file = Locator {
                uri: uri.clone(),
                version: Some(size.to_string()),
                size,
            };
            self.note(&uri, Seen::File(file), second)
        }

        fn note(&mut self, uri: &str, seen: Seen, second: u64) -> Option<u64> {
            let now = self.at(second);
            let look = Span {
                began: now,
                ended: now,
            };
            let next = self.ledger.see(uri, seen, look)?;
            Some(next.duration_since(self.start).as_secs())
        }

        /// What is due: a mark for new or changed, the name, and the number of subtitle files.
        fn due(&mut self) -> Vec<String> {
            let due = self.ledger.due().into_iter();
            due.map(|sight| match sight {
                Sight::Video { video, changed } => format!(
                    "{} {} {}",
                    if changed { "changed" } else { "new" },
                    last_part(&video.locator.uri),
                    video.sidecars.len()
                ),
                Sight::Refused { name, reason } => {
                    format!("refused {} {reason}", last_part(&name))
                }
            })
            .collect()
        }
    }

    #[test]
    fn a_file_is_complete_when_two_looks_far_enough_apart_see_the_same() {
        let mut desk = Desk::new();
        assert_eq!(desk.see("a.mp4", 1, 0), Some(5));
        // A look in between does not count, and does not postpone the next one.
        assert_eq!(desk.see("a.mp4", 1, 3), Some(5));
        assert!(desk.due().is_empty());
        // It has grown: the time starts again.
        assert_eq!(desk.see("a.mp4", 2, 5), Some(10));
        assert_eq!(desk.see("a.mp4", 2, 9), Some(10));
        assert!(desk.due().is_empty());
        assert_eq!(desk.see("a.mp4", 2, 10), None);
        assert_eq!(desk.due(), ["new a.mp4 0"]);
        // Later looks at the same file are silent.
        assert_eq!(desk.see("a.mp4", 2, 100), None);
        assert!(desk.due().is_empty());
    }

    #[test]
    fn the_duration_of_a_long_look_does_not_count() {
        let mut desk = Desk::new();
        let file = Seen::File(Locator {
            uri: "s3://b/a.mp4".to_owned(),
            version: None,
            size: 1,
        });
        let span = |desk: &Desk, began, ended| Span {
            began: desk.at(began),
            ended: desk.at(ended),
        };
        let (first, second) = (span(&desk, 0, 60), span(&desk, 61, 120));
        desk.ledger.see("s3://b/a.mp4", file.clone(), first);
        let next = desk.ledger.see("s3://b/a.mp4", file.clone(), second);
        assert_eq!(next, Some(desk.at(65)));
        let third = span(&desk, 121, 180);
        assert_eq!(desk.ledger.see("s3://b/a.mp4", file, third), None);
        assert_eq!(desk.due(), ["new a.mp4 0"]);
    }

    #[test]
    fn a_file_that_never_rests_is_never_due() {
        let mut desk = Desk::new();
        for second in 0..100 {
            let next = desk.see("a.mp4", second, second * 5);
            assert_eq!(next, Some(second * 5 + 5));
            assert!(desk.due().is_empty());
        }
    }

    #[test]
    fn overwritten_bytes_are_due_again_once_they_rest() {
        let mut desk = Desk::new();
        desk.see("a.mp4", 1, 0);
        desk.see("a.mp4", 1, 5);
        desk.due();
        assert_eq!(desk.see("a.mp4", 7, 50), Some(55));
        assert!(desk.due().is_empty());
        desk.see("a.mp4", 7, 55);
        assert_eq!(desk.due(), ["changed a.mp4 0"]);
    }

    #[test]
    fn a_later_subtitle_file_makes_its_video_due_and_no_other() {
        let mut desk = Desk::new();
        for second in [0, 5] {
            desk.see("a.mp4", 1, second);
            desk.see("b.mp4", 1, second);
            desk.see("sub/a.mp4", 1, second);
        }
        assert_eq!(desk.due(), ["new a.mp4 0", "new b.mp4 0", "new a.mp4 0"]);
        desk.see("a.en.srt", 1, 10);
        assert!(desk.due().is_empty());
        desk.see("a.en.srt", 1, 15);
        assert_eq!(desk.due(), ["changed a.mp4 1"]);
        // Of another video, and no video's at all.
        for second in [20, 25] {
            desk.see("a.take2.srt", 1, second);
        }
        assert!(desk.due().is_empty());
        // The subtitles change, and are taken away.
        for second in [30, 35] {
            desk.see("a.en.srt", 2, second);
        }
        assert_eq!(desk.due(), ["changed a.mp4 1"]);
        desk.ledger.forget("file:///in/a.en.srt");
        assert_eq!(desk.due(), ["changed a.mp4 0"]);
    }

    #[test]
    fn a_video_waits_for_its_subtitles_under_way() {
        let mut desk = Desk::new();
        desk.see("a.mp4", 1, 0);
        desk.see("a.srt", 1, 4);
        desk.see("a.mp4", 1, 5);
        assert!(desk.due().is_empty());
        desk.see("a.srt", 1, 9);
        assert_eq!(desk.due(), ["new a.mp4 1"]);
        // A subtitle file that goes away before it was complete delays nothing.
        desk.see("b.mp4", 1, 10);
        desk.see("b.srt", 1, 14);
        desk.see("b.mp4", 1, 15);
        assert!(desk.due().is_empty());
        desk.ledger.forget("file:///in/b.srt");
        assert_eq!(desk.due(), ["new b.mp4 0"]);
    }

    #[test]
    fn a_refusal_is_told_once_per_reason() {
        let mut desk = Desk::new();
        let refused = |reason: &str| Seen::Refused(reason.to_owned());
        let uri = "file:///in/a.mp4";
        desk.note(uri, refused("denied"), 0);
        assert!(desk.due().is_empty());
        desk.note(uri, refused("denied"), 5);
        assert_eq!(desk.due(), ["refused a.mp4 denied"]);
        for second in [10, 20] {
            desk.note(uri, refused("denied"), second);
            assert!(desk.due().is_empty());
        }
        // Readable again, and then refused for the same reason: that is news.
        for second in [30, 35] {
            desk.see("a.mp4", 1, second);
        }
        assert_eq!(desk.due(), ["new a.mp4 0"]);
        for second in [40, 45] {
            desk.note(uri, refused("denied"), second);
        }
        assert_eq!(desk.due(), ["refused a.mp4 denied"]);
        // And readable once more, unchanged: nothing to ingest.
        for second in [50, 55] {
            desk.see("a.mp4", 1, second);
        }
        assert!(desk.due().is_empty());
    }

    #[test]
    fn what_disappears_is_forgotten_and_nothing_is_due() {
        let mut desk = Desk::new();
        for second in [0, 5] {
            desk.see("a.mp4", 1, second);
            desk.see("sub/b.mp4", 1, second);
            desk.see("sub-2/c.mp4", 1, second);
        }
        desk.due();
        desk.ledger.forget("file:///in/sub");
        assert!(desk.due().is_empty());
        assert_eq!(desk.ledger.entries.len(), 2);
        let seen = HashSet::from(["file:///in/a.mp4".to_owned()]);
        desk.ledger.keep_only("file:///in/", &seen);
        assert!(desk.due().is_empty());
        assert_eq!(desk.ledger.entries.len(), 1);
        // Back again: the catalogue knows whether it has it already.
        for second in [10, 15] {
            desk.see("sub/b.mp4", 1, second);
        }
        assert_eq!(desk.due(), ["new b.mp4 0"]);
    }
}
