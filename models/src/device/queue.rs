//! The single queue before a device's encoders, and its waiting threads.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::Gauge;

use super::error::DeviceError;
use super::meter::{DeviceStats, WINDOW};
use crate::preprocess::Prepared;

/// A picture that waits for its vector.
pub(super) struct Item {
    pub(super) submission: u64,
    pub(super) tag: u64,
    pub(super) picture: Prepared,
}

/// The device's state of one submission.
pub(super) struct Lane {
    /// Vectors that were not taken yet: at most `promised`.
    pub(super) answers: VecDeque<(u64, Vec<f32>)>,
    /// Pictures pushed whose vectors were not taken yet.
    pub(super) outstanding: usize,
    /// The most that may be outstanding.
    pub(super) promised: usize,
    /// Whether any feed still exists.
    pub(super) is_fed: bool,
    /// Whether its owner has given it up.
    pub(super) is_given_up: bool,
    /// Wakes threads that wait for answers, or for the feed to be dropped.
    pub(super) answered: Arc<Condvar>,
}

impl Lane {
    /// Whether it may push before it takes an answer.
    const fn may_push(&self) -> bool {
        self.is_fed && !self.is_given_up && self.outstanding < self.promised
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Item>,
    pub(super) lanes: HashMap<u64, Lane>,
    pub(super) next_lane: u64,
    pub(super) stats: DeviceStats,
    /// Why the device ended.
    pub(super) failure: Option<DeviceError>,
    /// Whether the handle was dropped, so that no submission will be opened.
    pub(super) is_dropped: bool,
    /// When the newest picture arrived.
    last_arrival: Option<Instant>,
}

pub(super) struct Shared {
    pub(super) model: String,
    pub(super) batch: usize,
    /// Most pictures that may wait.
    pub(super) room: usize,
    linger: Duration,
    depth: Gauge,
    state: Mutex<State>,
    /// Wakes encoders.
    pub(super) arrived: Condvar,
    /// Wakes threads that push.
    pub(super) left: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("model", &self.model)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(model: &str, batch: usize, room: usize, linger: Duration) -> Self {
        Self {
            model: model.to_owned(),
            batch,
            room,
            linger,
            depth: metrics::gauge!("rushes_device_queue_depth", "model" => model.to_owned()),
            state: Mutex::default(),
            arrived: Condvar::new(),
            left: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a picture. Blocks while the queue is full, or while the submission has reached its limit.
    pub(super) fn push(&self, item: Item) -> Result<(), DeviceError> {
        let mut state = self.lock();
        loop {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            let has_room = state.queue.len() < self.room;
            match state.lanes.get_mut(&item.submission) {
                None => return Err(DeviceError::Closed),
                Some(lane) if lane.is_given_up => return Err(DeviceError::Closed),
                Some(lane) if has_room && lane.outstanding < lane.promised => {
                    lane.outstanding += 1;
                    break;
                }
                Some(_) => {}
            }
            state = self
                .left
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.queue.push_back(item);
        state.last_arrival = Some(Instant::now());
        self.tell_depth(&state);
        drop(state);
        self.arrived.notify_all();
        Ok(())
    }

    /// The next batch of at most `full` pictures; `None` if the device has ended, or if only the metrics are
    /// due. Adds to `waiting` the time spent waiting while a submission was open.
    pub(super) fn take(&self, full: usize, waiting: &mut Duration) -> QueueAnswer {
        let mut state = self.lock();
        let began = Instant::now();
        loop {
            if state.failure.is_some() {
                return QueueAnswer::Ended;
            }
            let linger = match state.ready(full, self.linger) {
                Ready::Now => break,
                Ready::In(linger) => linger,
                Ready::Never if state.is_dropped && state.lanes.is_empty() => {
                    return QueueAnswer::Ended;
                }
                Ready::Never => WINDOW,
            };
            if began.elapsed() >= WINDOW {
                return QueueAnswer::Nothing;
            }
            let is_wanted = !state.lanes.is_empty();
            let slice = Instant::now();
            (state, _) = self
                .arrived
                .wait_timeout(state, linger.min(WINDOW))
                .unwrap_or_else(PoisonError::into_inner);
            if is_wanted {
                *waiting += slice.elapsed();
            }
        }
        let count = full.min(state.queue.len());
        let batch: Vec<Item> = state.queue.drain(..count).collect();
        self.tell_depth(&state);
        drop(state);
        self.left.notify_all();
        QueueAnswer::Batch(batch)
    }

    /// Delivers vectors to their submissions.
    pub(super) fn answer(&self, answers: Vec<(u64, u64, Vec<f32>)>, done: &DeviceStats) {
        let mut state = self.lock();
        state.stats.add(done);
        for (submission, tag, vector) in answers {
            // The vectors of an abandoned submission are dropped.
            if let Some(lane) = state.lanes.get_mut(&submission)
                && !lane.is_given_up
            {
                lane.answers.push_back((tag, vector));
                lane.answered.notify_all();
            }
        }
    }

    /// Ends the device and wakes all waiting threads.
    pub(super) fn fail(&self, failure: DeviceError) {
        let mut state = self.lock();
        state.queue.clear();
        state.failure.get_or_insert(failure);
        for lane in state.lanes.values() {
            lane.answered.notify_all();
        }
        self.tell_depth(&state);
        drop(state);
        self.arrived.notify_all();
        self.left.notify_all();
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "pictures of a queue are far below 2^52"
    )]
    fn tell_depth(&self, state: &State) {
        self.depth.set(state.queue.len() as f64);
    }
}

/// What an encoder finds in the queue.
pub(super) enum QueueAnswer {
    Batch(Vec<Item>),
    /// Nothing at present; metrics may be reported.
    Nothing,
    /// Nothing, and nothing more will come.
    Ended,
}

/// When a batch may run.
enum Ready {
    Now,
    In(Duration),
    Never,
}

impl State {
    fn ready(&self, full: usize, linger: Duration) -> Ready {
        if self.queue.len() >= full {
            return Ready::Now;
        }
        if self.queue.is_empty() {
            return Ready::Never;
        }
        if !self.lanes.values().any(Lane::may_push) {
            return Ready::Now;
        }
        let since = self
            .last_arrival
            .map_or(linger, |arrival| arrival.elapsed());
        match linger.checked_sub(since) {
            Some(rest) if !rest.is_zero() => Ready::In(rest),
            _ => Ready::Now,
        }
    }
}
