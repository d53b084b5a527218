//! One pass over a video: its timeline and its shots.

use std::ops::Range;

use super::likeness::{Look, mark};
use super::slow::shown_until;
use super::timeline::{add, begin, complete};
use super::{
    AdaptiveDetector, Boundary, BoundaryDetector, BoundaryKind, DetectorKind, LearnedDetector,
    SegmentParams, Shot, ShotScan,
};
use crate::media::{Bounds, MediaError, SmallFrame, SmallFrames, SmallOptions};
use crate::source::ByteSource;
use crate::time::{Stretch, Timeline};

/// Receives the progress of a pass over a video. An error stops the pass.
pub trait SegmentOutput {
    /// `done` frames have been processed, of an estimated total if there is one.
    ///
    /// # Errors
    /// Any error that is to stop the pass.
    fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError>;

    /// A shot that later frames cannot change. If the detector can tell, all but the last few shots are
    /// reported during the pass, in order. The result has all shots.
    ///
    /// # Errors
    /// Any error that is to stop the pass.
    fn settled(&mut self, _shot: &Stretch) -> Result<(), MediaError> {
        Ok(())
    }
}

/// A function that only receives progress.
impl<F: FnMut(u64, Option<u64>) -> Result<(), MediaError>> SegmentOutput for F {
    fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError> {
        self(done, total)
    }
}

/// Segments a video in one pass with the detector of `params`.
///
/// # Errors
/// Any [`MediaError`] of opening or decoding, and any error of `output`.
pub fn segment(
    source: Box<dyn ByteSource>,
    params: &SegmentParams,
    bounds: &Bounds,
    output: &mut dyn SegmentOutput,
) -> Result<ShotScan, MediaError> {
    let options = SmallOptions {
        decoders: params.threads,
        chunk_frames: params.chunk_frames,
    };
    let mut reader = SmallFrames::open(source, options, bounds)?;
    let mut detector = detector(params)?;
    let total = expected_frames(&reader);
    let mut small = SmallFrame::grey();
    let mut timeline = begin(reader.info(), reader.time_base());
    let mut looks = Vec::new();
    let mut joiner = Joiner::new(params);
    while let Some((number, shown_at)) = reader.next_frame(&mut small)? {
        add(&mut timeline, shown_at);
        detector.push(&small, number, timeline.ms_at(shown_at))?;
        looks.push(Look::of(&small));
        joiner.add(&timeline, &detector.settled());
        for shot in joiner.settled(&timeline) {
            output.settled(&timeline.stretch(&shot))?;
        }
        output.progress(number + 1, total)?;
    }
    complete(&mut timeline, reader.info(), reader.end_pts());
    joiner.add(&timeline, &detector.finish()?);
    let mut shots = joiner.finish(&timeline);
    mark(&mut shots, &looks);
    Ok(ShotScan {
        shots,
        corrupt: reader.corrupt().to_vec(),
        clock_breaks: reader.clock_breaks(),
        timeline,
    })
}

fn detector(params: &SegmentParams) -> Result<Box<dyn BoundaryDetector>, MediaError> {
    Ok(match params.detector {
        DetectorKind::Learned => Box::new(LearnedDetector::new(params)?),
        DetectorKind::Signal => Box::new(AdaptiveDetector::new(params)),
    })
}

/// The number of frames: from the container's index, or else from duration and rate.
fn expected_frames(reader: &SmallFrames) -> Option<u64> {
    let info = reader.info();
    let (_, video) = info.video()?;
    video.frames.or_else(|| {
        let rate = video.average_rate?;
        Some(info.duration_ms? * u64::from(rate.num()) / (1000 * u64::from(rate.den())))
    })
}

/// Makes shots from boundaries as they are found. Shots that are too short are merged into a neighbour, and
/// shots that are too long are divided.
struct Joiner {
    min_shot_ms: u64,
    max_shot_ms: u64,
    /// The accepted boundaries. The next one may still replace the last.
    kept: Vec<Boundary>,
    /// Number of reported shots.
    told: usize,
}

