//! The graph: which features there are, and what each is computed from.

use std::collections::HashMap;

use rushes_models::Space;
use rushes_workers::segment::DetectorKind;
use rushes_workers::task::Queue;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::catalog::assets::Asset;
use crate::catalog::runs::{self, NewRun};
use crate::catalog::{AssetId, CatalogError, RunId, assets};

pub(super) const EMBEDDINGS: &str = "embeddings";
/// The feature that holds the lines of dialogue.
pub const DIALOGUE: &str = "dialogue";

/// One kind of feature. `version` counts changes of the code that change results.
#[derive(Debug)]
struct Feature {
    name: &'static str,
    version: u32,
    inputs: &'static [&'static str],
    queue: Queue,
}

/// In an order in which inputs come before what is computed from them.
const GRAPH: &[Feature] = &[
    Feature {
        name: "probe",
        version: 2,
        inputs: &[],
        queue: Queue::Media,
    },
    Feature {
        name: "shots",
        version: 4,
        inputs: &["probe"],
        queue: Queue::Media,
    },
    Feature {
        name: DIALOGUE,
        version: 2,
        inputs: &["probe", "shots"],
        queue: Queue::Media,
    },
    Feature {
        name: "proxies",
        version: 3,
        inputs: &["shots"],
        queue: Queue::Media,
    },
    Feature {
        name: "thumbnails",
        version: 1,
        inputs: &["proxies"],
        queue: Queue::Media,
    },
    Feature {
        name: EMBEDDINGS,
        version: 1,
        inputs: &["proxies"],
        queue: Queue::Embed,
    },
];

/// The features' names, in the order of the work, as people are shown them.
pub const STAGES: [&str; 6] = [
    "probe",
    "shots",
    DIALOGUE,
    "proxies",
    "thumbnails",
    EMBEDDINGS,
];

/// What a person chose that results depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The text-to-shot model.
    pub model: String,
    /// Where its vectors live; another revision of a model makes another space.
    pub space: Space,
    /// What finds the shots.
    pub detector: DetectorKind,
    /// Height of proxies in pixels.
    pub proxy_height: u32,
    /// Frames looked at of each shot.
    pub frames_per_shot: u32,
    /// Whether the vectors of single frames are kept.
    pub frame_vectors: bool,
}

/// Asks for every feature of an asset: runs that are there are kept, failed ones begun again, missing
/// ones made.
///
/// # Errors
/// If the asset or the model is unknown, or the database fails.
pub async fn request(
    db: &mut SqliteConnection,
    asset: &AssetId,
    settings: &Settings,
) -> Result<(), CatalogError> {
    let asset = assets::get(db, asset).await?;
    let mut made: HashMap<&str, RunId> = HashMap::new();
    let mut names = Vec::with_capacity(GRAPH.len());
    for feature in GRAPH {
        let params = params(feature, &asset, settings)?.to_string();
        let inputs: Vec<RunId> = feature
            .inputs
            .iter()
            .filter_map(|name| made.get(name).cloned())
            .collect();
        let name = stored_name(feature, &settings.model);
        let run = runs::ensure(
            db,
            NewRun {
                asset: &asset.id,
                feature: &name,
                key: &key(feature, &params, &inputs),
                params: &params,
                queue: feature.queue.as_str(),
                inputs: &inputs,
            },
        )
        .await?;
        made.insert(feature.name, run);
        names.push(name);
    }
    runs::want_only(db, &asset.id, &names).await
}

/// `embeddings/<model>` for vectors, of which an asset may have several kinds; the bare name else.
fn stored_name(feature: &Feature, model: &str) -> String {
    if feature.name == EMBEDDINGS {
        embeddings_of(model)
    } else {
        feature.name.to_owned()
    }
}

/// The feature that holds the vectors of `model`.
#[must_use]
pub fn embeddings_of(model: &str) -> String {
    format!("{EMBEDDINGS}/{model}")
}

/// What the result depends on besides the inputs and the code.
fn params(feature: &Feature, asset: &Asset, settings: &Settings) -> Result<Value, CatalogError> {
    Ok(match feature.name {
        EMBEDDINGS => json!({
            "space": settings.space.id,
            "dims": settings.space.dims,
            "frames": settings.frames_per_shot,
            "frame_vectors": settings.frame_vectors,
        }),
        "shots" if settings.detector != DetectorKind::default() => {
            json!({ "detector": settings.detector })
        }
        "proxies" => json!({ "height": settings.proxy_height }),
        // Other subtitles beside the film are another computation.
        DIALOGUE => json!({ "sidecars": asset.sidecars()? }),
        _ => json!({}),
    })
}

fn key(feature: &Feature, params: &str, inputs: &[RunId]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(feature.name.as_bytes());
    hasher.update(&feature.version.to_le_bytes());
    hasher.update(params.as_bytes());
    for input in inputs {
        hasher.update(input.as_str().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_before_what_is_computed_from_them() {
        for (at, feature) in GRAPH.iter().enumerate() {
            for input in feature.inputs {
                assert!(
                    GRAPH[..at].iter().any(|before| before.name == *input),
                    "{} needs {input}",
                    feature.name
                );
            }
        }
        assert!(GRAPH.iter().map(|feature| feature.name).eq(STAGES));
    }
}
