//! State shared by the threads of one video: incoming packets, and outgoing small frames.
//!
//! No wait is endless. The earliest chunk can always progress: the packets that it needs are the first to enter
//! the window, and its output is what the caller takes next.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::decode::{Item, Outbox};
use super::packets::{PacketStep, Split};
use crate::media::{MediaError, SmallFrame};

/// Entries that a decoder takes at a time.
const BATCH: usize = 8;

/// Most items that wait in one chunk before its decoder waits.
const MOST_WAITING: usize = 2048;

/// Number of rejected chunks, beyond the number of accepted ones, after which a video is no longer split.
const MOST_REJECTED: u64 = 8;

/// A video in progress: a window of its packets, and the chunks whose frames were not taken yet.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The caller waits for items.
    caller: Condvar,
    /// Decoders wait for packets, for room, for a split, or for each other.
    workers: Condvar,
    /// The demuxer waits for room.
    demuxer: Condvar,
    budget: usize,
    most_queued: usize,
}

#[derive(Default)]
struct State {
    /// Entries that a decoder may still need. The first has the number `first`.
    window: VecDeque<PacketStep>,
    first: u64,
    bytes: usize,
    /// Whether the end of the window is the end of the video.
    ended: bool,
    /// Where another decoder may start, ascending, beyond what any decoder has taken.
    splits: VecDeque<Split>,
    /// Chunks in order, starting with the one whose frames the caller takes.
    chunks: VecDeque<Chunk>,
    next_id: u64,
    /// Number of items waiting in all chunks.
    queued: usize,
    spare: Vec<SmallFrame>,
    stop: Option<Stop>,
    waiting_workers: usize,
    rejected: u64,
    accepted: u64,
}

/// Why all threads must end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The caller wants no more.
    Done,
    /// A thread panicked.
    Broken,
}

/// The work of one decoder, from a split to the next one at which another decoder started.
struct Chunk {
    id: u64,
    start: Split,
    /// The next entry for its decoder.
    position: u64,
    /// Entries before this number have been decoded, and their output is in `items`.
    fed: u64,
    items: VecDeque<Item>,
    /// Number of frames in `items`.
    frames: usize,
    done: bool,
}

/// A chunk to decode.
pub(super) struct Claim {
    pub(super) id: u64,
    pub(super) start: Split,
}

/// The answer to a decoder that submits items.
pub(super) enum Trade {
    /// More entries, and the start of the next chunk, if another decoder has it.
    Entries(Option<Split>),
    /// The video has ended.
    End,
    /// The chunk was dropped.
    Gone,
}

/// Whether two decoders agree on the first frames of a chunk.
pub(super) enum Verdict {
    /// They agree; the earlier decoder is done.
    Same,
    /// They disagree. The later chunk is dropped, and the earlier decoder continues through it.
    Different,
    /// The earlier chunk was dropped.
    Gone,
}

impl Shared {
    /// For this many decoders, with `budget` bytes of packets in memory.
    pub(super) fn new(decoders: usize, budget: usize) -> Self {
        let start = Split {
            seq: 0,
            pts: i64::MIN,
        };
        let state = State {
            splits: VecDeque::from([start]),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            caller: Condvar::new(),
            workers: Condvar::new(),
            demuxer: Condvar::new(),
            budget,
            most_queued: decoders * MOST_WAITING,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panics reports it itself; see `Alarm`.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        condition
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_as_worker<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting_workers += 1;
        let mut state = Self::wait(&self.workers, state);
        state.waiting_workers -= 1;
        state
    }

    fn wake_workers(&self, state: &State) {
        if state.waiting_workers > 0 {
            self.workers.notify_all();
        }
    }

    /// Ends all waits; threads return as soon as they notice.
    pub(super) fn stop(&self) {
        self.lock().stop = Some(Stop::Done);
        self.wake_all();
    }

    fn wake_all(&self) {
        self.caller.notify_all();
        self.workers.notify_all();
        self.demuxer.notify_all();
    }

    /// Appends to the window once there is room; `false` if the work was stopped.
    pub(super) fn offer(&self, entry: PacketStep, split: Option<Split>) -> bool {
        let mut state = self.lock();
        while state.bytes >= self.budget && state.stop.is_none() {
            state = Self::wait(&self.demuxer, state);
        }
        if state.stop.is_some() {
            return false;
        }
        state.bytes += entry.bytes();
        state.window.push_back(entry);
        if !state.gave_up() {
            state.splits.extend(split);
        }
        self.wake_workers(&state);
        true
    }

    /// Marks the end of the window as the end of the video.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.wake_workers(&state);
    }

