//! Device threads: each model's encoder is owned by one named thread with a bounded queue.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use image::RgbImage;
use rushes_models::{
    EncoderOptions, ImageEncoder, ModelError, ModelStore, Space, open_image_encoder,
};

/// Batches that may wait for the device: one at work, one ready.
const QUEUE: usize = 1;

type Vectors = Result<Vec<Vec<f32>>, ModelError>;

struct Batch {
    pictures: Vec<RgbImage>,
    reply: SyncSender<Vectors>,
}

/// The encoders of this process, opened when first needed.
#[derive(Debug)]
pub struct Devices {
    models: ModelStore,
    threads: usize,
    open: Mutex<HashMap<String, Arc<Device>>>,
}

impl Devices {
    /// Encoders from `models`, each computing on `threads` CPU threads.
    #[must_use]
    pub fn new(models: ModelStore, threads: usize) -> Self {
        Self {
            models,
            threads,
            open: Mutex::default(),
        }
    }

    /// The device thread of `model`; starts it if there is none.
    ///
    /// # Errors
    /// If the model is unknown, not pulled, or damaged.
    pub fn get(&self, model: &str) -> Result<Arc<Device>, ModelError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = open.get(model).filter(|device| device.is_alive()) {
            return Ok(Arc::clone(device));
        }
        let encoder =
            open_image_encoder(&self.models, model, &EncoderOptions::threads(self.threads))?;
        let device = Arc::new(Device::start(model, encoder));
        open.insert(model.to_owned(), Arc::clone(&device));
        drop(open);
        Ok(device)
    }
}

/// A handle to the thread that owns one encoder.
#[derive(Debug)]
pub struct Device {
    space: Space,
    batch: usize,
    sender: SyncSender<Batch>,
    /// Absent if it could not be started.
    thread: Option<JoinHandle<()>>,
}

/// Vectors that the device has promised.
#[derive(Debug)]
pub struct Pending(Receiver<Vectors>);

impl Device {
    /// Moves `encoder` onto a thread of its own. The thread ends with the last handle.
    #[must_use]
    pub fn start(name: &str, encoder: Box<dyn ImageEncoder>) -> Self {
        let (sender, batches) = sync_channel::<Batch>(QUEUE);
        let space = encoder.space().clone();
        let batch = encoder.preferred_batch();
        let model = name.to_owned();
        let started = std::thread::Builder::new()
            .name(format!("device-{name}"))
            .spawn(move || own(&model, encoder.as_ref(), &batches))
            // The queue's other end is gone, so every submit reports a lost device.
            .inspect_err(|error| tracing::error!(%error, "the device thread could not be started"));
        Self {
            space,
            batch,
            sender,
            thread: started.ok(),
        }
    }

    /// Whether the thread still takes batches: an encoder that panics takes it along.
    fn is_alive(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// The space of its vectors.
    #[must_use]
    pub const fn space(&self) -> &Space {
        &self.space
    }

    /// How many pictures make a full batch.
    #[must_use]
    pub const fn batch(&self) -> usize {
        self.batch
    }

    /// Queues a batch; blocks while the queue is full. `None` if the thread has ended.
    #[must_use]
    pub fn submit(&self, pictures: Vec<RgbImage>) -> Option<Pending> {
        let (reply, receiver) = sync_channel(1);
        self.sender.send(Batch { pictures, reply }).ok()?;
        Some(Pending(receiver))
    }
}

impl Pending {
    /// Waits for the vectors. `None` if the thread ended before it answered.
    #[must_use]
    pub fn wait(self) -> Option<Vectors> {
        self.0.recv().ok()
    }
}

fn own(model: &str, encoder: &dyn ImageEncoder, batches: &Receiver<Batch>) {
    let pictures_total =
        metrics::counter!("rushes_device_pictures_total", "model" => model.to_owned());
    let busy = metrics::gauge!("rushes_device_busy_seconds", "model" => model.to_owned());
    let waited = metrics::gauge!("rushes_device_waiting_seconds", "model" => model.to_owned());
    let mut idle_since = Instant::now();
    while let Ok(batch) = batches.recv() {
        waited.increment(idle_since.elapsed().as_secs_f64());
        let started = Instant::now();
        let vectors = encoder.encode_pictures(&batch.pictures);
        busy.increment(started.elapsed().as_secs_f64());
        pictures_total.increment(batch.pictures.len() as u64);
        // The asker may have been cancelled; then nobody wants the vectors.
        batch.reply.send(vectors).ok();
        idle_since = Instant::now();
    }
}
