//! `dialogue`: subtitle files, subtitle streams and closed captions as cues on the frames of the film.

use rushes_models::ErrorKind;

use super::{Observed, StageError, Stages};
use crate::dialogue::{MAX_SUBTITLE_BYTES, Subtitles, TimedText, parse};
use crate::storage::{Locator, StorageError};
use crate::task::{CueSpan, Output};
use crate::time::Timeline;
use crate::worker::Watch;

pub(super) struct Dialogue<'a> {
    pub(super) stages: &'a Stages,
    pub(super) media: &'a Locator,
    pub(super) timeline: &'a str,
    pub(super) streams: &'a [(usize, Option<String>)],
    pub(super) sidecars: &'a [(Locator, Option<String>)],
}

/// What was read so far, of all sources of dialogue.
#[derive(Default)]
struct Found {
    cues: Vec<CueSpan>,
    warnings: Vec<String>,
    /// Whether any source could be read, be it empty.
    read: bool,
    /// The first one that could not be.
    failure: Option<StageError>,
}

impl Dialogue<'_> {
    pub(super) fn run(&self, watch: &Watch) -> Result<Output, StageError> {
        let timeline = self.stages.timeline(self.timeline)?;
        let mut found = Found::default();
        for (sidecar, language) in self.sidecars {
            if let Some(subtitles) = found.take(self.read_sidecar(sidecar))? {
                let warnings = subtitles.warnings.iter();
                found
                    .warnings
                    .extend(warnings.map(|warning| format!("{}: {warning}", sidecar.uri)));
                found.add(subtitles.cues, language.as_deref(), &timeline);
            }
        }
        for (stream, language) in self.streams {
            if let Some(lines) = found.take(self.read_stream(*stream, watch))? {
                found.add(lines, language.as_deref(), &timeline);
            }
        }
        match self.read_captions(watch) {
            Ok(lines) => found.add(lines, None, &timeline),
            Err(error) if is_final(&error) => found.warnings.push(error.to_string()),
            Err(error) => return Err(error),
        }
        found.finish()
    }

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

    fn read_stream(&self, stream: usize, watch: &Watch) -> Result<Vec<TimedText>, StageError> {
        if watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let mut source = self.stages.open(self.media)?;
        self.stages
            .sandbox
            .subtitles(source.as_mut(), stream, &mut Observed(watch))
            .map_err(StageError::media(&self.media.uri))
    }

    fn read_captions(&self, watch: &Watch) -> Result<Vec<TimedText>, StageError> {
        if watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let mut source = self.stages.open(self.media)?;
        self.stages
            .sandbox
            .captions(source.as_mut(), &mut Observed(watch))
            .map_err(StageError::media(&self.media.uri))
    }
}

impl Found {
    /// What was read of a source. One that cannot be read costs no other: it becomes a warning.
    fn take<T>(&mut self, read: Result<T, StageError>) -> Result<Option<T>, StageError> {
        match read {
            Ok(read) => {
                self.read = true;
                Ok(Some(read))
            }
            Err(error) if is_final(&error) => {
                self.warnings.push(error.to_string());
                self.failure.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts lines on the frames during which they are shown; lines after the film's end are dropped.
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
    fn finish(mut self) -> Result<Output, StageError> {
        if let Some(failure) = self.failure
            && !self.read
            && self.cues.is_empty()
        {
            return Err(failure);
        }
        self.cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
        Ok(Output::Dialogue {
            cues: self.cues,
            warnings: self.warnings,
        })
    }
}

/// Whether trying again would lead to the same.
fn is_final(error: &StageError) -> bool {
    let kind = error.kind();
    !kind.is_retryable() && kind != ErrorKind::Cancelled
}