impl Joiner {
    fn new(params: &SegmentParams) -> Self {
        Self {
            min_shot_ms: params.min_shot_ms,
            // Division must not make shots that are too short.
            max_shot_ms: params.max_shot_ms.max(2 * params.min_shot_ms + 1000),
            kept: vec![Boundary {
                kind: BoundaryKind::Start,
                start: 0,
                end: 0,
                confidence: 1.0,
            }],
            told: 0,
        }
    }

    fn is_short(&self, timeline: &Timeline, start: u64, end: u64) -> bool {
        timeline.ms_of(end) - timeline.ms_of(start) < self.min_shot_ms
    }

    /// Accepts the next boundaries of a video known up to this point.
    fn add(&mut self, timeline: &Timeline, boundaries: &[Boundary]) {
        for boundary in boundaries {
            let frame = boundary.frame();
            let Some(&last) = self.kept.last() else { break };
            if frame <= last.frame() || frame >= timeline.frames() {
                continue;
            }
            if !self.is_short(timeline, last.frame(), frame) {
                self.kept.push(*boundary);
            } else if last.kind != BoundaryKind::Start && boundary.confidence > last.confidence {
                // If two boundaries are too close for both to be true, the one with more confidence stands.
                self.kept.pop();
                self.kept.push(*boundary);
            }
        }
    }

    /// The shots that no later boundary can change and that were not reported yet.
    fn settled(&mut self, timeline: &Timeline) -> Vec<Range<u64>> {
        let ends = self.kept.len() - 1;
        let from = self.told.min(ends);
        self.told = ends.saturating_sub(1).max(from);
        let mut shots = Vec::new();
        for pair in self.kept[from..=self.told].windows(2) {
            self.divide(timeline, pair[0].frame()..pair[1].frame(), |part, _| {
                shots.push(part);
            });
        }
        shots
    }

    /// All shots, which cover the whole timeline.
    fn finish(mut self, timeline: &Timeline) -> Vec<Shot> {
        let frames = timeline.frames();
        let last = self.kept.last().map_or(0, Boundary::frame);
        let lasts_ms = shown_until(timeline).saturating_sub(timeline.ms_of(last));
        if self.kept.len() > 1 && lasts_ms < self.min_shot_ms {
            self.kept.pop();
        }
        let ends = self.kept.iter().skip(1).map(Boundary::frame);
        let mut shots = Vec::with_capacity(self.kept.len());
        for (opening, end) in self.kept.iter().zip(ends.chain([frames])) {
            self.divide(timeline, opening.frame()..end, |part, is_first| {
                let opening = if is_first {
                    *opening
                } else {
                    continued(part.start)
                };
                shots.push(Shot {
                    start: part.start,
                    end: part.end,
                    opening,
                    same_as: None,
                });
            });
        }
        shots
    }

    /// The parts of a shot, in order, and whether each is the first: the shot itself if it is not too long.
    fn divide(
        &self,
        timeline: &Timeline,
        shot: Range<u64>,
        mut part: impl FnMut(Range<u64>, bool),
    ) {
        let began = timeline.ms_of(shot.start);
        let length = timeline.ms_of(shot.end).saturating_sub(began);
        let parts = length.div_ceil(self.max_shot_ms).max(1);
        let mut start = shot.start;
        for number in 1..=parts {
            let due = began + length * number / parts;
            let end = if number == parts {
                shot.end
            } else {
                first_from(timeline, start..shot.end, due)
            };
            // A single frame may be shown for longer than the maximum duration of a shot.
            if start < end {
                part(start..end, start == shot.start);
                start = end;
            }
        }
    }
}

