//! The owner's two ends of a submission.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, PoisonError};
use std::time::{Duration, Instant};

use super::error::DeviceError;
use super::queue::{Item, Lane, Shared};
use crate::preprocess::Prepared;

/// A vector, with the tag of its picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedVector {
    /// As given to [`Feed::push`].
    pub tag: u64,
    /// A unit vector of the device's space.
    pub vector: Vec<f32>,
}

/// The result of waiting for an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A vector. Those of one submission may come in any order.
    Answer(TaggedVector),
    /// Nothing within the time limit.
    TimedOut,
    /// The feed is closed and every vector was taken.
    Finished,
}

/// The input of a submission. Clones are the same feed. It closes when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Feed(Arc<FeedEnd>);

/// The output of a submission. Dropping it gives the submission up: waiting pictures are dropped, and threads
/// that push get an error.
#[derive(Debug)]
pub struct Answers {
    shared: Arc<Shared>,
    submission: u64,
    answered: Arc<Condvar>,
}

#[derive(Debug)]
struct FeedEnd {
    shared: Arc<Shared>,
    submission: u64,
}

pub(super) fn open(shared: &Arc<Shared>, promised: usize) -> Result<(Feed, Answers), DeviceError> {
    let mut state = shared.lock();
    if let Some(failure) = &state.failure {
        return Err(failure.clone());
    }
    let submission = state.next_lane;
    state.next_lane += 1;
    let answered = Arc::new(Condvar::new());
    let lane = Lane {
        answers: VecDeque::new(),
        outstanding: 0,
        promised,
        is_fed: true,
        is_given_up: false,
        answered: Arc::clone(&answered),
    };
    state.lanes.insert(submission, lane);
    drop(state);
    // So that waiting time is counted from here on.
    shared.arrived.notify_all();
    let feed = FeedEnd {
        shared: Arc::clone(shared),
        submission,
    };
    let answers = Answers {
        shared: Arc::clone(shared),
        submission,
        answered,
    };
    Ok((Feed(Arc::new(feed)), answers))
}

impl Feed {
    /// Queues a picture. Blocks while the queue is full, or while the promised number of vectors was not taken
    /// yet.
    ///
    /// # Errors
    ///
    /// The device has ended, or the submission was given up.
    pub fn push(&self, tag: u64, picture: Prepared) -> Result<(), DeviceError> {
        self.0.shared.push(Item {
            submission: self.0.submission,
            tag,
            picture,
        })
    }

    /// Whether pushing is useless.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        let state = self.0.shared.lock();
        let lane = state.lanes.get(&self.0.submission);
        state.failure.is_some() || lane.is_none_or(|lane| lane.is_given_up)
    }

    /// Gives the submission up from this end, and notifies threads that wait for answers.
    pub fn give_up(&self) {
        give_up(&self.0.shared, self.0.submission);
    }
}

impl Drop for FeedEnd {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(lane) = state.lanes.get_mut(&self.submission) {
            lane.is_fed = false;
            lane.answered.notify_all();
        }
        drop(state);
        self.shared.arrived.notify_all();
    }
}

impl Answers {
    /// Waits for the next vector, at most this long.
    ///
    /// # Errors
    ///
    /// The device has ended, or the submission was given up.
    pub fn receive(&self, at_most: Duration) -> Result<Received, DeviceError> {
        let began = Instant::now();
        let mut state = self.shared.lock();
        loop {
            let failure = state.failure.clone();
            let Some(lane) = state.lanes.get_mut(&self.submission) else {
                return Err(DeviceError::Closed);
            };
            if lane.is_given_up {
                return Err(DeviceError::Closed);
            }
            if let Some((tag, vector)) = lane.answers.pop_front() {
                lane.outstanding -= 1;
                drop(state);
                self.shared.left.notify_all();
                return Ok(Received::Answer(TaggedVector { tag, vector }));
            }
            if lane.outstanding == 0 && !lane.is_fed {
                return Ok(Received::Finished);
            }
            if let Some(failure) = failure {
                return Err(failure);
            }
            let Some(rest) = at_most.checked_sub(began.elapsed()) else {
                return Ok(Received::TimedOut);
            };
            (state, _) = self
                .answered
                .wait_timeout(state, rest)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gives the submission up and waits until all its feeds are dropped.
    pub fn end(self) {
        give_up(&self.shared, self.submission);
        let mut state = self.shared.lock();
        while state
            .lanes
            .get(&self.submission)
            .is_some_and(|lane| lane.is_fed)
        {
            state = self
                .answered
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        give_up(&self.shared, self.submission);
        self.shared.lock().lanes.remove(&self.submission);
        self.shared.arrived.notify_all();
    }
}

/// Drops the waiting pictures of a submission.
fn give_up(shared: &Shared, submission: u64) {
    let mut state = shared.lock();
    state.queue.retain(|item| item.submission != submission);
    if let Some(lane) = state.lanes.get_mut(&submission) {
        lane.is_given_up = true;
        lane.answers.clear();
        lane.answered.notify_all();
    }
    drop(state);
    shared.left.notify_all();
    shared.arrived.notify_all();
}
