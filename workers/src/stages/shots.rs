//! `shots`: the time of every frame, and the start and end of each shot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, ScopedJoinHandle};

use rushes_models::with_causes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Observed, RunContext, Stage, Stages};
use super::proxies::Cutter;
use crate::error::StageError;
use crate::sandbox::Observer;
use crate::segment::{Boundary, DetectorKind, SegmentParams, ShotScan};
use crate::storage::Locator;
use crate::time::{Rate, Stretch};
use crate::watch::Watch;

/// Most shots waiting to be cut early. No real video has this many.
const WAITING: usize = 1 << 16;

/// Find the time of every frame and the boundaries of every shot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShotsTask {
    /// The video.
    pub media: Locator,
    /// The boundary detector.
    #[serde(default)]
    #[schema(value_type = String)]
    pub detector: DetectorKind,
    /// The proxy run that depends on this run. Some of its proxies may be cut while shots are still being
    /// detected.
    #[serde(default)]
    pub proxies: Option<EarlyProxies>,
}

/// Proxies that may be cut before their own run starts. That run then resumes from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarlyProxies {
    /// Prefix of the keys of the proxy run's objects.
    pub prefix: String,
    /// Height in pixels.
    pub height: u32,
}

/// The output of a [`ShotsTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShotsOutput {
    /// Key of the stored [`crate::time::Timeline`].
    pub timeline: String,
    /// Number of frames.
    pub frames: u64,
    /// Nominal frame rate.
    #[schema(value_type = String, example = "24000/1001")]
    pub rate: Rate,
    /// Whether timecode is nominal.
    pub variable: bool,
    /// The source's own start timecode.
    pub start_timecode: Option<String>,
    /// The shots, in order, covering every frame.
    pub shots: Vec<ShotSpan>,
    /// Problems with the video that did not stop the work.
    pub warnings: Vec<String>,
}

/// A detected shot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShotSpan {
    /// First frame.
    pub start: u64,
    /// One past the last frame.
    pub end: u64,
    /// Start of the first frame, in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End of the last frame, in milliseconds from the start of the file.
    pub end_ms: u64,
    /// The boundary at its start. It ends with the boundary of the next shot, or with the video.
    #[schema(value_type = Object)]
    pub opening: Boundary,
    /// Index of the video's first shot that looks nearly the same, if that is an earlier shot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<u64>,
}

impl Stage for ShotsTask {
    type Output = ShotsOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<ShotsOutput, StageError> {
        let scanner = Scanner {
            stages: run.stages,
            media: &self.media,
            detector: self.detector,
            watch: run.watch,
        };
        let scan = match &self.proxies {
            Some(proxies) => scanner.scan_and_cut(proxies),
            None => scanner.scan(None),
        }?;
        let timeline = scan.timeline;
        let shots = scan.shots.iter().map(|shot| ShotSpan {
            start: shot.start,
            end: shot.end,
            start_ms: timeline.ms_of(shot.start),
            end_ms: timeline.ms_of(shot.end),
            opening: shot.opening,
            same_as: shot.same_as,
        });
        let shots = shots.collect();
        let warnings = scan
            .clock_breaks
            .iter()
            .map(|found| {
                format!(
                    "{}: {} at {} ms; the break was repaired, so the video has no gap",
                    self.media.uri,
                    found.describe(),
                    timeline.ms_at(found.at_pts),
                )
            })
            .chain(scan.corrupt.iter().map(|span| {
                format!(
                    "{}: damaged between {} ms and {} ms; frames may be missing there",
                    self.media.uri,
                    timeline.ms_at(span.start_pts),
                    timeline.ms_at(span.end_pts),
                )
            }))
            .collect();
        let key = format!("{}/timeline.json.zst", run.prefix);
        let json = serde_json::to_vec(&timeline)
            .map_err(|_unserialisable| StageError::Corrupt(key.clone()))?;
        let packed = zstd::encode_all(json.as_slice(), 3).map_err(|source| StageError::Read {
            name: key.clone(),
            source,
        })?;
        run.stages.put(&key, packed)?;
        Ok(ShotsOutput {
            timeline: key,
            frames: timeline.frames(),
            rate: timeline.rate,
            variable: timeline.variable,
            start_timecode: timeline.start_timecode,
            shots,
            warnings,
        })
    }
}

/// Detects the shots of one video.
struct Scanner<'a> {
    stages: &'a Stages,
    media: &'a Locator,
    detector: DetectorKind,
    watch: &'a Watch,
}

impl Scanner<'_> {
    fn scan(&self, settled: Option<&mut dyn FnMut(Stretch)>) -> Result<ShotScan, StageError> {
        let mut source = self.stages.open(self.media)?;
        let params = SegmentParams {
            detector: self.detector,
            ..self.stages.segment.clone()
        };
        let (sandbox, source) = (&self.stages.sandbox, source.as_mut());
        let observer = &mut Observed(self.watch);
        match settled {
            Some(settled) => sandbox.shots_as_they_settle(source, &params, observer, settled),
            None => sandbox.shots(source, &params, observer),
        }
        .map_err(StageError::media(&self.media.uri))
    }

    /// Detects shots and meanwhile cuts proxies of the final ones. The proxy run resumes from these. It also
    /// meets and reports any problem with them.
    fn scan_and_cut(&self, proxies: &EarlyProxies) -> Result<ShotScan, StageError> {
        let cutter = Cutter {
            stages: self.stages,
            media: self.media,
            height: proxies.height,
            prefix: &proxies.prefix,
        };
        let made = match cutter.made() {
            Ok(made) => made,
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "cannot cut proxies early");
                return self.scan(None);
            }
        };
        let (sender, receiver) = mpsc::sync_channel::<Stretch>(WAITING);
        let through = AtomicBool::new(false);
        thread::scope(|scope| {
            let cut = || {
                let mut missing = receiver
                    .into_iter()
                    .filter(|shot| !made.contains_key(&(shot.frames.start, shot.frames.end)));
                let mut until = UntilScanned {
                    watch: self.watch,
                    through: &through,
                };
                if let Err(error) = cutter.cut(&mut missing, &mut until)
                    && !until.cancelled()
                {
                    tracing::debug!(error = %with_causes(&error), media = self.media.uri, "cannot cut proxies early");
                }
            };
            let started = thread::Builder::new()
                .name("early-proxies".to_owned())
                .spawn_scoped(scope, cut);
            // Without a cutter nobody takes them; those for which there is no room are cut later.
            let mut settled = |shot| drop(sender.try_send(shot));
            let scan = self.scan(Some(&mut settled));
            drop(sender);
            through.store(true, Ordering::Relaxed);
            match started.map(ScopedJoinHandle::join) {
                Ok(Ok(())) => {}
                Ok(Err(_panic)) => {
                    tracing::error!(media = self.media.uri, "cutting proxies early panicked");
                }
                Err(error) => {
                    tracing::debug!(error = %with_causes(&error), "cannot start a thread to cut proxies early");
                }
            }
            scan
        })
    }
}

/// Stops when all shots have been detected.
struct UntilScanned<'a> {
    watch: &'a Watch,
    through: &'a AtomicBool,
}

impl Observer for UntilScanned<'_> {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        self.watch.stopped() || self.through.load(Ordering::Relaxed)
    }
}
