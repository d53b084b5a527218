//! Cuts stretches of a video, asking for them one after the other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::media::{self, Bounds, CutOutput, MediaError, ProxyParams};
use crate::sandbox::{
    ChildJob, HandUp, Limits, Observer, Parent, PassError, Sandbox, encode, protocol,
};
use crate::source::ByteSource;
use crate::time::Stretch;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ProxiesJob(ProxyParams);

impl ChildJob for ProxiesJob {
    const NAME: &'static str = "proxies";
    type Output = ();

    fn max_blob(&self, _limits: &Limits) -> u64 {
        self.0.max_bytes
    }

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<(), MediaError> {
        let video = media::CutSource { source, bounds };
        let parent = RefCell::new(parent);
        let mut stretches = std::iter::from_fn(|| next(&parent.borrow()).transpose());
        media::cut(video, &mut stretches, &self.0, &mut Upwards(&parent))
    }
}

/// The next stretch to cut, from the parent; `None` at the end.
fn next(parent: &Parent) -> Result<Option<Stretch>, MediaError> {
    let json = parent.ask(Vec::new())?;
    if json.is_empty() {
        return Ok(None);
    }
    let stretch = serde_json::from_slice(&json);
    stretch.map_err(|error| MediaError::Internal(error.to_string()))
}

/// Proxies are sent one by one.
struct Upwards<'a, 'b>(&'a RefCell<&'b mut Parent>);

impl CutOutput for Upwards<'_, '_> {
    fn progress(&mut self, done: u64) -> Result<(), MediaError> {
        self.0.borrow_mut().progress(done, None)
    }

    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
        self.0.borrow().blob(index as u64, bytes)
    }
}

/// The stretches to cut, and a function that receives the proxies with their frames: one per stretch, in order.
struct Proxies<'a, E> {
    stretches: &'a mut dyn Iterator<Item = Stretch>,
    sink: &'a mut dyn FnMut(Range<u64>, Vec<u8>) -> Result<(), E>,
    /// The frames that were requested but not received yet.
    asked: VecDeque<Range<u64>>,
    made: usize,
}

impl<E> Proxies<'_, E> {
    /// Whether the child has cut everything.
    fn finish(self) -> Result<(), MediaError> {
        if self.asked.is_empty() && self.stretches.next().is_none() {
            return Ok(());
        }
        Err(protocol("the end before everything was cut".to_owned()))
    }
}

impl<E> HandUp for Proxies<'_, E> {
    type Error = PassError<E>;

    fn answer(&mut self, _question: &[u8]) -> Result<Vec<u8>, PassError<E>> {
        let Some(next) = self.stretches.next() else {
            return Ok(Vec::new());
        };
        self.asked.push_back(next.frames.clone());
        Ok(encode(&next)?)
    }

    fn blob(&mut self, number: usize, bytes: Vec<u8>) -> Result<(), PassError<E>> {
        let frames = self.asked.pop_front().filter(|_| number == self.made);
        let frames = frames
            .ok_or_else(|| protocol(format!("an unexpected proxy with the number {number}")))?;
        self.made += 1;
        (self.sink)(frames, bytes).map_err(PassError::Receiver)
    }
}

impl Sandbox {
    /// Passes one small mp4 per stretch to `sink`, in order and with its frames. The next stretch is requested
    /// when the previous one is done; that may block.
    ///
    /// # Errors
    /// Any [`MediaError`], or the error of `sink`, which ends the work.
    pub fn proxies<E>(
        &self,
        source: &mut dyn ByteSource,
        params: &ProxyParams,
        stretches: &mut dyn Iterator<Item = Stretch>,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(Range<u64>, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PassError<E>> {
        let mut proxies = Proxies {
            stretches,
            sink,
            asked: VecDeque::new(),
            made: 0,
        };
        self.run(source, &ProxiesJob(params.clone()), observer, &mut proxies)?;
        Ok(proxies.finish()?)
    }
}
