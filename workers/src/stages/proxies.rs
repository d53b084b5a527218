//! `proxies`: each shot as a small mp4 in the object store.

use super::{Observed, StageError, Stages};
use crate::media::{MediaError, ProxyParams};
use crate::sandbox::ProxyJob;
use crate::storage::Locator;
use crate::task::Output;
use crate::worker::Watch;

pub(super) struct Proxies<'a> {
    pub(super) stages: &'a Stages,
    pub(super) media: &'a Locator,
    pub(super) timeline: &'a str,
    pub(super) shots: &'a [(u64, u64)],
    pub(super) height: u32,
    pub(super) prefix: &'a str,
}

impl Proxies<'_> {
    pub(super) fn run(&self, watch: &Watch) -> Result<Output, StageError> {
        let timeline = self.stages.timeline(self.timeline)?;
        let spans: Vec<_> = self.shots.iter().map(|&(start, end)| start..end).collect();
        let keys: Vec<_> = (0..spans.len())
            .map(|at| format!("{}/{at:06}.mp4", self.prefix))
            .collect();
        let params = ProxyParams {
            height: self.height,
            ..self.stages.proxy.clone()
        };
        let mut source = self.stages.open(self.media)?;
        // A refusing store ends the decoding; its own error is the one to report.
        let mut refused = None;
        let mut store = |at: usize, mp4: Vec<u8>| {
            self.stages.put(&keys[at], mp4).map_err(|error| {
                refused = Some(error);
                MediaError::Cancelled
            })
        };
        let made = self.stages.sandbox.proxies(
            source.as_mut(),
            &ProxyJob {
                timeline: &timeline,
                spans: &spans,
                params: &params,
            },
            &mut Observed(watch),
            &mut store,
        );
        match (made, refused) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(StageError::media(&self.media.uri)(error)),
            (Ok(()), None) => Ok(Output::Proxies { keys }),
        }
    }
}
