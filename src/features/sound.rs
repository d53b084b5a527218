//! `sound`: how each shot of a video sounds.

use rushes_workers::stages::{Feature, Queue, SoundFindings, SoundTask, Task};

use super::Settings;
use super::definition::{Definition, NoParams, RunInputs, StoreOutcome, Unit};
use super::sound_tags;
use crate::catalog::CatalogError;
use crate::catalog::assets::Asset;
use crate::catalog::records::SoundRecord;
use crate::catalog::sounds::{self, Bang, ShotLevels};

pub(super) struct Sound;

impl Definition for Sound {
    const FEATURE: Feature = Feature::Sound;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Shots];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = NoParams;
    type Output = SoundFindings;
    type Record = SoundRecord;

    fn params(_: &Asset, _: &Settings) -> Result<NoParams, CatalogError> {
        Ok(NoParams {})
    }

    fn is_wanted(settings: &Settings) -> bool {
        settings.sound
    }

    async fn task(run: &mut RunInputs<'_>, _: NoParams) -> Result<Task, CatalogError> {
        let (scan, shots) = run.shots().await?;
        let own = run.run.id.clone();
        Ok(SoundTask {
            media: run.media().await?,
            timeline: scan.timeline,
            shots,
            tags: sound_tags::early(run, &own).await?,
        }
        .into())
    }

    async fn fault(
        run: &mut RunInputs<'_>,
        _: NoParams,
        output: &SoundFindings,
    ) -> Result<Option<String>, CatalogError> {
        let (_, shots) = run.shots().await?;
        let (wanted, got) = (shots.len(), output.shots.len());
        Ok((got > 0 && wanted != got).then(|| {
            format!("expected the sound of {wanted} shots, got {got}; use the same version of rushes everywhere")
        }))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &SoundFindings,
    ) -> Result<StoreOutcome<SoundRecord>, CatalogError> {
        let (_, shots) = run.shots().await?;
        let rows = shots.iter().zip(&output.shots);
        let rows: Vec<ShotLevels> = rows
            .map(|(&(start, end), sound)| ShotLevels {
                start_frame: start.cast_signed(),
                end_frame: end.cast_signed(),
                loudness: sound.loudness.map(f64::from),
                loudest: sound.loudest.map(f64::from),
                peak: sound.peak.map(f64::from),
                silence: sound.silence.into(),
                speech: sound.speech.into(),
                music: sound.music.into(),
                onsets: sound.onsets.into(),
                bangs: sound.bangs.into(),
            })
            .collect();
        let bangs = output.bangs.iter();
        let bangs: Vec<Bang> = bangs
            .map(|bang| Bang {
                frame: bang.frame.cast_signed(),
                ms: bang.ms.cast_signed(),
                rise: bang.rise.into(),
            })
            .collect();
        sounds::store(run.db, &run.run.id, &rows, &bangs).await?;
        Ok(StoreOutcome::Kept(SoundRecord {
            track: output.track,
        }))
    }
}
