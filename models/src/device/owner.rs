//! The thread that owns one encoder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::DeviceError;
use super::meter::{DeviceStats, Meter};
use super::queue::{Item, QueueAnswer, Shared};
use crate::causes::with_causes;
use crate::encoder::ImageEncoder;
use crate::error::ModelError;
use crate::preprocess::Prepared;

pub(super) struct Owner {
    shared: Arc<Shared>,
    encoder: Arc<dyn ImageEncoder>,
    meter: Meter,
    /// Batch size: the encoder's preferred one, or what its memory allows.
    full: usize,
}

impl Owner {
    pub(super) fn new(shared: Arc<Shared>, encoder: Arc<dyn ImageEncoder>, number: usize) -> Self {
        let meter = Meter::new(&shared.model, number);
        let full = shared.batch;
        Self {
            shared,
            encoder,
            meter,
            full,
        }
    }

    pub(super) fn run(mut self) {
        let mut waiting = Duration::ZERO;
        loop {
            let taken = self.shared.take(self.full, &mut waiting);
            let mut done = DeviceStats {
                waiting: std::mem::take(&mut waiting),
                ..DeviceStats::default()
            };
            let mut answers = Vec::new();
            match taken {
                QueueAnswer::Ended => return,
                QueueAnswer::Nothing => {}
                QueueAnswer::Batch(batch) => match self.encode(batch, &mut done) {
                    Ok(vectors) => answers = vectors,
                    Err(failure) => {
                        tracing::error!(model = self.shared.model, error = %with_causes(&failure), "a device ended");
                        self.shared.fail(failure);
                        return;
                    }
                },
            }
            self.meter.tell(&done, self.full);
            self.shared.answer(answers, &done);
        }
    }

    /// The vectors of a batch, computed in parts if the encoder lacks memory for all of it.
    fn encode(
        &mut self,
        batch: Vec<Item>,
        done: &mut DeviceStats,
    ) -> Result<Vec<(u64, u64, Vec<f32>)>, DeviceError> {
        let mut owners = Vec::with_capacity(batch.len());
        let mut pictures = Vec::with_capacity(batch.len());
        for item in batch {
            owners.push((item.submission, item.tag));
            pictures.push(item.picture);
        }
        let mut vectors = Vec::with_capacity(pictures.len());
        while vectors.len() < pictures.len() {
            let rest = &pictures[vectors.len()..];
            let piece = &rest[..rest.len().min(self.full)];
            let began = Instant::now();
            let made = self.guarded(piece);
            done.busy += began.elapsed();
            match made? {
                Ok(made) if made.len() == piece.len() => {
                    done.batches += 1;
                    done.pictures += made.len() as u64;
                    done.full += u64::from(piece.len() == self.full);
                    vectors.extend(made);
                }
                Ok(made) => {
                    return Err(DeviceError::Miscounted {
                        model: self.shared.model.clone(),
                        pictures: piece.len(),
                        vectors: made.len(),
                    });
                }
                Err(error @ ModelError::OutOfMemory { .. }) if piece.len() > 1 => {
                    self.full = piece.len() / 2;
                    done.halved += 1;
                    tracing::warn!(model = self.shared.model, error = %with_causes(&error), batch = self.full,
                                   "using smaller batches on this device from now on");
                }
                Err(error) => return Err(DeviceError::Encoder(Arc::new(error))),
            }
        }
        Ok(owners
            .into_iter()
            .zip(vectors)
            .map(|((submission, tag), vector)| (submission, tag, vector))
            .collect())
    }

    /// Encodes. A panic becomes an error, because callers wait for an answer.
    fn guarded(
        &self,
        pictures: &[Prepared],
    ) -> Result<Result<Vec<Vec<f32>>, ModelError>, DeviceError> {
        catch_unwind(AssertUnwindSafe(|| self.encoder.encode(pictures))).map_err(|_panic| {
            DeviceError::Panicked {
                model: self.shared.model.clone(),
            }
        })
    }
}
