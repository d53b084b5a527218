//! `embeddings/<space>`: one vector a shot, pooled from frames of its proxy.

use super::{StageError, Stages};
use crate::embed::{Film, FrameVectors, Parts};
use crate::task::Output;
use crate::worker::Watch;

pub(super) struct Embeddings<'a> {
    pub(super) stages: &'a Stages,
    pub(super) model: &'a str,
    pub(super) proxies: &'a [String],
    /// Frames taken of each shot, evenly spaced in time.
    pub(super) frames: u32,
    /// Whether the frames' own vectors are stored as well.
    pub(super) keep_frames: bool,
    pub(super) prefix: &'a str,
}

impl Embeddings<'_> {
    pub(super) fn run(&self, watch: &Watch) -> Result<Output, StageError> {
        let stages = self.stages;
        let device = stages.devices.get(self.model)?;
        let frames = usize::try_from(self.frames.max(1)).unwrap_or(1);
        let parts = Parts {
            storage: &stages.storage,
            runtime: &stages.runtime,
            prefix: self.prefix,
            space: device.space(),
            frames,
            proxies: self.proxies,
        };
        let mut vectors = FrameVectors::resume(&parts, self.keep_frames)?;
        let total = Some(self.proxies.len() as u64);
        watch.progress(vectors.done() as u64, total);
        let film = Film {
            storage: &stages.storage,
            runtime: &stages.runtime,
            device: &device,
            frames,
            shots: vectors.missing(),
        };
        let streamed = stages.embedder.stream(film, watch, &mut |shot| {
            vectors.add(shot);
            watch.progress(vectors.done() as u64, total);
            Ok(())
        });
        if let Err(error) = streamed {
            // Whoever takes the run over continues from here.
            vectors.save();
            return Err(error);
        }
        let (vectors, frame_vectors) = vectors.finish()?;
        Ok(Output::Embeddings {
            space: device.space().id.clone(),
            vectors,
            frame_vectors,
        })
    }
}
