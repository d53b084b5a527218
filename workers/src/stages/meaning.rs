//! `meaning/<model>`: one vector per passage of dialogue, so that lines are found by what they mean.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage};
use super::vectors::{PackedVectors, packed};
use crate::error::StageError;

/// Passages per run of the network.
const BATCH: usize = 16;

/// Compute a vector per passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeaningTask {
    /// The sentence encoder, which determines the space.
    #[schema(example = "minilm")]
    pub model: String,
    /// The passages, in order.
    pub passages: Vec<String>,
}

/// The output of a [`MeaningTask`]: one unit vector per passage, in order.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeaningOutput {
    /// The space, `model@revision`.
    #[schema(example = "minilm@v2")]
    pub space: String,
    /// One vector per passage, with the dimension of the space.
    #[serde(with = "packed")]
    #[schema(value_type = PackedVectors)]
    pub vectors: Vec<Vec<f32>>,
}

impl std::fmt::Debug for MeaningOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeaningOutput")
            .field("space", &self.space)
            .field("vectors", &self.vectors.len())
            .finish()
    }
}

impl Stage for MeaningTask {
    type Output = MeaningOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<MeaningOutput, StageError> {
        let encoder = run.stages.sentences.get(&self.model)?;
        let mut vectors = Vec::with_capacity(self.passages.len());
        for passages in self.passages.chunks(BATCH) {
            if run.watch.stopped() {
                return Err(StageError::Cancelled);
            }
            let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
            vectors.extend(encoder.encode(&passages)?);
            let (done, all) = (vectors.len(), self.passages.len());
            run.watch.progress(done as u64, Some(all as u64));
        }
        Ok(MeaningOutput {
            space: encoder.space().id.clone(),
            vectors,
        })
    }
}
