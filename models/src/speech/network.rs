//! Whisper's two networks at work.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor};

use super::ct2::Ct2File;
use super::graphs;
use super::mel::Mel;
use super::products::Precision;
use super::sizes::Sizes;
use super::vocabulary::{Config, Vocabulary};
use crate::error::{ModelError, SpeechError};
use crate::manifest::{Manifest, WhisperParameters};
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, StoreError};

/// The kind of network in the file.
const SPEC: &str = "WhisperSpec";

/// What a token must not look at.
const MASKED: f32 = -1e9;

/// The networks, and what their tokens mean.
pub(super) struct Network {
    model: String,
    pub(super) sizes: Sizes,
    pub(super) vocabulary: Arc<Vocabulary>,
    /// Heads that follow the sound.
    pub(super) aligned: usize,
    mel: Mel,
    encoder: Session,
    decoder: Session,
}

/// What the networks of a model are opened from.
#[derive(Debug)]
pub(super) struct NetworkSource {
    store: ModelStore,
    manifest: Manifest,
    parameters: WhisperParameters,
    config: Config,
    pub(super) vocabulary: Arc<Vocabulary>,
}

impl NetworkSource {
    /// Reads the small files of a model. The weights must be there, and are read once somebody speaks.
    pub(super) fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &WhisperParameters,
    ) -> Result<Self, ModelError> {
        let damaged = |path, problem| SpeechError::File {
            model: manifest.id.clone(),
            path,
            problem,
        };
        for name in &parameters.weights {
            store.file(manifest, name)?;
        }
        let (path, config) = read(store, manifest, &parameters.config)?;
        let config: Config =
            serde_json::from_slice(&config).map_err(|e| damaged(path, e.to_string()))?;
        let (path, tokenizer) = read(store, manifest, &parameters.tokenizer)?;
        let vocabulary =
            Vocabulary::new(&tokenizer, &config).map_err(|problem| damaged(path, problem))?;
        Ok(Self {
            store: store.clone(),
            manifest: manifest.clone(),
            parameters: parameters.clone(),
            config,
            vocabulary: Arc::new(vocabulary),
        })
    }
}

fn read(
    store: &ModelStore,
    manifest: &Manifest,
    name: &str,
) -> Result<(PathBuf, Vec<u8>), ModelError> {
    let path = store.file(manifest, name)?;
    let bytes = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
    Ok((path, bytes))
}

/// A window of sound, as the decoder attends to it.
pub(super) struct Sound {
    keys: Vec<(String, DynValue)>,
}

/// The tokens that were decoded so far, as the decoder attends to them.
pub(super) struct Past {
    keys: Vec<(String, DynValue)>,
    tokens: usize,
}

/// What the decoder says about tokens.
pub(super) struct Step {
    /// Logits of each chosen row.
    pub(super) logits: Vec<f32>,
    /// Heads × tokens × places.
    pub(super) scores: Vec<f32>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("model", &self.model)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Opens the networks of a model whose other files were read.
    pub(super) fn open(source: &NetworkSource, threads: usize) -> Result<Self, ModelError> {
        let NetworkSource {
            store,
            manifest,
            parameters,
            config,
            vocabulary,
        } = source;
        let mismatch = |problem| SpeechError::Mismatch {
            model: manifest.id.clone(),
            problem,
        };
        let mut weights = Vec::new();
        for name in &parameters.weights {
            weights.extend(read(store, manifest, name)?.1);
        }
        let file = Ct2File::read(&weights, SPEC).map_err(mismatch)?;
        let sizes = Sizes::of(&file).map_err(mismatch)?;
        if sizes.places != super::WINDOW_FRAMES / 2 {
            return Err(mismatch(format!("a window has {} places", sizes.places)).into());
        }
        if vocabulary.first_time >= sizes.vocabulary {
            let (last, all) = (vocabulary.first_time, sizes.vocabulary);
            return Err(mismatch(format!("times begin at token {last} of {all}")).into());
        }
        let aligned = &config.alignment_heads;
        let fits = |&[layer, head]: &[usize; 2]| layer < sizes.decoder_layers && head < sizes.heads;
        if aligned.is_empty() || !aligned.iter().all(fits) {
            return Err(mismatch(format!("the alignment heads are {aligned:?}")).into());
        }
        let encoder = graphs::encoder(&file, &sizes).map_err(mismatch)?;
        let encoder = runtime::session(store, &parameters.runtime, &encoder, threads)?;
        let precision = Precision::of_this_processor();
        let decoder = graphs::decoder(&file, &sizes, aligned, precision).map_err(mismatch)?;
        let decoder = runtime::session(store, &parameters.runtime, &decoder, threads)?;
        Ok(Self {
            model: manifest.id.clone(),
            mel: Mel::new(sizes.mels),
            aligned: aligned.len(),
            vocabulary: Arc::clone(vocabulary),
            sizes,
            encoder,
            decoder,
        })
    }

