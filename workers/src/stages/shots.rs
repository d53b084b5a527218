//! `shots`: the time of every frame, and where each shot begins and ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};

use super::proxies::Cutter;
use super::{Observed, StageError, Stages};
use crate::sandbox::Observer;
use crate::segment::{DetectorKind, SegmentParams, ShotScan};
use crate::storage::Locator;
use crate::task::{EarlyProxies, Output, ShotSpan};
use crate::time::Stretch;
use crate::worker::Watch;

/// Shots that may wait to be cut early. No film that is one has so many.
const WAITING: usize = 1 << 16;

/// The shots of one film.
pub(super) struct Shots<'a> {
    pub(super) stages: &'a Stages,
    pub(super) media: &'a Locator,
    pub(super) detector: DetectorKind,
}

impl Shots<'_> {
    pub(super) fn run(
        &self,
        proxies: Option<&EarlyProxies>,
        prefix: &str,
        watch: &Watch,
    ) -> Result<Output, StageError> {
        let scan = match proxies {
            Some(proxies) => self.scan_and_cut(proxies, watch),
            None => self.scan(watch, None),
        }?;
        let timeline = scan.timeline;
        let shots = scan
            .shots
            .iter()
            .map(|shot| ShotSpan {
                start: shot.start,
                end: shot.end,
                start_ms: timeline.ms_of(shot.start),
                end_ms: timeline.ms_of(shot.end),
                boundary: shot.opening.kind.as_str().to_owned(),
                confidence: shot.opening.confidence,
                same_as: shot.same_as,
            })
            .collect();
        let warnings = scan
            .clock_breaks
            .iter()
            .map(|found| {
                format!(
                    "{}: {} at {} ms; the film plays on without a gap",
                    self.media.uri,
                    found.describe(),
                    timeline.ms_at(found.at_pts),
                )
            })
            .chain(scan.corrupt.iter().map(|span| {
                format!(
                    "{}: damaged between {} ms and {} ms; frames there may be missing",
                    self.media.uri,
                    timeline.ms_at(span.start_pts),
                    timeline.ms_at(span.end_pts),
                )
            }))
            .collect();
        let key = format!("{prefix}/timeline.json.zst");
        let json = serde_json::to_vec(&timeline)
            .map_err(|_unserialisable| StageError::Corrupt(key.clone()))?;
        let packed = zstd::encode_all(json.as_slice(), 3).map_err(|source| StageError::Read {
            name: key.clone(),
            source,
        })?;
        self.stages.put(&key, packed)?;
        Ok(Output::Shots {
            timeline: key,
            frames: timeline.frames(),
            rate: timeline.rate,
            variable: timeline.variable,
            start_timecode: timeline.start_timecode,
            shots,
            warnings,
        })
    }

    fn scan(
        &self,
        watch: &Watch,
        settled: Option<&mut dyn FnMut(Stretch)>,
    ) -> Result<ShotScan, StageError> {
        let mut source = self.stages.open(self.media)?;
        let params = SegmentParams {
            detector: self.detector,
            ..self.stages.segment.clone()
        };
        let (sandbox, source) = (&self.stages.sandbox, source.as_mut());
        let observer = &mut Observed(watch);
        match settled {
            Some(settled) => sandbox.shots_as_they_settle(source, &params, observer, settled),
            None => sandbox.shots(source, &params, observer),
        }
        .map_err(StageError::media(&self.media.uri))
    }

    /// Looks for shots, and meanwhile cuts proxies of those that are settled. Their own run continues from there; what goes wrong
    /// with them it will meet, and report, itself.
    fn scan_and_cut(&self, proxies: &EarlyProxies, watch: &Watch) -> Result<ShotScan, StageError> {
        let cutter = Cutter {
            stages: self.stages,
            media: self.media,
            height: proxies.height,
            prefix: &proxies.prefix,
        };
        let made = match cutter.made() {
            Ok(made) => made,
            Err(error) => {
                tracing::debug!(%error, "no proxies are cut early");
                return self.scan(watch, None);
            }
        };
        let (sender, receiver) = mpsc::sync_channel::<Stretch>(WAITING);
        let through = AtomicBool::new(false);
        thread::scope(|scope| {
            let cut = || {
                let mut missing = receiver
                    .into_iter()
                    .filter(|shot| !made.contains_key(&(shot.frames.start, shot.frames.end)));
                let mut until = Until {
                    watch,
                    through: &through,
                };
                if let Err(error) = cutter.cut(&mut missing, &mut until)
                    && !until.cancelled()
                {
                    tracing::debug!(%error, media = self.media.uri, "no proxies are cut early");
                }
            };
            let started = thread::Builder::new()
                .name("early-proxies".to_owned())
                .spawn_scoped(scope, cut);
            // Without a cutter nobody takes them, and those for which there is no room are cut later.
            let mut settled = |shot| drop(sender.try_send(shot));
            let scan = self.scan(watch, Some(&mut settled));
            drop(sender);
            through.store(true, Ordering::Relaxed);
            match started.map(ScopedJoinHandle::join) {
                Ok(Ok(())) => {}
                Ok(Err(_panic)) => {
                    tracing::error!(media = self.media.uri, "cutting proxies early panicked");
                }
                Err(error) => tracing::debug!(%error, "no thread to cut proxies early"),
            }
            scan
        })
    }
}

/// Gives up when the shots are found.
struct Until<'a> {
    watch: &'a Watch,
    through: &'a AtomicBool,
}

impl Observer for Until<'_> {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        self.watch.stopped() || self.through.load(Ordering::Relaxed)
    }
}
