//! `shots`: the start, end and boundary of each shot.

use rushes_workers::segment::DetectorKind;
use rushes_workers::stages::{
    EarlyProxies, Feature, Queue, ShotSpan, ShotsOutput, ShotsTask, Task,
};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{Definition, RunInputs, StoreOutcome, Unit, prefix};
use super::proxies;
use crate::catalog::assets::Asset;
use crate::catalog::records::ShotsRecord;
use crate::catalog::results::{self, ShotRow};
use crate::catalog::{CatalogError, runs};

pub(super) struct Shots;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    #[serde(default, skip_serializing_if = "is_default")]
    detector: DetectorKind,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_default(detector: &DetectorKind) -> bool {
    *detector == DetectorKind::default()
}

impl Definition for Shots {
    const FEATURE: Feature = Feature::Shots;
    const VERSION: u32 = 4;
    const INPUTS: &'static [Feature] = &[Feature::Probe];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = Params;
    type Output = ShotsOutput;
    type Record = ShotsRecord;

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        Ok(Params {
            detector: settings.detector,
        })
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        Ok(ShotsTask {
            media: run.media().await?,
            detector: params.detector,
            proxies: early_proxies(run).await?,
        }
        .into())
    }

    async fn fault(
        _: &mut RunInputs<'_>,
        _: Params,
        output: &ShotsOutput,
    ) -> Result<Option<String>, CatalogError> {
        Ok(fault_of_shots(&output.shots))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &ShotsOutput,
    ) -> Result<StoreOutcome<ShotsRecord>, CatalogError> {
        let rows: Vec<ShotRow> = output.shots.iter().map(row).collect();
        results::store_shots(run.db, &run.run.id, &rows).await?;
        Ok(StoreOutcome::Kept(ShotsRecord {
            timeline: output.timeline.clone(),
            frames: output.frames,
            rate: output.rate,
            variable: output.variable,
            start_timecode: output.start_timecode.clone(),
            warnings: output.warnings.clone(),
        }))
    }
}

fn row(shot: &ShotSpan) -> ShotRow {
    let opening = shot.opening;
    ShotRow {
        frames: (shot.start, shot.end),
        ms: (shot.start_ms, shot.end_ms),
        boundary: opening.kind.as_str().to_owned(),
        boundary_frames: (opening.start, opening.end),
        confidence: opening.confidence,
        same_as: shot.same_as,
    }
}

/// The proxy run that depends on the shots of this run.
async fn early_proxies(run: &mut RunInputs<'_>) -> Result<Option<EarlyProxies>, CatalogError> {
    let wanted = runs::wanted(run.db, &run.run.asset_id).await?;
    let name = Feature::Proxies.as_str();
    let Some(proxies) = wanted.iter().find(|other| other.feature == name) else {
        return Ok(None);
    };
    let inputs = runs::inputs(run.db, &proxies.id).await?;
    if !inputs.iter().any(|input| input.id == run.run.id) {
        return Ok(None);
    }
    Ok(Some(EarlyProxies {
        prefix: prefix(&proxies.id),
        height: proxies::height(proxies)?,
    }))
}

fn fault_of_shots(shots: &[ShotSpan]) -> Option<String> {
    let later = |(at, shot): &(u64, &ShotSpan)| shot.same_as.is_some_and(|first| first >= *at);
    let (at, _) = (0..).zip(shots).find(later)?;
    Some(format!(
        "shot {at}: `same_as` must refer to an earlier shot"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shots of a worker's result, of which the second has this index as `same_as`.
    fn shots(same_as: &str) -> Vec<ShotSpan> {
        let shot = |more: &str| {
            format!(
                r#"{{"start": 0, "end": 1, "start_ms": 0, "end_ms": 40,
                     "opening": {{"kind": "cut", "start": 0, "end": 0, "confidence": 1.0}}{more}}}"#
            )
        };
        let json = format!("[{}, {}]", shot(""), shot(same_as));
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_shot_is_like_one_before_it_or_like_none() {
        assert_eq!(fault_of_shots(&shots("")), None);
        assert_eq!(fault_of_shots(&shots(r#", "same_as": 0"#)), None);
        for wrong in [1, 2, u64::MAX] {
            let fault = fault_of_shots(&shots(&format!(r#", "same_as": {wrong}"#)));
            assert!(fault.is_some(), "{wrong}");
        }
    }
}
