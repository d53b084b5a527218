//! One video: its shots go in, their frames' vectors come out.

use std::sync::Arc;
use std::time::Duration;

use rushes_models::device::{Device, Received, TaggedVector};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::Embedder;
use super::decode::VideoJobs;
use super::fetch::Fetch;
use crate::error::StageError;
use crate::storage::Storage;
use crate::watch::Watch;

/// How often somebody who waits looks whether the work is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// A video to embed.
#[derive(Debug)]
pub struct Video<'a> {
    /// Where the proxies are.
    pub storage: &'a Storage,
    /// The runtime on which the store is reached.
    pub runtime: &'a Handle,
    /// The device to use.
    pub device: &'a Arc<Device>,
    /// Frames sampled of each shot, at least one.
    pub frames: usize,
    /// The shots to do, by number, and the keys of their proxies.
    pub shots: Vec<(usize, String)>,
}

/// The vectors of one shot.
#[derive(Debug, Clone, PartialEq)]
pub struct ShotVectors {
    /// Its number.
    pub shot: usize,
    /// A unit vector of each sampled frame, in order of time.
    pub frames: Vec<Vec<f32>>,
}

/// Ends the fetching of a video when it is dropped.
struct Fetching(tokio::task::JoinHandle<()>);

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Embedder {
    /// Embeds the shots of a video; `ready` is told of each, in no particular order. Blocks; call it on
    /// a worker thread. When it returns, nothing of the video is running any more.
    ///
    /// # Errors
    /// A proxy is missing or cannot be decoded, the device ended, `ready` refused, or `watch` was
    /// stopped.
    pub fn stream(
        &self,
        video: Video<'_>,
        watch: &Watch,
        ready: &mut dyn FnMut(ShotVectors) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let frames = video.frames.max(1);
        let window = self.window(video.device, frames);
        // So many may be promised that those who push are held up by the device alone.
        let (feed, answers) = video.device.open(window * frames)?;
        let jobs = Arc::new(VideoJobs::new(Arc::clone(video.device), frames));
        let places = Arc::new(Semaphore::new(window));
        let mut gathered = PendingShots::new(frames, video.shots.iter().map(|(shot, _)| *shot));
        let fetch = Fetch {
            storage: video.storage.clone(),
            budget: Arc::clone(&self.budget),
            window: Arc::clone(&places),
            jobs: self.decoders.jobs(),
            shots: video.shots,
            video: Arc::clone(&jobs),
            feed,
        };
        let fetching = Fetching(video.runtime.spawn(fetch.run()));
        let streamed = loop {
            if watch.stopped() {
                break Err(StageError::Cancelled);
            }
            match answers.receive(LOOK) {
                Ok(Received::Answer(answer)) => {
                    if let Some(shot) = gathered.take(answer) {
                        places.add_permits(1);
                        if let Err(error) = ready(shot) {
                            break Err(error);
                        }
                    }
                }
                Ok(Received::TimedOut) => {}
                Ok(Received::Finished) if gathered.is_whole() => break Ok(()),
                // Somebody dropped the feed without a word: a thread is gone.
                Ok(Received::Finished) => {
                    break Err(jobs.take_failure().unwrap_or(StageError::Panicked));
                }
                Err(error) => break Err(jobs.take_failure().unwrap_or_else(|| error.into())),
            }
        };
        drop(fetching);
        answers.end();
        streamed
    }

    /// Shots of one video that may be under way: enough to fill the device's queue, a batch at each
    /// encoder and one that is being taken, every decoder, and the next few proxies.
    fn window(&self, device: &Device, frames: usize) -> usize {
        let pictures = 2 * device.queue();
        pictures.div_ceil(frames) + 4 * self.decoders.count()
    }
}

/// Vectors of shots that are not whole yet.
struct PendingShots {
    frames: usize,
    /// By shot; taken out once whole.
    shots: std::collections::HashMap<usize, Vec<Option<Vec<f32>>>>,
}

impl PendingShots {
    fn new(frames: usize, shots: impl Iterator<Item = usize>) -> Self {
        Self {
            frames,
            shots: shots.map(|shot| (shot, Vec::new())).collect(),
        }
    }

    fn is_whole(&self) -> bool {
        self.shots.is_empty()
    }

    /// Puts a vector in its place; the shot, if it is whole by that.
    fn take(&mut self, answer: TaggedVector) -> Option<ShotVectors> {
        let tag = usize::try_from(answer.tag).ok()?;
        let (shot, frame) = (tag / self.frames, tag % self.frames);
        let slots = self.shots.get_mut(&shot)?;
        slots.resize(self.frames, None);
        slots[frame] = Some(answer.vector);
        if slots.iter().any(Option::is_none) {
            return None;
        }
        let frames = self.shots.remove(&shot)?.into_iter().flatten().collect();
        Some(ShotVectors { shot, frames })
    }
}
