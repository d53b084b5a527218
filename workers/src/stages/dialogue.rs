//! `dialogue`: subtitle files and subtitle streams as cues on the frames of the film.

use super::{Observed, StageError, Stages};
use crate::dialogue::{MAX_SUBTITLE_BYTES, TimedText, parse};
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

impl Dialogue<'_> {
    pub(super) fn run(&self, watch: &Watch) -> Result<Output, StageError> {
        let timeline = self.stages.timeline(self.timeline)?;
        let mut cues = Vec::new();
        for (sidecar, language) in self.sidecars {
            let lines = self.read_sidecar(sidecar)?;
            cues.extend(on_frames(lines, language.as_deref(), &timeline));
        }
        for (stream, language) in self.streams {
            if watch.stopped() {
                return Err(StageError::Cancelled);
            }
            let mut source = self.stages.open(self.media)?;
            let lines = self
                .stages
                .sandbox
                .subtitles(source.as_mut(), *stream, &mut Observed(watch))
                .map_err(StageError::media(&self.media.uri))?;
            let lines = lines.into_iter().map(|cue| TimedText {
                start_ms: cue.start_ms,
                end_ms: cue.end_ms,
                text: cue.text,
            });
            cues.extend(on_frames(lines.collect(), language.as_deref(), &timeline));
        }
        cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
        Ok(Output::Dialogue { cues })
    }

    fn read_sidecar(&self, sidecar: &Locator) -> Result<Vec<TimedText>, StageError> {
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
}

/// Puts each line on the frames during which it is shown; lines after the film's end are dropped.
fn on_frames(lines: Vec<TimedText>, language: Option<&str>, timeline: &Timeline) -> Vec<CueSpan> {
    let mut cues = Vec::with_capacity(lines.len());
    for line in lines {
        let (start, end) = timeline.frames_within(line.start_ms, line.end_ms);
        if start < end {
            cues.push(CueSpan {
                start,
                end,
                start_ms: line.start_ms,
                end_ms: line.end_ms,
                text: line.text,
                language: language.map(str::to_owned),
            });
        }
    }
    cues
}
