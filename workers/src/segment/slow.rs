//! Cuts where frames are shown for long: slide shows, time lapses, videos of a few frames per second.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::dark::{Exposure, is_dark};
use super::even::change;
use super::evidence::{LIGHTER, SAME, SAME_RELIT, changed_at_all, correlation, kept, light};
use super::{Boundary, BoundaryKind, SegmentParams};
use crate::media::SmallFrame;
use crate::time::Timeline;

/// Mean distance of the frames around a boundary, in milliseconds, from which frames are slow.
pub(super) const SLOW_MS: u64 = 150;

/// Frames on each side of a boundary whose distances count.
const AROUND: u64 = 4;

/// Most frames on each side of a boundary to examine.
const REACH: u64 = 16;

/// Longest gradual transition in milliseconds where frames are slow. A longer change is a change of light.
const LONGEST_MS: u64 = 4000;

/// Smallest share of the picture that changes between two different pictures.
const LEAST: f32 = 0.15;

/// The most that different pictures have in common: the share of unchanged cells, and the correlation. Hardly
/// any photographs of different places exceed this. Few frames of one video fall below it, even a second apart
/// and with a moving camera.
const MOST_KEPT: f32 = 0.25;
const MOST_ALIKE: f32 = 0.65;

/// How far a change must stand out from those just before and after it, the smallest share of the picture it
/// must cover, and the largest share of cells that may stay. Pictures with more in common may still be
/// different, such as the slides of a talk.
const STANDS_OUT: [(f32, f32, f32); 2] = [(4.0, 0.33, 0.6), (8.0, LEAST, 1.0)];

/// Added to a change, so that noise in a still picture does not stand out.
const NOISE: f32 = 1.0;

/// End of the video in milliseconds. Slow videos often omit the duration of the last frame, or state that of
/// another rate. It is assumed to be the mean duration of the preceding ones.
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
/// A shot there may have a single frame, so methods that count frames fail: each change is as large as the one
/// before, a picture that returns after two frames is not a flash, and the boundary network has seen nothing
/// like it. In these places only this detector decides, and elsewhere it is silent.
#[derive(Debug)]
pub(super) struct SlowCuts {
    /// Milliseconds for which a picture must be shown to be a shot. Shorter ones are flashes.
    min_shot_ms: u64,
    /// Presentation time of each frame in milliseconds.
    shown_ms: Vec<u64>,
    /// The last frames, oldest first.
    recent: VecDeque<SmallFrame>,
    /// Number of the frame to judge next.
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

    /// Judges the last frames of the video.
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

    /// Returns the cuts before frame `until`, in order.
    pub(super) fn take(&mut self, until: u64) -> Vec<Boundary> {
        let count = self.found.partition_point(|cut| cut.start < until);
        self.found.drain(..count).collect()
    }

    /// Whether a boundary from a frame-counting detector stands. Where frames are slow, it stands only if it is
    /// gradual, not too long, and contains none of `cuts`.
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

    /// Presentation time of a frame; for a frame after the last, the end of the video.
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

    /// One of the last frames.
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

    /// Whether two pictures with something in common differ far more than those just before and after.
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

    /// Whether both pictures are shown for as long as a shot must be, as far as the video goes.
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

/// Two pictures to compare, brightened if both are dark.
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

    /// Whether they are different pictures, regardless of the changes around them.
    fn is_other(&self) -> bool {
        self.changed() >= LEAST && self.likeness() < MOST_ALIKE && self.kept() < MOST_KEPT
    }

    fn changed(&self) -> f32 {
        changed_at_all(&self.before, &self.after)
    }

    fn likeness(&self) -> f32 {
        correlation(&self.before, &self.after)
    }

    /// The share of unchanged cells, apart from a change of light.
    fn kept(&self) -> f32 {
        kept(&self.before, &self.after)
    }
}
