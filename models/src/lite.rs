//! `lite` and `scenes`, the small text-to-shot models: an ImageNet classifier and a sentence encoder, joined by ConSE
//! (Norouzi et al. 2013, arXiv 1312.5650).
//!
//! A part of a picture becomes the mean of the sentence embeddings of its most probable classes, weighted by
//! probability, and the picture becomes the mean of its parts. A text becomes its own sentence embedding. The mean of
//! all class vectors is subtracted from both, because the sentence embeddings of any two "photos of" something share a
//! common part. All are scaled to length 1.
//!
//! `lite` looks at the centre and knows a class by its name. `scenes` also looks at the corners, and knows a class by
//! what it is: it finds scenes earlier (`benches/sight`), and says less reliably that something is absent
//! (`benches/cutoff`), because a tiger shark is then near to any shark. The prompts, the words and the numbers were
//! chosen by measurement. A larger network of the family (`EfficientNet`-Lite2), and an expansion of the query over near
//! classes, were not better.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use ort::session::Session;
use ort::value::Tensor;

use crate::encoder::{ImageEncoder, Space, TextEncoder};
use crate::error::{LiteError, ModelError};
use crate::manifest::{ConseParameters, Manifest, PictureParts};
use crate::preprocess::{Filter, Fit, PARTS, Prepared, Preprocess, PreprocessError};
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, StoreError};
use crate::text::MiniLm;
use crate::torch_legacy;
use crate::vector;

mod class_vectors;
mod efficientnet;
#[cfg(test)]
mod tests;

use class_vectors::ClassVectors;
use efficientnet::CLASSES;

/// The weights among the manifest's files.
const WEIGHTS: &str = "efficientnet-lite0.pth";

/// Squares per network run. More gains nothing on a CPU and takes memory.
const BATCH: usize = 8;

/// The picture half.
pub(crate) struct LiteImageEncoder {
    space: Space,
    classifier: Classifier,
    classes: ClassVectors,
    top_k: usize,
    temperature: f32,
    parts: PictureParts,
}

/// The text half.
#[derive(Debug)]
pub(crate) struct LiteTextEncoder {
    space: Space,
    sentences: Arc<MiniLm>,
    mean: Vec<f32>,
    prompt: String,
}

impl fmt::Debug for LiteImageEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiteImageEncoder")
            .field("space", &self.space)
            .field("top_k", &self.top_k)
            .finish_non_exhaustive()
    }
}

impl LiteImageEncoder {
    /// Opens the picture half on `threads` threads.
    pub(crate) fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &ConseParameters,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let classifier = Classifier::open(store, manifest, parameters, threads)?;
        let classes = ClassVectors::open(store, manifest, parameters, || {
            MiniLm::open(store, &parameters.text)
        })?;
        Ok(Self {
            space: Space::of(store, manifest, parameters.dims)?,
            classifier,
            classes,
            top_k: parameters.top_k,
            temperature: parameters.temperature,
            parts: parameters.parts,
        })
    }

    /// The picture's vector from the logits of its parts.
    fn join(&self, parts: &[f32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.space.dims];
        for logits in parts.chunks_exact(CLASSES) {
            let part = self.part(logits);
            sum.iter_mut().zip(&part).for_each(|(sum, x)| *sum += x);
        }
        vector::normalise(&mut sum);
        sum
    }

    /// The vector of one part.
    fn part(&self, logits: &[f32]) -> Vec<f32> {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_unstable_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        order.truncate(self.top_k);
        // The softmax over the chosen classes is that over all classes, scaled. The sum below cancels the
        // factor.
        let highest = order.first().map_or(0.0, |&best| logits[best]);
        let weights: Vec<f32> = order
            .iter()
            .map(|&class| ((logits[class] - highest) / self.temperature).exp())
            .collect();
        let total: f32 = weights.iter().sum();
        let mut vector: Vec<f32> = self.classes.mean().iter().map(|x| -x).collect();
        for (&class, weight) in order.iter().zip(&weights) {
            vector
                .iter_mut()
                .zip(self.classes.get(class))
                .for_each(|(sum, x)| *sum += x * weight / total);
        }
        vector::normalise(&mut vector);
        vector
    }
}

impl ImageEncoder for LiteImageEncoder {
    fn space(&self) -> &Space {
        &self.space
    }

    fn preferred_batch(&self) -> usize {
        BATCH
    }

    fn backend(&self) -> String {
        "ONNX Runtime, f32, on the CPU".to_owned()
    }

    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError> {
        let preprocess = &self.classifier.preprocess;
        Ok(match self.parts {
            PictureParts::Centre => preprocess.prepare(picture),
            PictureParts::All => preprocess.prepare_parts(picture),
        }?)
    }

    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError> {
        let logits = self.classifier.logits(pictures)?;
        let parts = match self.parts {
            PictureParts::Centre => 1,
            PictureParts::All => PARTS as usize,
        };
        Ok(logits
            .chunks_exact(CLASSES * parts)
            .map(|parts| self.join(parts))
            .collect())
    }
}

