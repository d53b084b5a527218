//! From a leased run to the task a worker is given: the results of its inputs, put together.

use rushes_models::Space;
use rushes_workers::media::StreamDetails;
use rushes_workers::segment::DetectorKind;
use rushes_workers::task::{EarlyProxies, Output, Task};
use serde::Deserialize;
use sqlx::SqliteConnection;

use super::Settings;
use crate::catalog::assets::Asset;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, RunId, assets, shots};

const DAMAGED: CatalogError = CatalogError::Corrupt {
    what: "the result of a run",
};

/// The task of `run`, whose inputs are ready.
pub(super) async fn build(db: &mut SqliteConnection, run: &Run) -> Result<Task, CatalogError> {
    let asset = assets::get(db, &run.asset_id).await?;
    let inputs = runs::inputs(db, &run.id).await?;
    let media = asset.locator();
    Ok(match run.feature.as_str() {
        "probe" => Task::Probe { media },
        "shots" => Task::Shots {
            media,
            detector: detector(run)?,
            proxies: early_proxies(db, run).await?,
        },
        "dialogue" => dialogue(&asset, &inputs)?,
        "proxies" => Task::Proxies {
            media,
            timeline: timeline(&inputs)?,
            shots: shots::spans_of_run(db, &input(&inputs, "shots")?.id).await?,
            height: height(run)?,
        },
        "thumbnails" => Task::Thumbnails {
            proxies: shots::keys_of_run(db, &input(&inputs, "proxies")?.id).await?,
        },
        feature => Task::Embeddings {
            model: feature
                .strip_prefix("embeddings/")
                .ok_or(DAMAGED)?
                .to_owned(),
            proxies: shots::keys_of_run(db, &input(&inputs, "proxies")?.id).await?,
            frames: small(&params(run)?["frames"])?,
            frame_vectors: params(run)?["frame_vectors"] == true,
        },
    })
}

/// Keys of the objects of a run begin with this.
pub(crate) fn prefix(run: &RunId) -> String {
    format!("runs/{run}")
}

/// The proxies that wait for the shots that `run` will find.
async fn early_proxies(
    db: &mut SqliteConnection,
    run: &Run,
) -> Result<Option<EarlyProxies>, CatalogError> {
    let wanted = runs::wanted(db, &run.asset_id).await?;
    let Some(proxies) = wanted.iter().find(|run| run.feature == "proxies") else {
        return Ok(None);
    };
    let inputs = runs::inputs(db, &proxies.id).await?;
    if !inputs.iter().any(|input| input.id == run.id) {
        return Ok(None);
    }
    Ok(Some(EarlyProxies {
        prefix: prefix(&proxies.id),
        height: height(proxies)?,
    }))
}

fn input<'a>(inputs: &'a [Run], feature: &str) -> Result<&'a Run, CatalogError> {
    let found = inputs.iter().find(|run| run.feature == feature);
    found.ok_or(DAMAGED)
}

fn output(inputs: &[Run], feature: &str) -> Result<Output, CatalogError> {
    input(inputs, feature)?
        .output
        .as_deref()
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or(DAMAGED)
}

fn timeline(inputs: &[Run]) -> Result<String, CatalogError> {
    let Output::Shots { timeline, .. } = output(inputs, "shots")? else {
        return Err(DAMAGED);
    };
    Ok(timeline)
}

fn params(run: &Run) -> Result<serde_json::Value, CatalogError> {
    serde_json::from_str(&run.params).map_err(|_not_json| DAMAGED)
}

fn small(value: &serde_json::Value) -> Result<u32, CatalogError> {
    value
        .as_u64()
        .and_then(|value| u32::try_from(value).ok())
        .ok_or(DAMAGED)
}

fn height(run: &Run) -> Result<u32, CatalogError> {
    small(&params(run)?["height"])
}

fn detector(run: &Run) -> Result<DetectorKind, CatalogError> {
    match params(run)?.get("detector") {
        Some(kind) => DetectorKind::deserialize(kind).map_err(|_unknown| DAMAGED),
        None => Ok(DetectorKind::default()),
    }
}

/// The space that a run's vectors were asked of.
pub(super) fn space(run: &Run) -> Result<Space, CatalogError> {
    let params = params(run)?;
    Ok(Space {
        id: params["space"].as_str().ok_or(DAMAGED)?.to_owned(),
        dims: small(&params["dims"])? as usize,
    })
}

/// The settings with which these runs were asked for.
pub(super) fn settings(wanted: &[Run]) -> Option<Settings> {
    let (embeddings, model) = wanted.iter().find_map(|run| {
        let model = run.feature.strip_prefix("embeddings/")?;
        Some((run, model))
    })?;
    let shots = wanted.iter().find(|run| run.feature == "shots")?;
    let proxies = wanted.iter().find(|run| run.feature == "proxies")?;
    Some(Settings {
        model: model.to_owned(),
        space: space(embeddings).ok()?,
        detector: detector(shots).ok()?,
        proxy_height: height(proxies).ok()?,
        frames_per_shot: small(&params(embeddings).ok()?["frames"]).ok()?,
        frame_vectors: params(embeddings).ok()?["frame_vectors"] == true,
    })
}

fn dialogue(asset: &Asset, inputs: &[Run]) -> Result<Task, CatalogError> {
    let Output::Probe { info, .. } = output(inputs, "probe")? else {
        return Err(DAMAGED);
    };
    let streams = info
        .streams
        .iter()
        .filter(|stream| matches!(&stream.details, StreamDetails::Subtitle(s) if s.text))
        .map(|stream| (stream.index, stream.language.clone()))
        .collect();
    Ok(Task::Dialogue {
        media: asset.locator(),
        timeline: timeline(inputs)?,
        streams,
        sidecars: asset
            .sidecars()?
            .into_iter()
            .map(|sidecar| (sidecar.locator, sidecar.language))
            .collect(),
    })
}
