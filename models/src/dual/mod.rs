//! Dual encoders: pictures and texts in one space, trained contrastively. CLIP (Radford et al. 2021, arXiv
//! 2103.00020), `SigLIP` (Zhai et al. 2023, arXiv 2303.15343) and `SigLIP` 2 (arXiv 2502.14786), and Meta's
//! Perception Encoder, PE-Core (arXiv 2504.13181).
//!
//! A model's own files define it. `config` reads them into a `Spec`. `load` converts checkpoints of all
//! `layout`s to one form. `tower` is the two networks, which `compute` runs in candle, and `record` writes as
//! ONNX for runtimes that are faster on a CPU. `tests.rs` compares all of them with the reference
//! implementations.

use std::fmt;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::backend::{Backend, EncoderOptions};
use crate::encoder::{ImageEncoder, Space, TextEncoder};
use crate::error::{DualError, ModelError};
use crate::manifest::{DualParameters, Manifest};
use crate::preprocess::{Prepared, Preprocess};
use crate::store::{ModelStore, StoreError};
use crate::vector;

mod checkpoint;
mod compute;
mod config;
mod engine;
mod layout;
mod load;
mod record;
mod sample;
mod spec;
#[cfg(test)]
mod tests;
mod tokens;
mod tower;

use checkpoint::Checkpoint;
use config::Files;
use engine::{PictureEngine, TextEngine};
pub use sample::{Sample, write_sample};
use spec::Spec;
use tokens::Tokens;

/// Texts per network run.
const TEXT_BATCH: usize = 32;
/// The factor of `OpenAI`'s approximation of GELU.
const QUICK_GELU: f64 = 1.702;
/// The same as [`QUICK_GELU`].
const QUICK_GELU_F32: f32 = 1.702;

/// The scale of dot products of queries and keys of `width` numbers.
#[expect(clippy::cast_precision_loss, reason = "heads are narrow")]
fn attention_scale(width: usize) -> f64 {
    (width as f64).sqrt().recip()
}

/// Minus infinity where a token would attend to a later one, row by row.
fn causal_mask(tokens: usize) -> Vec<f32> {
    (0..tokens)
        .flat_map(|row| {
            (0..tokens).map(
                move |column| {
                    if column > row { f32::NEG_INFINITY } else { 0.0 }
                },
            )
        })
        .collect()
}

/// The files of one installed model.
struct Folder<'a> {
    store: &'a ModelStore,
    manifest: &'a Manifest,
}

impl Folder<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.store.path_of(self.manifest, name)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        let path = self.store.file(self.manifest, name)?;
        Ok(std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?)
    }

    /// A file that not every model has.
    fn optional(&self, name: &str) -> Result<Option<Vec<u8>>, ModelError> {
        let listed = self.manifest.files.iter().any(|file| file.name == name);
        listed.then(|| self.read(name)).transpose()
    }

    fn blame(&self, path: &Path, source: DualError) -> DualError {
        DualError::File {
            model: self.manifest.id.clone(),
            path: path.to_owned(),
            source: Box::new(source),
        }
    }

    fn spec(&self, parameters: &DualParameters) -> Result<Spec, ModelError> {
        let config = self.optional("config.json")?;
        let open_clip = self.optional("open_clip_config.json")?;
        let preprocessor = self.optional("preprocessor_config.json")?;
        let tokenizer = self.optional("tokenizer_config.json")?;
        let files = Files {
            config: config.as_deref(),
            open_clip: open_clip.as_deref(),
            preprocessor: preprocessor.as_deref(),
            tokenizer: tokenizer.as_deref(),
        };
        let folder = self.path("");
        let spec = files.spec().map_err(|e| self.blame(&folder, e))?;
        if spec.dims != parameters.dims {
            let problem = format!(
                "the manifest says that vectors have {} numbers, the model's files {}",
                parameters.dims, spec.dims
            );
            return Err(self.blame(&folder, DualError::Config { problem }).into());
        }
        Ok(spec)
    }

    /// Reads the weights and passes both halves to `build`, which takes what it needs.
    fn weights<T>(
        &self,
        build: impl FnOnce(Checkpoint) -> Result<T, DualError>,
    ) -> Result<T, ModelError> {
        let is_weights = |name: &&str| {
            Path::new(name)
                .extension()
                .is_some_and(|e| e == "safetensors")
        };
        let mut names = self.manifest.files.iter().map(|file| file.name.as_str());
        let name = names.find(is_weights).unwrap_or("model.safetensors");
        // Freed before the network is built: weights may take gigabytes.
        let read = self.read(name).map(|bytes| Checkpoint::read(&bytes))?;
        read.and_then(build)
            .map_err(|e| self.blame(&self.path(name), e).into())
    }
}

