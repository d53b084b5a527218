//! `proxies`: each shot as a small mp4 in the object store.

use std::collections::HashSet;
use std::ops::Range;

use super::{StageError, Stages};
use crate::media::{MediaError, ProxyParams};
use crate::sandbox::Observer;
use crate::storage::Locator;
use crate::task::Output;
use crate::time::Stretch;
use crate::worker::Watch;

pub(super) fn run(
    cutter: &Cutter<'_>,
    timeline: &str,
    shots: &[(u64, u64)],
    watch: &Watch,
) -> Result<Output, StageError> {
    let timeline = cutter.stages.timeline(timeline)?;
    let spans = || shots.iter().map(|&(start, end)| start..end);
    let made = cutter.made()?;
    let is_made = |span: &Range<u64>| made.contains(&cutter.key(span));
    let frames = |spans: &mut dyn Iterator<Item = Range<u64>>| -> u64 {
        spans.map(|span| span.end - span.start).sum()
    };
    let total = frames(&mut spans());
    let mut observer = Observed {
        watch,
        before: frames(&mut spans().filter(is_made)),
        total,
    };
    watch.progress(observer.before, Some(total));
    if observer.before < total {
        let mut missing = spans()
            .filter(|span| !is_made(span))
            .map(|span| timeline.stretch(&span));
        cutter.cut(&mut missing, &mut observer)?;
    }
    Ok(Output::Proxies {
        keys: spans().map(|span| cutter.key(&span)).collect(),
    })
}

/// Cuts proxies of one film for one run.
pub(super) struct Cutter<'a> {
    pub(super) stages: &'a Stages,
    pub(super) media: &'a Locator,
    pub(super) height: u32,
    /// Keys of the run's objects begin with this.
    pub(super) prefix: &'a str,
}

impl Cutter<'_> {
    /// Where the proxy of these frames is. What is there is whole, and as good whenever it was made.
    pub(super) fn key(&self, frames: &Range<u64>) -> String {
        format!("{}/{}-{}.mp4", self.prefix, frames.start, frames.end)
    }

    /// The keys of the proxies that there are, of an attempt that was given up or made early.
    pub(super) fn made(&self) -> Result<HashSet<String>, StageError> {
        let keys = self.stages.storage.keys_under(self.prefix);
        Ok(self.stages.runtime.block_on(keys)?.into_iter().collect())
    }

    /// Cuts and stores `stretches`, which may become known one by one.
    pub(super) fn cut(
        &self,
        stretches: &mut dyn Iterator<Item = Stretch>,
        observer: &mut dyn Observer,
    ) -> Result<(), StageError> {
        let params = ProxyParams {
            height: self.height,
            ..self.stages.proxy.clone()
        };
        // A refusing store ends the decoding; its own error is the one to report.
        let mut refused = None;
        let mut store = |frames: Range<u64>, mp4: Vec<u8>| {
            self.stages.put(&self.key(&frames), mp4).map_err(|error| {
                refused = Some(error);
                MediaError::Cancelled
            })
        };
        let mut source = self.stages.open(self.media)?;
        let sandbox = &self.stages.sandbox;
        let source = source.as_mut();
        let made = sandbox.proxies(source, &params, stretches, observer, &mut store);
        match (made, refused) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(StageError::media(&self.media.uri)(error)),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// Progress of a run of which some was done before.
struct Observed<'a> {
    watch: &'a Watch,
    before: u64,
    total: u64,
}

impl Observer for Observed<'_> {
    fn progress(&mut self, done: u64, _unknown: Option<u64>) {
        let done = self.before.saturating_add(done);
        self.watch.progress(done, Some(self.total));
    }

    fn cancelled(&self) -> bool {
        self.watch.stopped()
    }
}
