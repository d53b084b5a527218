//! The graph: which features there are, and what each is computed from.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use crate::catalog::assets::Asset;
use crate::catalog::runs::{self, NewRun};
use crate::catalog::{AssetId, CatalogError, RunId, assets};

/// The text-to-shot model whose vectors are computed unless another is configured.
pub const DEFAULT_MODEL: &str = "lite";

/// One kind of feature. `version` counts changes of the code that change results.
#[derive(Debug)]
struct Feature {
    name: &'static str,
    version: u32,
    inputs: &'static [&'static str],
    queue: &'static str,
}

/// In an order in which inputs come before what is computed from them.
const GRAPH: &[Feature] = &[
    Feature {
        name: "probe",
        version: 1,
        inputs: &[],
        queue: "media",
    },
    Feature {
        name: "shots",
        version: 1,
        inputs: &["probe"],
        queue: "media",
    },
    Feature {
        name: "dialogue",
        version: 1,
        inputs: &["probe", "shots"],
        queue: "media",
    },
    Feature {
        name: "proxies",
        version: 1,
        inputs: &["shots"],
        queue: "media",
    },
    Feature {
        name: "thumbnails",
        version: 1,
        inputs: &["proxies"],
        queue: "media",
    },
    Feature {
        name: "embeddings",
        version: 1,
        inputs: &["proxies"],
        queue: "embed",
    },
];

/// The features' names, in the order of the work, as people are shown them.
pub const STAGES: [&str; 6] = [
    "probe",
    "shots",
    "dialogue",
    "proxies",
    "thumbnails",
    "embeddings",
];

/// Asks for every feature of an asset: runs that are there are kept, failed ones begun again, missing
/// ones made.
///
/// # Errors
/// If the asset is unknown or the database fails.
pub async fn request(
    db: &mut SqliteConnection,
    asset: &AssetId,
    model: &str,
) -> Result<(), CatalogError> {
    let asset = assets::get(db, asset).await?;
    let mut made: HashMap<&str, RunId> = HashMap::new();
    for feature in GRAPH {
        let params = params(feature, &asset, model)?.to_string();
        let inputs: Vec<RunId> = feature
            .inputs
            .iter()
            .filter_map(|name| made.get(name).cloned())
            .collect();
        let name = stored_name(feature, model);
        let run = runs::ensure(
            db,
            NewRun {
                asset: &asset.id,
                feature: &name,
                key: &key(feature, &params, &inputs),
                params: &params,
                queue: feature.queue,
                inputs: &inputs,
            },
        )
        .await?;
        made.insert(feature.name, run);
    }
    Ok(())
}

/// `embeddings/<model>` for vectors, of which an asset may have several kinds; the bare name else.
fn stored_name(feature: &Feature, model: &str) -> String {
    if feature.name == "embeddings" {
        format!("embeddings/{model}")
    } else {
        feature.name.to_owned()
    }
}

/// What the result depends on besides the inputs and the code.
fn params(feature: &Feature, asset: &Asset, model: &str) -> Result<Value, CatalogError> {
    Ok(match feature.name {
        "embeddings" => json!({ "model": model }),
        // Other subtitles beside the film are another computation.
        "dialogue" => json!({ "sidecars": asset.sidecars()? }),
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
