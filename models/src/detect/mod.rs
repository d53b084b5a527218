//! Detectors: find faces and number plates in a planar picture.
//!
//! A detector is an ONNX file and a manifest that describes its input and names the *head* that decodes its
//! output. New weights of a known architecture need a manifest and no code.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use ort::session::Session;
use ort::value::Tensor;
use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::digest::Digest;
use crate::error::{DetectError, ModelError};
use crate::manifest::{DetectorParameters, InputSize, Kind, Manifest, ManifestError, Parameters};
use crate::onnx;
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, StoreError};

mod heads;
mod input;
mod int8;
#[cfg(test)]
mod plate_tests;
#[cfg(test)]
mod tests;

use heads::{Grid, Output};
use input::Frame;
use int8::append_blocks;

/// Pixels per network run. More gains nothing on a CPU and takes memory.
const BATCH_PIXELS: u64 = 4 << 20;

/// Boxes of one picture that overlap more than this (intersection over union) are duplicates of one detection.
/// Looser overlaps are left to the caller, who blurs the union of all boxes.
const NEAR_DUPLICATE: f32 = 0.7;

/// Most boxes per picture before duplicates are removed. This is far more than any crowd gives, and far fewer
/// than a zero threshold gives.
const MOST_BOXES: usize = 20_000;

/// One box in one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The class of its content.
    pub class: Class,
    /// Confidence, 0 to 1. Not comparable between detectors.
    pub score: f32,
    /// Left, top, right and bottom in pixels from the picture's corner, inside the picture.
    pub rect: [f32; 4],
    /// Eyes, nose and corners of the mouth of a face, from left to right in the picture, if the detector gives them.
    pub points: Option<[[f32; 2]; 5]>,
    /// Corners of a plate in the picture's pixels, going round from the one where its writing begins, if the detector
    /// gives them. They are as the network gives them: they may lie outside the picture, or not fit the box.
    pub corners: Option<[[f32; 2]; 4]>,
}

/// Identifies the source of detections, for the record beside a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorIdentity {
    /// `id@revision` of the manifest.
    pub model: String,
    /// SHA-256 of the weights in use.
    pub sha256: Digest,
    /// The device: `cpu` or `cuda`.
    pub device: String,
    /// What it computes with.
    pub precision: Precision,
}

/// What a network computes with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 8-bit integers, two to three times as fast on a CPU. Scores differ a little.
    Int8,
}

/// How to open a detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct DetectorOptions<'a> {
    /// Threads per run; 0 means 1.
    pub threads: usize,
    /// Weights to use instead of the installed ones.
    pub weights: Option<&'a Path>,
    /// What to compute with. If absent, 8-bit integers where the network's activations were measured and the CPU adds
    /// products of bytes in 32 bits, and floats otherwise.
    pub precision: Option<Precision>,
}

/// A network that detects faces or plates. It is not shared between threads; each opens its own.
pub struct Detector {
    identity: DetectorIdentity,
    parameters: DetectorParameters,
    /// What sessions are started of.
    graph: Arc<[u8]>,
    /// Of a session.
    threads: usize,
    session: Session,
    input: String,
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Detector {
    /// Opens a detector by the id of its manifest.
    ///
    /// # Errors
    /// The detector does not exist, is not installed (the error names the pull), or its weights cannot be used.
    pub fn open(
        store: &ModelStore,
        id: &str,
        options: DetectorOptions<'_>,
    ) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let parameters = parameters_of(manifest)?;
        let path = match options.weights {
            Some(path) => path.to_owned(),
            None => store.file(manifest, &parameters.weights)?,
        };
        let bytes = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        let sha256 = Digest::of_bytes(&bytes);
        let failed = |problem| DetectError::Weights {
            path: path.clone(),
            problem,
        };
        let is_int8 = match options.precision {
            Some(precision) => precision == Precision::Int8,
            // With seven bits fewer of the weak detections are found again.
            None => int8::has_eight_bits() && !runtime::is_accelerated(store, &parameters.runtime)?,
        };
        let integers = if is_int8 && parameters.takes_plain_pixels() {
            int8::integers(&bytes, &sha256).map_err(failed)?
        } else {
            None
        };
        let (graph, precision) = match (integers, parameters.size) {
            (Some(graph), _) => (graph, Precision::Int8),
            (None, _) if options.precision == Some(Precision::Int8) => {
                return Err(DetectError::NotMeasured {
                    model: manifest.full_name(),
                }
                .into());
            }
            (None, InputSize::MultipleOf { .. }) => {
                let graph = onnx::with_any_size(&bytes, parameters.batch).map_err(failed)?;
                (graph, Precision::F32)
            }
            (None, InputSize::Fixed { .. }) => {
                let graph = onnx::without_constant_inputs(&bytes).map_err(failed)?;
                (graph, Precision::F32)
            }
        };
        let identity = DetectorIdentity {
            model: manifest.full_name(),
            sha256,
            device: String::new(),
            precision,
        };
        Self::start(store, identity, parameters, graph.into(), options.threads)
    }

