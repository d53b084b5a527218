//! One video: its shots go in, and their frames' vectors come out.

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

/// How often a waiting thread checks whether the work was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// A video to embed.
#[derive(Debug)]
pub struct Video<'a> {
    /// The store of the proxies.
    pub storage: &'a Storage,
    /// The runtime for access to the store.
    pub runtime: &'a Handle,
    /// The device to use.
    pub device: &'a Arc<Device>,
    /// Frames sampled per shot, at least one.
    pub frames: usize,
    /// The shots to embed, by number, and their proxies' keys.
    pub shots: Vec<(usize, String)>,
}

/// The vectors of one shot.
#[derive(Debug, Clone, PartialEq)]
pub struct ShotVectors {
    /// Its number.
    pub shot: usize,
    /// One unit vector per sampled frame, by time.
    pub frames: Vec<Vec<f32>>,
}

/// Stops the fetching of a video when dropped.
struct Fetching(tokio::task::JoinHandle<()>);

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Embedder {
    /// Embeds the shots of a video and calls `ready` for each, in no particular order. Blocks; call it on a
    /// worker thread. When it returns, nothing of the video is running any more.
    ///
    /// # Errors
    /// A proxy is missing or undecodable, the device ended, `ready` returned an error, or `watch` was stopped.
    pub fn stream(
        &self,
        video: Video<'_>,
        watch: &Watch,
        ready: &mut dyn FnMut(ShotVectors) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let frames = video.frames.max(1);
        let window = self.window(video.device, frames);
        // Large enough that only the device holds up the senders.
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
                // The feed was dropped without a message, so a thread is gone.
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

    /// Shots of one video that may be in progress: enough to fill the device's queue, a batch at each encoder
    /// and one that is being formed, every decoder, and the next few proxies.
    fn window(&self, device: &Device, frames: usize) -> usize {
        let pictures = 2 * device.queue();
        pictures.div_ceil(frames) + 4 * self.decoders.count()
    }
}

/// Vectors of incomplete shots.
struct PendingShots {
    frames: usize,
    /// By shot; removed once complete.
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

    /// Stores a vector, and returns the shot if that completes it.
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