    /// A chunk for an idle decoder, once there is one; `None` if there will be none.
    pub(super) fn claim(&self) -> Option<Claim> {
        let mut state = self.lock();
        loop {
            if state.stop.is_some() || (state.splits.is_empty() && (state.ended || state.gave_up()))
            {
                return None;
            }
            if state.queued < self.most_queued
                && let Some(start) = state.splits.pop_front()
            {
                let id = state.next_id;
                state.next_id += 1;
                state.chunks.push_back(Chunk::new(id, start));
                return Some(Claim { id, start });
            }
            state = self.wait_as_worker(state);
        }
    }

    /// Submits the output for the entries before number `fed`, and takes the next ones.
    pub(super) fn trade(
        &self,
        id: u64,
        fed: u64,
        out: &mut Outbox,
        batch: &mut VecDeque<PacketStep>,
    ) -> Trade {
        let mut state = self.lock();
        if !self.hand_in(&mut state, id, fed, out) {
            return Trade::Gone;
        }
        loop {
            let Some(place) = state.place(id).filter(|_| state.stop.is_none()) else {
                return Trade::Gone;
            };
            if state.has_room(place) {
                if state.chunks[place].position < state.end() {
                    let next = state.take_entries(place, batch);
                    if state.bytes < self.budget {
                        self.demuxer.notify_all();
                    }
                    let spare = state.spare.len().saturating_sub(BATCH);
                    out.spare.extend(state.spare.drain(spare..));
                    return Trade::Entries(next);
                }
                if state.ended {
                    return Trade::End;
                }
            }
            state = self.wait_as_worker(state);
        }
    }

    /// Puts a chunk's items where the caller and the previous decoder see them; `false` if the chunk was
    /// dropped.
    fn hand_in(&self, state: &mut State, id: u64, fed: u64, out: &mut Outbox) -> bool {
        let Some(place) = state.place(id) else {
            return false;
        };
        state.queued += out.items.len();
        let chunk = &mut state.chunks[place];
        chunk.fed = fed;
        let is_frame = |item: &&Item| matches!(item, Item::Frame(_));
        chunk.frames += out.items.iter().filter(is_frame).count();
        chunk.items.extend(out.items.drain(..));
        if place == 0 {
            self.caller.notify_all();
        }
        self.wake_workers(state);
        true
    }

    /// Submits a chunk's last items.
    pub(super) fn finish(&self, id: u64, fed: u64, out: &mut Outbox) {
        let mut state = self.lock();
        if !self.hand_in(&mut state, id, fed, out) {
            return;
        }
        if let Some(place) = state.place(id) {
            state.chunks[place].done = true;
            state.release();
            self.demuxer.notify_all();
        }
    }

    /// Compares `ours` with the output of the next chunk's own decoder. `ours` is what the decoder of chunk
    /// `id` made of the beginning of the next chunk after it had decoded all entries before number `fed`. With
    /// `ended`, that is everything up to the end of the video.
    pub(super) fn compare(
        &self,
        id: u64,
        fed: u64,
        out: &mut Outbox,
        (ours, ended): (&[Item], bool),
    ) -> Verdict {
        let mut state = self.lock();
        if !self.hand_in(&mut state, id, fed, out) {
            return Verdict::Gone;
        }
        let frames = ours.iter().filter(|item| matches!(item, Item::Frame(_)));
        let frames = frames.count();
        loop {
            let Some(place) = state.place(id).filter(|_| state.stop.is_none()) else {
                return Verdict::Gone;
            };
            let Some(next) = state.chunks.get(place + 1) else {
                return Verdict::Different;
            };
            // Given the same entries, an identical decoder has put out the same items.
            let is_enough = next.frames >= frames || next.fed >= fed;
            if next.done || next.frames > frames || (!ended && is_enough) {
                let same = next.items.iter().take(ours.len()).eq(ours)
                    && (!ended || next.items.len() == ours.len());
                if same {
                    state.accepted += 1;
                    return Verdict::Same;
                }
                state.reject_after(place);
                self.demuxer.notify_all();
                self.wake_workers(&state);
                return Verdict::Different;
            }
            state = self.wait_as_worker(state);
        }
    }

    /// Drops the chunk after chunk `id`, which nobody can compare.
    pub(super) fn reject(&self, id: u64) {
        let mut state = self.lock();
        if let Some(place) = state.place(id) {
            state.reject_after(place);
            self.demuxer.notify_all();
            self.wake_workers(&state);
        }
    }

