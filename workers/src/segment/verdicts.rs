//! Turns the network's scores per frame into boundaries.

use std::collections::VecDeque;
use std::ops::Range;

use rushes_models::boundary::BoundaryVerdict;

use super::even::FLASH;
use super::evidence::{
    LIGHTER, SAME, SAME_RELIT, changed, correlation, dip, light, spread, strangeness,
};
use super::motion::{left_by_shifting, strangeness_of_push};
use super::{Boundary, BoundaryKind};
use crate::media::SmallFrame;

// These numbers were chosen on videos like those of the training. Where a value cost about as many true
// boundaries as it saved false ones, the stricter one was taken. A few were chosen after looking at mistakes on
// the bench videos.

/// Minimum score of a cut. Cuts weigh four times as much as other frames in training, so the network is
/// overconfident.
const CUT: f32 = 0.85;

/// Minimum score of a frame within a transition.
const GRADUAL: f32 = 0.5;

/// Minimum score of a whole transition.
const SURE: f32 = 0.6;

/// Minimum score of a wipe, by how foreign its frames are to both pictures. Objects that pass close to the
/// camera look much like a wipe.
const SURE_OF_WIPE: [(f32, f32); 3] = [(0.15, 0.65), (0.3, 0.77), (f32::INFINITY, 0.85)];

/// The same if the whole picture moves, by its distance from a push. A camera pan looks much like a push.
const SURE_OF_PUSH: [(f32, f32); 3] = [(0.12, 0.65), (0.3, 0.75), (f32::INFINITY, 0.85)];

/// Minimum score of a dissolve while the whole picture moves.
const SURE_WHILE_MOVING: f32 = 0.9;

/// How much darker a dissolve may be than both pictures, as a share of their light, because their content
/// moves.
const LEAST_DIP: f32 = 0.7;

/// The whole picture counts as moving if a shift leaves at most this share of the change.
const MOVING: f32 = 0.5;

/// Frames of a transition to keep for this test.
const KEPT: usize = 128;

/// Frames that may be missing in the middle of a transition.
const GAP: u64 = 3;

/// Minimum length of a transition in frames. If a shorter one contains a cut, the cut counts.
const SHORTEST: u64 = 3;

/// A cut must have the highest score among this many frames on each side.
const NEAR: usize = 2;

/// Smallest share of the picture that a cut changes. If it changes no more than [`FEW`], its score must exceed
/// [`SURE_CUT`].
const LEAST: f32 = 0.15;
const FEW: f32 = 0.33;
const SURE_CUT: f32 = 0.95;

/// The same around an even passage of at most [`FLASH`] frames.
const SAME_AFTER_FLASH: f32 = 0.5;

/// Largest spread of luma in the most even frame of a fade.
const EVEN: f32 = 4.5;

/// The scores of a frame without a verdict.
pub(super) const NOTHING: BoundaryVerdict = BoundaryVerdict {
    cut: 0.0,
    gradual: 0.0,
    dissolve: 0.0,
    fade: 0.0,
    wipe: 0.0,
};

/// Collects scores of a video's frames, from the first on.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// The last frames, oldest first.
    recent: VecDeque<FrameEvidence>,
    previous: Option<SmallFrame>,
    frames: u64,
    run: Option<Run>,
    cuts: Vec<Boundary>,
    transitions: Vec<Boundary>,
}

#[derive(Debug)]
struct FrameEvidence {
    /// The cut score.
    cut: f32,
    /// The share of the picture that changed since the previous frame.
    changed: f32,
}

/// Consecutive frames within a transition.
#[derive(Debug)]
struct Run {
    start: u64,
    end: u64,
    /// The frame before it, and the one after it once known.
    before: Option<SmallFrame>,
    after: Option<SmallFrame>,
    /// The luma spread of its most even frame.
    evenest: f32,
    /// The luma of its first frames.
    lumas: Vec<Vec<u8>>,
    sure: f32,
    /// The scores for a dissolve, a fade and a wipe.
    kinds: [f32; 3],
}

