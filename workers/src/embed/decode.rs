//! Threads that decode proxies and prepare their frames, shared by all videos of a process.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use rushes_models::device::{Device, Feed};
use rushes_models::with_causes;
use tokio::sync::mpsc;

use super::fetch::BudgetPermit;
use crate::error::StageError;
use crate::media::sample_frames;
use crate::proxy_name;

/// Longest side of scaled frames in pixels; encoders use 224 to 384.
const MAX_SIDE: u32 = 640;

/// A fetched proxy.
pub(super) struct Job {
    pub(super) shot: usize,
    pub(super) key: String,
    pub(super) bytes: Bytes,
    /// Its share of the byte budget, held until it is decoded.
    pub(super) held: BudgetPermit,
    pub(super) video: Arc<VideoJobs>,
    pub(super) feed: Feed,
}

/// Shared by the jobs of one video.
#[derive(Debug)]
pub(super) struct VideoJobs {
    pub(super) device: Arc<Device>,
    /// Frames sampled per shot.
    pub(super) frames: usize,
    /// The first failure.
    failure: Mutex<Option<StageError>>,
}

/// Why a video cannot be embedded.
pub(super) struct Failure(pub(super) StageError);

impl VideoJobs {
    pub(super) const fn new(device: Arc<Device>, frames: usize) -> Self {
        Self {
            device,
            frames,
            failure: Mutex::new(None),
        }
    }

    /// Gives the video up. The first failure is reported.
    pub(super) fn fail(&self, Failure(error): Failure, feed: &Feed) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        drop(failure);
        feed.give_up();
    }

    pub(super) fn take_failure(&self) -> Option<StageError> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// A bounded pool of named threads. They end when the pool is dropped and its jobs are done.
#[derive(Debug)]
pub(super) struct Decoders {
    count: usize,
    jobs: OnceLock<mpsc::Sender<Job>>,
}

impl Decoders {
    pub(super) const fn new(count: usize) -> Self {
        Self {
            count,
            jobs: OnceLock::new(),
        }
    }

    /// Number of threads.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The queue for jobs. The threads start at first use.
    pub(super) fn jobs(&self) -> mpsc::Sender<Job> {
        let started = self.jobs.get_or_init(|| {
            // One waiting job per thread, so that threads do not wait for the network.
            let (sender, receiver) = mpsc::channel(self.count);
            let receiver = Arc::new(Mutex::new(receiver));
            for number in 0..self.count {
                let receiver = Arc::clone(&receiver);
                let started = std::thread::Builder::new()
                    .name(format!("decode-{number}"))
                    .spawn(move || work(&receiver));
                if let Err(error) = started {
                    // Without threads, jobs find the channel closed.
                    tracing::error!(error = %with_causes(&error), "cannot start a decoding thread");
                }
            }
            sender
        });
        started.clone()
    }
}

fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // The holder of the lock waits for the next job, and the others for the lock.
        let next = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = next else { return };
        if job.feed.is_given_up() {
            continue;
        }
        let (video, feed) = (Arc::clone(&job.video), job.feed.clone());
        // A panic fails the video of the proxy, and neither the thread nor other videos.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decode(job)))
            .unwrap_or(Err(StageError::Panicked));
        if let Err(error) = done {
            video.fail(Failure(error), &feed);
        }
    }
}

fn decode(job: Job) -> Result<(), StageError> {
    let Job {
        shot,
        key,
        bytes,
        held,
        video,
        feed,
    } = job;
    proxy_name::verify(&key, &bytes)?;
    let pictures =
        sample_frames(Box::new(bytes), video.frames, MAX_SIDE).map_err(StageError::media(&key))?;
    drop(held);
    if pictures.len() != video.frames {
        return Err(StageError::Corrupt(key));
    }
    let prepared: Result<Vec<_>, _> = pictures
        .iter()
        .map(|picture| video.device.prepare(picture))
        .collect();
    drop(pictures);
    for (frame, picture) in prepared?.into_iter().enumerate() {
        feed.push((shot * video.frames + frame) as u64, picture)?;
    }
    Ok(())
}
