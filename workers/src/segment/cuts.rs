//! Cuts that stand out from their neighbourhood.

use std::collections::VecDeque;
use std::ops::Range;

use super::even::{ALIKE, FLASH, change};
use super::{Boundary, BoundaryKind};
use crate::media::SmallFrame;

/// Added to a neighbourhood's mean change, so that noise in a still picture is not a cut.
const NOISE: f32 = 0.3;

/// Finds cuts where a frame changes far more than the frames around it.
///
/// The change between two frames is the mean difference of luma and chroma over a coarse grid. Its level
/// depends on motion and noise, so it is compared with the mean change of the frames just before and after:
/// camera motion raises all of them, and a cut only one. A flash of light makes two such peaks. In that case
/// the picture before the first peak matches the picture after the second, and neither is a cut.
#[derive(Debug)]
pub(super) struct Cuts {
    /// How far a frame's change must stand out from its neighbours.
    ratio: f32,
    /// Smallest change, from 0 to 765, that can be a cut.
    min_change: f32,
    /// Frames on each side that form the neighbourhood.
    window: usize,
    /// The last frames, oldest first.
    recent: VecDeque<WindowFrame>,
    /// Index of the frame to judge next.
    next: usize,
    found: Vec<Boundary>,
}

#[derive(Debug)]
struct WindowFrame {
    number: u64,
    frame: SmallFrame,
    /// Change from the previous frame, 0 to 765.
    change: f32,
}

impl Cuts {
    pub(super) const fn new(ratio: f32, min_change: f32, window: u32) -> Self {
        Self {
            ratio,
            min_change,
            window: window as usize,
            recent: VecDeque::new(),
            next: 0,
            found: Vec::new(),
        }
    }

    /// Frames kept on each side of the judged frame.
    fn reach(&self) -> usize {
        FLASH.max(self.window)
    }

    pub(super) fn push(&mut self, frame: &SmallFrame, number: u64) {
        let change = self
            .recent
            .back()
            .map_or(0.0, |previous| change(&previous.frame, frame));
        // The memory of an outdated frame is reused.
        let reach = self.reach();
        let mut frame_memory = SmallFrame {
            planes: [vec![], vec![], vec![]],
        };
        if self.next > reach {
            if let Some(oldest) = self.recent.pop_front() {
                frame_memory = oldest.frame;
            }
            self.next -= 1;
        }
        frame_memory.clone_from(frame);
        self.recent.push_back(WindowFrame {
            number,
            frame: frame_memory,
            change,
        });
        if self.recent.len() - self.next > reach {
            self.judge(self.next);
            self.next += 1;
        }
    }

    /// Judges the last frames of the video.
    pub(super) fn end(&mut self) {
        while self.next < self.recent.len() {
            self.judge(self.next);
            self.next += 1;
        }
    }

    /// Whether there is a cut at one of `frames`.
    pub(super) fn touch(&self, frames: &Range<u64>) -> bool {
        self.found.iter().any(|cut| cut.touches(frames))
    }

    /// Returns the cuts before frame `until`, in order. A cut to or from black is part of the fade.
    pub(super) fn take(&mut self, until: u64, fades: &[Boundary]) -> Vec<Boundary> {
        let count = self.found.partition_point(|cut| cut.start < until);
        let mut found: Vec<_> = self.found.drain(..count).collect();
        found.retain(|cut| !fades.iter().any(|fade| fade.is_near(cut, 0)));
        found
    }

    fn judge(&mut self, index: usize) {
        let entry = &self.recent[index];
        let change = entry.change;
        if entry.number == 0 || change < self.min_change {
            return;
        }
        let first = index.saturating_sub(self.window);
        let last = (index + self.window).min(self.recent.len() - 1);
        let around = || {
            (first..=last)
                .filter(|&other| other != index)
                .map(|other| &self.recent[other])
        };
        let count = around().count().max(1);
        #[expect(clippy::cast_precision_loss, reason = "a window has few frames")]
        let mean = around().map(|other| other.change).sum::<f32>() / count as f32;
        let ratio = change / (mean + NOISE);
        let is_peak = around().all(|other| other.change <= change);
        if ratio >= self.ratio && is_peak && !self.is_flash(index) {
            self.found.push(Boundary {
                kind: BoundaryKind::Cut,
                start: entry.number,
                end: entry.number,
                confidence: 1.0 - self.ratio / (2.0 * ratio),
            });
        }
    }

    /// Whether the picture before `index` returns just after, or the picture at `index` was there just before.
    fn is_flash(&self, index: usize) -> bool {
        let limit = self.recent[index].change * ALIKE;
        let before = &self.recent[index - 1].frame;
        let after = &self.recent[index].frame;
        let later = (index + 1..self.recent.len()).take(FLASH);
        let earlier = (0..index - 1).rev().take(FLASH);
        let comes_back = |other: usize| change(before, &self.recent[other].frame) < limit;
        let was_there = |other: usize| change(&self.recent[other].frame, after) < limit;
        later.into_iter().any(comes_back) || earlier.into_iter().any(was_there)
    }
}
