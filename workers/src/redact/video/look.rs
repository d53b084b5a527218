//! The first pass: what the detectors see in the frames.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use image::RgbImage;
use rushes_models::Class;

use super::super::RedactError;
use super::super::detectors::Lookout;
use super::super::found::{Found, SightingList, voters};
use super::super::geometry::{Camera, Object, Rect, Sighting, Tangent, View};
use super::super::paint::upright;
use super::super::picture::Orientation;
use super::super::timings::Timings;
use super::child::HEADER;
use super::track::{Place, Spot};
use crate::media::{MediaError, SandboxFailure};
use crate::sandbox::HandUp;

/// A sighting that only continues a track scores at least this share of what one must that begins one.
const UNSURE: f32 = 0.5;

/// Bytes of the frames that wait or are looked at, about.
const WAITING: u64 = 512 << 20;

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

/// How frames are looked at.
pub(super) struct Watch<'a> {
    pub(super) camera: &'a Camera,
    pub(super) views: &'a [View],
    pub(super) orientation: Orientation,
    /// Detectors that must agree.
    pub(super) votes: usize,
}

/// What was seen in all frames that were looked at.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// In the order of the frames.
    pub(super) sights: Vec<Sight>,
    pub(super) timings: Timings,
}

/// A frame's number and its pixels, as stored.
type Frame = (usize, RgbImage);

/// Takes frames for those who look. Waits while all of them are at work and as many frames wait.
pub(super) struct FrameQueue<'a> {
    frames: SyncSender<Frame>,
    failure: &'a Mutex<Option<RedactError>>,
}

impl FrameQueue<'_> {
    fn push(&self, frame: Frame) -> Result<(), RedactError> {
        let failure = self.failure.lock();
        let failed = failure.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(error) = failed {
            return Err(error);
        }
        self.frames
            .send(frame)
            .map_err(|_closed| RedactError::Defect)
    }
}

/// How many frames of this size are looked at at once, at most.
pub(super) fn at_once((width, height): (u32, u32)) -> usize {
    let frame = (u64::from(width) * u64::from(height) * 3).max(1);
    // As many wait.
    usize::try_from(WAITING / (2 * frame))
        .unwrap_or(usize::MAX)
        .max(1)
}

impl Watch<'_> {
    /// Looks at the frames that `hand_up` puts into the queue, each lookout at one of them.
    ///
    /// # Errors
    /// What `hand_up` or a detector fails with.
    pub(super) fn look<T>(
        &self,
        lookouts: Vec<Lookout<'_>>,
        hand_up: impl FnOnce(FrameQueue<'_>) -> Result<T, RedactError>,
    ) -> Result<(T, Seen), RedactError> {
        let (sender, receiver) = sync_channel(lookouts.len());
        let (receiver, failure) = (&Mutex::new(receiver), &Mutex::new(None));
        let (handed, mut seen, timings) = std::thread::scope(|scope| {
            let watch = |lookout| scope.spawn(move || self.watch(lookout, receiver, failure));
            let watching: Vec<_> = lookouts.into_iter().map(watch).collect();
            let handed = hand_up(FrameQueue {
                frames: sender,
                failure,
            });
            let (mut seen, mut timings) = (Vec::new(), Vec::new());
            for watcher in watching {
                let Ok((frames, took)) = watcher.join() else {
                    return (Err(RedactError::Defect), seen, timings);
                };
                seen.extend(frames);
                timings.push(took);
            }
            (handed, seen, timings)
        });
        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failure.take() {
            return Err(error);
        }
        let handed = handed?;
        seen.sort_by_key(|(frame, _)| *frame);
        Ok((
            handed,
            Seen {
                sights: seen.into_iter().flat_map(|(_, sights)| sights).collect(),
                timings: side_by_side(&timings),
            },
        ))
    }

    /// Looks at frames until there are no more. After a failure it only takes them, so that nobody waits.
    fn watch(
        &self,
        mut lookout: Lookout<'_>,
        frames: &Mutex<Receiver<Frame>>,
        failure: &Mutex<Option<RedactError>>,
    ) -> (Vec<(usize, Vec<Sight>)>, Timings) {
        let (mut seen, mut timings) = (Vec::new(), Timings::default());
        let mut failed = false;
        loop {
            let next = frames.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((number, stored)) = next else {
                return (seen, timings);
            };
            if failed {
                continue;
            }
            let look = AssertUnwindSafe(|| self.sights(&mut lookout, number, stored));
            match catch_unwind(look).unwrap_or(Err(RedactError::Defect)) {
                Ok((sights, took)) => {
                    seen.push((number, sights));
                    timings.render += took.render;
                    timings.detect += took.detect;
                    timings.merge += took.merge;
                }
                Err(error) => {
                    failed = true;
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                }
            }
        }
    }

    /// What is seen in one frame.
    fn sights(
        &self,
        lookout: &mut Lookout<'_>,
        number: usize,
        stored: RgbImage,
    ) -> Result<(Vec<Sight>, Timings), RedactError> {
        let upright = upright(stored, self.orientation);
        let mut gathered = SightingList::new(self.views.to_vec());
        gathered.gather(lookout, &upright, self.camera, &|_| UNSURE)?;
        let found = gathered.merged(self.camera);
        let sight = |object| self.sight(lookout, object, &found, number);
        Ok((found.objects.iter().map(sight).collect(), found.timings))
    }

    fn sight(
        &self,
        lookout: &Lookout<'_>,
        object: &Object<Class>,
        found: &Found,
        frame: usize,
    ) -> Sight {
        let counts = |index: &&usize| {
            let Sighting { class, score, .. } = found.sightings[**index];
            let detector = found.detectors[**index];
            detector.is_some_and(|detector| lookout.records[detector].counts(class, score, 1.0))
        };
        let counted: Vec<usize> = object.sightings.iter().filter(counts).copied().collect();
        let sure = !counted.is_empty() && voters(&counted, found).len() >= self.votes;
        let patches = if sure { &counted } else { &object.sightings };
        let patches = patches.iter().map(|&index| found.sightings[index]);
        Sight {
            spot: Spot {
                frame,
                class: object.class,
                sure,
                place: place(object, found),
            },
            score: best(patches.clone().map(|patch| patch.score)),
            bounds: object.bounds,
            tangent: object.tangent,
            patches: patches.collect(),
        }
    }
}

/// About how long work took that threads did at the same time.
fn side_by_side(timings: &[Timings]) -> Timings {
    let threads = f64::from(u32::try_from(timings.len()).unwrap_or(u32::MAX).max(1));
    let mean = |of: fn(&Timings) -> f64| timings.iter().map(of).sum::<f64>() / threads;
    Timings {
        render: mean(|it| it.render),
        detect: mean(|it| it.detect),
        merge: mean(|it| it.merge),
        ..Timings::default()
    }
}

/// Takes in frames as they come, and passes on those that are looked at.
pub(super) struct FrameIntake<'a> {
    /// As stored.
    pub(super) size: (u32, u32),
    pub(super) max_frames: u64,
    /// Times of the frames so far.
    pub(super) pts: Vec<i64>,
    /// The frames that were looked at.
    pub(super) looked: Vec<usize>,
    pub(super) queue: FrameQueue<'a>,
}

impl HandUp for FrameIntake<'_> {
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
        self.queue.push((number, stored))
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
