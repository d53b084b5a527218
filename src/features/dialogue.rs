//! `dialogue`: the lines of subtitle files, subtitle streams and closed captions.

use rushes_workers::media::StreamDetails;
use rushes_workers::stages::{CueSpan, DialogueOutput, DialogueTask, Feature, Queue, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{Definition, RunInputs, StoreOutcome, Unit};
use crate::catalog::CatalogError;
use crate::catalog::assets::{Asset, Sidecar};
use crate::catalog::cues::{self, CueRow};
use crate::catalog::records::{DialogueRecord, ProbeRecord, ShotsRecord};

pub(super) struct Dialogue;

/// Different subtitles make a different run.
#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    sidecars: Vec<Sidecar>,
    /// Streams of the video that are not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    without: Vec<usize>,
}

impl Params {
    fn of(asset: &Asset) -> Result<Self, CatalogError> {
        Ok(Self {
            sidecars: asset.subtitle_files()?,
            without: asset.excluded_streams()?,
        })
    }
}

impl Definition for Dialogue {
    const FEATURE: Feature = Feature::Dialogue;
    const VERSION: u32 = 2;
    const INPUTS: &'static [Feature] = &[Feature::Probe, Feature::Shots];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Lines;

    type Params = Params;
    type Output = DialogueOutput;
    type Record = DialogueRecord;

    fn params(asset: &Asset, _: &Settings) -> Result<Params, CatalogError> {
        Params::of(asset)
    }

    fn params_again(asset: &Asset, _: Params) -> Result<Params, CatalogError> {
        Params::of(asset)
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let probe: ProbeRecord = run.record(Feature::Probe).await?;
        let scan: ShotsRecord = run.record(Feature::Shots).await?;
        let streams = probe
            .info
            .streams
            .iter()
            .filter(|stream| matches!(&stream.details, StreamDetails::Subtitle(s) if s.text))
            .filter(|stream| !params.without.contains(&stream.index))
            .map(|stream| (stream.index, stream.language.clone()));
        let sidecars = params.sidecars.into_iter();
        Ok(DialogueTask {
            media: run.media().await?,
            timeline: scan.timeline,
            streams: streams.collect(),
            sidecars: sidecars
                .map(|sidecar| (sidecar.locator, sidecar.language))
                .collect(),
        }
        .into())
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &DialogueOutput,
    ) -> Result<StoreOutcome<DialogueRecord>, CatalogError> {
        let rows: Vec<CueRow> = output.cues.iter().map(row).collect();
        cues::store_cues(run.db, &run.run.id, &rows).await?;
        Ok(StoreOutcome::Kept(DialogueRecord {
            warnings: output.warnings.clone(),
        }))
    }
}

fn row(cue: &CueSpan) -> CueRow {
    CueRow {
        frames: (cue.start, cue.end),
        ms: (cue.start_ms, cue.end_ms),
        text: cue.text.clone(),
        language: cue.language.clone(),
        ..CueRow::default()
    }
}
