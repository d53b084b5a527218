//! `speech`: writes down what is said in a video that has no subtitles.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rushes_models::{
    HEARD_RATE, HeardCue, HeardWord, Listening, ModelStore, Transcriber, TranscriberOptions,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Cancelling, RunContext, Stage};
use super::dialogue::CueSpan;
use crate::error::StageError;
use crate::storage::Locator;
use crate::time::{Timeline, ms_of_samples};
use crate::watch::Watch;

/// Sound that is missing for longer, in samples, is skipped; what is missing for less is heard as silence.
const GAP: u64 = 30 * HEARD_RATE as u64;

/// Write down what is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpeechTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// The model that recognises speech.
    #[schema(example = "whisper-base")]
    pub model: String,
    /// Code of the language that is spoken; null to detect it.
    #[schema(example = "en")]
    pub language: Option<String>,
    /// Whether the video has subtitles. Then nobody needs to listen.
    pub is_subtitled: bool,
}

/// The output of a [`SpeechTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpeechOutput {
    /// What the lines are made of.
    pub basis: SpeechBasis,
    /// Lines by time.
    pub cues: Vec<HeardSpan>,
}

/// What lines that are heard are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpeechBasis {
    /// The sound.
    Sound,
    /// Nothing, because the video has subtitles.
    Subtitles,
    /// Nothing, because the video has no sound that can be decoded.
    NoSound,
}

/// A line that was heard, on the frames of its asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeardSpan {
    /// The line.
    #[serde(flatten)]
    pub cue: CueSpan,
    /// How sure the model is, 0 to 1.
    pub confidence: f32,
    /// Its words.
    pub words: Vec<SpokenWord>,
}

/// A word and its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SpokenWord {
    /// The word with its punctuation.
    #[schema(example = "country.")]
    pub text: String,
    /// When it begins, in milliseconds from the start of the file.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
    /// How sure the model is, 0 to 1.
    pub confidence: f32,
}

impl Stage for SpeechTask {
    type Output = SpeechOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<SpeechOutput, StageError> {
        if self.is_subtitled {
            return Ok(SpeechOutput {
                basis: SpeechBasis::Subtitles,
                cues: Vec::new(),
            });
        }
        let timeline = run.stages.timeline(&self.timeline)?;
        let mut source = run.stages.open(&self.media)?;
        let transcriber = &run.stages.ears.lazily(&self.model);
        let mut hearing = Hearing {
            transcriber,
            language: self.language.as_deref(),
            timeline: &timeline,
            open: None,
            next: 0,
            cues: Vec::new(),
        };
        let heard = run.stages.sandbox.sound(
            source.as_mut(),
            HEARD_RATE,
            &mut Cancelling(run.watch),
            &mut |from, samples| hearing.take(from, samples, run.watch),
        );
        let has_sound = heard.map_err(|error| error.or(StageError::media(&self.media.uri)))?;
        hearing.end()?;
        Ok(SpeechOutput {
            basis: if has_sound {
                SpeechBasis::Sound
            } else {
                SpeechBasis::NoSound
            },
            cues: hearing.cues,
        })
    }
}

/// One video that is listened to.
struct Hearing<'a> {
    transcriber: &'a LazyTranscriber<'a>,
    language: Option<&'a str>,
    timeline: &'a Timeline,
    /// The first sample of a stretch of sound, and what listens to it.
    open: Option<(u64, Listening<'a>)>,
    /// The sample after the last one.
    next: u64,
    cues: Vec<HeardSpan>,
}

impl Hearing<'_> {
    fn take(&mut self, from: u64, samples: &[f32], watch: &Watch) -> Result<(), StageError> {
        if watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let missing = from.saturating_sub(self.next);
        if missing > GAP {
            self.end()?;
        }
        let (origin, mut listening) = match self.open.take() {
            Some((origin, mut listening)) => {
                let silence = vec![0.0; usize::try_from(missing).unwrap_or(0)];
                let cues = listening.push(&silence)?;
                self.add(origin, cues);
                (origin, listening)
            }
            None => (from, self.transcriber.get()?.listen(self.language)?),
        };
        let cues = listening.push(samples)?;
        self.add(origin, cues);
        self.open = Some((origin, listening));
        self.next = from.saturating_add(samples.len() as u64);
        let ms = milliseconds(self.next);
        let (_, done) = self.timeline.frames_within(ms.saturating_sub(1), ms);
        watch.progress(done, Some(self.timeline.frames()));
        Ok(())
    }

    /// Writes down the rest of a stretch of sound.
    fn end(&mut self) -> Result<(), StageError> {
        if let Some((origin, listening)) = self.open.take() {
            let cues = listening.finish()?;
            self.add(origin, cues);
        }
        Ok(())
    }

    /// Puts lines on the frames that show them. Lines before the first picture or after the last are dropped.
    fn add(&mut self, origin: u64, cues: Vec<HeardCue>) {
        let offset = milliseconds(origin);
        for cue in cues {
            let (start_ms, end_ms) = (cue.start_ms + offset, cue.end_ms + offset);
            let (start, end) = self.timeline.frames_within(start_ms, end_ms);
            if start >= end {
                continue;
            }
            let word = |word: HeardWord| SpokenWord {
                text: word.text,
                start_ms: word.start_ms + offset,
                end_ms: word.end_ms + offset,
                confidence: word.confidence,
            };
            self.cues.push(HeardSpan {
                cue: CueSpan {
                    start,
                    end,
                    start_ms,
                    end_ms,
                    text: cue.text,
                    language: Some(cue.language).filter(|code| !code.is_empty()),
                },
                confidence: cue.confidence,
                words: cue.words.into_iter().map(word).collect(),
            });
        }
    }
}

const fn milliseconds(samples: u64) -> u64 {
    ms_of_samples(samples, HEARD_RATE)
}

/// The models of speech of a process, opened at first use and kept.
#[derive(Debug)]
pub struct Ears {
    models: ModelStore,
    threads: usize,
    open: Mutex<HashMap<String, Arc<Transcriber>>>,
}

impl Ears {
    /// Models from `models`, on this many threads.
    #[must_use]
    pub fn new(models: ModelStore, threads: usize) -> Self {
        Self {
            models,
            threads,
            open: Mutex::default(),
        }
    }

    /// The model with this id.
    fn get(&self, model: &str) -> Result<Arc<Transcriber>, StageError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transcriber) = open.get(model) {
            return Ok(Arc::clone(transcriber));
        }
        let options = TranscriberOptions {
            threads: self.threads,
        };
        let transcriber = Arc::new(Transcriber::open(&self.models, model, options)?);
        open.insert(model.to_owned(), Arc::clone(&transcriber));
        drop(open);
        Ok(transcriber)
    }

    /// The model, opened once there is sound.
    fn lazily(&self, model: &str) -> LazyTranscriber<'_> {
        LazyTranscriber {
            ears: self,
            model: model.to_owned(),
            open: std::sync::OnceLock::new(),
        }
    }
}

/// A model that is opened when it is needed.
struct LazyTranscriber<'a> {
    ears: &'a Ears,
    model: String,
    open: std::sync::OnceLock<Arc<Transcriber>>,
}

impl LazyTranscriber<'_> {
    fn get(&self) -> Result<&Transcriber, StageError> {
        if let Some(open) = self.open.get() {
            return Ok(open);
        }
        let transcriber = self.ears.get(&self.model)?;
        Ok(self.open.get_or_init(|| transcriber))
    }
}
