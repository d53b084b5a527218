//! Faces: finds them, and describes each so that faces of one person are close.
//!
//! A detector gives the box and five points of a face. By the points the face is turned level (`chip`), and dlib's network
//! describes it in 128 numbers. The Euclidean distance of two descriptors is mostly below 0.4 for one person and above
//! 0.55 for two. Descriptors are biometric data: whoever keeps them needs the consent of those who are shown.

mod chip;
mod graphs;
#[cfg(test)]
mod tests;
mod weights;

use std::fmt;

use image::RgbImage;
use ort::session::Session;
use ort::value::Tensor;

use crate::detect::{Detector, DetectorOptions, Precision, overlap};
use crate::error::{FaceError, ModelError};
use crate::manifest::{FaceDetector, FaceParameters, Manifest, Parameters};
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, Status, StoreError};

pub use chip::FaceChip;
use weights::Weights;

/// Numbers of a descriptor.
pub const DESCRIPTOR: usize = 128;
/// The expressions, in the order of their probabilities.
pub const EXPRESSIONS: [&str; 7] = [
    "neutral",
    "happy",
    "sad",
    "angry",
    "fearful",
    "disgusted",
    "surprised",
];
/// Subtracted from red, green and blue, which are then divided by 255.
const MEAN: [f32; 3] = [122.782, 117.001, 104.298];
/// Boxes that overlap more than this are one face.
const SAME_FACE: f32 = 0.3;
/// Chips that are described together.
const BATCH: usize = 8;

/// A face by which it can be compared with others, by their Euclidean distance. It shows itself nowhere, because it is
/// biometric data.
#[derive(Clone, PartialEq)]
pub struct FaceDescriptor(pub [f32; DESCRIPTOR]);

impl fmt::Debug for FaceDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceDescriptor(..)")
    }
}

/// The Euclidean distance of two descriptors.
#[must_use]
pub fn descriptor_distance(one: &FaceDescriptor, other: &FaceDescriptor) -> f32 {
    let pairs = one.0.iter().zip(&other.0);
    pairs.map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// A face in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundFace {
    /// Left, top, right and bottom in pixels.
    pub rect: [f32; 4],
    /// Eyes, nose and corners of the mouth in pixels, from left to right in the picture.
    pub points: [[f32; 2]; 5],
    /// Score of the detector, 0 to 1.
    pub score: f32,
}

impl FoundFace {
    /// How frontal it is, 0 to 1: how near the nose is to the middle between the eyes, by their distance.
    #[must_use]
    pub fn frontality(&self) -> f32 {
        let [left, right, nose, ..] = self.points;
        let eyes = (right[0] - left[0]).hypot(right[1] - left[1]).max(1.0);
        let along = [(right[0] - left[0]) / eyes, (right[1] - left[1]) / eyes];
        let middle = [
            f32::midpoint(left[0], right[0]),
            f32::midpoint(left[1], right[1]),
        ];
        let aside = (nose[0] - middle[0]) * along[0] + (nose[1] - middle[1]) * along[1];
        (1.0 - 2.0 * aside.abs() / eyes).clamp(0.0, 1.0)
    }
}

/// Finds and describes faces. It is not shared between threads; each opens its own.
pub struct FaceReader {
    name: String,
    detector: Detector,
    threshold: f32,
    descriptor: Session,
    expressions: Session,
}

