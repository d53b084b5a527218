//! `edges`: how each shot begins and ends.

use rushes_workers::stages::{EdgesOutput, EdgesTask, Feature, Queue, Task};

use super::Settings;
use super::definition::{Definition, NoParams, RunInputs, StoreOutcome, Unit};
use crate::catalog::assets::Asset;
use crate::catalog::records::NoRecord;
use crate::catalog::{CatalogError, edges, shots};

pub(super) struct Edges;

impl Definition for Edges {
    const FEATURE: Feature = Feature::Edges;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Proxies];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Shots;

    type Params = NoParams;
    type Output = EdgesOutput;
    type Record = NoRecord;

    fn params(_: &Asset, _: &Settings) -> Result<NoParams, CatalogError> {
        Ok(NoParams {})
    }

    async fn task(run: &mut RunInputs<'_>, _: NoParams) -> Result<Task, CatalogError> {
        let proxies = run.input(Feature::Proxies).await?;
        Ok(EdgesTask {
            proxies: shots::keys_of_run(run.db, &proxies.id).await?,
        }
        .into())
    }

    async fn fault(
        run: &mut RunInputs<'_>,
        _: NoParams,
        output: &EdgesOutput,
    ) -> Result<Option<String>, CatalogError> {
        let proxies = run.input(Feature::Proxies).await?;
        let count = shots::keys_of_run(run.db, &proxies.id).await?.len();
        let found = output.edges.len();
        Ok((found != count).then(|| format!("edges of {found} shots, and there are {count}")))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &EdgesOutput,
    ) -> Result<StoreOutcome<NoRecord>, CatalogError> {
        edges::store(run.db, &run.run.id, &output.edges).await?;
        Ok(StoreOutcome::Kept(NoRecord {}))
    }
}