    /// Another one that computes the same, for another thread. The weights are not read again.
    ///
    /// # Errors
    /// The runtime fails.
    pub fn another(&self, store: &ModelStore) -> Result<Self, ModelError> {
        let (identity, graph) = (self.identity.clone(), Arc::clone(&self.graph));
        Self::start(store, identity, &self.parameters, graph, self.threads)
    }

    /// Starts a session; what it runs on completes the identity.
    fn start(
        store: &ModelStore,
        mut identity: DetectorIdentity,
        parameters: &DetectorParameters,
        graph: Arc<[u8]>,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let runtime = &parameters.runtime;
        let (session, device) = match identity.precision {
            Precision::Int8 => (runtime::session(store, runtime, &graph, threads)?, "cpu"),
            Precision::F32 => runtime::accelerated_session(store, runtime, &graph, threads)?,
        };
        device.clone_into(&mut identity.device);
        let input = session
            .inputs()
            .first()
            .map(|input| input.name().to_owned())
            .unwrap_or_default();
        Ok(Self {
            identity,
            parameters: parameters.clone(),
            graph,
            threads,
            session,
            input,
        })
    }

    /// The identity of this detector.
    #[must_use]
    pub fn identity(&self) -> &DetectorIdentity {
        &self.identity
    }

    /// The classes that it detects.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.parameters.classes
    }

    /// The default score threshold, tuned for recall.
    #[must_use]
    pub fn default_threshold(&self) -> f32 {
        self.parameters.threshold
    }

    /// Boxes with a score of at least `threshold` in each picture, best first. Pictures of one size share a
    /// batch if the network allows it.
    ///
    /// # Errors
    /// The runtime fails, or the network's outputs do not fit its head.
    pub fn detect(
        &mut self,
        pictures: &[RgbImage],
        threshold: f32,
    ) -> Result<Vec<Vec<Detection>>, ModelError> {
        let mut found = Vec::with_capacity(pictures.len());
        let mut rest = pictures;
        while let Some(first) = rest.first() {
            let many = self.batch_of(rest);
            let (batch, after) = rest.split_at(many);
            rest = after;
            if first.width() == 0 || first.height() == 0 {
                found.extend(batch.iter().map(|_| Vec::new()));
                continue;
            }
            found.extend(self.run(batch, threshold)?);
        }
        Ok(found)
    }

    /// How many of the first pictures can share a run: those of one size, and not too large.
    fn batch_of(&self, pictures: &[RgbImage]) -> usize {
        let size = pictures[0].dimensions();
        if !self.parameters.batch || size.0 == 0 || size.1 == 0 {
            return 1;
        }
        let most = BATCH_PIXELS / (u64::from(size.0) * u64::from(size.1));
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        pictures
            .iter()
            .take(most)
            .take_while(|picture| picture.dimensions() == size)
            .count()
    }

    /// One run over pictures of one size.
    fn run(
        &mut self,
        batch: &[RgbImage],
        threshold: f32,
    ) -> Result<Vec<Vec<Detection>>, ModelError> {
        let frame = Frame::of(batch[0].dimensions(), &self.parameters);
        let [width, height] = frame.input;
        let tensor = match self.identity.precision {
            Precision::F32 => {
                let mut planes = Vec::new();
                for picture in batch {
                    frame.append(picture, &self.parameters, &mut planes)?;
                }
                Tensor::from_array(([batch.len(), 3, height, width], planes)).map(Tensor::upcast)
            }
            Precision::Int8 => {
                let mut blocks = Vec::new();
                for picture in batch {
                    append_blocks(&frame, picture, &mut blocks);
                }
                Tensor::from_array(([batch.len(), height / 2, width / 2, 12], blocks))
                    .map(Tensor::upcast)
            }
        }
        .map_err(RuntimeError::run("take pictures"))?;
        let outputs = self
            .session
            .run(ort::inputs![self.input.as_str() => tensor])
            .map_err(RuntimeError::run("detect"))?;
        let mut values = Vec::with_capacity(outputs.len());
        for name in outputs.keys() {
            let (shape, numbers) = outputs[name]
                .try_extract_tensor::<f32>()
                .map_err(RuntimeError::run("read boxes"))?;
            if numbers.iter().any(|number| number.is_nan()) {
                return Err(DetectError::NotANumber {
                    model: self.identity.model.clone(),
                }
                .into());
            }
            values.push(Output {
                name,
                shape: shape
                    .iter()
                    .map(|&n| usize::try_from(n).unwrap_or(0))
                    .collect(),
                numbers,
            });
        }
        let grid = Grid {
            width,
            height,
            threshold,
        };
        let mut answers = Vec::with_capacity(batch.len());
        for picture in 0..batch.len() {
            let raw =
                heads::decode(self.parameters.head, &values, picture, &grid).ok_or_else(|| {
                    DetectError::Outputs {
                        model: self.identity.model.clone(),
                        head: format!("{:?}", self.parameters.head),
                        found: heads::describe(&values),
                    }
                })?;
            if raw.len() > MOST_BOXES {
                return Err(DetectError::TooMany {
                    model: self.identity.model.clone(),
                    found: raw.len(),
                    most: MOST_BOXES,
                }
                .into());
            }
            answers.push(settle(raw, &self.parameters, &frame));
        }
        Ok(answers)
    }
}

