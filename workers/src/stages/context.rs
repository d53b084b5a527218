//! The shared state of the stages of one process, and the context of one run.

use rushes_models::{EncoderOptions, FaceReader, ModelStore, SoundTagger, TextReader};
use tokio::runtime::Handle;

use super::idle::IdleModels;
use super::speech::Ears;
use crate::embed::{Devices, EmbedOptions, Embedder, Sentences};
use crate::error::StageError;
use crate::media::ProxyParams;
use crate::sandbox::{Observer, Sandbox};
use crate::segment::SegmentParams;
use crate::source::ByteSource;
use crate::storage::{Locator, Storage};
use crate::time::Timeline;
use crate::watch::Watch;

/// The computation of one feature: plain blocking code on a worker thread.
pub(super) trait Stage {
    /// The output.
    type Output;

    /// Computes the run.
    fn run(&self, run: &RunContext<'_>) -> Result<Self::Output, StageError>;

    /// Deletes what only an unfinished run needs. For most features there is nothing.
    fn tidy(&self, _stages: &Stages, _prefix: &str) -> Result<(), StageError> {
        Ok(())
    }
}

/// One run, as its stage sees it.
pub(super) struct RunContext<'a> {
    pub(super) stages: &'a Stages,
    /// Prefix of the keys of the run's objects.
    pub(super) prefix: &'a str,
    pub(super) watch: &'a Watch,
}

/// The shared state of the stages of one process.
#[derive(Debug)]
pub struct Stages {
    /// Videos and derived objects.
    pub storage: Storage,
    /// The sandbox that decodes files from outside.
    pub sandbox: Sandbox,
    /// How to detect shots.
    pub segment: SegmentParams,
    /// How to make proxies.
    pub proxy: ProxyParams,
    /// The threads that own the encoders.
    pub devices: Devices,
    /// Feeds them with pictures.
    pub embedder: Embedder,
    /// The encoders of dialogue.
    pub sentences: Sentences,
    /// The models of speech.
    pub ears: Ears,
    /// The readers of text in pictures.
    pub readers: IdleModels<TextReader>,
    /// The readers of faces.
    pub faces: IdleModels<FaceReader>,
    /// The taggers of sounds.
    pub taggers: IdleModels<SoundTagger>,
    /// The runtime for access to the object store.
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
            sentences: Sentences::new(models.clone(), encoders),
            ears: Ears::new(models.clone(), encoders.threads),
            readers: IdleModels::new(models.clone(), encoders.threads),
            faces: IdleModels::new(models.clone(), encoders.threads),
            taggers: IdleModels::new(models.clone(), encoders.threads),
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

/// Progress and cancellation of a stage, in the form that the sandbox needs.
pub(super) struct Observed<'a>(pub(super) &'a Watch);

impl Observer for Observed<'_> {
    fn progress(&mut self, done: u64, total: Option<u64>) {
        self.0.progress(done, total);
    }

    fn cancelled(&self) -> bool {
        self.0.stopped()
    }
}

/// Cancellation only, for a stage whose progress is not that of the child.
pub(super) struct Cancelling<'a>(pub(super) &'a Watch);

impl Observer for Cancelling<'_> {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        self.0.stopped()
    }
}
