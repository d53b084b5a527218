//! Vectors in the object store: the parts of an unfinished run, from which a restarted run resumes, and the
//! vectors of single frames, if they are to be kept.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rushes_models::{Space, mean_pool, with_causes};
use safetensors::{Dtype, SafeTensorError, SafeTensors, tensor::TensorView};
use tokio::runtime::Handle;

use super::ShotVectors;
use crate::error::StageError;
use crate::storage::{Storage, StorageError};

/// Shots per part.
const SHOTS: usize = 64;
/// After this time, a part is written with fewer shots.
const PATIENCE: Duration = Duration::from_secs(5);

const VECTORS: &str = "vectors";
const SHOT: &str = "shot";
const FRAME: &str = "frame";

/// The location of a run's parts, and their required properties.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The feature store.
    pub storage: &'a Storage,
    /// The runtime for access to it.
    pub runtime: &'a Handle,
    /// Prefix of the keys of the run's objects.
    pub prefix: &'a str,
    /// The space of the vectors.
    pub space: &'a Space,
    /// Frames sampled per shot.
    pub frames: usize,
    /// The shots' proxies, in order.
    pub proxies: &'a [String],
}

/// The vectors of a run, as they become known.
#[derive(Debug)]
pub struct FrameVectors<'a> {
    parts: &'a Parts<'a>,
    keep_frames: bool,
    /// One vector per shot.
    shots: BTreeMap<usize, Vec<f32>>,
    /// The vectors of single frames, if they are kept.
    frames: BTreeMap<usize, Vec<Vec<f32>>>,
    /// Vectors that are in no part yet.
    unwritten: Vec<ShotVectors>,
    written: Instant,
}

