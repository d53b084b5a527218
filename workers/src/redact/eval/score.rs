//! Scores: how much of what is truly there was found and covered.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rushes_models::{Class, with_causes};
use serde::{Deserialize, Serialize};

use super::super::RedactError;
use super::super::found::Found;
use super::super::geometry::{Camera, Mask, Patch, Shape, View, rasterise};
use super::super::picture::Editor;
use super::super::still::Redactor;
use super::dataset::{Annotated, Dataset, Truth};

/// Share of a true region that must be covered for it to count as hidden.
const COVERED: f64 = 0.95;

/// Upper ends of the bins by longer side, in pixels.
const SIZES: [u32; 6] = [8, 16, 32, 64, 128, 256];
/// Width of the wide bins, and where they end.
const STRIDE: u32 = 100;
const LAST_STRIDE: u32 = 2000;
/// Upper ends of the bins by latitude, above or below the horizon, in degrees.
const LATITUDES: [u32; 6] = [15, 30, 45, 60, 75, 91];
/// Upper ends of the bins by distance of the middle to the seam, in degrees of yaw.
const SEAM: [u32; 4] = [5, 20, 60, 181];

/// What became of some true regions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many there are.
    pub truths: usize,
    /// Those that a reported box fits, by intersection over union.
    pub found: usize,
    /// Those of which the blur covers at least 95 % of the area.
    pub covered: usize,
}

/// A tally of the true regions below an upper end, and not below the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreBin {
    /// The upper end, exclusive; none for the rest.
    pub below: Option<u32>,
    /// What became of them.
    #[serde(flatten)]
    pub tally: Tally,
}

/// The scores of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassScore {
    /// All true regions.
    #[serde(flatten)]
    pub all: Tally,
    /// Reported boxes.
    pub reported: usize,
    /// Those that fit a true region.
    pub right: usize,
    /// By longer side, in pixels.
    pub sizes: Vec<ScoreBin>,
    /// By longer side, in steps of 100 pixels.
    pub strides: Vec<ScoreBin>,
    /// By latitude, in degrees; panoramas only.
    pub latitudes: Vec<ScoreBin>,
    /// By distance to the seam, in degrees; panoramas only.
    pub seam: Vec<ScoreBin>,
}

/// The scores of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Pictures looked at.
    pub pictures: usize,
    /// Intersection over union from which a box fits.
    pub iou: f64,
    /// By class.
    pub classes: BTreeMap<Class, ClassScore>,
    /// Pictures that could not be looked at, and why. Their true regions count as missed.
    pub failures: Vec<(PathBuf, String)>,
}

/// What became of one true region.
#[derive(Debug, Clone, Copy, Default)]
struct Verdict {
    found: bool,
    covered: bool,
}

impl Tally {
    /// Share found, 0 to 1; 1 of nothing.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.truths)
    }

    /// Share covered, 0 to 1; 1 of nothing.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        share(self.covered, self.truths)
    }

    fn add(&mut self, verdict: Verdict) {
        self.truths += 1;
        self.found += usize::from(verdict.found);
        self.covered += usize::from(verdict.covered);
    }
}

impl ClassScore {
    /// Share of the reported boxes that fit a true region; 1 of nothing.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.reported)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of regions")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Looks at annotated pictures and keeps score.
#[derive(Debug)]
pub struct Evaluator {
    redactor: Redactor,
    scores: Evaluation,
}

impl Evaluator {
    /// With opened detectors; `iou` is the intersection over union from which a box fits.
    #[must_use]
    pub fn new(redactor: Redactor, iou: f64) -> Self {
        let scores = Evaluation {
            iou,
            ..Evaluation::default()
        };
        Self { redactor, scores }
    }

    /// Looks at every picture; `progress` hears how many are through.
    pub fn run(mut self, dataset: &Dataset, mut progress: impl FnMut(usize)) -> Evaluation {
        for (done, picture) in dataset.pictures.iter().enumerate() {
            self.add(picture);
            progress(done + 1);
        }
        self.scores
    }

    fn add(&mut self, picture: &Annotated) {
        self.scores.pictures += 1;
        let classes = &self.redactor.settings().classes;
        let truths: Vec<Truth> = picture
            .truths
            .iter()
            .copied()
            .filter(|t| classes.contains(&t.class))
            .collect();
        match self.look(picture) {
            Ok((camera, found)) => self.count(&truths, &camera, &found),
            Err(error) => {
                self.scores
                    .failures
                    .push((picture.file.clone(), with_causes(&error)));
                for truth in truths {
                    self.score(&truth, Verdict::default());
                }
            }
        }
    }

    fn look(&mut self, picture: &Annotated) -> Result<(Camera, Found), RedactError> {
        let bytes = fs::read(&picture.file).map_err(RedactError::io("read", &picture.file))?;
        let editor = Editor::open(bytes, &self.redactor.settings().limits)?;
        let header = editor.header();
        let taken = picture.camera.taken(header)?;
        let found = self.redactor.look(&editor, &taken)?;
        Ok((taken.camera, found))
    }