impl fmt::Debug for FaceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceReader")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl FaceReader {
    /// The model `id` and its detector, both as `id@revision`, joined by `+`: what results depend on.
    ///
    /// # Errors
    /// The model does not exist, is of another kind, or has no installed detector.
    pub fn name_of(store: &ModelStore, id: &str) -> Result<String, ModelError> {
        let manifest = store.manifests().get(id)?;
        let (detector, _) = detector_of(store, manifest, parameters_of(manifest)?)?;
        Ok(format!("{}+{}", manifest.full_name(), detector.full_name()))
    }

    /// Opens a model by the id of its manifest, to run on `threads` threads.
    ///
    /// # Errors
    /// The model does not exist, is not installed (the error names the pull), or its files cannot be used.
    pub fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let parameters = parameters_of(manifest)?;
        let (detector, threshold) = detector_of(store, manifest, parameters)?;
        let options = DetectorOptions {
            threads,
            weights: None,
            // Descriptors are of faces whose marks lie where floats put them.
            precision: Some(Precision::F32),
        };
        let open = |name: &str, build: Build, side: u32, numbers: usize| {
            let graph = graph(store, manifest, name, (build, side, numbers))?;
            let session =
                runtime::accelerated_session(store, &parameters.runtime, &graph, threads)?;
            Ok::<Session, ModelError>(session.0)
        };
        Ok(Self {
            name: Self::name_of(store, id)?,
            detector: Detector::open(store, &detector.id, options)?,
            threshold,
            descriptor: open(
                &parameters.recognition,
                graphs::descriptor,
                chip::SIDE,
                DESCRIPTOR,
            )?,
            expressions: open(
                &parameters.expression,
                graphs::expressions,
                chip::UPRIGHT,
                EXPRESSIONS.len(),
            )?,
        })
    }

    /// Its name as [`FaceReader::name_of`] gives it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The faces in a picture, the surest first.
    ///
    /// # Errors
    /// The runtime fails, or the detector gives boxes only.
    pub fn find(&mut self, picture: &RgbImage) -> Result<Vec<FoundFace>, ModelError> {
        let found = self
            .detector
            .detect(std::slice::from_ref(picture), self.threshold)?;
        let mut faces: Vec<FoundFace> = Vec::new();
        for detection in found.into_iter().flatten() {
            let points = detection.points.ok_or_else(|| FaceError::NoPoints {
                model: self.name.clone(),
                detector: self.detector.identity().model.clone(),
            })?;
            let is_new = faces
                .iter()
                .all(|face| overlap(face.rect, detection.rect) < SAME_FACE);
            if is_new {
                faces.push(FoundFace {
                    rect: detection.rect,
                    points,
                    score: detection.score,
                });
            }
        }
        Ok(faces)
    }

    /// The descriptor of each chip.
    ///
    /// # Errors
    /// The runtime fails, or its numbers are not finite.
    pub fn describe(&mut self, chips: &[&FaceChip]) -> Result<Vec<FaceDescriptor>, ModelError> {
        let mut all = Vec::with_capacity(chips.len());
        for batch in chips.chunks(BATCH) {
            let pictures = batch.iter().map(|chip| &chip.level);
            let numbers = run(&mut self.descriptor, pictures, chip::SIDE)?;
            let (rows, rest) = numbers.as_chunks::<DESCRIPTOR>();
            self.check(&numbers, rows.len() == batch.len() && rest.is_empty())?;
            all.extend(rows.iter().map(|row| FaceDescriptor(*row)));
        }
        Ok(all)
    }

    /// The probabilities of [`EXPRESSIONS`] for each chip.
    ///
    /// # Errors
    /// The runtime fails, or its numbers are not finite.
    pub fn expressions(
        &mut self,
        chips: &[&FaceChip],
    ) -> Result<Vec<[f32; EXPRESSIONS.len()]>, ModelError> {
        let mut all = Vec::with_capacity(chips.len());
        for batch in chips.chunks(BATCH) {
            let pictures = batch.iter().map(|chip| &chip.upright);
            let numbers = run(&mut self.expressions, pictures, chip::UPRIGHT)?;
            let (rows, rest) = numbers.as_chunks::<{ EXPRESSIONS.len() }>();
            self.check(&numbers, rows.len() == batch.len() && rest.is_empty())?;
            all.extend_from_slice(rows);
        }
        Ok(all)
    }

    fn check(&self, numbers: &[f32], fits: bool) -> Result<(), FaceError> {
        if fits && numbers.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        Err(FaceError::Outputs {
            model: self.name.clone(),
        })
    }
}

/// Builds a graph for chips of a side, with this many numbers per chip.
type Build = fn(&Weights, usize, usize) -> Result<Vec<u8>, String>;

fn graph(
    store: &ModelStore,
    manifest: &Manifest,
    name: &str,
    (build, side, numbers): (Build, u32, usize),
) -> Result<Vec<u8>, ModelError> {
    let path = store.file(manifest, &format!("{name}.bin"))?;
    let read =
        |path: &std::path::Path| std::fs::read(path).map_err(|e| StoreError::io("read", path, e));
    let list = read(&store.file(manifest, &format!("{name}.json"))?)?;
    let bytes = read(&path)?;
    let graph =
        Weights::read(&list, &bytes).and_then(|weights| build(&weights, side as usize, numbers));
    Ok(graph.map_err(|problem| FaceError::Weights {
        model: manifest.id.clone(),
        path,
        problem,
    })?)
}

/// One run over chips of one side.
fn run<'a>(
    session: &mut Session,
    chips: impl ExactSizeIterator<Item = &'a RgbImage>,
    side: u32,
) -> Result<Vec<f32>, ModelError> {
    let (count, side) = (chips.len(), side as usize);
    let mut planes = Vec::with_capacity(count * 3 * side * side);
    for chip in chips {
        for (channel, mean) in MEAN.into_iter().enumerate() {
            let pixels = chip.as_raw().as_chunks::<3>().0.iter();
            planes.extend(pixels.map(|pixel| (f32::from(pixel[channel]) - mean) / 255.0));
        }
    }
    let tensor = Tensor::from_array(([count, 3, side, side], planes))
        .map_err(RuntimeError::run("take faces"))?;
    let outputs = session
        .run(ort::inputs![graphs::INPUT => tensor])
        .map_err(RuntimeError::run("describe faces"))?;
    let (_, numbers) = outputs[graphs::OUTPUT]
        .try_extract_tensor::<f32>()
        .map_err(RuntimeError::run("read descriptors"))?;
    Ok(numbers.to_vec())
}

/// The first detector that is installed, and the score from which something is a face.
fn detector_of<'a>(
    store: &'a ModelStore,
    manifest: &Manifest,
    parameters: &FaceParameters,
) -> Result<(&'a Manifest, f32), ModelError> {
    for FaceDetector { id, threshold } in &parameters.detectors {
        let detector = store.manifests().get(id)?;
        if store.status(detector)? == Status::Installed {
            return Ok((detector, *threshold));
        }
    }
    Err(FaceError::NoDetector {
        model: manifest.id.clone(),
    }
    .into())
}

fn parameters_of(manifest: &Manifest) -> Result<&FaceParameters, ModelError> {
    match &manifest.parameters {
        Parameters::FaceDescriptor(parameters) => Ok(parameters),
        Parameters::OnnxRuntime(_)
        | Parameters::BertSentence(_)
        | Parameters::ConseEfficientnetLite0(_)
        | Parameters::DualEncoder(_)
        | Parameters::Whisper(_)
        | Parameters::SileroVad(_)
        | Parameters::SoundTagger(_)
        | Parameters::PpOcr(_)
        | Parameters::Detector(_) => Err(manifest.wrong_kind("tell faces apart").into()),
    }
}
