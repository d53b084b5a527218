//! `proxies`: each shot as a small MP4.

use rushes_workers::stages::{Feature, ProxiesOutput, ProxiesTask, Queue, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit};
use crate::catalog::assets::Asset;
use crate::catalog::records::NoRecord;
use crate::catalog::runs::Run;
use crate::catalog::{CatalogError, results};

pub(super) struct Proxies;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    height: u32,
}

impl Definition for Proxies {
    const FEATURE: Feature = Feature::Proxies;
    const VERSION: u32 = 3;
    const INPUTS: &'static [Feature] = &[Feature::Shots];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = Params;
    type Output = ProxiesOutput;
    type Record = NoRecord;

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        Ok(Params {
            height: settings.proxy_height,
        })
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let (scan, shots) = run.shots().await?;
        Ok(ProxiesTask {
            media: run.media().await?,
            timeline: scan.timeline,
            shots,
            height: params.height,
        }
        .into())
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &ProxiesOutput,
    ) -> Result<StoreOutcome<NoRecord>, CatalogError> {
        results::store_objects(run.db, &run.run.id, &output.keys).await?;
        Ok(StoreOutcome::Kept(NoRecord {}))
    }
}

/// The requested height of a proxy run, in pixels.
pub(super) fn height(proxies: &Run) -> Result<u32, CatalogError> {
    let params: Params =
        serde_json::from_str(&proxies.params).map_err(|_not_these_parameters| DAMAGED)?;
    Ok(params.height)
}
