//! One pass over a film: its timeline and its shots.

use super::likeness::{Look, mark};
use super::timeline::build;
use super::{
    AdaptiveDetector, Boundary, BoundaryDetector, BoundaryKind, DetectorKind, LearnedDetector,
    SegmentParams, Shot, ShotScan,
};
use crate::media::{Bounds, MediaError, SmallFrame, SmallFrames, SmallOptions};
use crate::source::ByteSource;
use crate::time::Timeline;

/// Told of frames done and, where it can be estimated, of all frames; an error stops the pass.
pub type Progress<'a> = dyn FnMut(u64, Option<u64>) -> Result<(), MediaError> + 'a;

/// Segments a film in one pass with the detector of `params`.
///
/// # Errors
/// Any [`MediaError`] of opening or decoding, and any error of `progress`.
pub fn segment(
    source: Box<dyn ByteSource>,
    params: &SegmentParams,
    bounds: &Bounds,
    progress: &mut Progress<'_>,
) -> Result<ShotScan, MediaError> {
    let options = SmallOptions {
        decoders: params.threads,
        chunk_frames: params.chunk_frames,
    };
    let reader = SmallFrames::open(source, options, bounds)?;
    let mut detector = detector(params)?;
    segment_with(reader, detector.as_mut(), params.min_shot_ms, progress)
}

fn detector(params: &SegmentParams) -> Result<Box<dyn BoundaryDetector>, MediaError> {
    Ok(match params.detector {
        DetectorKind::Learned => Box::new(LearnedDetector::new(params)?),
        DetectorKind::Signal => Box::new(AdaptiveDetector::new(params)),
    })
}

/// Segments a film in one pass with a given detector; shots shorter than `min_shot_ms` join a
/// neighbour.
///
/// # Errors
/// As [`segment`].
pub fn segment_with(
    mut reader: SmallFrames,
    detector: &mut dyn BoundaryDetector,
    min_shot_ms: u64,
    progress: &mut Progress<'_>,
) -> Result<ShotScan, MediaError> {
    let total = expected_frames(&reader);
    let mut small = SmallFrame::grey();
    let mut pts = Vec::new();
    let mut looks = Vec::new();
    while let Some((number, shown_at)) = reader.next_frame(&mut small)? {
        detector.push(&small, number)?;
        pts.push(shown_at);
        looks.push(Look::of(&small));
        progress(number + 1, total)?;
    }
    let timeline = build(reader.info(), reader.time_base(), pts, reader.end_pts());
    let mut shots = shots(&timeline, &detector.finish()?, min_shot_ms);
    mark(&mut shots, &looks);
    Ok(ShotScan {
        shots,
        corrupt: reader.corrupt().to_vec(),
        timeline,
    })
}

/// The number of frames: of the container's index, else from duration and rate.
fn expected_frames(reader: &SmallFrames) -> Option<u64> {
    let info = reader.info();
    let (_, video) = info.video()?;
    video.frames.or_else(|| {
        let rate = video.average_rate?;
        Some(info.duration_ms? * u64::from(rate.num()) / (1000 * u64::from(rate.den())))
    })
}

/// The shots between boundaries, which cover the whole timeline.
fn shots(timeline: &Timeline, boundaries: &[Boundary], min_shot_ms: u64) -> Vec<Shot> {
    let frames = timeline.frames();
    let too_short =
        |start: u64, end: u64| timeline.ms_of(end) - timeline.ms_of(start) < min_shot_ms;
    let mut kept: Vec<Boundary> = vec![Boundary {
        kind: BoundaryKind::Start,
        start: 0,
        end: 0,
        confidence: 1.0,
    }];
    for boundary in boundaries {
        let frame = boundary.frame();
        let Some(last) = kept.last_mut() else { break };
        if frame <= last.frame() || frame >= frames {
            continue;
        }
        if !too_short(last.frame(), frame) {
            kept.push(*boundary);
        } else if last.kind != BoundaryKind::Start && boundary.confidence > last.confidence {
            // Of two boundaries too close to be both true, the surer one stands.
            *last = *boundary;
        }
    }
    if kept.len() > 1
        && kept
            .last()
            .is_some_and(|last| too_short(last.frame(), frames))
    {
        kept.pop();
    }
    let ends = kept.iter().skip(1).map(Boundary::frame).chain([frames]);
    kept.iter()
        .zip(ends)
        .map(|(opening, end)| Shot {
            start: opening.frame(),
            end,
            opening: *opening,
            same_as: None,
        })
        .collect()
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
        let shots = shots(&timeline(100), boundaries, 300);
        assert_eq!(shots[0].start, 0);
        assert_eq!(shots.last().unwrap().end, 100);
        assert!(shots.windows(2).all(|pair| pair[0].end == pair[1].start));
        shots.iter().map(|shot| shot.start).collect()
    }

    #[test]
    fn shots_cover_a_film_without_boundaries() {
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
