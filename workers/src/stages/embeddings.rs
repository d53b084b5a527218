//! `embeddings/<space>`: one vector a shot, pooled from frames of its proxy.
//!
//! Frames are decoded here while the device thread encodes the batch before, so that neither waits
//! for the other; a batch holds frames of several shots.

use rushes_models::{ModelError, mean_pool};

use super::{StageError, Stages};
use crate::embed::{Device, Pending};
use crate::media::sample_frames;
use crate::task::Output;
use crate::worker::Watch;

/// Frames taken of each shot, evenly spaced in time.
const FRAMES_PER_SHOT: usize = 4;
/// Frames are scaled so that neither side is longer; encoders look at 224 to 384 pixels.
const MAX_SIDE: u32 = 640;

pub(super) fn run(
    stages: &Stages,
    model: &str,
    proxies: &[String],
    watch: &Watch,
) -> Result<Output, StageError> {
    let device = stages.devices.get(model)?;
    let mut pool = Pool::new(&device, model, proxies.len());
    for (shot, proxy) in proxies.iter().enumerate() {
        if watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let film = Box::new(stages.get(proxy)?);
        let frames =
            sample_frames(film, FRAMES_PER_SHOT, MAX_SIDE).map_err(StageError::media(proxy))?;
        for frame in frames {
            pool.push(shot, frame)?;
        }
        watch.progress(shot as u64 + 1, Some(proxies.len() as u64));
    }
    Ok(Output::Embeddings {
        space: device.space().id.clone(),
        vectors: pool.finish()?,
    })
}

/// Gathers frames into batches and the batches' vectors into shots.
struct Pool<'a> {
    device: &'a Device,
    model: &'a str,
    shots: Vec<Vec<Vec<f32>>>,
    batch: Vec<image::RgbImage>,
    owners: Vec<usize>,
    /// The batch the device is at, and the shots of its frames.
    pending: Option<(Pending, Vec<usize>)>,
}

impl<'a> Pool<'a> {
    fn new(device: &'a Device, model: &'a str, shots: usize) -> Self {
        Self {
            device,
            model,
            shots: vec![Vec::new(); shots],
            batch: Vec::new(),
            owners: Vec::new(),
            pending: None,
        }
    }

    fn push(&mut self, shot: usize, frame: image::RgbImage) -> Result<(), StageError> {
        self.batch.push(frame);
        self.owners.push(shot);
        if self.batch.len() == self.device.batch() {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands the gathered batch to the device and collects the one before.
    fn flush(&mut self) -> Result<(), StageError> {
        let batch = std::mem::take(&mut self.batch);
        let owners = std::mem::take(&mut self.owners);
        let next = self
            .device
            .submit(batch)
            .ok_or_else(|| StageError::DeviceGone(self.model.to_owned()))?;
        if let Some(before) = self.pending.replace((next, owners)) {
            self.collect(before)?;
        }
        Ok(())
    }

    fn collect(&mut self, (pending, owners): (Pending, Vec<usize>)) -> Result<(), StageError> {
        let vectors: Result<Vec<Vec<f32>>, ModelError> = pending
            .wait()
            .ok_or_else(|| StageError::DeviceGone(self.model.to_owned()))?;
        for (owner, vector) in owners.into_iter().zip(vectors?) {
            self.shots[owner].push(vector);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Vec<f32>>, StageError> {
        if !self.batch.is_empty() {
            self.flush()?;
        }
        if let Some(last) = self.pending.take() {
            self.collect(last)?;
        }
        Ok(self.shots.iter().map(|frames| mean_pool(frames)).collect())
    }
}