    /// Listens to the first 30 seconds of `samples`.
    pub(super) fn hear(&mut self, samples: &[f32]) -> Result<Sound, ModelError> {
        let mel = self.mel.spectrogram(samples);
        let shape = [1, self.sizes.mels, super::WINDOW_FRAMES];
        let mel = Tensor::from_array((shape, mel)).map_err(RuntimeError::run("take sound"))?;
        let mut outputs = self
            .encoder
            .run(ort::inputs![graphs::MEL => mel])
            .map_err(RuntimeError::run("encode sound"))?;
        let names = (0..self.sizes.decoder_layers).flat_map(graphs::sound_keys);
        let mut keys = Vec::new();
        for name in names {
            let value = outputs.remove(&name).ok_or_else(|| lacking(&name))?;
            keys.push((name, value));
        }
        Ok(Sound { keys })
    }

    /// The state before the first token.
    pub(super) fn nothing(&self) -> Result<Past, ModelError> {
        let shape = [1, self.sizes.heads, 0, self.sizes.head()];
        let mut keys = Vec::new();
        for name in (0..self.sizes.decoder_layers).flat_map(graphs::past_keys) {
            let empty = Tensor::<f32>::from_array((shape, Vec::new()))
                .map_err(RuntimeError::run("begin a text"))?;
            keys.push((name, empty.into_dyn()));
        }
        Ok(Past { keys, tokens: 0 })
    }

    /// Reads `tokens` after those before, and returns the logits of those at `rows` of them.
    pub(super) fn read(
        &mut self,
        sound: &Sound,
        past: &mut Past,
        tokens: &[usize],
        rows: &[usize],
    ) -> Result<Step, ModelError> {
        let (before, count) = (past.tokens, tokens.len());
        let all = before + count;
        let mask = (0..count)
            .flat_map(|row| (0..all).map(move |at| if at > before + row { MASKED } else { 0.0 }));
        let whole = |numbers: &[usize]| -> Vec<i64> {
            let numbers = numbers.iter();
            numbers.map(|&n| i64::try_from(n).unwrap_or(0)).collect()
        };
        let places: Vec<usize> = (before..all).collect();
        let failed = RuntimeError::run::<()>;
        let ids = Tensor::from_array(([1, count], whole(tokens))).map_err(failed("take tokens"))?;
        let places =
            Tensor::from_array(([count], whole(&places))).map_err(failed("take tokens"))?;
        let mask = Tensor::from_array(([count, all], mask.collect::<Vec<f32>>()))
            .map_err(failed("take tokens"))?;
        let rows =
            Tensor::from_array(([rows.len()], whole(rows))).map_err(failed("take tokens"))?;
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
            (graphs::IDS, ids.into()),
            (graphs::PLACES, places.into()),
            (graphs::MASK, mask.into()),
            (graphs::ROWS, rows.into()),
        ];
        for (name, value) in sound.keys.iter().chain(&past.keys) {
            inputs.push((name, value.into()));
        }
        let mut outputs = self
            .decoder
            .run(inputs)
            .map_err(RuntimeError::run("decode speech"))?;
        let floats = |name: &str| -> Result<Vec<f32>, ModelError> {
            let (_, values) = outputs[name]
                .try_extract_tensor::<f32>()
                .map_err(RuntimeError::run("read logits"))?;
            Ok(values.to_vec())
        };
        let step = Step {
            logits: floats(graphs::LOGITS)?,
            scores: floats(graphs::SCORES)?,
        };
        if step.logits.iter().any(|value| value.is_nan()) {
            let model = self.model.clone();
            return Err(SpeechError::NotANumber { model }.into());
        }
        let mut keys = Vec::with_capacity(past.keys.len());
        for at in 0..self.sizes.decoder_layers {
            for (past, next) in graphs::past_keys(at).into_iter().zip(graphs::next_keys(at)) {
                let value = outputs.remove(&next).ok_or_else(|| lacking(&next))?;
                keys.push((past, value));
            }
        }
        drop(outputs);
        *past = Past { keys, tokens: all };
        Ok(step)
    }
}

fn lacking(name: &str) -> ModelError {
    RuntimeError::Run {
        action: "recognise speech",
        message: format!("there is no output {name:?}"),
    }
    .into()
}
