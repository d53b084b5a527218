//! What a decoding child does of a video's redaction: hands up frames, and writes changed ones. It knows no path and no
//! detector.

use rushes_models::{Class, with_causes};
use serde::{Deserialize, Serialize};

use super::super::RedactError;
use super::super::blur::Fill;
use super::super::canvas::Canvas;
use super::super::geometry::{Camera, Object, Patch, Rect as Corners, Tangent, rasterise};
use super::super::paint::{PaintTarget, paint};
use super::super::picture::{Orientation, Rect};
use super::pace::Pace;
use crate::media::{
    Bounds, ClockBreak, CorruptSpan, Edit, FrameReader, MediaError, Planes, ReadOptions, Rewrite,
    RewriteOptions, RgbMaker, Shrinker, SmallFrame, Survey, Written,
};
use crate::sandbox::{ChildJob, Limits, Parent, ParentFile};
use crate::segment::{AdaptiveDetector, BoundaryDetector as _, BoundaryKind, SegmentParams};
use crate::source::ByteSource;
use crate::time::Rate;

/// Bytes of a frame's time and size, before its pixels.
pub(super) const HEADER: usize = 16;

/// How frames are handed up.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct LookJob {
    /// Frames that are looked at come with their pixels, of the others only the time.
    pub(super) pace: Pace,
    /// Threads that decode.
    pub(super) threads: u32,
}

/// What a pass over a video finds besides its frames.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DetectionSummary {
    pub(super) frames: u64,
    /// The first frames after cuts.
    pub(super) cuts: Vec<u64>,
    /// Where the video is damaged.
    pub(super) corrupt: Vec<CorruptSpan>,
    /// Where the clock of the file breaks.
    pub(super) clock_breaks: Vec<ClockBreak>,
}

/// How a video is written with regions changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RewriteJob {
    pub(super) options: RewriteOptions,
    /// Of the upright picture.
    pub(super) camera: Camera,
    pub(super) orientation: Orientation,
    pub(super) fill: Fill,
    /// For the progress.
    pub(super) frames: u64,
}

/// One region of one frame to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PlanRegion {
    pub(super) class: Class,
    /// The box in upright pixels, which with `tangent` says where the region's own plane is.
    pub(super) bounds: Corners,
    pub(super) tangent: Option<Tangent>,
    /// What is changed.
    pub(super) patches: Vec<Patch>,
}

/// What a video holds, and what becomes of it when it is redacted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SurveyJob {
    /// In which its name ends.
    pub(super) extension: String,
}

impl ChildJob for SurveyJob {
    const NAME: &'static str = "survey";
    type Output = Survey;

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        _parent: &mut Parent,
    ) -> Result<Survey, MediaError> {
        crate::media::survey(source, &self.extension, bounds)
    }
}

impl ChildJob for LookJob {
    const NAME: &'static str = "look";
    type Output = DetectionSummary;

    fn max_blob(&self, limits: &Limits) -> u64 {
        let pixels = limits.bounds.max_pixels.saturating_mul(3);
        pixels.saturating_add(HEADER as u64)
    }

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<DetectionSummary, MediaError> {
        look(source, self, bounds, parent)
    }
}

impl ChildJob for RewriteJob {
    const NAME: &'static str = "rewrite";
    type Output = Written;

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<Written, MediaError> {
        let work = Rewrite {
            source,
            bounds,
            options: &self.options,
            output: ParentFile::default(),
        };
        crate::media::rewrite(work, &mut Painter { job: &self, parent })
    }
}

/// Asks for the regions of a frame, shown at `pts`.
pub(super) fn question(number: u64, pts: i64) -> Vec<u8> {
    [number.to_le_bytes(), pts.to_le_bytes()].concat()
}

/// The frame that is asked for, and when it is shown.
pub(super) fn asked_for(question: &[u8]) -> Option<(u64, i64)> {
    let (number, pts) = question.split_first_chunk()?;
    let pts = pts.try_into().ok()?;
    Some((u64::from_le_bytes(*number), i64::from_le_bytes(pts)))
}

