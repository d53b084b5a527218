//! `proxies`: each shot as a small mp4 in the object store.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage, Stages};
use crate::error::StageError;
use crate::media::ProxyParams;
use crate::proxy_name;
use crate::sandbox::Observer;
use crate::storage::Locator;
use crate::time::Stretch;
use crate::watch::Watch;

/// Cut every shot into a small MP4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProxiesTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// First and one-past-last frame of each shot, in order.
    pub shots: Vec<(u64, u64)>,
    /// Height in pixels; a smaller video is not enlarged.
    pub height: u32,
}

/// The output of a [`ProxiesTask`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProxiesOutput {
    /// Keys in the object store, one per shot, in order.
    pub keys: Vec<String>,
}

impl Stage for ProxiesTask {
    type Output = ProxiesOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<ProxiesOutput, StageError> {
        let cutter = Cutter {
            stages: run.stages,
            media: &self.media,
            height: self.height,
            prefix: run.prefix,
        };
        let timeline = run.stages.timeline(&self.timeline)?;
        let spans = || self.shots.iter().map(|&(start, end)| start..end);
        let mut made = cutter.made()?;
        let is_made =
            |made: &ProxyKeys, span: &Range<u64>| made.contains_key(&(span.start, span.end));
        let frames = |spans: &mut dyn Iterator<Item = Range<u64>>| -> u64 {
            spans.map(|span| span.end - span.start).sum()
        };
        let total = frames(&mut spans());
        let mut observer = ResumedProgress {
            watch: run.watch,
            before: frames(&mut spans().filter(|span| is_made(&made, span))),
            total,
        };
        run.watch.progress(observer.before, Some(total));
        if observer.before < total {
            let missing: Vec<_> = spans()
                .filter(|span| !is_made(&made, span))
                .map(|span| timeline.stretch(&span))
                .collect();
            made.extend(cutter.cut(&mut missing.into_iter(), &mut observer)?);
        }
        let key = |span: Range<u64>| {
            let key = made.get(&(span.start, span.end));
            key.cloned().ok_or(StageError::Panicked)
        };
        Ok(ProxiesOutput {
            keys: spans().map(key).collect::<Result<_, _>>()?,
        })
    }
}

/// Keys of proxies by first and one-past-last frame.
pub(super) type ProxyKeys = HashMap<(u64, u64), String>;

/// Cuts proxies of one video for one run.
pub(super) struct Cutter<'a> {
    pub(super) stages: &'a Stages,
    pub(super) media: &'a Locator,
    pub(super) height: u32,
    /// Prefix of the keys of the run's objects.
    pub(super) prefix: &'a str,
}

impl Cutter<'_> {
    /// The proxies that exist already, from an interrupted attempt or made early. Each is complete and valid,
    /// whenever it was made.
    pub(super) fn made(&self) -> Result<ProxyKeys, StageError> {
        let keys = self.stages.storage.keys_under(self.prefix);
        let keys = self.stages.runtime.block_on(keys)?;
        let made = keys.into_iter().filter_map(|key| {
            let frames = proxy_name::frames(&key)?;
            Some(((frames.start, frames.end), key))
        });
        Ok(made.collect())
    }

    /// Cuts and stores `stretches`, which may become known one by one.
    pub(super) fn cut(
        &self,
        stretches: &mut dyn Iterator<Item = Stretch>,
        observer: &mut dyn Observer,
    ) -> Result<ProxyKeys, StageError> {
        let params = ProxyParams {
            height: self.height,
            ..self.stages.proxy.clone()
        };
        let mut stored = ProxyKeys::new();
        let mut store = |frames: Range<u64>, mp4: Vec<u8>| {
            let key = proxy_name::name(self.prefix, &frames, &mp4);
            self.stages.put(&key, mp4)?;
            stored.insert((frames.start, frames.end), key);
            Ok(())
        };
        let mut source = self.stages.open(self.media)?;
        let sandbox = &self.stages.sandbox;
        let source = source.as_mut();
        sandbox
            .proxies(source, &params, stretches, observer, &mut store)
            .map_err(|ended| ended.or(StageError::media(&self.media.uri)))?;
        Ok(stored)
    }
}

/// Progress of a run that was partly done before.
struct ResumedProgress<'a> {
    watch: &'a Watch,
    before: u64,
    total: u64,
}

impl Observer for ResumedProgress<'_> {
    fn progress(&mut self, done: u64, _unknown: Option<u64>) {
        let done = self.before.saturating_add(done);
        self.watch.progress(done, Some(self.total));
    }

    fn cancelled(&self) -> bool {
        self.watch.stopped()
    }
}