/// Boxes in the picture's own pixels, best first, without duplicates.
fn settle(
    mut raw: Vec<heads::Raw>,
    parameters: &DetectorParameters,
    frame: &Frame,
) -> Vec<Detection> {
    raw.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in raw {
        let Some(&class) = parameters.classes.get(candidate.class) else {
            continue;
        };
        let [x0, y0, x1, y1] = candidate.rect;
        if parameters
            .largest
            .is_some_and(|largest| (x1 - x0).max(y1 - y0) > largest)
        {
            continue;
        }
        let Some(rect) = frame.to_picture(candidate.rect) else {
            continue;
        };
        let duplicate = kept
            .iter()
            .any(|k| k.class == class && overlap(k.rect, rect) > NEAR_DUPLICATE);
        if !duplicate {
            kept.push(Detection {
                class,
                score: candidate.score,
                rect,
                points: candidate.points.map(|points| frame.points(points)),
                corners: candidate.corners.map(|corners| frame.points(corners)),
            });
        }
    }
    kept
}

/// The known detectors of a class, best first, in the built-in order of preference.
#[must_use]
pub fn detectors_of(store: &ModelStore, class: Class) -> Vec<String> {
    let finds = |id: &str| {
        store
            .manifests()
            .get(id)
            .ok()
            .and_then(|manifest| parameters_of(manifest).ok())
            .is_some_and(|parameters| parameters.classes.contains(&class))
    };
    let mut known: Vec<String> = ["centerface", "plates"]
        .into_iter()
        .filter(|id| finds(id))
        .map(str::to_owned)
        .collect();
    for manifest in store.manifests().iter() {
        if manifest.kind == Kind::Detector && finds(&manifest.id) && !known.contains(&manifest.id) {
            known.push(manifest.id.clone());
        }
    }
    known
}

fn parameters_of(manifest: &Manifest) -> Result<&DetectorParameters, ManifestError> {
    match &manifest.parameters {
        Parameters::Detector(parameters) => Ok(parameters),
        Parameters::OnnxRuntime(_)
        | Parameters::BertSentence(_)
        | Parameters::DualEncoder(_)
        | Parameters::Whisper(_)
        | Parameters::SileroVad(_)
        | Parameters::SoundTagger(_)
        | Parameters::PpOcr(_)
        | Parameters::FaceDescriptor(_)
        | Parameters::ConseEfficientnetLite0(_) => Err(manifest.wrong_kind("find faces or plates")),
    }
}

/// Intersection over union of two boxes.
#[must_use]
pub fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |r: [f32; 4]| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    let both = area([
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ]);
    let either = area(a) + area(b) - both;
    if either > 0.0 { both / either } else { 0.0 }
}