    /// Swaps the video's next items, at least one, with `items`, which is empty; `false` at the end.
    ///
    /// # Errors
    /// [`MediaError::Internal`] if a thread panicked.
    pub(super) fn take(
        &self,
        items: &mut VecDeque<Item>,
        spare: &mut Vec<SmallFrame>,
    ) -> Result<bool, MediaError> {
        let mut state = self.lock();
        state.spare.append(spare);
        loop {
            if state.stop == Some(Stop::Broken) {
                return Err(MediaError::Internal(
                    "a decoding thread panicked".to_owned(),
                ));
            }
            match state.chunks.front_mut() {
                Some(head) if !head.items.is_empty() => {
                    std::mem::swap(&mut head.items, items);
                    state.queued -= items.len();
                    self.wake_workers(&state);
                    return Ok(true);
                }
                Some(head) if head.done => {
                    state.chunks.pop_front();
                    if state.chunks.is_empty() {
                        return Ok(false);
                    }
                }
                Some(_) | None => state = Self::wait(&self.caller, state),
            }
        }
    }
}

impl State {
    /// The number after the last entry of the window.
    fn end(&self) -> u64 {
        self.first + self.window.len() as u64
    }

    /// The place of a chunk; `None` if it was dropped. Numbers ascend from chunk to chunk.
    fn place(&self, id: u64) -> Option<usize> {
        self.chunks.binary_search_by_key(&id, |chunk| chunk.id).ok()
    }

    /// Whether a chunk may put out more. A chunk that an earlier decoder has caught up with must continue,
    /// because that decoder would otherwise wait for packets that find no room in the window.
    fn has_room(&self, place: usize) -> bool {
        let chunk = &self.chunks[place];
        let mut earlier = self.chunks.iter().take(place);
        chunk.items.len() < MOST_WAITING
            || earlier.any(|earlier| earlier.position >= chunk.position)
    }

    /// Whether the video's key frames have turned out to be unreliable.
    const fn gave_up(&self) -> bool {
        self.rejected > self.accepted + MOST_REJECTED
    }

    /// Advances a chunk's decoder, and returns the start of the next chunk.
    fn take_entries(&mut self, place: usize, batch: &mut VecDeque<PacketStep>) -> Option<Split> {
        let chunk = &mut self.chunks[place];
        let skipped = usize::try_from(chunk.position - self.first).unwrap_or(usize::MAX);
        let taken = self.window.iter().skip(skipped).take(BATCH).cloned();
        let before = batch.len();
        batch.extend(taken);
        chunk.position += (batch.len() - before) as u64;
        let position = chunk.position;
        let next = self.chunks.get(place + 1).map(|next| next.start);
        if next.is_none() {
            // A split that is unclaimed when a decoder reaches it becomes part of its chunk.
            let passed = self.splits.partition_point(|split| split.seq < position);
            self.splits.drain(..passed);
        }
        self.release();
        next
    }

    /// Drops entries that no decoder needs any more.
    fn release(&mut self) {
        let running = self.chunks.iter().filter(|chunk| !chunk.done);
        let needed = running.map(|chunk| chunk.position).min();
        let needed = needed.unwrap_or(self.first);
        while self.first < needed
            && let Some(entry) = self.window.pop_front()
        {
            self.bytes -= entry.bytes();
            self.first += 1;
        }
    }

    /// Drops the chunk after the one at `place`, and those that its decoder has already passed.
    fn reject_after(&mut self, place: usize) {
        self.rejected += 1;
        let position = self.chunks[place].position;
        let chunks = std::mem::take(&mut self.chunks);
        for (index, chunk) in chunks.into_iter().enumerate() {
            if index <= place || (index > place + 1 && chunk.start.seq >= position) {
                self.chunks.push_back(chunk);
            } else {
                self.queued -= chunk.items.len();
            }
        }
        let gave_up = self.gave_up();
        self.splits
            .retain(|split| split.seq >= position && !gave_up);
        // Entries that only the dropped chunks needed make room, for which the demuxer may be waiting.
        self.release();
    }
}

impl Chunk {
    const fn new(id: u64, start: Split) -> Self {
        Self {
            id,
            start,
            position: start.seq,
            fed: start.seq,
            items: VecDeque::new(),
            frames: 0,
            done: false,
        }
    }
}

/// Notifies all other threads if its holder panics.
pub(super) struct Alarm<'a>(pub(super) &'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().stop = Some(Stop::Broken);
            self.0.wake_all();
        }
    }
}

#[cfg(test)]
mod tests;
