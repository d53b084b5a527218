//! `sound`: how each shot of a video sounds: how loud, where it bangs, and whether it resembles speech or music.

use std::convert::Infallible;

use rushes_models::{SoundTagger, with_causes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Observed, RunContext, Stage};
use super::sound_tags::{EarlyTags, Naming};
use crate::acoustics::{Heard, ShotSound, fold};
use crate::error::StageError;
use crate::media::SoundTrack;
use crate::sandbox::Observer;
use crate::source::ByteSource;
use crate::storage::Locator;
use crate::time::Timeline;
use crate::watch::Watch;

/// Measure the sound of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SoundTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// First and one-past-last frame of each shot, in order.
    pub shots: Vec<(u64, u64)>,
    /// The run that names sounds. They may be named while they are measured, so that the sound is decoded once.
    #[serde(default)]
    pub tags: Option<EarlyTags>,
}

/// The output of a [`SoundTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SoundFindings {
    /// What sound the video has.
    pub track: SoundTrack,
    /// One for each shot, in order; none if the sound cannot be decoded.
    pub shots: Vec<ShotSound>,
    /// Bangs by time.
    pub bangs: Vec<SoundBang>,
}

/// A sound that begins suddenly and far above what was heard before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SoundBang {
    /// The frame that is shown meanwhile.
    pub frame: u64,
    /// When, in milliseconds from the start of the file.
    pub ms: u64,
    /// How far it rises above the loudest moment of the second before, in decibels.
    #[schema(example = 24.5)]
    pub rise: f32,
}

impl Stage for SoundTask {
    type Output = SoundFindings;

    fn run(&self, run: &RunContext<'_>) -> Result<SoundFindings, StageError> {
        let timeline = run.stages.timeline(&self.timeline)?;
        let mut source = run.stages.open(&self.media)?;
        let mut observer = InFrames {
            watch: run.watch,
            timeline: &timeline,
        };
        let named = self.tags.as_ref().map(|tags| {
            let listen = |tagger: &mut SoundTagger| {
                Ok(self.listen_and_name(run, source.as_mut(), &mut observer, (tags, tagger)))
            };
            run.stages.taggers.with(&tags.model, listen)
        });
        let listened = match named {
            Some(Ok(listened)) => listened,
            Some(Err(error)) => {
                // The run that names sounds meets the same problem, and reports it.
                tracing::debug!(error = %with_causes(&error), "cannot name sounds early");
                self.listen(run, source.as_mut(), &mut observer)
            }
            None => self.listen(run, source.as_mut(), &mut observer),
        };
        let (track, heard) = listened?;
        Ok(self.findings(track, &heard, &timeline))
    }
}

/// What sound a video has, and what was measured in it.
type Listened = Result<(SoundTrack, Heard), StageError>;

impl SoundTask {
    fn listen(
        &self,
        run: &RunContext<'_>,
        source: &mut dyn ByteSource,
        observer: &mut InFrames<'_>,
    ) -> Listened {
        let listened = run.stages.sandbox.listen(source, observer);
        listened.map_err(StageError::media(&self.media.uri))
    }

    /// Measures sound, and keeps the names of sounds for the run that is about them. A problem with names costs nothing here:
    /// that run meets and reports it.
    fn listen_and_name(
        &self,
        run: &RunContext<'_>,
        source: &mut dyn ByteSource,
        observer: &mut InFrames<'_>,
        (tags, tagger): (&EarlyTags, &mut SoundTagger),
    ) -> Listened {
        let rate = tagger.rate();
        let mut naming = Naming::new(tagger);
        let mut problem = None;
        let mut name = |from: u64, samples: &[f32]| {
            if problem.is_none() {
                problem = naming.take(from, samples).err();
            }
            Ok::<_, Infallible>(())
        };
        let listened = run
            .stages
            .sandbox
            .listen_and_pass(source, rate, observer, &mut name)
            .map_err(|error| error.or_never(StageError::media(&self.media.uri)))?;
        let named = match problem {
            None => naming.finish(),
            Some(problem) => Err(problem),
        };
        let kept = named
            .map_err(StageError::from)
            .and_then(|named| tags.keep(run.stages, &named));
        if let Err(error) = kept {
            tracing::debug!(error = %with_causes(&error), media = self.media.uri, "cannot name sounds early");
        }
        Ok(listened)
    }

    fn findings(&self, track: SoundTrack, heard: &Heard, timeline: &Timeline) -> SoundFindings {
        if track == SoundTrack::Unknown {
            return SoundFindings {
                track,
                shots: Vec::new(),
                bangs: Vec::new(),
            };
        }
        let shots = self.shots.iter();
        let shots: Vec<(u64, u64)> = shots
            .map(|&(start, end)| (timeline.ms_of(start), timeline.ms_of(end)))
            .collect();
        let bangs = heard.bangs.iter().filter_map(|bang| {
            let (frame, end) = timeline.frames_within(bang.ms, bang.ms + 1);
            // Sound may begin before the pictures, and end after them.
            (frame < end).then_some(SoundBang {
                frame,
                ms: bang.ms,
                rise: bang.rise,
            })
        });
        SoundFindings {
            track,
            shots: fold(heard, &shots),
            bangs: bangs.collect(),
        }
    }
}

/// Progress in milliseconds as progress in frames.
struct InFrames<'a> {
    watch: &'a Watch,
    timeline: &'a Timeline,
}

impl Observer for InFrames<'_> {
    fn progress(&mut self, ms: u64, _total: Option<u64>) {
        let (_, done) = self.timeline.frames_within(ms.saturating_sub(1), ms);
        self.watch.progress(done, Some(self.timeline.frames()));
    }

    fn cancelled(&self) -> bool {
        Observed(self.watch).cancelled()
    }
}