impl Parts<'_> {
    fn folder(&self) -> String {
        folder(self.prefix)
    }

    /// Identifies the work. Parts for other proxies, another model or another number of frames are useless.
    fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in [self.space.id.as_str()]
            .into_iter()
            .chain(self.proxies.iter().map(String::as_str))
        {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        }
        hasher.update(&(self.space.dims as u64).to_le_bytes());
        hasher.update(&(self.frames as u64).to_le_bytes());
        hasher.finalize().to_hex().to_string()
    }

    /// The results of an earlier attempt. A damaged part is ignored.
    fn load(&self) -> Result<Vec<ShotVectors>, StageError> {
        let mut found = Vec::new();
        for key in self
            .runtime
            .block_on(self.storage.keys_under(&self.folder()))?
        {
            let bytes = match self.runtime.block_on(self.storage.get(&key)) {
                Ok(bytes) => bytes,
                Err(StorageError::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            match self.read(&bytes) {
                Some(shots) => found.extend(shots),
                None => tracing::warn!(
                    key,
                    "a part of a run is damaged; its shots are computed again"
                ),
            }
        }
        Ok(found)
    }

    fn read(&self, bytes: &[u8]) -> Option<Vec<ShotVectors>> {
        let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
        let notes = header.metadata().as_ref()?;
        if notes.get("identity")? != &self.identity() {
            return None;
        }
        let tensors = SafeTensors::deserialize(bytes).ok()?;
        let (shots, vectors) = (tensors.tensor(SHOT).ok()?, tensors.tensor(VECTORS).ok()?);
        if notes.get("digest")? != &digest(shots.data(), vectors.data()) {
            return None;
        }
        let dims = self.space.dims;
        let count = *shots.shape().first()?;
        if vectors.shape() != [count, self.frames, dims]
            || (shots.dtype(), vectors.dtype()) != (Dtype::U32, Dtype::F32)
        {
            return None;
        }
        let (numbers, _) = shots.data().as_chunks::<4>();
        let values: Vec<f32> = floats(vectors.data());
        let of_shot = values.chunks_exact((self.frames * dims).max(1));
        let read = numbers.iter().zip(of_shot).map(|(&number, values)| {
            let shot = usize::try_from(u32::from_le_bytes(number)).ok()?;
            (shot < self.proxies.len()).then(|| ShotVectors {
                shot,
                frames: values.chunks_exact(dims).map(<[f32]>::to_vec).collect(),
            })
        });
        read.collect()
    }

    fn write(&self, shots: &[ShotVectors]) -> Result<(), StageError> {
        let (Some(first), Some(last)) = (
            shots.iter().map(|shot| shot.shot).min(),
            shots.iter().map(|shot| shot.shot).max(),
        ) else {
            return Ok(());
        };
        let numbers = integers(shots.iter().map(|shot| shot.shot));
        let vectors = bytes(shots.iter().flat_map(|shot| shot.frames.iter().flatten()));
        let notes = HashMap::from([
            ("identity".to_owned(), self.identity()),
            ("digest".to_owned(), digest(&numbers, &vectors)),
        ]);
        let shape = vec![shots.len(), self.frames, self.space.dims];
        let key = format!("{}/{first:06}-{last:06}.safetensors", self.folder());
        let packed = pack(
            &[
                (SHOT, Dtype::U32, vec![shots.len()], &numbers),
                (VECTORS, Dtype::F32, shape, &vectors),
            ],
            notes,
        );
        let packed = packed.map_err(|_wrong_shape| StageError::Corrupt(key.clone()))?;
        Ok(self
            .runtime
            .block_on(self.storage.put(&key, packed.into()))?)
    }
}

/// The location of a run's parts, which are useless once the run is complete.
pub(crate) fn folder(prefix: &str) -> String {
    format!("{prefix}/parts")
}

impl<'a> FrameVectors<'a> {
    /// Starts with the results of an earlier attempt.
    ///
    /// # Errors
    /// If the store does not answer.
    pub fn resume(parts: &'a Parts<'a>, keep_frames: bool) -> Result<Self, StageError> {
        let mut vectors = Self {
            parts,
            keep_frames,
            shots: BTreeMap::new(),
            frames: BTreeMap::new(),
            unwritten: Vec::new(),
            written: Instant::now(),
        };
        for shot in parts.load()? {
            vectors.keep(&shot);
        }
        Ok(vectors)
    }

    /// The remaining shots, and their proxies.
    #[must_use]
    pub fn missing(&self) -> Vec<(usize, String)> {
        let proxies = self.parts.proxies.iter().cloned().enumerate();
        proxies
            .filter(|(shot, _)| !self.shots.contains_key(shot))
            .collect()
    }

    /// The number of finished shots.
    #[must_use]
    pub fn done(&self) -> usize {
        self.shots.len()
    }

    /// Accepts the vectors of one more shot, and writes a part when there are enough.
    pub fn add(&mut self, shot: ShotVectors) {
        self.keep(&shot);
        self.unwritten.push(shot);
        if self.unwritten.len() >= SHOTS || self.written.elapsed() >= PATIENCE {
            self.save();
        }
    }

    /// Writes a part with the remaining vectors. A part only saves work, so a failed write does not fail the
    /// run.
    pub fn save(&mut self) {
        let shots = std::mem::take(&mut self.unwritten);
        if let Err(error) = self.parts.write(&shots) {
            tracing::warn!(error = %with_causes(&error), "cannot store a part of a run");
        }
        self.written = Instant::now();
    }

    fn keep(&mut self, shot: &ShotVectors) {
        self.shots.insert(shot.shot, mean_pool(&shot.frames));
        if self.keep_frames {
            self.frames.insert(shot.shot, shot.frames.clone());
        }
    }

    /// One vector per shot in order, and the key of the stored frame vectors, if they are kept.
    ///
    /// # Errors
    /// If the frame vectors cannot be stored.
    pub fn finish(self) -> Result<(Vec<Vec<f32>>, Option<String>), StageError> {
        let key = self.keep_frames.then(|| self.store_frames()).transpose()?;
        Ok((self.shots.into_values().collect(), key))
    }

    /// `vectors` (n × dims), and for each vector its `shot` and its `frame`, the rank among the shot's samples.
    /// Sample k of n shows the moment (2k + 1) / 2n of the shot.
    fn store_frames(&self) -> Result<String, StageError> {
        let parts = self.parts;
        let key = format!("{}/frames.safetensors", parts.prefix);
        let rows = || {
            self.frames.iter().flat_map(|(&shot, frames)| {
                frames
                    .iter()
                    .enumerate()
                    .map(move |(frame, vector)| (shot, frame, vector))
            })
        };
        let count = rows().count();
        let vectors = bytes(rows().flat_map(|(_, _, vector)| vector));
        let shots = integers(rows().map(|(shot, _, _)| shot));
        let frames = integers(rows().map(|(_, frame, _)| frame));
        let notes = HashMap::from([
            ("space".to_owned(), parts.space.id.clone()),
            ("frames_per_shot".to_owned(), parts.frames.to_string()),
        ]);
        let packed = pack(
            &[
                (SHOT, Dtype::U32, vec![count], &shots),
                (FRAME, Dtype::U32, vec![count], &frames),
                (VECTORS, Dtype::F32, vec![count, parts.space.dims], &vectors),
            ],
            notes,
        );
        let packed = packed.map_err(|_wrong_shape| StageError::Corrupt(key.clone()))?;
        parts
            .runtime
            .block_on(parts.storage.put(&key, packed.into()))?;
        Ok(key)
    }
}

/// A safetensors file of tensors with their names, types, shapes and bytes.
fn pack(
    tensors: &[(&str, Dtype, Vec<usize>, &[u8])],
    notes: HashMap<String, String>,
) -> Result<Vec<u8>, SafeTensorError> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, dtype, shape, bytes) in tensors {
        views.push((*name, TensorView::new(*dtype, shape.clone(), bytes)?));
    }
    safetensors::serialize(views, Some(notes))
}

fn digest(shots: &[u8], vectors: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(shots);
    hasher.update(vectors);
    hasher.finalize().to_hex().to_string()
}

fn bytes<'f>(values: impl Iterator<Item = &'f f32>) -> Vec<u8> {
    values.flat_map(|value| value.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values
        .iter()
        .map(|&value| f32::from_le_bytes(value))
        .collect()
}

fn integers(values: impl Iterator<Item = usize>) -> Vec<u8> {
    values
        .flat_map(|value| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes())
        .collect()
}
