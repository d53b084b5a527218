//! Sentence embeddings with a BERT encoder such as all-MiniLM-L6-v2: the normalised mean of the last hidden
//! states over a text's tokens (Reimers and Gurevych 2019, arXiv 1908.10084).

use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Encoding, PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

use crate::error::{ModelError, TextError};
use crate::manifest::{BertSentenceParameters, Manifest, Parameters};
use crate::store::ModelStore;
use crate::vector;

/// Texts per forward pass. Texts of similar length go together, which keeps padding low.
const BATCH: usize = 32;

/// A sentence encoder, ready to run on the CPU.
pub(crate) struct MiniLm {
    tokenizer: Tokenizer,
    network: BertModel,
    device: Device,
}

impl std::fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MiniLm").finish_non_exhaustive()
    }
}

impl MiniLm {
    /// Loads the model with this id.
    ///
    /// # Errors
    ///
    /// It is not installed, is not a sentence encoder, or its files are damaged.
    pub(crate) fn open(store: &ModelStore, id: &str) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let Parameters::BertSentence(parameters) = &manifest.parameters else {
            return Err(manifest.wrong_kind("encode sentences").into());
        };
        let files = Files { store, manifest };
        let tokenizer = files.load("tokenizer.json", |bytes| tokenizer(bytes, parameters))?;
        let config: Config = files.load("config.json", |bytes| {
            serde_json::from_slice(bytes).map_err(|e| e.to_string())
        })?;
        let device = Device::Cpu;
        let network = files.load("model.safetensors", |bytes| {
            VarBuilder::from_slice_safetensors(bytes, DType::F32, &device)
                .and_then(|weights| BertModel::load(weights, &config))
                .map_err(|e| e.to_string())
        })?;
        Ok(Self {
            tokenizer,
            network,
            device,
        })
    }

    /// One unit vector per text, in order.
    ///
    /// # Errors
    ///
    /// The tokenizer or the network fails. No text is refused; long ones are truncated.
    pub(crate) fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, TextError> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| texts[i].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for indices in order.chunks(BATCH) {
            let batch: Vec<&str> = indices.iter().map(|&i| texts[i]).collect();
            for (&i, vector) in indices.iter().zip(self.encode_batch(&batch)?) {
                vectors[i] = vector;
            }
        }
        Ok(vectors)
    }

    fn encode_batch(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, TextError> {
        let encodings = self
            .tokenizer
            .encode_batch_fast(texts.to_vec(), true)
            .map_err(|e| TextError::Tokenize {
                message: e.to_string(),
            })?;
        let ids = self.matrix(&encodings, Encoding::get_ids)?;
        let mask = self.matrix(&encodings, Encoding::get_attention_mask)?;
        let hidden = self
            .network
            .forward(&ids, &ids.zeros_like()?, Some(&mask))?;

        // The mean over the tokens of each text, without padding.
        let weights = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let sums = hidden.broadcast_mul(&weights)?.sum(1)?;
        let means = sums.broadcast_div(&weights.sum(1)?)?;
        let mut vectors = means.to_vec2::<f32>()?;
        vectors
            .iter_mut()
            .for_each(|vector| vector::normalise(vector));
        Ok(vectors)
    }

    /// Texts × tokens.
    fn matrix(
        &self,
        encodings: &[Encoding],
        row: impl Fn(&Encoding) -> &[u32],
    ) -> Result<Tensor, TextError> {
        let values: Vec<u32> = encodings
            .iter()
            .flat_map(|encoding| row(encoding).iter().copied())
            .collect();
        let columns = values.len() / encodings.len().max(1);
        Ok(Tensor::from_vec(
            values,
            (encodings.len(), columns),
            &self.device,
        )?)
    }
}

/// The model's own tokenizer, with truncation at the length that the model was trained on, and padding only to
/// the longest text of a batch.
fn tokenizer(bytes: &[u8], parameters: &BertSentenceParameters) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
    let truncation = TruncationParams {
        max_length: parameters.max_tokens,
        ..Default::default()
    };
    tokenizer
        .with_truncation(Some(truncation))
        .map_err(|e| e.to_string())?;
    tokenizer.with_padding(Some(PaddingParams {
        strategy: PaddingStrategy::BatchLongest,
        ..Default::default()
    }));
    Ok(tokenizer)
}

/// The files of one model in memory.
struct Files<'a> {
    store: &'a ModelStore,
    manifest: &'a Manifest,
}

impl Files<'_> {
    fn load<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, ModelError> {
        let path = self.store.file(self.manifest, name)?;
        let failed = |path: &Path, message| TextError::File {
            model: self.manifest.id.clone(),
            path: path.to_owned(),
            message,
        };
        let bytes = fs::read(&path).map_err(|e| failed(&path, e.to_string()))?;
        Ok(parse(&bytes).map_err(|message| failed(&path, message))?)
    }
}
