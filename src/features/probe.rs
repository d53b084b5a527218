//! `probe`: the hash of an asset's bytes, and the properties of the file.

use rushes_workers::stages::{Feature, ProbeOutput, ProbeTask, Queue, Task};

use super::Settings;
use super::definition::{Definition, NoParams, RunInputs, StoreOutcome, Unit};
use super::request::request_again;
use crate::catalog::assets::{self, Asset};
use crate::catalog::records::ProbeRecord;
use crate::catalog::{CatalogError, jobs, runs};

pub(super) struct Probe;

impl Definition for Probe {
    const FEATURE: Feature = Feature::Probe;
    const VERSION: u32 = 2;
    const INPUTS: &'static [Feature] = &[];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Bytes;

    type Params = NoParams;
    type Output = ProbeOutput;
    type Record = ProbeRecord;

    fn params(_: &Asset, _: &Settings) -> Result<NoParams, CatalogError> {
        Ok(NoParams {})
    }

    async fn task(run: &mut RunInputs<'_>, _: NoParams) -> Result<Task, CatalogError> {
        let media = run.asset().await?.locator();
        Ok(ProbeTask { media }.into())
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &ProbeOutput,
    ) -> Result<StoreOutcome<ProbeRecord>, CatalogError> {
        let asset = &run.run.asset_id;
        let Some(original) = assets::same_bytes(run.db, asset, &output.blake3).await? else {
            assets::set_blake3(run.db, asset, &output.blake3).await?;
            return Ok(StoreOutcome::Kept(ProbeRecord {
                info: output.info.clone(),
            }));
        };
        let gone = assets::is_gone(&assets::get(run.db, &original).await?.uri);
        let wanted = runs::wanted(run.db, asset).await?;
        assets::merge(run.db, asset, &original, gone).await?;
        // The original's failed runs, and its new subtitles, are requested now.
        let runs = request_again(run.db, &original, &wanted).await?;
        jobs::adopt(run.db, &original, &runs).await?;
        Ok(StoreOutcome::Merged)
    }
}
