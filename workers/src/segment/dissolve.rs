//! Dissolves: one picture fades into the other.

use std::collections::VecDeque;

use super::{Boundary, BoundaryKind};
use crate::media::SmallFrame;

/// Distance in frames of the two pictures to compare. It is even, so that there is a middle frame.
const SPAN: usize = 14;

/// Smallest difference between the two that is a change of scene.
const MIN_DIFFERENCE: f32 = 22.0;

/// Share of that difference by which the middle picture may deviate from their average.
const MAX_RESIDUE: f32 = 0.22;

/// Finds stretches whose middle is the average of their ends.
///
/// In a dissolve every picture is a mixture of two, so the middle of any stretch within it is the average of
/// its ends. Motion is different: in the middle, a moving object is somewhere else. A change of exposure does
/// have this property, so a change that only brightens the whole picture does not count.
#[derive(Debug, Default)]
pub(super) struct Dissolves {
    /// The last frames, oldest first.
    recent: VecDeque<SmallFrame>,
    /// The best stretch of a run of stretches that look like a dissolve.
    best: Option<Candidate>,
    found: Vec<Boundary>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// Last frame of the stretch.
    end: u64,
    difference: f32,
    residue: f32,
}

impl Dissolves {
    pub(super) fn push(&mut self, frame: &SmallFrame, number: u64) {
        let mut kept = if self.recent.len() > SPAN {
            self.recent.pop_front().unwrap_or_else(SmallFrame::grey)
        } else {
            SmallFrame::grey()
        };
        kept.clone_from(frame);
        self.recent.push_back(kept);
        if self.recent.len() <= SPAN {
            return;
        }
        let (first, middle) = (&self.recent[0], &self.recent[SPAN / 2]);
        let difference = difference(first, frame);
        let candidate = (difference >= MIN_DIFFERENCE)
            .then(|| Candidate {
                end: number,
                difference,
                residue: residue(first, middle, frame) / difference,
            })
            .filter(|candidate| candidate.residue <= MAX_RESIDUE);
        match (candidate, self.best) {
            (Some(candidate), Some(best)) if candidate.difference <= best.difference => {}
            (Some(candidate), _) => self.best = Some(candidate),
            (None, _) => self.close(),
        }
    }

    fn close(&mut self) {
        if let Some(best) = self.best.take() {
            self.found.push(Boundary {
                kind: BoundaryKind::Dissolve,
                start: best.end - SPAN as u64 + 1,
                end: best.end,
                confidence: 0.8 - best.residue,
            });
        }
    }

    /// All dissolves, except where `others` found another kind of boundary.
    pub(super) fn finish(mut self, others: &[Boundary]) -> Vec<Boundary> {
        self.close();
        let near = SPAN as u64 / 2;
        self.found
            .retain(|dissolve| !others.iter().any(|other| other.is_near(dissolve, near)));
        self.found
    }
}

/// Mean difference of two frames over the grid, without a uniform change of the whole picture.
fn difference(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let planes = a.planes.iter().zip(&b.planes);
    let sum: i32 = planes
        .map(|(a, b)| {
            let shift = shift(a, b);
            let cells = a.iter().zip(b);
            cells
                .map(|(&a, &b)| (i32::from(b) - i32::from(a) - shift).abs())
                .sum::<i32>()
        })
        .sum();
    mean(sum)
}

/// Mean distance of the middle from the average of both ends, without a uniform change of the whole picture.
fn residue(a: &SmallFrame, middle: &SmallFrame, b: &SmallFrame) -> f32 {
    let planes = a.planes.iter().zip(&middle.planes).zip(&b.planes);
    let sum: i32 = planes
        .map(|((a, middle), b)| {
            let cells = a.iter().zip(middle).zip(b);
            cells
                .map(|((&a, &middle), &b)| {
                    (2 * i32::from(middle) - i32::from(a) - i32::from(b)).abs()
                })
                .sum::<i32>()
        })
        .sum();
    mean(sum) / 2.0
}

/// By how much `b` is lighter than `a` on average.
fn shift(a: &[u8], b: &[u8]) -> i32 {
    let total = |plane: &[u8]| plane.iter().map(|&cell| i32::from(cell)).sum::<i32>();
    let cells = i32::try_from(a.len()).unwrap_or(i32::MAX).max(1);
    (total(b) - total(a)) / cells
}

fn mean(sum: i32) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a mean needs no more than 24 bits"
    )]
    {
        sum as f32 / SmallFrame::CELLS as f32
    }
}
