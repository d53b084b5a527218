//! Fetches proxies: several at a time, within a byte budget that matches the decoders.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rushes_models::device::Feed;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::decode::{Failure, Job};
use crate::error::StageError;
use crate::storage::{Storage, StorageError};

/// Bytes per read. Nearly every proxy is smaller, so its first part is all of it.
const PART: u64 = 8 << 20;
/// Unit of the budget, in bytes.
const UNIT: u64 = 1 << 10;
/// Largest proxy in bytes; our encoder's own limit is half of it.
const LARGEST: u64 = 1 << 30;

/// The byte budget: what all videos of a process may have fetched and not decoded yet.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: Arc<Semaphore>,
    /// Held while a proxy of several parts is read: one at a time, outside the budget. If several waited for
    /// more budget while each held some, none might ever continue.
    large: Arc<Semaphore>,
}

/// Reserved bytes, returned when dropped.
#[derive(Debug)]
pub(super) struct BudgetPermit {
    _bytes: OwnedSemaphorePermit,
    _large: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let units = (bytes as u64).max(PART) / UNIT;
        let units = usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            bytes: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// Room for one part.
    async fn part(&self) -> Result<OwnedSemaphorePermit, StageError> {
        let units = u32::try_from(PART / UNIT).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.bytes).acquire_many_owned(units).await;
        // The semaphore is never closed.
        permit.map_err(|_closed| StageError::Cancelled)
    }
}

/// What is needed to fetch the proxies of one video.
pub(super) struct Fetch {
    pub(super) storage: Storage,
    pub(super) budget: Arc<Budget>,
    /// Shots that may be in progress. Taking a shot's vectors returns its place.
    pub(super) window: Arc<Semaphore>,
    pub(super) jobs: mpsc::Sender<Job>,
    /// The remaining shots, and their proxies' keys.
    pub(super) shots: Vec<(usize, String)>,
    /// The job for each proxy; its bytes and place are filled in.
    pub(super) video: Arc<super::decode::VideoJobs>,
    pub(super) feed: Feed,
}

impl Fetch {
    /// Fetches all proxies in order, as there is room, and ends early if the video is given up. Dropping it
    /// stops everything.
    pub(super) async fn run(self) {
        let mut fetching: JoinSet<()> = JoinSet::new();
        for (shot, key) in self.shots {
            // Remove finished fetches at once, so that the set stays as small as the window.
            while fetching.try_join_next().is_some() {}
            let Ok(place) = self.window.acquire().await else {
                return;
            };
            place.forget();
            let Ok(held) = self.budget.part().await else {
                return;
            };
            let (storage, budget) = (self.storage.clone(), Arc::clone(&self.budget));
            let (jobs, video, feed) = (
                self.jobs.clone(),
                Arc::clone(&self.video),
                self.feed.clone(),
            );
            fetching.spawn(async move {
                let fetched = fetch(&storage, &budget, &key, held).await;
                match fetched {
                    Ok((bytes, held)) => {
                        let job = Job {
                            shot,
                            key,
                            bytes,
                            held,
                            video,
                            feed,
                        };
                        if jobs.send(job).await.is_err() {
                            tracing::error!("the decoding threads are gone");
                        }
                    }
                    Err(error) => video.fail(Failure(error.into()), &feed),
                }
            });
        }
        // The feed must not outlive the running fetches.
        drop(self.feed);
        while fetching.join_next().await.is_some() {}
    }
}

/// One complete proxy.
async fn fetch(
    storage: &Storage,
    budget: &Budget,
    key: &str,
    mut bytes: OwnedSemaphorePermit,
) -> Result<(Bytes, BudgetPermit), StorageError> {
    let first = storage.part(key, 0, PART, None).await?;
    if first.size <= PART {
        // The rest of the part's budget is free for others.
        let used = usize::try_from(first.size.div_ceil(UNIT)).unwrap_or(usize::MAX);
        let surplus = bytes.num_permits().saturating_sub(used);
        drop(bytes.split(surplus));
        let held = BudgetPermit {
            _bytes: bytes,
            _large: None,
        };
        return Ok((first.bytes, held));
    }
    if first.size > LARGEST {
        return Err(StorageError::TooLarge {
            name: key.to_owned(),
            limit: LARGEST,
        });
    }
    let large = Arc::clone(&budget.large).acquire_owned().await.ok();
    let mut whole = BytesMut::with_capacity(usize::try_from(first.size).unwrap_or(0));
    whole.extend_from_slice(&first.bytes);
    while (whole.len() as u64) < first.size {
        let part = storage
            .part(key, whole.len() as u64, PART, first.version.clone())
            .await?;
        if part.bytes.is_empty() || part.size != first.size {
            return Err(StorageError::Changed(key.to_owned()));
        }
        whole.extend_from_slice(&part.bytes);
    }
    let held = BudgetPermit {
        _bytes: bytes,
        _large: large,
    };
    Ok((whole.freeze(), held))
}
