//! `embeddings/<model>`: one vector per shot, pooled from frames of its proxy.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage, Stages};
use super::vectors::{PackedVectors, packed};
use crate::embed::{self, FrameVectors, Parts, Video};
use crate::error::StageError;

/// Default number of frames per shot to encode.
pub const FRAMES_PER_SHOT: u32 = 4;

const fn frames_per_shot() -> u32 {
    FRAMES_PER_SHOT
}

/// Compute a vector per shot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingsTask {
    /// The model, which determines the space.
    #[schema(example = "lite")]
    pub model: String,
    /// Keys of the shots' proxies in the store, in order.
    pub proxies: Vec<String>,
    /// Frames per shot to encode, evenly spaced in time; at least one.
    #[serde(default = "frames_per_shot")]
    pub frames: u32,
    /// Whether to store the vectors of single frames too.
    #[serde(default)]
    pub frame_vectors: bool,
}

/// The output of an [`EmbeddingsTask`]: one unit vector per shot, in order.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EmbeddingsOutput {
    /// The space, `model@revision`.
    #[schema(example = "lite@0.1.0")]
    pub space: String,
    /// One vector per shot, with the dimension of the space.
    #[serde(with = "packed")]
    #[schema(value_type = PackedVectors)]
    pub vectors: Vec<Vec<f32>>,
    /// Key of the vectors of single frames, a safetensors file. It holds `vectors` (n × dimension, f32), and
    /// for each vector its `shot` and its `frame`, the rank among the shot's samples (u32).
    #[serde(default)]
    pub frame_vectors: Option<String>,
}

impl std::fmt::Debug for EmbeddingsOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddingsOutput")
            .field("space", &self.space)
            .field("vectors", &self.vectors.len())
            .finish_non_exhaustive()
    }
}

impl Stage for EmbeddingsTask {
    type Output = EmbeddingsOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<EmbeddingsOutput, StageError> {
        let (stages, watch) = (run.stages, run.watch);
        let device = stages.devices.get(&self.model)?;
        let frames = usize::try_from(self.frames.max(1)).unwrap_or(1);
        let parts = Parts {
            storage: &stages.storage,
            runtime: &stages.runtime,
            prefix: run.prefix,
            space: device.space(),
            frames,
            proxies: &self.proxies,
        };
        let mut vectors = FrameVectors::resume(&parts, self.frame_vectors)?;
        let total = Some(self.proxies.len() as u64);
        watch.progress(vectors.done() as u64, total);
        let video = Video {
            storage: &stages.storage,
            runtime: &stages.runtime,
            device: &device,
            frames,
            shots: vectors.missing(),
        };
        let streamed = stages.embedder.stream(video, watch, &mut |shot| {
            vectors.add(shot);
            watch.progress(vectors.done() as u64, total);
            Ok(())
        });
        if let Err(error) = streamed {
            // The next worker on this run resumes from here.
            vectors.save();
            return Err(error);
        }
        let (vectors, frame_vectors) = vectors.finish()?;
        Ok(EmbeddingsOutput {
            space: device.space().id.clone(),
            vectors,
            frame_vectors,
        })
    }

    fn tidy(&self, stages: &Stages, prefix: &str) -> Result<(), StageError> {
        let parts = embed::parts_of(prefix);
        let deleted = stages
            .runtime
            .block_on(stages.storage.delete_prefix(&parts));
        Ok(deleted.map(drop)?)
    }
}
