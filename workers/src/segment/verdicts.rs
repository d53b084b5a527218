//! From what the network says of each frame to boundaries.

use std::collections::VecDeque;

use rushes_models::boundary::Verdict;

use super::{Boundary, BoundaryKind};

// These numbers were chosen on films made like those that the network learned from, not on the bench.

/// How sure the network must be of a cut. In its training cuts weigh four times as much as other frames, so it is
/// surer than it should be.
const CUT: f32 = 0.7;

/// How sure it must be that a frame is within a transition.
const GRADUAL: f32 = 0.5;

/// How sure it must be of a whole dissolve, fade or wipe: what passes close to the camera looks much like a wipe.
const SURE: [f32; 3] = [0.6, 0.6, 0.75];

/// Frames that may be missing in the middle of a transition.
const GAP: u64 = 2;

/// A transition of fewer frames is none; where there is a cut in it, that counts.
const SHORTEST: u64 = 3;

/// Frames on each side of which a cut must be the surest.
const NEAR: usize = 2;

/// Collects verdicts on a film's frames, from the first on.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// How sure the network is of a cut at each of the last frames, oldest first.
    recent: VecDeque<f32>,
    frames: u64,
    run: Option<Run>,
    cuts: Vec<Boundary>,
    transitions: Vec<Boundary>,
}

/// Frames in a row that are within a transition.
#[derive(Debug, Default)]
struct Run {
    start: u64,
    end: u64,
    sure: f32,
    /// How much speaks for a dissolve, a fade, a wipe.
    kinds: [f32; 3],
}

impl Verdicts {
    pub(super) fn push(&mut self, verdict: Verdict) {
        self.push_cut(verdict.cut);
        let number = self.frames;
        self.frames += 1;
        if verdict.gradual < GRADUAL {
            if self.run.as_ref().is_some_and(|run| number > run.end + GAP) {
                self.close();
            }
            return;
        }
        let run = self.run.get_or_insert_with(|| Run {
            start: number,
            ..Run::default()
        });
        run.end = number + 1;
        run.sure += verdict.gradual;
        for (sum, kind) in run
            .kinds
            .iter_mut()
            .zip([verdict.dissolve, verdict.fade, verdict.wipe])
        {
            *sum += kind * verdict.gradual;
        }
    }

    /// A cut is where the network is surest among the frames around.
    fn push_cut(&mut self, cut: f32) {
        self.recent.push_back(cut);
        if self.recent.len() > 2 * NEAR + 1 {
            self.recent.pop_front();
        }
        // `frames` counts the frames before this one.
        if let Some(number) = self.frames.checked_sub(NEAR as u64) {
            self.judge(self.recent.len() - 1 - NEAR, number);
        }
    }

    fn judge(&mut self, index: usize, number: u64) {
        let cut = self.recent[index];
        let is_surest = self.recent.iter().enumerate().all(|(other, &value)| {
            // Of equals the first counts.
            value < cut || (value <= cut && other >= index)
        });
        if number > 0 && cut >= CUT && is_surest {
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
            .zip(SURE)
            .zip(run.kinds)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some(((kind, least), _)) = likeliest else {
            return;
        };
        if frames < SHORTEST || confidence < least {
            return;
        }
        self.transitions.push(Boundary {
            kind,
            start: run.start,
            end: run.end,
            confidence,
        });
    }

    /// All boundaries, in order.
    pub(super) fn finish(mut self) -> Vec<Boundary> {
        // The last frames have none after them.
        for number in self.frames.saturating_sub(NEAR as u64)..self.frames {
            let index = self.recent.len() - usize::try_from(self.frames - number).unwrap_or(1);
            self.judge(index, number);
        }
        self.close();
        let frames = self.frames;
        // What the film begins or ends with is no boundary between two shots.
        self.transitions
            .retain(|transition| transition.start > 0 && transition.end < frames);
        let transitions = &self.transitions;
        self.cuts.retain(|cut| {
            !transitions
                .iter()
                .any(|other| (other.start..=other.end).contains(&cut.start))
        });
        let mut found = self.cuts;
        found.append(&mut self.transitions);
        found.sort_by_key(|boundary| (boundary.frame(), boundary.start));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Verdict = Verdict {
        cut: 0.0,
        gradual: 0.0,
        dissolve: 0.0,
        fade: 0.0,
        wipe: 0.0,
    };

    fn film(frames: usize, change: impl Fn(usize, &mut Verdict)) -> Vec<(BoundaryKind, u64, u64)> {
        let mut verdicts = Verdicts::default();
        for frame in 0..frames {
            let mut verdict = NOTHING;
            change(frame, &mut verdict);
            verdicts.push(verdict);
        }
        let found = verdicts.finish();
        found
            .iter()
            .map(|boundary| (boundary.kind, boundary.start, boundary.end))
            .collect()
    }

    fn dissolve(frames: std::ops::Range<usize>, frame: usize, verdict: &mut Verdict) {
        if frames.contains(&frame) {
            verdict.gradual = 0.9;
            verdict.dissolve = 0.8;
            verdict.fade = 0.2;
        }
    }

    #[test]
    fn a_cut_is_where_the_network_is_surest() {
        let sure = [0.1, 0.6, 0.9, 0.7];
        let found = film(30, |frame, verdict| {
            if (10..14).contains(&frame) {
                verdict.cut = sure[frame - 10];
            }
        });
        assert_eq!(found, [(BoundaryKind::Cut, 12, 12)]);
    }

    #[test]
    fn cuts_near_both_ends_are_found_but_none_at_the_first_frame() {
        let found = film(30, |frame, verdict| {
            if [0, 4, 29].contains(&frame) {
                verdict.cut = 0.8;
            }
        });
        assert_eq!(
            found,
            [(BoundaryKind::Cut, 4, 4), (BoundaryKind::Cut, 29, 29)]
        );
    }

    #[test]
    fn a_transition_is_whole_in_spite_of_a_gap_and_swallows_its_cuts() {
        let found = film(60, |frame, verdict| {
            if frame != 25 {
                dissolve(20..32, frame, verdict);
            }
            verdict.cut = if frame == 22 { 0.9 } else { 0.0 };
        });
        assert_eq!(found, [(BoundaryKind::Dissolve, 20, 32)]);
    }

    #[test]
    fn what_the_film_begins_or_ends_with_is_no_boundary() {
        let found = film(60, |frame, verdict| {
            dissolve(0..9, frame, verdict);
            dissolve(50..60, frame, verdict);
        });
        assert_eq!(found, []);
    }

    #[test]
    fn a_transition_too_short_leaves_the_cut_in_it() {
        let found = film(60, |frame, verdict| {
            dissolve(20..22, frame, verdict);
            verdict.cut = if frame == 21 { 0.9 } else { 0.0 };
        });
        assert_eq!(found, [(BoundaryKind::Cut, 21, 21)]);
    }
}
