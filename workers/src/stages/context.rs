//! What the stages of one process share, and what one run is given.

use rushes_models::{EncoderOptions, ModelStore};
use tokio::runtime::Handle;

use crate::embed::{Devices, EmbedOptions, Embedder};
use crate::error::StageError;
use crate::media::ProxyParams;
use crate::sandbox::{Observer, Sandbox};
use crate::segment::SegmentParams;
use crate::source::ByteSource;
use crate::storage::{Locator, Storage};
use crate::time::Timeline;
use crate::watch::Watch;

/// How one feature is computed: plain blocking code on a worker thread.
pub(super) trait Stage {
    /// What it hands in.
    type Output;

    /// Computes the run.
    fn run(&self, run: &RunContext<'_>) -> Result<Self::Output, StageError>;

    /// Clears away what only an unfinished run needs. Nothing, for most.
    fn tidy(&self, _stages: &Stages, _prefix: &str) -> Result<(), StageError> {
        Ok(())
    }
}

/// One run, as its stage sees it.
pub(super) struct RunContext<'a> {
    pub(super) stages: &'a Stages,
    /// Keys of the run's objects begin with this.
    pub(super) prefix: &'a str,
    pub(super) watch: &'a Watch,
}

/// What the stages of one process share.
#[derive(Debug)]
pub struct Stages {
    /// Videos and features.
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

    pub(super) fn open(&self, media: &Locator) -> Result<Box<dyn ByteSource>, StageError> {
        Ok(self.runtime.block_on(self.storage.open_source(media))?)
    }

    pub(super) fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StageError> {
        Ok(self.runtime.block_on(self.storage.put(key, bytes.into()))?)
    }

    pub(super) fn get(&self, key: &str) -> Result<bytes::Bytes, StageError> {
        Ok(self.runtime.block_on(self.storage.get(key))?)
    }

    pub(super) fn timeline(&self, key: &str) -> Result<Timeline, StageError> {
        let packed = self.get(key)?;
        unpack_timeline(&packed).ok_or_else(|| StageError::Corrupt(key.to_owned()))
    }
}

/// The timeline in a stored object; `None` if the object is damaged.
#[must_use]
pub fn unpack_timeline(packed: &[u8]) -> Option<Timeline> {
    let json = zstd::decode_all(packed).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Progress and cancellation of a stage, as the sandbox wants them.
pub(super) struct Observed<'a>(pub(super) &'a Watch);

impl Observer for Observed<'_> {
    fn progress(&mut self, done: u64, total: Option<u64>) {
        self.0.progress(done, total);
    }

    fn cancelled(&self) -> bool {
        self.0.stopped()
    }
}
