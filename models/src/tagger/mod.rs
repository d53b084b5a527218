//! Names sounds: a network of the kind that is trained on AudioSet (Gemmeke et al. 2017) says how likely each of its classes,
//! such as a siren or applause, is heard in a window of sound.
//!
//! What differs between networks is in the manifest: rate, window, what the network is given, and what its scores are. `mel`
//! makes spectrograms, `names` reads the classes, and `windows` cuts sound into windows.

mod mel;
mod names;
mod sample;
#[cfg(test)]
mod tests;
mod windows;

use std::fmt;
use std::path::PathBuf;

use ort::session::Session;
use ort::value::{Outlet, Tensor, TensorElementType};

use crate::error::{ModelError, TaggerError};
use crate::manifest::{
    Manifest, ManifestError, Parameters, ScoreKind, TaggerInput, TaggerParameters,
};
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, StoreError};

use mel::LogMel;
pub use sample::{SAMPLE_CLASSES, write_sample_tagger};
pub use windows::{TaggedWindow, Tagging};

/// How far a probability may be outside of 0 to 1, by rounding.
const ROUNDING: f32 = 1e-3;

/// Names sounds. It is not shared between threads; each opens its own.
pub struct SoundTagger {
    id: String,
    name: String,
    parameters: TaggerParameters,
    session: Session,
    path: PathBuf,
    /// Makes spectrograms, if the network is given them.
    mel: Option<LogMel>,
    axes: Axes,
    /// The place of the output with the scores.
    output: usize,
    names: Vec<String>,
}

/// The axes of a network's input, and whether several windows go into it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axes {
    /// How many there are.
    rank: usize,
    batch: bool,
}

impl fmt::Debug for SoundTagger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundTagger")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SoundTagger {
    /// Opens a tagger by the id of its manifest, to run on `threads` threads.
    ///
    /// # Errors
    /// The tagger does not exist, is not installed (the error names the pull), or its files are not what its manifest describes.
    pub fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let parameters = parameters_of(manifest)?;
        let path = store.file(manifest, &parameters.weights)?;
        let graph = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        let names = names::names(store, manifest, &parameters.classes)?;
        let opened = runtime::accelerated_session(store, &parameters.runtime, &graph, threads);
        let mismatch = |problem| TaggerError::Mismatch {
            model: id.to_owned(),
            path: path.clone(),
            problem,
        };
        let (session, _device) = opened.map_err(|error| match error {
            RuntimeError::Run { message, .. } => {
                mismatch(format!("ONNX Runtime cannot load it: {message}")).into()
            }
            RuntimeError::Load { .. } | RuntimeError::Manifest(_) | RuntimeError::Store(_) => {
                ModelError::from(error)
            }
        })?;
        let mel = match &parameters.input {
            TaggerInput::Waveform => None,
            TaggerInput::LogMel(mel) => Some(LogMel::new(mel, parameters.sample_rate)),
        };
        let sizes = match &mel {
            None => vec![parameters.window()],
            Some(mel) => vec![mel.frames(parameters.window()), mel.bands()],
        };
        let axes = axes(session.inputs(), &sizes).map_err(mismatch)?;
        let output = output(session.outputs(), parameters.output.as_deref(), names.len())
            .map_err(mismatch)?;
        Ok(Self {
            id: id.to_owned(),
            name: manifest.full_name(),
            parameters: parameters.clone(),
            session,
            path,
            mel,
            axes,
            output,
            names,
        })
    }

    /// The sample rate of a tagger, without opening it.
    ///
    /// # Errors
    /// The tagger does not exist, or the model does something else.
    pub fn rate_of(store: &ModelStore, id: &str) -> Result<u32, ModelError> {
        let manifest = store.manifests().get(id)?;
        Ok(parameters_of(manifest)?.sample_rate)
    }

    /// Its name and revision, `id@revision`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of its classes.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Samples per second of the sound that it takes, of one channel.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.parameters.sample_rate
    }

    /// Samples of a window.
    #[must_use]
    pub fn window(&self) -> usize {
        self.parameters.window()
    }

    fn hop(&self) -> usize {
        self.parameters.hop()
    }

    const fn threshold(&self) -> f32 {
        self.parameters.threshold
    }

    /// The probability of each class in each window.
    fn scores(&mut self, windows: &[&[f32]]) -> Result<Vec<Vec<f32>>, ModelError> {
        let together = if self.axes.batch { windows.len() } else { 1 };
        let mut scores = Vec::with_capacity(windows.len());
        for some in windows.chunks(together.max(1)) {
            self.judge(some, &mut scores)?;
        }
        Ok(scores)
    }

    fn judge(&mut self, windows: &[&[f32]], scores: &mut Vec<Vec<f32>>) -> Result<(), ModelError> {
        let mismatch = |problem| TaggerError::Mismatch {
            model: self.id.clone(),
            path: self.path.clone(),
            problem,
        };
        let mut values = Vec::new();
        let mut sizes = vec![self.parameters.window()];
        if let Some(mel) = &self.mel {
            sizes = vec![mel.frames(self.parameters.window()), mel.bands()];
            windows
                .iter()
                .for_each(|window| mel.append(window, &mut values));
        } else {
            windows
                .iter()
                .for_each(|window| values.extend_from_slice(window));
        }
        let mut shape = sizes.clone();
        if self.axes.rank > sizes.len() {
            shape.insert(0, windows.len());
        }
        if self.axes.rank > sizes.len() + 1 {
            shape.insert(1, 1);
        }
        let input = Tensor::from_array((shape, values)).map_err(RuntimeError::run("take sound"))?;
        let outputs = self
            .session
            .run(ort::inputs![input])
            .map_err(|e| mismatch(format!("it cannot run on {} windows: {e}", windows.len())))?;
        let (shape, values) = outputs[self.output]
            .try_extract_tensor::<f32>()
            .map_err(|e| mismatch(format!("its scores cannot be read: {e}")))?;
        let (classes, each) = (self.names.len(), values.len() / windows.len().max(1));
        let is_right = shape
            .last()
            .is_some_and(|&n| n.unsigned_abs() == classes as u64);
        if !is_right || each == 0 || each * windows.len() != values.len() {
            let got = mismatch(format!(
                "it returned an output of the shape {shape:?} for {} windows, and there are names for {classes} classes",
                windows.len()
            ));
            return Err(got.into());
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(TaggerError::NotANumber {
                model: self.id.clone(),
                path: self.path.clone(),
            }
            .into());
        }
        for rows in values.chunks_exact(each) {
            // Some networks judge parts of a window: a sound is in it if it is in one of them.
            let mut best = vec![f32::MIN; classes];
            for row in rows.chunks_exact(classes) {
                for (best, value) in best.iter_mut().zip(row) {
                    *best = best.max(*value);
                }
            }
            scores.push(probabilities(best, self.parameters.scores).map_err(mismatch)?);
        }
        Ok(())
    }
}

