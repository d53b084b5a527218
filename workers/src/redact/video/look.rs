//! The first pass: what the detectors see in the frames.

use image::RgbImage;

use super::super::RedactError;
use super::super::geometry::{Camera, Rect, Tangent, View};
use super::super::paint::upright;
use super::super::picture::Orientation;
use super::super::still::{Redactor, voters};
use super::super::timings::Timings;
use super::child::HEADER;
use super::track::{Place, Spot};
use crate::media::{MediaError, SandboxFailure};
use crate::sandbox::HandUp;

/// A sighting that only continues a track scores at least this share of what one must that begins one.
const UNSURE: f32 = 0.5;

/// What was seen of one object in one frame.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) spot: Spot,
    pub(super) score: f32,
    pub(super) bounds: Rect,
    pub(super) tangent: Option<Tangent>,
    /// Boxes, each in the view of this index.
    pub(super) patches: Vec<(usize, Rect)>,
}

/// Looks at frames as they come.
pub(super) struct DetectionPass<'a> {
    pub(super) redactor: &'a mut Redactor,
    pub(super) camera: &'a Camera,
    pub(super) views: Vec<View>,
    pub(super) orientation: Orientation,
    /// As stored.
    pub(super) size: (u32, u32),
    pub(super) max_frames: u64,
    /// Times of the frames so far.
    pub(super) pts: Vec<i64>,
    /// The frames that were looked at.
    pub(super) looked: Vec<usize>,
    pub(super) sights: Vec<Sight>,
    pub(super) timings: Timings,
}

impl HandUp for DetectionPass<'_> {
    type Error = RedactError;

    fn blob(&mut self, number: usize, bytes: Vec<u8>) -> Result<(), RedactError> {
        let (pts, size, pixels) =
            parts(bytes).ok_or_else(|| nonsense("a frame without a header"))?;
        if number != self.pts.len() || number as u64 >= self.max_frames {
            return Err(nonsense("a frame out of order"));
        }
        if self.pts.last().is_some_and(|last| *last >= pts) {
            return Err(nonsense("times that do not ascend"));
        }
        if size != self.size {
            return Err(RedactError::Unsupported(format!(
                "frame {number} has {} x {} pixels, and the video {} x {}: videos that change their size cannot be redacted",
                size.0, size.1, self.size.0, self.size.1
            )));
        }
        self.pts.push(pts);
        // Whether pixels are missing that should be here is checked in the end.
        if pixels.is_empty() {
            return Ok(());
        }
        self.looked.push(number);
        let stored = RgbImage::from_raw(size.0, size.1, pixels)
            .ok_or_else(|| nonsense("a frame with too few pixels"))?;
        let upright = upright(stored, self.orientation);
        let found = self.redactor.detect_from(
            &upright,
            self.camera,
            std::mem::take(&mut self.views),
            UNSURE,
        )?;
        self.timings.render += found.timings.render;
        self.timings.detect += found.timings.detect;
        self.timings.merge += found.timings.merge;
        let detectors = self.redactor.detectors();
        let votes = self.redactor.settings().votes;
        for object in &found.objects {
            let counts = |index: &&usize| {
                let seen = found.sightings[**index];
                found.detectors[**index]
                    .is_some_and(|detector| detectors.counts(detector, seen.class, seen.score))
            };
            let counted: Vec<usize> = object.sightings.iter().filter(counts).copied().collect();
            let sure = !counted.is_empty() && voters(&counted, &found).len() >= votes;
            let patches = if sure { &counted } else { &object.sightings };
            self.sights.push(Sight {
                spot: Spot {
                    frame: number,
                    class: object.class,
                    sure,
                    place: object
                        .tangent
                        .map_or(Place::Flat(object.bounds), Place::Sphere),
                },
                score: best(patches.iter().map(|&index| found.sightings[index].score)),
                bounds: object.bounds,
                tangent: object.tangent,
                patches: patches
                    .iter()
                    .map(|&index| (found.sightings[index].view, found.sightings[index].rect))
                    .collect(),
            });
        }
        self.views = found.views;
        Ok(())
    }
}

/// The highest score.
pub(super) fn best(scores: impl Iterator<Item = f32>) -> f32 {
    scores.fold(0.0, f32::max)
}

/// Time, size and pixels.
fn parts(mut bytes: Vec<u8>) -> Option<(i64, (u32, u32), Vec<u8>)> {
    let pts = i64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let side = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let size = (side(8)?, side(12)?);
    bytes.drain(..HEADER);
    Some((pts, size, bytes))
}

pub(super) fn nonsense(what: &str) -> RedactError {
    MediaError::Sandbox(SandboxFailure::Protocol(what.to_owned())).into()
}