impl Run {
    /// Whether the pictures support the network's verdict.
    fn is_seen(&self, kind: BoundaryKind, confidence: f32) -> bool {
        let reaches_a_colour = self.evenest <= EVEN;
        let Some((before, after)) = self.before.as_ref().zip(self.after.as_ref()) else {
            // It starts or ends with the video, and is not a boundary in any case.
            return false;
        };
        let likeness = correlation(before, after);
        if kind == BoundaryKind::Fade {
            // Only a fade may return to the picture that it left, if it takes its time.
            let is_flash = self.end - self.start <= FLASH as u64 && likeness >= SAME_AFTER_FLASH;
            return reaches_a_colour && !is_flash;
        }
        let is_relit = likeness >= SAME_RELIT && light(before, after) >= LIGHTER;
        if likeness >= SAME || is_relit || changed(before, after) < LEAST {
            return false;
        }
        let (before, after) = (&before.planes[0], &after.planes[0]);
        let lumas = self.lumas.iter().chain([after]).map(Vec::as_slice);
        let lumas: Vec<&[u8]> = [before.as_slice()].into_iter().chain(lumas).collect();
        let is_moving = left_by_shifting(&lumas) < MOVING;
        let between = &lumas[1..lumas.len() - 1];
        match (kind == BoundaryKind::Wipe, is_moving) {
            (true, true) => {
                let strange = strangeness_of_push(between, before, after);
                is_sure(confidence, &SURE_OF_PUSH, strange.unwrap_or(f32::INFINITY))
            }
            (true, false) => is_sure(
                confidence,
                &SURE_OF_WIPE,
                strangeness(between, before, after),
            ),
            (false, _) => {
                dip(between, before, after) >= LEAST_DIP
                    && (!is_moving || confidence >= SURE_WHILE_MOVING)
            }
        }
    }
}

/// Whether the confidence suffices for this deviation.
fn is_sure(confidence: f32, wanted: &[(f32, f32)], strange: f32) -> bool {
    wanted
        .iter()
        .find(|(most, _)| strange <= *most)
        .is_some_and(|(_, least)| confidence >= *least)
}

impl Verdicts {
    pub(super) fn push(&mut self, verdict: BoundaryVerdict, frame: &SmallFrame) {
        let changed = self
            .previous
            .as_ref()
            .map_or(1.0, |previous| changed(previous, frame));
        self.push_cut(FrameEvidence {
            cut: verdict.cut,
            changed,
        });
        self.push_gradual(verdict, frame);
        self.frames += 1;
        match &mut self.previous {
            Some(previous) => previous.clone_from(frame),
            none => *none = Some(frame.clone()),
        }
    }

    fn push_gradual(&mut self, verdict: BoundaryVerdict, frame: &SmallFrame) {
        let number = self.frames;
        if verdict.gradual < GRADUAL {
            if let Some(run) = &mut self.run {
                run.after.get_or_insert_with(|| frame.clone());
                if number >= run.end + GAP {
                    self.close();
                }
            }
            return;
        }
        let run = self.run.get_or_insert_with(|| Run {
            start: number,
            end: number,
            before: self.previous.clone(),
            after: None,
            evenest: f32::INFINITY,
            lumas: Vec::new(),
            sure: 0.0,
            kinds: [0.0; 3],
        });
        run.end = number + 1;
        run.after = None;
        run.evenest = run.evenest.min(spread(frame));
        if run.lumas.len() < KEPT {
            run.lumas.push(frame.planes[0].clone());
        }
        run.sure += verdict.gradual;
        let kinds = [verdict.dissolve, verdict.fade, verdict.wipe];
        for (sum, kind) in run.kinds.iter_mut().zip(kinds) {
            *sum += kind * verdict.gradual;
        }
    }

    /// A cut is where the score is highest among the frames around.
    fn push_cut(&mut self, entry: FrameEvidence) {
        self.recent.push_back(entry);
        if self.recent.len() > 2 * NEAR + 1 {
            self.recent.pop_front();
        }
        // `frames` counts the frames before this one.
        if let Some(number) = self.frames.checked_sub(NEAR as u64) {
            self.judge(self.recent.len() - 1 - NEAR, number);
        }
    }

    fn judge(&mut self, index: usize, number: u64) {
        let FrameEvidence { cut, changed } = self.recent[index];
        let is_surest = self.recent.iter().enumerate().all(|(other, entry)| {
            // The first one on a tie.
            entry.cut < cut || (entry.cut <= cut && other >= index)
        });
        let is_seen = changed >= FEW || (changed >= LEAST && cut >= SURE_CUT);
        if number > 0 && cut >= CUT && is_surest && is_seen {
            self.cuts.push(Boundary {
                kind: BoundaryKind::Cut,
                start: number,
                end: number,
                confidence: cut,
            });
        }
    }

    fn close(&mut self) {
        let Some(run) = self.run.take() else { return };
        let frames = run.end - run.start;
        #[expect(clippy::cast_precision_loss, reason = "a transition has few frames")]
        let confidence = run.sure / frames as f32;
        let kinds = [
            BoundaryKind::Dissolve,
            BoundaryKind::Fade,
            BoundaryKind::Wipe,
        ];
        let likeliest = kinds
            .into_iter()
            .zip(run.kinds)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((kind, _)) = likeliest else { return };
        if frames < SHORTEST || confidence < SURE || !run.is_seen(kind, confidence) {
            return;
        }
        self.transitions.push(Boundary {
            kind,
            start: run.start,
            end: run.end,
            confidence,
        });
    }

