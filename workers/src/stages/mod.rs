//! What each task does: one file a feature. Stages are plain blocking code on a worker thread.

mod dialogue;
mod embeddings;
mod error;
mod probe;
mod proxies;
pub(crate) mod proxy_name;
mod shots;
mod thumbnails;

use rushes_models::{EncoderOptions, ModelStore};
use tokio::runtime::Handle;

pub use error::StageError;

use crate::coordinator::Lease;
use crate::embed::{self, Devices, EmbedOptions, Embedder};
use crate::media::ProxyParams;
use crate::sandbox::{Observer, Sandbox};
use crate::segment::SegmentParams;
use crate::source::ByteSource;
use crate::storage::{Locator, Storage};
use crate::task::{Output, Task};
use crate::time::Timeline;
use crate::worker::Watch;

/// What the stages of one process share.
#[derive(Debug)]
pub struct Stages {
    /// Films and features.
    pub storage: Storage,
    /// Where files from outside are decoded.
    pub sandbox: Sandbox,
    /// How shots are found.
    pub segment: SegmentParams,
    /// How proxies are made.
    pub proxy: ProxyParams,
    /// The threads that own the encoders.
    pub devices: Devices,
    /// What keeps them fed.
    pub embedder: Embedder,
    /// The runtime on which the object store is reached.
    pub runtime: Handle,
}

impl Stages {
    /// Stages with default parameters.
    #[must_use]
    pub fn new(
        storage: Storage,
        sandbox: Sandbox,
        models: ModelStore,
        encoders: EncoderOptions,
    ) -> Self {
        Self {
            storage,
            sandbox,
            segment: SegmentParams::default(),
            proxy: ProxyParams::default(),
            devices: Devices::new(models, encoders),
            embedder: Embedder::new(EmbedOptions::default()),
            runtime: Handle::current(),
        }
    }

    /// Computes one run. Blocks; call it on a worker thread.
    ///
    /// # Errors
    /// [`StageError`] naming the file, the cause and the fix.
    pub fn compute(&self, lease: &Lease, watch: &Watch) -> Result<Output, StageError> {
        match &lease.task {
            Task::Probe { media } => probe::run(self, media, watch),
            Task::Shots {
                media,
                detector,
                proxies,
            } => shots::Shots {
                stages: self,
                media,
                detector: *detector,
            }
            .run(proxies.as_ref(), &lease.prefix, watch),
            Task::Proxies {
                media,
                timeline,
                shots,
                height,
            } => {
                let cutter = proxies::Cutter {
                    stages: self,
                    media,
                    height: *height,
                    prefix: &lease.prefix,
                };
                proxies::run(&cutter, timeline, shots, watch)
            }
            Task::Thumbnails { proxies } => thumbnails::run(self, proxies, &lease.prefix, watch),
            Task::Embeddings {
                model,
                proxies,
                frames,
                frame_vectors,
            } => embeddings::Embeddings {
                stages: self,
                model,
                proxies,
                frames: *frames,
                keep_frames: *frame_vectors,
                prefix: &lease.prefix,
            }
            .run(watch),
            Task::Dialogue {
                media,
                timeline,
                streams,
                sidecars,
            } => dialogue::Dialogue {
                stages: self,
                media,
                timeline,
                streams,
                sidecars,
            }
            .run(watch),
        }
    }

    /// Clears away what only an unfinished run needs, once its result is handed in. Blocks.
    ///
    /// # Errors
    /// If the store does not answer.
    pub fn tidy(&self, lease: &Lease) -> Result<(), StageError> {
        match &lease.task {
            Task::Embeddings { .. } => {
                let parts = embed::parts_of(&lease.prefix);
                Ok(self
                    .runtime
                    .block_on(self.storage.delete_prefix(&parts))
                    .map(drop)?)
            }
            Task::Probe { .. }
            | Task::Shots { .. }
            | Task::Proxies { .. }
            | Task::Thumbnails { .. }
            | Task::Dialogue { .. } => Ok(()),
        }
    }

    fn open(&self, media: &Locator) -> Result<Box<dyn ByteSource>, StageError> {
        Ok(self.runtime.block_on(self.storage.open_source(media))?)
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StageError> {
        Ok(self.runtime.block_on(self.storage.put(key, bytes.into()))?)
    }

    fn get(&self, key: &str) -> Result<bytes::Bytes, StageError> {
        Ok(self.runtime.block_on(self.storage.get(key))?)
    }

    fn timeline(&self, key: &str) -> Result<Timeline, StageError> {
        let packed = self.get(key)?;
        let corrupt = || StageError::Corrupt(key.to_owned());
        let json = zstd::decode_all(packed.as_ref()).map_err(|_not_zstd| corrupt())?;
        serde_json::from_slice(&json).map_err(|_not_a_timeline| corrupt())
    }
}

/// Progress and cancellation of a stage, as the sandbox wants them.
struct Observed<'a>(&'a Watch);

impl Observer for Observed<'_> {
    fn progress(&mut self, done: u64, total: Option<u64>) {
        self.0.progress(done, total);
    }

    fn cancelled(&self) -> bool {
        self.0.stopped()
    }
}
