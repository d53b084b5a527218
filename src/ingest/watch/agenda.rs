//! When to look where. Like the ledger, it has no clock of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// A look to take.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Errand {
    /// At everything in the place with this number.
    Place(usize),
    /// At a file or folder, because something happened to it.
    Touched(PathBuf),
    /// At a file that may be complete now, or a folder that was new.
    Again(PathBuf),
    /// At an object in S3, by its URI: it is said to have changed, or may be complete now.
    Object(String),
}

/// The looks to take, each at most once, with their times.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    times: BTreeMap<Errand, Instant>,
}

impl Agenda {
    /// Plans a look. If it is planned already, the earlier time counts.
    pub(super) fn plan(&mut self, errand: Errand, at: Instant) {
        let time = self.times.entry(errand).or_insert(at);
        *time = at.min(*time);
    }

    /// Plans a look at a path to which something happened. A file that is looked at again anyway needs none: a copy
    /// under way has thousands of events.
    pub(super) fn touch(&mut self, path: PathBuf, now: Instant) {
        let again = Errand::Again(path.clone());
        if !self.times.contains_key(&again) {
            self.plan(Errand::Touched(path), now);
        }
    }

    /// The time of the next look.
    pub(super) fn next(&self) -> Option<Instant> {
        self.times.values().min().copied()
    }

    /// Takes the looks that are due at `now`.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Errand> {
        let due = self.times.extract_if(.., |_, at| *at <= now);
        due.map(|(errand, _)| errand).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_look_is_taken_once_at_its_earliest_time() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut agenda = Agenda::default();
        assert_eq!(agenda.next(), None);
        agenda.plan(Errand::Place(0), at(60));
        agenda.plan(Errand::Place(0), at(5));
        agenda.plan(Errand::Place(0), at(30));
        assert_eq!(agenda.next(), Some(at(5)));
        assert!(agenda.take(at(4)).is_empty());
        assert_eq!(agenda.take(at(5)), [Errand::Place(0)]);
        assert!(agenda.take(at(1000)).is_empty());
    }

    #[test]
    fn events_of_a_file_that_is_looked_at_again_anyway_plan_nothing() {
        let start = Instant::now();
        let later = start + Duration::from_secs(5);
        let mut agenda = Agenda::default();
        agenda.plan(Errand::Again("/in/a.mp4".into()), later);
        agenda.touch("/in/a.mp4".into(), start);
        assert!(agenda.take(start).is_empty());
        agenda.touch("/in/b.mp4".into(), start);
        assert_eq!(agenda.take(start), [Errand::Touched("/in/b.mp4".into())]);
        assert_eq!(agenda.take(later), [Errand::Again("/in/a.mp4".into())]);
    }
}