/// The first of `frames` that is shown at or after `ms`.
fn first_from(timeline: &Timeline, frames: Range<u64>, ms: u64) -> u64 {
    let (mut low, mut high) = (frames.start, frames.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if timeline.ms_of(middle) < ms {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

const fn continued(frame: u64) -> Boundary {
    Boundary {
        kind: BoundaryKind::Continued,
        start: frame,
        end: frame,
        confidence: 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Rate;

    fn timeline(frames: i64) -> Timeline {
        Timeline {
            time_base: Rate::new(25, 1).unwrap(),
            rate: Rate::new(25, 1).unwrap(),
            variable: false,
            start_timecode: None,
            origin_pts: 0,
            pts: (0..frames).collect(),
            end_pts: frames,
        }
    }

    fn cut(frame: u64, confidence: f32) -> Boundary {
        Boundary {
            kind: BoundaryKind::Cut,
            start: frame,
            end: frame,
            confidence,
        }
    }

    fn starts(boundaries: &[Boundary]) -> Vec<u64> {
        let (timeline, mut joiner) = (timeline(100), Joiner::new(&SegmentParams::default()));
        let mut told = Vec::new();
        for boundary in boundaries {
            joiner.add(&timeline, &[*boundary]);
            told.extend(joiner.settled(&timeline));
        }
        let shots = joiner.finish(&timeline);
        // All but the last two shots were reported before the end, and nothing else was.
        assert!(told.len() + 2 >= shots.len());
        let frames = shots.iter().map(Shot::frames);
        assert!(
            told.iter()
                .eq(frames.take(told.len()).collect::<Vec<_>>().iter())
        );
        assert_eq!(shots[0].start, 0);
        assert_eq!(shots.last().unwrap().end, 100);
        assert!(shots.windows(2).all(|pair| pair[0].end == pair[1].start));
        shots.iter().map(|shot| shot.start).collect()
    }

    #[test]
    fn an_uncut_take_of_any_length_is_divided_the_same_early_and_late() {
        // 25 frames per second: 40 minutes without a cut, then 11 minutes.
        let (timeline, mut joiner) = (timeline(76_500), Joiner::new(&SegmentParams::default()));
        joiner.add(
            &timeline,
            &[cut(60_000, 0.9), cut(76_400, 0.9), cut(76_450, 0.9)],
        );
        let told = joiner.settled(&timeline);
        let shots = joiner.finish(&timeline);
        let lengths: Vec<u64> = shots.iter().map(|shot| shot.end - shot.start).collect();
        let mut expected = vec![7500; 8];
        expected.extend([5467, 5467, 5466, 50, 50]);
        assert_eq!(lengths, expected);
        let kinds: Vec<_> = shots.iter().map(|shot| shot.opening.kind).collect();
        assert_eq!(kinds[0], BoundaryKind::Start);
        assert!(
            kinds[1..8]
                .iter()
                .all(|kind| *kind == BoundaryKind::Continued)
        );
        assert_eq!(
            kinds[8..11],
            [
                BoundaryKind::Cut,
                BoundaryKind::Continued,
                BoundaryKind::Continued
            ]
        );
        let frames: Vec<_> = shots.iter().map(Shot::frames).take(told.len()).collect();
        assert_eq!(told, frames);
        assert_eq!(told.len(), 11);
    }

    #[test]
    fn a_frame_that_is_shown_for_an_hour_is_one_shot() {
        let mut timeline = timeline(2);
        timeline.pts = vec![0, 90_000];
        timeline.end_pts = 180_000;
        let shots = Joiner::new(&SegmentParams::default()).finish(&timeline);
        let frames: Vec<_> = shots.iter().map(Shot::frames).collect();
        assert_eq!(frames, [0..1, 1..2]);
    }

    #[test]
    fn shots_cover_a_video_without_boundaries() {
        assert_eq!(starts(&[]), [0]);
    }

    #[test]
    fn of_two_boundaries_too_close_the_surer_stands() {
        assert_eq!(starts(&[cut(40, 0.6), cut(44, 0.9)]), [0, 44]);
        assert_eq!(starts(&[cut(40, 0.9), cut(44, 0.6)]), [0, 40]);
    }

    #[test]
    fn a_short_beginning_or_end_joins_its_neighbour() {
        assert_eq!(starts(&[cut(3, 0.9), cut(50, 0.9), cut(98, 0.9)]), [0, 50]);
    }

    #[test]
    fn half_of_a_gradual_transition_belongs_to_the_outgoing_shot() {
        let fade = Boundary {
            kind: BoundaryKind::Fade,
            start: 40,
            end: 50,
            confidence: 0.9,
        };
        assert_eq!(starts(&[fade]), [0, 45]);
    }
}
