//! `sound-tags`: the sounds that are heard in each shot, by name.
//!
//! The sound is decoded once: while `sound` measures it, it has it named too ([`EarlyTags`]), and this run reads what was
//! heard. Where `sound` was computed before there was a tagger, or could not run it, this run decodes the sound itself.

mod naming;
mod peaks;

use rushes_models::{SoundTagger, with_causes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Cancelling, RunContext, Stage, Stages};
use crate::error::StageError;
use crate::storage::Locator;
use crate::time::Timeline;

use naming::NamedWindows;
pub(super) use naming::Naming;
use peaks::peaks;

/// Name the sounds of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SoundTagsTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// First and one-past-last frame of each shot, in order.
    pub shots: Vec<(u64, u64)>,
    /// The tagger.
    #[schema(example = "yamnet")]
    pub model: String,
}

/// A run that names sounds, for which the run that measures them may do so meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarlyTags {
    /// Prefix of the keys of its objects.
    pub prefix: String,
    /// The tagger.
    #[schema(example = "yamnet")]
    pub model: String,
}

/// The output of a [`SoundTagsTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SoundTagsOutput {
    /// The tagger, `id@revision`.
    #[schema(example = "yamnet@1")]
    pub tagger: String,
    /// By shot, the most likely first.
    pub tags: Vec<SoundTag>,
}

/// A sound that is heard in a shot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SoundTag {
    /// Which shot, from 0.
    pub shot: u64,
    /// What is heard, as the tagger calls it.
    #[schema(example = "Applause")]
    pub name: String,
    /// How likely, 0 to 1, where it is most likely.
    #[schema(example = 0.87)]
    pub score: f32,
    /// The frame that is shown there.
    pub frame: u64,
    /// When that is, in milliseconds from the start of the file.
    pub ms: u64,
}

impl Stage for SoundTagsTask {
    type Output = SoundTagsOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<SoundTagsOutput, StageError> {
        let timeline = run.stages.timeline(&self.timeline)?;
        let named = run.stages.taggers.with(&self.model, |tagger| {
            let early = early(run.stages, run.prefix);
            match early.filter(|named| named.tagger == tagger.name()) {
                Some(named) => Ok(named),
                None => self.listen(run, tagger, &timeline),
            }
        })?;
        Ok(SoundTagsOutput {
            tags: peaks(&named, &self.shots, &timeline),
            tagger: named.tagger,
        })
    }

    fn tidy(&self, stages: &Stages, prefix: &str) -> Result<(), StageError> {
        let folder = folder(prefix);
        let deleted = stages.storage.delete_prefix(&folder);
        Ok(stages.runtime.block_on(deleted).map(drop)?)
    }
}

impl SoundTagsTask {
    fn listen(
        &self,
        run: &RunContext<'_>,
        tagger: &mut SoundTagger,
        timeline: &Timeline,
    ) -> Result<NamedWindows, StageError> {
        let mut source = run.stages.open(&self.media)?;
        let rate = tagger.rate();
        let mut naming = Naming::new(tagger);
        let heard = run.stages.sandbox.sound(
            source.as_mut(),
            rate,
            &mut Cancelling(run.watch),
            &mut |from, samples| {
                if run.watch.stopped() {
                    return Err(StageError::Cancelled);
                }
                naming.take(from, samples)?;
                let ms = naming.until();
                let (_, done) = timeline.frames_within(ms.saturating_sub(1), ms);
                run.watch.progress(done, Some(timeline.frames()));
                Ok(())
            },
        );
        heard.map_err(|error| error.or(StageError::media(&self.media.uri)))?;
        Ok(naming.finish()?)
    }
}

fn folder(prefix: &str) -> String {
    format!("{prefix}/named")
}

fn key(prefix: &str) -> String {
    format!("{}/windows.json.zst", folder(prefix))
}

impl EarlyTags {
    /// Keeps what was named early for the run that is about it.
    pub(super) fn keep(&self, stages: &Stages, named: &NamedWindows) -> Result<(), StageError> {
        let key = key(&self.prefix);
        stages.put(&key, named.packed(&key)?)
    }
}

/// What was named while the sound was measured; `None` if nothing was.
fn early(stages: &Stages, prefix: &str) -> Option<NamedWindows> {
    match stages.get(&key(prefix)) {
        Ok(packed) => NamedWindows::unpacked(&packed),
        Err(error) => {
            tracing::debug!(error = %with_causes(&error), "no sounds were named early");
            None
        }
    }
}