/// Scores as probabilities.
fn probabilities(mut scores: Vec<f32>, kind: ScoreKind) -> Result<Vec<f32>, String> {
    for score in &mut scores {
        *score = match kind {
            ScoreKind::Logits => 1.0 / (1.0 + (-*score).exp()),
            ScoreKind::Probabilities if (-ROUNDING..=1.0 + ROUNDING).contains(score) => {
                score.clamp(0.0, 1.0)
            }
            ScoreKind::Probabilities => {
                return Err(format!(
                    "it returned {score} where the manifest says that scores are probabilities, 0 to 1"
                ));
            }
        };
    }
    Ok(scores)
}

/// The axes of the one input, which takes something of these `sizes` per window.
fn axes(inputs: &[Outlet], sizes: &[usize]) -> Result<Axes, String> {
    let [input] = inputs else {
        let names: Vec<&str> = inputs.iter().map(Outlet::name).collect();
        return Err(format!(
            "it has {} inputs ({}), and a tagger has one",
            names.len(),
            names.join(", ")
        ));
    };
    if input.dtype().tensor_type() != Some(TensorElementType::Float32) {
        return Err(format!(
            "its input {} does not take 32-bit floats",
            input.name()
        ));
    }
    let shape: Vec<i64> = input
        .dtype()
        .tensor_shape()
        .map(|shape| shape.to_vec())
        .unwrap_or_default();
    let (before, own) = shape.split_at(shape.len().saturating_sub(sizes.len()));
    let fits = |(declared, size): (&i64, &usize)| *declared < 0 || *declared == length(*size);
    let batch = match before {
        // A spectrogram without any other axis is given to no known network.
        [] if sizes.len() == 1 => Some(false),
        [n] | [n, 1 | -1] if sizes.len() == 2 || before.len() == 1 => match n {
            1 => Some(false),
            ..=-1 => Some(true),
            _ => None,
        },
        _ => None,
    };
    match batch {
        Some(batch) if own.iter().zip(sizes).all(fits) => Ok(Axes {
            rank: shape.len(),
            batch,
        }),
        _ => Err(format!(
            "its input {} has the shape {shape:?} (-1 is any), and the manifest makes {sizes:?} of a window",
            input.name()
        )),
    }
}

/// The place of the output with the scores of this many classes.
fn output(outputs: &[Outlet], name: Option<&str>, classes: usize) -> Result<usize, String> {
    let is_it = |output: &Outlet| name.is_none_or(|name| output.name() == name);
    let Some(at) = outputs.iter().position(is_it) else {
        let names: Vec<&str> = outputs.iter().map(Outlet::name).collect();
        return Err(format!(
            "it has no output {:?}; its outputs are {}",
            name.unwrap_or_default(),
            names.join(", ")
        ));
    };
    let dtype = outputs[at].dtype();
    let declared = dtype.tensor_shape().and_then(|shape| shape.last().copied());
    match declared {
        Some(declared) if declared >= 0 && declared != length(classes) => Err(format!(
            "its output {} has scores for {declared} classes, and there are names for {classes}",
            outputs[at].name()
        )),
        Some(_) | None => Ok(at),
    }
}

fn length(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn parameters_of(manifest: &Manifest) -> Result<&TaggerParameters, ManifestError> {
    match &manifest.parameters {
        Parameters::SoundTagger(parameters) => Ok(parameters),
        Parameters::OnnxRuntime(_)
        | Parameters::BertSentence(_)
        | Parameters::ConseEfficientnetLite0(_)
        | Parameters::DualEncoder(_)
        | Parameters::Whisper(_)
        | Parameters::SileroVad(_)
        | Parameters::PpOcr(_)
        | Parameters::FaceDescriptor(_)
        | Parameters::Detector(_) => Err(manifest.wrong_kind("name sounds")),
    }
}