/// Hands up the frames of a video, as stored.
fn look(
    source: Box<dyn ByteSource>,
    job: LookJob,
    bounds: &Bounds,
    parent: &mut Parent,
) -> Result<DetectionSummary, MediaError> {
    let options = ReadOptions {
        threads: job.threads,
        rough: false,
        exact_damage: true,
    };
    let mut reader = FrameReader::open(source, options, bounds)?;
    let total = reader.info().video().and_then(|(_, video)| video.frames);
    let mut shrinker = Shrinker::default();
    let mut small = SmallFrame::grey();
    let mut cuts = AdaptiveDetector::new(&SegmentParams::default());
    let mut maker = RgbMaker::default();
    let mut frames = 0;
    let time_base = reader.time_base();
    let (mut first, mut last) = (None, None);
    let mut following = reader.next_frame()?;
    while let Some(frame) = following {
        following = reader.next_frame()?;
        let (number, pts) = (frame.number, frame.pts);
        let since = pts.saturating_sub(*first.get_or_insert(pts));
        let shown_ms = time_base.rescale(since, Rate::MILLISECONDS);
        shrinker.shrink(&frame, &mut small)?;
        cuts.push(&small, number, shown_ms.unsigned_abs())?;
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&pts.to_le_bytes());
        let (width, height) = frame.size();
        bytes.extend_from_slice(&width.to_le_bytes());
        bytes.extend_from_slice(&height.to_le_bytes());
        let next = following.as_ref().map(|next| next.pts);
        if job.pace.wants(number, last, next) {
            last = Some(pts);
            let rgb = maker.make(frame)?;
            bytes.extend_from_slice(rgb.as_raw());
        }
        parent.blob(number, bytes)?;
        frames = number + 1;
        parent.progress(frames, total)?;
    }
    let cuts = cuts
        .finish()?
        .into_iter()
        .filter(|boundary| boundary.kind == BoundaryKind::Cut);
    Ok(DetectionSummary {
        frames,
        cuts: cuts.map(|boundary| boundary.start).collect(),
        corrupt: reader.corrupt().to_vec(),
        clock_breaks: reader.clock_breaks(),
    })
}

/// Changes in each frame the regions that the parent names.
struct Painter<'a> {
    job: &'a RewriteJob,
    parent: &'a mut Parent,
}

impl Edit for Painter<'_> {
    fn frame(&mut self, number: u64, pts: i64, planes: &mut Planes) -> Result<(), MediaError> {
        let plan = self.parent.ask(question(number, pts))?;
        let regions: Vec<PlanRegion> = serde_json::from_slice(&plan)
            .map_err(|error| MediaError::Internal(format!("the plan of a frame: {error}")))?;
        for region in &regions {
            self.change(region, planes).map_err(|error| {
                MediaError::Internal(format!(
                    "a region of frame {number} cannot be changed: {}",
                    with_causes(&error)
                ))
            })?;
        }
        self.parent.progress(number + 1, Some(self.job.frames))
    }
}

impl Painter<'_> {
    fn change(&self, region: &PlanRegion, planes: &mut Planes) -> Result<(), RedactError> {
        let RewriteJob {
            camera,
            orientation,
            fill,
            ..
        } = self.job;
        let stored = planes.size(0);
        if orientation.upright_size(stored) != camera.size() {
            return Err(RedactError::Unsupported(
                "the frame has another size than the video".to_owned(),
            ));
        }
        let object = Object {
            class: region.class,
            score: 1.0,
            sightings: Vec::new(),
            bounds: region.bounds,
            tangent: region.tangent,
        };
        let ground = PaintTarget {
            camera,
            orientation: *orientation,
            stored,
        };
        paint(
            &mut Frame(planes),
            &ground,
            &object,
            &rasterise(camera, &region.patches),
            *fill,
        )
    }
}

/// A frame as a canvas.
struct Frame<'a>(&'a mut Planes);

const fn area(rect: Rect) -> [u32; 4] {
    [rect.x, rect.y, rect.width, rect.height]
}

impl Canvas for Frame<'_> {
    fn components(&self) -> usize {
        self.0.count()
    }

    fn step(&self, component: usize) -> (u32, u32) {
        self.0.step(component)
    }

    fn size(&self, component: usize) -> (u32, u32) {
        self.0.size(component)
    }

    fn read(&self, component: usize, rect: Rect) -> Result<Vec<f32>, RedactError> {
        Ok(self.0.read(component, area(rect))?)
    }

    fn write(
        &mut self,
        component: usize,
        rect: Rect,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), RedactError> {
        Ok(self.0.write(component, area(rect), samples, changed)?)
    }
}
