//! `embeddings/<model>`: one vector per shot.

use rushes_workers::stages::{EmbeddingsOutput, EmbeddingsTask, Feature, Queue, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit, prefix};
use super::vectors::fault_of_vectors;
use crate::catalog::assets::Asset;
use crate::catalog::records::EmbeddingsRecord;
use crate::catalog::{CatalogError, results, shots};

pub(super) struct Embeddings;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    space: String,
    dims: usize,
    frames: u32,
    #[serde(default)]
    frame_vectors: bool,
}

impl Definition for Embeddings {
    const FEATURE: Feature = Feature::Embeddings;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Proxies];
    const QUEUE: Queue = Queue::Embed;
    const UNIT: Unit = Unit::Shots;
    const REMOTE: bool = true;

    type Params = Params;
    type Output = EmbeddingsOutput;
    type Record = EmbeddingsRecord;

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        Ok(Params {
            space: settings.space.id.clone(),
            dims: settings.space.dims,
            frames: settings.frames_per_shot,
            frame_vectors: settings.frame_vectors,
        })
    }

    fn variant(settings: &Settings) -> Option<&str> {
        Some(&settings.model)
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let (_, model) = run.run.feature.split_once('/').ok_or(DAMAGED)?;
        let model = model.to_owned();
        let proxies = run.input(Feature::Proxies).await?;
        Ok(EmbeddingsTask {
            model,
            proxies: shots::keys_of_run(run.db, &proxies.id).await?,
            frames: params.frames,
            frame_vectors: params.frame_vectors,
        }
        .into())
    }

    async fn fault(
        run: &mut RunInputs<'_>,
        params: Params,
        output: &EmbeddingsOutput,
    ) -> Result<Option<String>, CatalogError> {
        let own = format!("{}/", prefix(&run.run.id));
        let frame_vectors = output.frame_vectors.as_ref();
        if let Some(key) = frame_vectors.filter(|key| !key.starts_with(&own)) {
            return Ok(Some(format!(
                "frame vectors at {key:?}, which is not below {own}"
            )));
        }
        if output.space != params.space {
            return Ok(Some(format!(
                "expected vectors of {}, got {}; use the same version of rushes everywhere",
                params.space, output.space
            )));
        }
        let proxies = run.input(Feature::Proxies).await?;
        let count = shots::keys_of_run(run.db, &proxies.id).await?.len();
        Ok(fault_of_vectors(
            &output.vectors,
            ("shot", count),
            params.dims,
        ))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &EmbeddingsOutput,
    ) -> Result<StoreOutcome<EmbeddingsRecord>, CatalogError> {
        results::store_vectors(run.db, &run.run.id, &output.vectors).await?;
        Ok(StoreOutcome::Kept(EmbeddingsRecord {
            space: output.space.clone(),
            frame_vectors: output.frame_vectors.clone(),
        }))
    }
}
