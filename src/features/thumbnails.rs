//! `thumbnails`: one picture per shot.

use rushes_workers::stages::{Feature, Queue, Task, ThumbnailsOutput, ThumbnailsTask};

use super::Settings;
use super::definition::{Definition, NoParams, RunInputs, StoreOutcome, Unit};
use crate::catalog::assets::Asset;
use crate::catalog::records::NoRecord;
use crate::catalog::{CatalogError, results, shots};

pub(super) struct Thumbnails;

impl Definition for Thumbnails {
    const FEATURE: Feature = Feature::Thumbnails;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Proxies];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Shots;

    type Params = NoParams;
    type Output = ThumbnailsOutput;
    type Record = NoRecord;

    fn params(_: &Asset, _: &Settings) -> Result<NoParams, CatalogError> {
        Ok(NoParams {})
    }

    async fn task(run: &mut RunInputs<'_>, _: NoParams) -> Result<Task, CatalogError> {
        let proxies = run.input(Feature::Proxies).await?;
        Ok(ThumbnailsTask {
            proxies: shots::keys_of_run(run.db, &proxies.id).await?,
        }
        .into())
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &ThumbnailsOutput,
    ) -> Result<StoreOutcome<NoRecord>, CatalogError> {
        results::store_objects(run.db, &run.run.id, &output.keys).await?;
        Ok(StoreOutcome::Kept(NoRecord {}))
    }
}
