//! `dialogue`: maps subtitle files, subtitle streams and closed captions to cues on the video's frames.

use rushes_models::{ErrorKind, with_causes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Observed, RunContext, Stage, Stages};
use crate::dialogue::{MAX_SUBTITLE_BYTES, Subtitles, TimedText, parse};
use crate::error::StageError;
use crate::storage::{Locator, StorageError};
use crate::time::Timeline;
use crate::watch::Watch;

/// Read the dialogue of subtitle files and subtitle streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DialogueTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// Text subtitle streams of the video: index and language.
    pub streams: Vec<(usize, Option<String>)>,
    /// Subtitle files beside it, with their languages.
    pub sidecars: Vec<(Locator, Option<String>)>,
}

/// The output of a [`DialogueTask`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DialogueOutput {
    /// Lines by time.
    pub cues: Vec<CueSpan>,
    /// Problems with subtitles that did not stop the work.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A line of dialogue on the frames of its asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CueSpan {
    /// First frame that shows it.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Start in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End in milliseconds, exclusive.
    pub end_ms: u64,
    /// The text.
    pub text: String,
    /// Language as stated by the file, e.g. `en`.
    pub language: Option<String>,
}

/// The dialogue read so far, from all sources.
#[derive(Default)]
struct Found {
    cues: Vec<CueSpan>,
    warnings: Vec<String>,
    /// Whether any source could be read, even if it was empty.
    read: bool,
    /// The first error of a source.
    failure: Option<StageError>,
}

impl Stage for DialogueTask {
    type Output = DialogueOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<DialogueOutput, StageError> {
        let source = DialogueSource {
            stages: run.stages,
            media: &self.media,
            watch: run.watch,
        };
        let timeline = run.stages.timeline(&self.timeline)?;
        let mut found = Found::default();
        for (sidecar, language) in &self.sidecars {
            if let Some(subtitles) = found.take(source.read_sidecar(sidecar))? {
                let warnings = subtitles.warnings.iter();
                found
                    .warnings
                    .extend(warnings.map(|warning| format!("{}: {warning}", sidecar.uri)));
                found.add(subtitles.cues, language.as_deref(), &timeline);
            }
        }
        for (stream, language) in &self.streams {
            if let Some(lines) = found.take(source.read_stream(*stream))? {
                found.add(lines, language.as_deref(), &timeline);
            }
        }
        match source.read_captions() {
            Ok(lines) => found.add(lines, None, &timeline),
            Err(error) if is_final(&error) => found.warnings.push(with_causes(&error)),
            Err(error) => return Err(error),
        }
        found.finish()
    }
}

/// The sources of one video's lines.
struct DialogueSource<'a> {
    stages: &'a Stages,
    media: &'a Locator,
    watch: &'a Watch,
}

impl DialogueSource<'_> {
    fn read_sidecar(&self, sidecar: &Locator) -> Result<Subtitles, StageError> {
        if sidecar.size > MAX_SUBTITLE_BYTES {
            return Err(StorageError::TooLarge {
                name: sidecar.uri.clone(),
                limit: MAX_SUBTITLE_BYTES,
            }
            .into());
        }
        let mut source = self.stages.open(sidecar)?;
        let size = usize::try_from(source.len()).unwrap_or(0);
        let mut bytes = vec![0; size];
        let filled = source
            .read_full_at(0, &mut bytes)
            .map_err(|source| StageError::Read {
                name: sidecar.uri.clone(),
                source,
            })?;
        parse(&bytes[..filled]).map_err(|source| StageError::Dialogue {
            name: sidecar.uri.clone(),
            source,
        })
    }

    fn read_stream(&self, stream: usize) -> Result<Vec<TimedText>, StageError> {
        if self.watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let mut source = self.stages.open(self.media)?;
        self.stages
            .sandbox
            .subtitles(source.as_mut(), stream, &mut Observed(self.watch))
            .map_err(StageError::media(&self.media.uri))
    }

    fn read_captions(&self) -> Result<Vec<TimedText>, StageError> {
        if self.watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let mut source = self.stages.open(self.media)?;
        self.stages
            .sandbox
            .captions(source.as_mut(), &mut Observed(self.watch))
            .map_err(StageError::media(&self.media.uri))
    }
}

impl Found {
    /// The lines of a source. An unreadable source does not affect the others; it becomes a warning.
    fn take<T>(&mut self, read: Result<T, StageError>) -> Result<Option<T>, StageError> {
        match read {
            Ok(read) => {
                self.read = true;
                Ok(Some(read))
            }
            Err(error) if is_final(&error) => {
                self.warnings.push(with_causes(&error));
                self.failure.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Assigns lines to the frames that show them, and drops lines after the video's end.
    fn add(&mut self, lines: Vec<TimedText>, language: Option<&str>, timeline: &Timeline) {
        for line in lines {
            let (start, end) = timeline.frames_within(line.start_ms, line.end_ms);
            if start < end {
                self.cues.push(CueSpan {
                    start,
                    end,
                    start_ms: line.start_ms,
                    end_ms: line.end_ms,
                    text: line.text,
                    language: language.map(str::to_owned),
                });
            }
        }
    }

    /// The result, unless there were sources and none could be read.
    fn finish(mut self) -> Result<DialogueOutput, StageError> {
        if let Some(failure) = self.failure
            && !self.read
            && self.cues.is_empty()
        {
            return Err(failure);
        }
        self.cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
        Ok(DialogueOutput {
            cues: self.cues,
            warnings: self.warnings,
        })
    }
}

/// Whether a retry would give the same result.
fn is_final(error: &StageError) -> bool {
    let kind = error.kind();
    !kind.is_retryable() && kind != ErrorKind::Cancelled
}
