//! What is hidden in each frame, from tracks; and the second pass, which is told so frame by frame.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rushes_models::{Class, with_causes};

use super::super::RedactError;
use super::super::geometry::{Camera, Object, Rect, Sighting, View, merge};
use super::super::settings::Settings;
use super::child::{PlanRegion, asked_for};
use super::look::{Sight, best};
use super::record::{VideoBox, VideoTrack};
use super::track::{Place, Step};
use crate::media::MediaError;
use crate::sandbox::{HandUp, encode, protocol};

/// The widest angle of a filled box, in degrees.
const WIDEST: f64 = 120.0;

/// All that is hidden in a video.
pub(super) struct Plan<'a> {
    pub(super) camera: &'a Camera,
    pub(super) settings: &'a Settings,
    pub(super) views: &'a [View],
    pub(super) sights: &'a [Sight],
    /// By class.
    pub(super) tracks: &'a [(Class, Vec<Step>)],
    /// Steps of each frame: track, step.
    by_frame: Vec<Vec<(usize, usize)>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        camera: &'a Camera,
        settings: &'a Settings,
        views: &'a [View],
        sights: &'a [Sight],
        tracks: &'a [(Class, Vec<Step>)],
        frames: usize,
    ) -> Self {
        let mut by_frame = vec![Vec::new(); frames];
        for (track, (_, steps)) in tracks.iter().enumerate() {
            for (index, step) in steps.iter().enumerate() {
                by_frame[step.frame].push((track, index));
            }
        }
        Self {
            camera,
            settings,
            views,
            sights,
            tracks,
            by_frame,
        }
    }

    /// The regions of a frame.
    pub(super) fn regions(&self, frame: usize) -> Vec<PlanRegion> {
        let steps = self.by_frame.get(frame).into_iter().flatten();
        steps
            .filter_map(|&(track, step)| {
                let (class, steps) = &self.tracks[track];
                self.region(*class, &steps[step])
            })
            .collect()
    }

    /// What is hidden of one object; none if all of it lies outside the picture.
    fn region(&self, class: Class, step: &Step) -> Option<PlanRegion> {
        let shape = self.settings.shape_of(class);
        let patch = |sighting: &Sighting<Class>, views: &[View]| {
            sighting.patch(views, shape).widened(self.settings.margin)
        };
        match step.spot.map(|spot| &self.sights[spot]) {
            Some(sight) => Some(PlanRegion {
                class,
                bounds: sight.bounds,
                tangent: sight.tangent,
                patches: sight
                    .patches
                    .iter()
                    .map(|sighting| patch(sighting, self.views))
                    .collect(),
            }),
            None => {
                let (view, sighting, object) = self.filled(class, step.place)?;
                Some(PlanRegion {
                    class,
                    bounds: object.bounds,
                    tangent: object.tangent,
                    patches: vec![patch(&sighting, &[view])],
                })
            }
        }
    }

    /// A box that nobody saw, in a view made for it.
    fn filled(&self, class: Class, place: Place) -> Option<(View, Sighting<Class>, Object<Class>)> {
        let (view, rect) = in_view(self.camera, place)?;
        let sighting = Sighting {
            view: 0,
            rect,
            quad: None,
            score: 1.0,
            class,
        };
        let object = merge(self.camera, &[view], &[sighting]).pop()?;
        Some((view, sighting, object))
    }

    /// The tracks, for the record.
    pub(super) fn records(&self) -> Vec<VideoTrack> {
        let tracks = self.tracks.iter().enumerate();
        tracks
            .map(|(id, (class, steps))| {
                let boxes: Vec<VideoBox> = steps
                    .iter()
                    .filter_map(|step| self.video_box(*class, step))
                    .collect();
                VideoTrack {
                    id,
                    class: *class,
                    score: best(boxes.iter().filter_map(|found| found.score)),
                    first: boxes.first().map_or(0, |found| found.frame),
                    last: boxes.last().map_or(0, |found| found.frame),
                    boxes,
                }
            })
            .collect()
    }

    fn video_box(&self, class: Class, step: &Step) -> Option<VideoBox> {
        let (bounds, tangent, score) = match step.spot.map(|spot| &self.sights[spot]) {
            Some(sight) => (sight.bounds, sight.tangent, Some(sight.score)),
            None => {
                let (_, _, object) = self.filled(class, step.place)?;
                (object.bounds, object.tangent, None)
            }
        };
        let short = |value: f64| (value * 10.0).round() / 10.0;
        let [left, top, right, bottom] = bounds;
        Some(VideoBox {
            frame: step.frame,
            bounds: [left, top, right - left, bottom - top].map(short),
            sphere: tangent.map(Into::into),
            by: step.by,
            score,
        })
    }
}

