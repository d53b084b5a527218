//! Cuts where frames are shown for long: slide shows, time lapses, videos of a few frames a second.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::dark::{Exposure, is_dark};
use super::even::change;
use super::evidence::{LIGHTER, SAME, SAME_RELIT, changed_at_all, correlation, kept, light};
use super::{Boundary, BoundaryKind, SegmentParams};
use crate::media::SmallFrame;
use crate::time::Timeline;

/// Milliseconds between frames around a boundary, on average, from which on frames are slow.
pub(super) const SLOW_MS: u64 = 150;

/// Frames on each side of a boundary whose distances count.
const AROUND: u64 = 4;

/// Frames on each side of a boundary that are looked at, at most.
const REACH: u64 = 16;

/// Milliseconds that a gradual transition lasts at most where frames are slow. What changes for longer is a change of
/// light.
const LONGEST_MS: u64 = 4000;

/// The least part of a picture that changes from one to a different one.
const LEAST: f32 = 0.15;

/// What different pictures have in common, at most: the part of the cells that stay, and the correlation. Of photographs
/// of different places hardly any have more; of a video, even a second apart and with a camera that moves, few have less.
const MOST_KEPT: f32 = 0.25;
const MOST_ALIKE: f32 = 0.65;

/// How far a change must stand out from those just before and after it, of what part of the picture it must be, and
/// what part of the cells may stay: what has more in common may still be different, such as the pages of a talk.
const STANDS_OUT: [(f32, f32, f32); 2] = [(4.0, 0.33, 0.6), (8.0, LEAST, 1.0)];

/// Added to a change, so that in a still picture noise does not stand out.
const NOISE: f32 = 1.0;

/// Milliseconds until which a video is shown. Slow videos often do not say how long the last frame is, or say that of
/// another rate; it is taken to last as long as those before it do on average.
pub(super) fn shown_until(timeline: &Timeline) -> u64 {
    let end_ms = timeline.ms_of(timeline.frames());
    let last = timeline.frames().saturating_sub(1);
    let gaps = last.min(AROUND);
    let last_ms = timeline.ms_of(last);
    let spent_ms = last_ms.saturating_sub(timeline.ms_of(last - gaps));
    match spent_ms.checked_div(gaps) {
        Some(each_ms) if each_ms >= SLOW_MS => end_ms.max(last_ms + each_ms),
        _ => end_ms,
    }
}

/// Finds cuts where frames are slow, by the pictures and by how long they are shown.
///
/// A shot there may have a single frame. All that counts frames is of no use then: each change is as large as the one
/// before, a picture that comes back after two frames is no flash, and the boundary network has seen nothing like it. So in
/// these places this decides alone, and elsewhere it is silent.
#[derive(Debug)]
pub(super) struct SlowCuts {
    /// Milliseconds for which a picture must be seen to be a shot. Shorter ones are flashes.
    min_shot_ms: u64,
    /// When each frame is shown, in milliseconds.
    shown_ms: Vec<u64>,
    /// The last frames, oldest first.
    recent: VecDeque<SmallFrame>,
    /// The number of the frame that is judged next.
    next: u64,
    found: Vec<Boundary>,
}