impl LiteTextEncoder {
    /// Opens the text half.
    pub(crate) fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &ConseParameters,
    ) -> Result<Self, ModelError> {
        let sentences = Arc::new(MiniLm::open(store, &parameters.text)?);
        let classes =
            ClassVectors::open(store, manifest, parameters, || Ok(Arc::clone(&sentences)))?;
        Ok(Self {
            space: Space::of(store, manifest, parameters.dims)?,
            mean: classes.mean().to_vec(),
            prompt: parameters.prompt.clone(),
            sentences,
        })
    }
}

impl TextEncoder for LiteTextEncoder {
    fn space(&self) -> &Space {
        &self.space
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        let prompted: Vec<String> = texts
            .iter()
            .map(|text| format!("{}{text}", self.prompt))
            .collect();
        let prompted: Vec<&str> = prompted.iter().map(String::as_str).collect();
        let mut vectors = self.sentences.encode(&prompted)?;
        for vector in &mut vectors {
            vector
                .iter_mut()
                .zip(&self.mean)
                .for_each(|(x, mean)| *x -= mean);
            vector::normalise(vector);
        }
        Ok(vectors)
    }
}

/// EfficientNet-Lite0 with its preprocessing.
struct Classifier {
    session: Mutex<Session>,
    preprocess: Preprocess,
}

impl Classifier {
    fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &ConseParameters,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let preprocess = Preprocess::new(
            Fit::CentreCrop {
                shorter: parameters.resize_side,
            },
            Filter::Bicubic,
            parameters.crop_side,
            [parameters.mean; 3],
            [parameters.std; 3],
        )?;
        let graph = classifier_graph(store, manifest, &preprocess)?;
        let session = Mutex::new(runtime::session(
            store,
            &parameters.runtime,
            &graph,
            threads,
        )?);
        Ok(Self {
            session,
            preprocess,
        })
    }

    /// The logits of all squares of all pictures, concatenated.
    fn logits(&self, pictures: &[Prepared]) -> Result<Vec<f32>, ModelError> {
        let side = self.preprocess.side() as usize;
        let square = 3 * side * side;
        let mut logits = Vec::with_capacity(pictures.len() * CLASSES);
        let mut planes = Vec::with_capacity(square * BATCH);
        for (i, picture) in pictures.iter().enumerate() {
            self.preprocess.append(picture, &mut planes)?;
            let is_last = i + 1 == pictures.len();
            while planes.len() >= square * BATCH || (is_last && !planes.is_empty()) {
                let count = BATCH.min(planes.len() / square);
                let rest = planes.split_off(count * square);
                self.run(count, std::mem::replace(&mut planes, rest), &mut logits)?;
            }
        }
        Ok(logits)
    }

    /// Appends the logits of `count` squares.
    fn run(&self, count: usize, planes: Vec<f32>, logits: &mut Vec<f32>) -> Result<(), ModelError> {
        let side = self.preprocess.side() as usize;
        let input = Tensor::from_array(([count, 3, side, side], planes))
            .map_err(RuntimeError::run("take pictures"))?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session
            .run(ort::inputs![efficientnet::INPUT => input])
            .map_err(RuntimeError::run("classify pictures"))?;
        let (_, values) = outputs[efficientnet::OUTPUT]
            .try_extract_tensor::<f32>()
            .map_err(RuntimeError::run("read logits"))?;
        logits.extend_from_slice(values);
        Ok(())
    }
}

/// The classifier as a serialised ONNX model. Reading the weights and writing it takes a few tens of
/// milliseconds, so it is not cached.
fn classifier_graph(
    store: &ModelStore,
    manifest: &Manifest,
    preprocess: &Preprocess,
) -> Result<Vec<u8>, ModelError> {
    let path = store.file(manifest, WEIGHTS)?;
    let bytes = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
    let weights = torch_legacy::read(&bytes).map_err(LiteError::from)?;
    Ok(efficientnet::graph(&weights, preprocess.side() as usize)?)
}

/// The classifier alone, for comparison with its original: logits, and the ONNX model that computes them.
#[derive(Debug)]
pub struct LiteProbe {
    classifier: Classifier,
    graph: Vec<u8>,
}

impl LiteProbe {
    /// Opens the classifier of `lite` on `threads` threads.
    ///
    /// # Errors
    ///
    /// The same as for [`crate::open_image_encoder`].
    pub fn open(store: &ModelStore, threads: usize) -> Result<Self, ModelError> {
        let manifest = store.manifests().get("lite")?;
        let parameters = manifest.conse()?;
        let classifier = Classifier::open(store, manifest, parameters, threads)?;
        let graph = classifier_graph(store, manifest, &classifier.preprocess)?;
        Ok(Self { classifier, graph })
    }

    /// 1,000 logits per picture, concatenated.
    ///
    /// # Errors
    ///
    /// The same as for [`crate::ImageEncoder::encode`].
    pub fn logits(&self, pictures: &[RgbImage]) -> Result<Vec<f32>, ModelError> {
        let prepared: Result<Vec<Prepared>, PreprocessError> = pictures
            .iter()
            .map(|picture| self.classifier.preprocess.prepare(picture))
            .collect();
        self.classifier.logits(&prepared?)
    }

    /// The serialised ONNX model.
    #[must_use]
    pub fn graph(&self) -> &[u8] {
        &self.graph
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier")
            .field("preprocess", &self.preprocess)
            .finish_non_exhaustive()
    }
}
