//! The first pass: what the detectors see in the frames.

use image::RgbImage;

use super::super::RedactError;
use rushes_models::Class;

use super::super::found::{Found, voters};
use super::super::geometry::{Camera, Object, Rect, Sighting, Tangent, View};
use super::super::paint::upright;
use super::super::picture::Orientation;
use super::super::still::Redactor;
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
    /// What is hidden.
    pub(super) patches: Vec<Sighting<Class>>,
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
                    place: place(object, &found),
                },
                score: best(patches.iter().map(|&index| found.sightings[index].score)),
                bounds: object.bounds,
                tangent: object.tangent,
                patches: patches
                    .iter()
                    .map(|&index| found.sightings[index])
                    .collect(),
            });
        }
        self.views = found.views;
        Ok(())
    }
}

/// Where an object is, as tracks follow it. What lies between two sightings is filled from both, and the corners of one
/// may be known and those of the other not: then only boxes that stand alike cover what is between.
fn place(object: &Object<Class>, found: &Found) -> Place {
    let is_slanted = found.sightings[object.sightings[0]].quad.is_some();
    match object.tangent {
        None => Place::Flat(object.bounds),
        Some(tangent) if is_slanted => Place::Sphere(tangent.upright()),
        Some(tangent) => Place::Sphere(tangent),
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
