//! From a leased run to the task a worker is given: the results of its inputs, put together.

use rushes_workers::media::StreamDetails;
use rushes_workers::task::{Output, Task};
use sqlx::SqliteConnection;

use crate::catalog::assets::Asset;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, assets};

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
        "shots" => Task::Shots { media },
        "dialogue" => dialogue(&asset, &inputs)?,
        "proxies" => {
            let (timeline, shots) = shots(&inputs)?;
            Task::Proxies {
                media,
                timeline,
                shots,
            }
        }
        "thumbnails" => Task::Thumbnails {
            proxies: proxies(&inputs)?,
        },
        feature => Task::Embeddings {
            model: feature
                .strip_prefix("embeddings/")
                .ok_or(DAMAGED)?
                .to_owned(),
            proxies: proxies(&inputs)?,
        },
    })
}

fn output(inputs: &[Run], feature: &str) -> Result<Output, CatalogError> {
    inputs
        .iter()
        .find(|run| run.feature == feature)
        .and_then(|run| run.output.as_deref())
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or(DAMAGED)
}

fn shots(inputs: &[Run]) -> Result<(String, Vec<(u64, u64)>), CatalogError> {
    match output(inputs, "shots")? {
        Output::Shots {
            timeline, shots, ..
        } => Ok((
            timeline,
            shots.iter().map(|shot| (shot.start, shot.end)).collect(),
        )),
        Output::Probe { .. }
        | Output::Proxies { .. }
        | Output::Thumbnails { .. }
        | Output::Embeddings { .. }
        | Output::Dialogue { .. } => Err(DAMAGED),
    }
}

fn proxies(inputs: &[Run]) -> Result<Vec<String>, CatalogError> {
    match output(inputs, "proxies")? {
        Output::Proxies { keys } => Ok(keys),
        Output::Probe { .. }
        | Output::Shots { .. }
        | Output::Thumbnails { .. }
        | Output::Embeddings { .. }
        | Output::Dialogue { .. } => Err(DAMAGED),
    }
}

fn dialogue(asset: &Asset, inputs: &[Run]) -> Result<Task, CatalogError> {
    let (timeline, _) = shots(inputs)?;
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
        timeline,
        streams,
        sidecars: asset
            .sidecars()?
            .into_iter()
            .map(|sidecar| (sidecar.locator, sidecar.language))
            .collect(),
    })
}