    fn count(&mut self, truths: &[Truth], camera: &Camera, found: &Found) {
        let truth_masks: Vec<Mask> = truths
            .iter()
            .map(|truth| {
                let (view, rect) = truth.place(camera);
                boxed(camera, &view, rect)
            })
            .collect();
        let blurred: Vec<_> = found
            .objects
            .iter()
            .enumerate()
            .filter(|(index, _)| self.redactor.is_agreed(*index, found))
            .map(|(_, object)| object)
            .collect();
        let covers: Vec<Mask> = blurred
            .iter()
            .map(|object| self.redactor.mask(camera, object, found))
            .collect();
        let boxes: Vec<Mask> = blurred
            .iter()
            .map(|object| {
                let best = found.sightings[object.sightings[0]];
                rasterise(camera, &[best.patch(&found.views, Shape::Box)])
            })
            .collect();
        let fits = |truth: &Mask, reported: &Mask| {
            let both = common(truth, reported);
            let either = truth.area() + reported.area() - both;
            ratio(both, either) >= self.scores.iou
        };
        let mut right = vec![false; blurred.len()];
        let mut verdicts = Vec::with_capacity(truths.len());
        for (truth, mask) in truths.iter().zip(&truth_masks) {
            let mut is_found = false;
            for ((object, reported), right) in blurred.iter().zip(&boxes).zip(&mut right) {
                if object.class == truth.class && fits(mask, reported) {
                    (is_found, *right) = (true, true);
                }
            }
            let near: Vec<&Mask> = covers
                .iter()
                .filter(|cover| common(mask, cover) > 0)
                .collect();
            let hidden = mask
                .spans()
                .flat_map(|span| (span.x0..span.x1).map(move |x| (x, span.y)))
                .filter(|&(x, y)| near.iter().any(|cover| cover.contains(x, y)))
                .count();
            let verdict = Verdict {
                found: is_found,
                covered: ratio(hidden as u64, mask.area()) >= COVERED,
            };
            verdicts.push((*truth, verdict));
        }
        for (object, right) in blurred.iter().zip(&right) {
            let score = self.scores.classes.entry(object.class).or_default();
            score.reported += 1;
            score.right += usize::from(*right);
        }
        for (truth, verdict) in verdicts {
            self.score(&truth, verdict);
        }
    }

    fn score(&mut self, truth: &Truth, verdict: Verdict) {
        let score = self.scores.classes.entry(truth.class).or_default();
        score.all.add(verdict);
        let [left, top, right, bottom] = truth.rect;
        let longer = (right - left).max(bottom - top);
        let strides: Vec<u32> = (STRIDE..=LAST_STRIDE).step_by(STRIDE as usize).collect();
        bin(&mut score.sizes, &SIZES, longer).add(verdict);
        bin(&mut score.strides, &strides, longer).add(verdict);
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        if let Some(direction) = truth
            .view
            .and_then(|view| view.direction(middle.0, middle.1))
        {
            let latitude = direction.y.clamp(-1.0, 1.0).asin().to_degrees().abs();
            let yaw = direction.x.atan2(direction.z).to_degrees().abs();
            bin(&mut score.latitudes, &LATITUDES, latitude).add(verdict);
            bin(&mut score.seam, &SEAM, 180.0 - yaw).add(verdict);
        }
    }
}

/// The bin of a value; all bins are there from the first value on.
fn bin<'a>(bins: &'a mut Vec<ScoreBin>, ends: &[u32], value: f64) -> &'a mut Tally {
    if bins.is_empty() {
        let ends = ends.iter().map(|&end| Some(end)).chain([None]);
        bins.extend(ends.map(|below| ScoreBin {
            below,
            tally: Tally::default(),
        }));
    }
    let at = ends
        .iter()
        .position(|&end| value < f64::from(end))
        .unwrap_or(ends.len());
    &mut bins[at].tally
}

fn boxed(camera: &Camera, view: &View, rect: [f64; 4]) -> Mask {
    rasterise(
        camera,
        &[Patch {
            view: *view,
            rect,
            quad: None,
            shape: Shape::Box,
        }],
    )
}

/// Pixels in both masks.
fn common(a: &Mask, b: &Mask) -> u64 {
    let mut both = 0;
    for p in &a.pieces {
        for q in &b.pieces {
            let across = p.x.max(q.x)..(p.x + p.width).min(q.x + q.width);
            let down = p.y.max(q.y)..(p.y + p.height).min(q.y + q.height);
            for y in down {
                both += across
                    .clone()
                    .filter(|&x| p.contains(x, y) && q.contains(x, y))
                    .count() as u64;
            }
        }
    }
    both
}

#[expect(
    clippy::cast_precision_loss,
    reason = "areas of pictures are far below 2^52"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