/// Vector length of a model in the hub's layout.
///
/// # Errors
///
/// A file cannot be read, or is invalid.
pub(crate) fn dims(id: &str, folder: &Path) -> Result<usize, ModelError> {
    let read = |name: &str| -> Result<Option<Vec<u8>>, ModelError> {
        let path = folder.join(name);
        path.is_file()
            .then(|| std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e).into()))
            .transpose()
    };
    let config = read("config.json")?;
    let open_clip = read("open_clip_config.json")?;
    let tokenizer = read("tokenizer_config.json")?;
    let files = Files {
        config: config.as_deref(),
        open_clip: open_clip.as_deref(),
        tokenizer: tokenizer.as_deref(),
        ..Files::default()
    };
    let spec = files.spec().map_err(|source| DualError::File {
        model: id.to_owned(),
        path: folder.to_owned(),
        source: Box::new(source),
    })?;
    Ok(spec.dims)
}

/// The picture half of a dual encoder.
pub(crate) struct DualImageEncoder {
    space: Space,
    preprocess: Preprocess,
    side: usize,
    batch: usize,
    engine: PictureEngine,
}

impl fmt::Debug for DualImageEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DualImageEncoder")
            .field("space", &self.space)
            .field("engine", &self.engine.describe())
            .finish_non_exhaustive()
    }
}

impl DualImageEncoder {
    /// Opens the picture half.
    ///
    /// # Errors
    ///
    /// A file is missing or invalid, or the backend cannot be used here.
    pub(crate) fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &DualParameters,
        options: &EncoderOptions,
    ) -> Result<Self, ModelError> {
        let folder = Folder { store, manifest };
        let spec = folder.spec(parameters)?;
        let backend = Backend::choose(store, options)?;
        let engine = PictureEngine::open(&folder, &spec, backend, options)?;
        Ok(Self {
            space: Space::of(store, manifest, parameters.dims)?,
            preprocess: spec.preprocess,
            side: spec.vision.grid() * spec.vision.patch,
            batch: options
                .batch
                .unwrap_or_else(|| engine.preferred_batch())
                .max(1),
            engine,
        })
    }

    /// Rows of the pixels that whole patches cover, for all pictures, concatenated.
    fn pixels(&self, pictures: &[Prepared]) -> Result<Vec<u8>, ModelError> {
        let mut bytes = Vec::with_capacity(pictures.len() * self.side * self.side * 3);
        for picture in pictures {
            self.preprocess.check(picture)?;
            let row = self.preprocess.side() as usize * 3;
            for line in picture.as_bytes().chunks_exact(row).take(self.side) {
                bytes.extend_from_slice(&line[..self.side * 3]);
            }
        }
        Ok(bytes)
    }
}

impl ImageEncoder for DualImageEncoder {
    fn space(&self) -> &Space {
        &self.space
    }

    fn backend(&self) -> String {
        self.engine.describe()
    }

    fn preferred_batch(&self) -> usize {
        self.batch
    }

    fn prepare(&self, picture: &RgbImage) -> Result<Prepared, ModelError> {
        Ok(self.preprocess.prepare(picture)?)
    }

    fn encode(&self, pictures: &[Prepared]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut vectors = Vec::with_capacity(pictures.len());
        for batch in pictures.chunks(self.preferred_batch()) {
            let pixels = self.pixels(batch)?;
            vectors.extend(self.engine.run(pixels, (batch.len(), self.side))?);
        }
        Ok(units(vectors, || self.engine.describe())?)
    }
}

/// Scales vectors to length 1. An unscalable vector is an error: stored as zeros, no search would find it.
fn units(
    mut vectors: Vec<Vec<f32>>,
    backend: impl Fn() -> String,
) -> Result<Vec<Vec<f32>>, DualError> {
    for vector in &mut vectors {
        vector::normalise(vector);
        if vector.iter().all(|&x| x == 0.0) {
            return Err(DualError::Diverged { backend: backend() });
        }
    }
    Ok(vectors)
}

/// The text half of a dual encoder.
pub(crate) struct DualTextEncoder {
    space: Space,
    tokens: Tokens,
    engine: TextEngine,
}

impl fmt::Debug for DualTextEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DualTextEncoder")
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

impl DualTextEncoder {
    /// Opens the text half.
    ///
    /// # Errors
    ///
    /// The same as for [`DualImageEncoder::open`].
    pub(crate) fn open(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &DualParameters,
        options: &EncoderOptions,
    ) -> Result<Self, ModelError> {
        let folder = Folder { store, manifest };
        let spec = folder.spec(parameters)?;
        let options_file = folder.optional("tokenizer_config.json")?;
        let tokenizer = folder.read("tokenizer.json")?;
        let tokens = Tokens::open(&spec, &tokenizer, options_file.as_deref())
            .map_err(|e| folder.blame(&folder.path("tokenizer.json"), e))?;
        let backend = Backend::choose(store, options)?;
        Ok(Self {
            space: Space::of(store, manifest, parameters.dims)?,
            tokens,
            engine: TextEngine::open(&folder, &spec, backend, options)?,
        })
    }
}

impl TextEncoder for DualTextEncoder {
    fn space(&self) -> &Space {
        &self.space
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(TEXT_BATCH) {
            vectors.extend(self.engine.run(&self.tokens.ids(batch)?)?);
        }
        Ok(units(vectors, || self.engine.describe())?)
    }
}