/// A view of a place, and the box in it; none outside the picture.
fn in_view(camera: &Camera, place: Place) -> Option<(View, Rect)> {
    const SIDE: u32 = 1000;
    match place {
        Place::Flat([left, top, right, bottom]) => {
            let (width, height) = camera.size();
            let (w, h) = (f64::from(width), f64::from(height));
            let right = if camera.wraps() { right } else { right.min(w) };
            let rect = [left.max(0.0), top.max(0.0), right, bottom.min(h)];
            let view = View::Crop {
                x: 0.0,
                y: 0.0,
                width: w,
                height: h,
                out_width: width,
                out_height: height,
            };
            (rect[0] < rect[2] && rect[1] < rect[3]).then_some((view, rect))
        }
        Place::Sphere(tangent) => {
            let view = View::Perspective {
                yaw: tangent.yaw,
                pitch: tangent.pitch,
                roll: tangent.roll,
                fov_x: (2.0 * tangent.half_width).clamp(0.01, WIDEST),
                fov_y: (2.0 * tangent.half_height).clamp(0.01, WIDEST),
                out_width: SIDE,
                out_height: SIDE,
            };
            let side = f64::from(SIDE);
            Some((view, [0.0, 0.0, side, side]))
        }
    }
}

/// The second pass: tells the child what to change, and takes the video.
pub(super) struct RewritePass<'a> {
    pub(super) plan: &'a Plan<'a>,
    /// Times of the frames in the first pass.
    pub(super) pts: &'a [i64],
    /// The frame that comes next.
    pub(super) next: usize,
    pub(super) file: &'a File,
    /// Bytes that the video may have.
    pub(super) longest: u64,
}

impl HandUp for RewritePass<'_> {
    type Error = RedactError;

    fn answer(&mut self, question: &[u8]) -> Result<Vec<u8>, RedactError> {
        let (number, pts) = asked_for(question)
            .ok_or_else(|| protocol("a question that names no frame".to_owned()))?;
        let known = usize::try_from(number)
            .ok()
            .filter(|&frame| frame == self.next);
        let Some(frame) = known.filter(|&frame| self.pts.get(frame) == Some(&pts)) else {
            return Err(disagree(number));
        };
        self.next += 1;
        Ok(encode(&self.plan.regions(frame))?)
    }

    fn written(&mut self, offset: u64, bytes: &[u8]) -> Result<(), RedactError> {
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.longest {
            return Err(MediaError::Limit {
                what: "bytes of a redacted video".to_owned(),
                found: end,
                allowed: self.longest,
            }
            .into());
        }
        self.file.write_all_at(bytes, offset).map_err(|error| {
            MediaError::Io(format!(
                "the output cannot be written: {}",
                with_causes(&error)
            ))
            .into()
        })
    }
}

/// Two passes over one video saw different frames.
pub(super) fn disagree(frame: u64) -> RedactError {
    RedactError::Media(MediaError::Decode(format!(
        "the video decodes differently each time, from frame {frame} on; repair or transcode it first"
    )))
}
