//! `sound-tags`: the sounds that are heard in each shot of a video, by name.

use rushes_workers::stages::{EarlyTags, Feature, Queue, SoundTagsOutput, SoundTagsTask, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit, prefix};
use crate::catalog::assets::Asset;
use crate::catalog::records::SoundTagsRecord;
use crate::catalog::runs::{self, Run};
use crate::catalog::sound_tags::{self, ShotTag};
use crate::catalog::{CatalogError, RunId};

pub(super) struct SoundTags;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    /// The tagger, `id@revision`.
    tagger: String,
}

impl Definition for SoundTags {
    const FEATURE: Feature = Feature::SoundTags;
    const VERSION: u32 = 1;
    // Where sound is measured, that run names sounds as well, so this one waits for it.
    const INPUTS: &'static [Feature] = &[Feature::Shots, Feature::Sound];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = Params;
    type Output = SoundTagsOutput;
    type Record = SoundTagsRecord;

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        let tagger = settings.tagger.clone().ok_or(DAMAGED)?;
        Ok(Params { tagger })
    }

    fn is_wanted(settings: &Settings) -> bool {
        settings.tagger.is_some()
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let (scan, shots) = run.shots().await?;
        Ok(SoundTagsTask {
            media: run.media().await?,
            timeline: scan.timeline,
            shots,
            model: model(&params)?,
        }
        .into())
    }

    async fn fault(
        run: &mut RunInputs<'_>,
        params: Params,
        output: &SoundTagsOutput,
    ) -> Result<Option<String>, CatalogError> {
        let (wanted, got) = (params.tagger, &output.tagger);
        if wanted != *got {
            return Ok(Some(format!(
                "expected sounds named by {wanted}, got {got}; ingest the video again"
            )));
        }
        let (_, shots) = run.shots().await?;
        let is_possible = |shot: u64| usize::try_from(shot).is_ok_and(|shot| shot < shots.len());
        let mut tags = output.tags.iter();
        let faulty = tags.find(|tag| {
            !is_possible(tag.shot) || !(0.0..=1.0).contains(&tag.score) || tag.name.is_empty()
        });
        Ok(faulty.map(|tag| format!("an impossible sound at {} ms", tag.ms)))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &SoundTagsOutput,
    ) -> Result<StoreOutcome<SoundTagsRecord>, CatalogError> {
        let (_, shots) = run.shots().await?;
        let rows = output.tags.iter().filter_map(|tag| {
            let (start, end) = *shots.get(usize::try_from(tag.shot).ok()?)?;
            Some(ShotTag {
                start_frame: start.cast_signed(),
                end_frame: end.cast_signed(),
                name: tag.name.clone(),
                score: tag.score.into(),
                frame: tag.frame.cast_signed(),
                ms: tag.ms.cast_signed(),
            })
        });
        let rows: Vec<ShotTag> = rows.collect();
        sound_tags::store(run.db, &run.run.id, &rows).await?;
        Ok(StoreOutcome::Kept(SoundTagsRecord {
            tagger: output.tagger.clone(),
        }))
    }
}

fn model(params: &Params) -> Result<String, CatalogError> {
    let (model, _revision) = params.tagger.split_once('@').ok_or(DAMAGED)?;
    Ok(model.to_owned())
}

/// The run that names the sounds that `sound` measures; `None` if there is none.
pub(super) async fn early(
    run: &mut RunInputs<'_>,
    sound: &RunId,
) -> Result<Option<EarlyTags>, CatalogError> {
    let wanted = runs::wanted(run.db, &run.run.asset_id).await?;
    let name = Feature::SoundTags.as_str();
    let is_open = |other: &&Run| other.feature == name && !other.state.is_final();
    let Some(tags) = wanted.iter().find(is_open) else {
        return Ok(None);
    };
    let inputs = runs::inputs(run.db, &tags.id).await?;
    if !inputs.iter().any(|input| input.id == *sound) {
        return Ok(None);
    }
    let params: Params = serde_json::from_str(&tags.params).map_err(|_unknown| DAMAGED)?;
    Ok(Some(EarlyTags {
        prefix: prefix(&tags.id),
        model: model(&params)?,
    }))
}