    /// Number of judged frames.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// Judges the last frames of the video.
    pub(super) fn end(&mut self) {
        for number in self.frames.saturating_sub(NEAR as u64)..self.frames {
            let index = self.recent.len() - usize::try_from(self.frames - number).unwrap_or(1);
            self.judge(index, number);
        }
        self.close();
        let frames = self.frames;
        self.transitions
            .retain(|transition| transition.end < frames);
    }

    /// Whether one of `frames` is in a boundary, or may still turn out to be.
    pub(super) fn touch(&self, frames: &Range<u64>) -> bool {
        let touches = |found: &Boundary| found.touches(frames);
        self.run.as_ref().is_some_and(|run| run.start < frames.end)
            || self.cuts.iter().any(touches)
            || self.transitions.iter().any(touches)
    }

    /// Returns the boundaries that start before frame `until`, in order.
    pub(super) fn take(&mut self, until: u64) -> Vec<Boundary> {
        let before = |found: &Boundary| found.start < until;
        let transitions = self.transitions.partition_point(before);
        let mut transitions: Vec<_> = self.transitions.drain(..transitions).collect();
        // The start of the video is not a boundary between two shots.
        transitions.retain(|transition| transition.start > 0);
        let cuts = self.cuts.partition_point(before);
        let mut found: Vec<_> = self.cuts.drain(..cuts).collect();
        found.retain(|cut| !transitions.iter().any(|other| other.is_near(cut, 0)));
        found.append(&mut transitions);
        found.sort_by_key(|boundary| (boundary.frame(), boundary.start));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(
        frames: usize,
        change: impl Fn(usize, &mut BoundaryVerdict),
    ) -> Vec<(BoundaryKind, u64, u64)> {
        let mut verdicts = Verdicts::default();
        for frame in 0..frames {
            let mut verdict = NOTHING;
            change(frame, &mut verdict);
            verdicts.push(verdict, &picture(frame));
        }
        verdicts.end();
        let found = verdicts.take(u64::MAX);
        found
            .iter()
            .map(|boundary| (boundary.kind, boundary.start, boundary.end))
            .collect()
    }

    /// Noise that differs for every frame.
    fn picture(number: usize) -> SmallFrame {
        let mut frame = SmallFrame::grey();
        for (index, cell) in frame.planes[0].iter_mut().enumerate() {
            let mixed = (index * 2_654_435_761 + number * 40_503) >> 7;
            *cell = u8::try_from(mixed.wrapping_mul(2_246_822_519) >> 13 & 0xff).unwrap();
        }
        frame
    }

    fn dissolve(frames: Range<usize>, frame: usize, verdict: &mut BoundaryVerdict) {
        if frames.contains(&frame) {
            verdict.gradual = 0.99;
            verdict.dissolve = 0.8;
            verdict.fade = 0.2;
        }
    }

    #[test]
    fn a_cut_is_where_the_network_is_surest() {
        let sure = [0.1, 0.86, 0.95, 0.9];
        let found = video(30, |frame, verdict| {
            if (10..14).contains(&frame) {
                verdict.cut = sure[frame - 10];
            }
        });
        assert_eq!(found, [(BoundaryKind::Cut, 12, 12)]);
    }

    #[test]
    fn cuts_near_both_ends_are_found_but_none_at_the_first_frame() {
        let found = video(30, |frame, verdict| {
            if [0, 4, 29].contains(&frame) {
                verdict.cut = 0.9;
            }
        });
        assert_eq!(
            found,
            [(BoundaryKind::Cut, 4, 4), (BoundaryKind::Cut, 29, 29)]
        );
    }

    #[test]
    fn a_transition_is_whole_in_spite_of_a_gap_and_swallows_its_cuts() {
        let found = video(60, |frame, verdict| {
            if frame != 25 {
                dissolve(20..32, frame, verdict);
            }
            verdict.cut = if frame == 22 { 0.9 } else { 0.0 };
        });
        assert_eq!(found, [(BoundaryKind::Dissolve, 20, 32)]);
    }

    #[test]
    fn what_the_video_begins_or_ends_with_is_no_boundary() {
        let found = video(60, |frame, verdict| {
            dissolve(0..9, frame, verdict);
            dissolve(50..60, frame, verdict);
        });
        assert_eq!(found, []);
    }

    #[test]
    fn a_transition_too_short_leaves_the_cut_in_it() {
        let found = video(60, |frame, verdict| {
            dissolve(20..22, frame, verdict);
            verdict.cut = if frame == 21 { 0.9 } else { 0.0 };
        });
        assert_eq!(found, [(BoundaryKind::Cut, 21, 21)]);
    }
}
