//! `speech`: the lines that are heard in a video without subtitles.
//!
//! Subtitles win. A run gets the dialogue as an input and has no lines if that has some, so a subtitle file that is added or
//! removed later makes another run.

use rushes_workers::stages::{Feature, HeardSpan, Queue, SpeechOutput, SpeechTask, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit};
use crate::catalog::CatalogError;
use crate::catalog::assets::Asset;
use crate::catalog::cues::{self, CueOrigin, CueRow};
use crate::catalog::records::{ShotsRecord, SpeechRecord};

/// How speech is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechSettings {
    /// The model.
    pub model: String,
    /// Its revision.
    pub revision: String,
    /// Code of the language that is spoken; `None` to detect it.
    pub language: Option<String>,
}

pub(super) struct Speech;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    model: String,
    revision: String,
    language: Option<String>,
}

impl Definition for Speech {
    const FEATURE: Feature = Feature::Speech;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Probe, Feature::Shots, Feature::Dialogue];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = Params;
    type Output = SpeechOutput;
    type Record = SpeechRecord;

    fn is_wanted(settings: &Settings) -> bool {
        settings.speech.is_some()
    }

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        let speech = settings.speech.clone().ok_or(DAMAGED)?;
        Ok(Params {
            model: speech.model,
            revision: speech.revision,
            language: speech.language,
        })
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let scan: ShotsRecord = run.record(Feature::Shots).await?;
        let dialogue = run.input(Feature::Dialogue).await?;
        Ok(SpeechTask {
            media: run.media().await?,
            timeline: scan.timeline,
            model: params.model,
            language: params.language,
            is_subtitled: cues::has_cues(run.db, &dialogue.id).await?,
        }
        .into())
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &SpeechOutput,
    ) -> Result<StoreOutcome<SpeechRecord>, CatalogError> {
        let rows: Vec<CueRow> = output.cues.iter().map(row).collect();
        cues::store_cues(run.db, &run.run.id, &rows).await?;
        Ok(StoreOutcome::Kept(SpeechRecord {
            basis: output.basis,
        }))
    }
}

fn row(heard: &HeardSpan) -> CueRow {
    CueRow {
        frames: (heard.cue.start, heard.cue.end),
        ms: (heard.cue.start_ms, heard.cue.end_ms),
        text: heard.cue.text.clone(),
        language: heard.cue.language.clone(),
        origin: CueOrigin::Speech,
        confidence: Some(heard.confidence),
        words: heard.words.clone(),
    }
}