impl SlowCuts {
    pub(super) const fn new(params: &SegmentParams) -> Self {
        Self {
            min_shot_ms: params.min_shot_ms,
            shown_ms: Vec::new(),
            recent: VecDeque::new(),
            next: 1,
            found: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, frame: &SmallFrame, shown_ms: u64) {
        let mut kept = if self.recent.len() as u64 > 2 * REACH {
            self.recent.pop_front().unwrap_or_else(SmallFrame::grey)
        } else {
            SmallFrame::grey()
        };
        kept.clone_from(frame);
        self.recent.push_back(kept);
        self.shown_ms.push(shown_ms);
        if self.next + REACH < self.frames() {
            self.judge(self.next);
            self.next += 1;
        }
    }

    /// Judges the last frames, after which there are none.
    pub(super) fn end(&mut self) {
        while self.next < self.frames() {
            self.judge(self.next);
            self.next += 1;
        }
    }

    /// Whether there is a cut at one of `frames`.
    pub(super) fn touch(&self, frames: &Range<u64>) -> bool {
        self.found.iter().any(|cut| cut.touches(frames))
    }

    /// Hands out the cuts before frame `until`, in order.
    pub(super) fn take(&mut self, until: u64) -> Vec<Boundary> {
        let count = self.found.partition_point(|cut| cut.start < until);
        self.found.drain(..count).collect()
    }

    /// Whether a boundary that was found by counting frames stands: not if frames are slow there, unless it is gradual,
    /// not too long, and has none of `cuts` in it.
    pub(super) fn allows(&self, boundary: &Boundary, cuts: &[Boundary]) -> bool {
        if !self.is_slow(boundary.frame()) {
            return true;
        }
        let lasts_ms = self
            .ms_of(boundary.end)
            .saturating_sub(self.ms_of(boundary.start));
        boundary.kind != BoundaryKind::Cut
            && lasts_ms <= LONGEST_MS
            && !cuts.iter().any(|cut| cut.is_near(boundary, 0))
    }

    const fn frames(&self) -> u64 {
        self.shown_ms.len() as u64
    }

    /// When a frame is shown; of one after the last, when that is.
    fn ms_of(&self, frame: u64) -> u64 {
        let index = usize::try_from(frame).unwrap_or(usize::MAX);
        let shown = self.shown_ms.get(index).or(self.shown_ms.last());
        shown.copied().unwrap_or(0)
    }

    /// Whether frames are slow around a boundary before `frame`.
    fn is_slow(&self, frame: u64) -> bool {
        let first = frame.saturating_sub(AROUND);
        let last = (frame + AROUND).min(self.frames()).saturating_sub(1);
        let gaps = last.saturating_sub(first);
        gaps > 0 && self.ms_of(last).saturating_sub(self.ms_of(first)) >= SLOW_MS * gaps
    }

    /// A frame among the last.
    fn frame(&self, number: u64) -> Option<&SmallFrame> {
        let oldest = self.frames() - self.recent.len() as u64;
        let index = usize::try_from(number.checked_sub(oldest)?).ok()?;
        self.recent.get(index)
    }

    fn judge(&mut self, number: u64) {
        if !self.is_slow(number) {
            return;
        }
        let pair = self.frame(number - 1).zip(self.frame(number));
        let Some((before, after)) = pair else { return };
        let pair = Pair::of(before, after);
        let is_seen = pair.is_other() || self.stands_out(number, &pair);
        if is_seen && self.stays(number, before, after) {
            let confidence = 1.0 - pair.likeness().max(0.0) / 2.0;
            self.found.push(Boundary {
                kind: BoundaryKind::Cut,
                start: number,
                end: number,
                confidence,
            });
        }
    }

    /// Whether two pictures that have something in common differ far more than those just before and after do.
    fn stands_out(&self, number: u64, pair: &Pair<'_>) -> bool {
        let change_to = |number: u64| {
            let before = self.frame(number.checked_sub(1)?)?;
            Some(change(before, self.frame(number)?))
        };
        let beside = [number - 1, number + 1].into_iter().filter_map(change_to);
        let ratio = change_to(number).unwrap_or(0.0) / (beside.fold(0.0, f32::max) + NOISE);
        let (changed, likeness) = (pair.changed(), pair.likeness());
        let is_relit = likeness >= SAME_RELIT && light(&pair.before, &pair.after) >= LIGHTER;
        likeness < SAME
            && !is_relit
            && STANDS_OUT.iter().any(|&(least, part, kept)| {
                ratio >= least && changed >= part && pair.kept() <= kept
            })
    }

    /// Whether both pictures are seen for as long as a shot must be, as far as the video goes.
    fn stays(&self, number: u64, before: &SmallFrame, after: &SmallFrame) -> bool {
        let cut_ms = self.ms_of(number);
        let is_like = |other: u64, picture: &SmallFrame| {
            self.frame(other)
                .is_none_or(|other| !Pair::of(picture, other).is_other())
        };
        let mut later = (number + 1..self.frames().min(number + REACH))
            .take_while(|&later| self.ms_of(later) < cut_ms + self.min_shot_ms);
        let mut earlier = (number.saturating_sub(REACH)..number - 1)
            .rev()
            .take_while(|&earlier| self.ms_of(earlier + 1) + self.min_shot_ms > cut_ms);
        later.all(|later| is_like(later, after)) && earlier.all(|earlier| is_like(earlier, before))
    }
}

/// Two pictures that are compared, raised if both are dark.
struct Pair<'a> {
    before: Cow<'a, SmallFrame>,
    after: Cow<'a, SmallFrame>,
}

impl<'a> Pair<'a> {
    fn of(before: &'a SmallFrame, after: &'a SmallFrame) -> Self {
        if !is_dark(before) || !is_dark(after) {
            let [before, after] = [before, after].map(Cow::Borrowed);
            return Self { before, after };
        }
        let exposure = Exposure::of([before, after].into_iter());
        let [before, after] = [before, after].map(|frame| Cow::Owned(exposure.raise(frame)));
        Self { before, after }
    }

    /// Whether they are different pictures, whatever changes around them.
    fn is_other(&self) -> bool {
        self.changed() >= LEAST && self.likeness() < MOST_ALIKE && self.kept() < MOST_KEPT
    }

    fn changed(&self) -> f32 {
        changed_at_all(&self.before, &self.after)
    }

    fn likeness(&self) -> f32 {
        correlation(&self.before, &self.after)
    }

    /// The part of the cells that stay, but for a change of light.
    fn kept(&self) -> f32 {
        kept(&self.before, &self.after)
    }
}
