//! Whether a result can be one of its run. Workers may be on other machines and of other versions.

use rushes_models::space_of;
use rushes_workers::task::Output;
use sqlx::SqliteConnection;

use super::graph::EMBEDDINGS;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, shots};

/// What is wrong with `output` as the result of `run`, for people; `None` if nothing is.
pub(super) async fn fault(
    db: &mut SqliteConnection,
    run: &Run,
    output: &Output,
) -> Result<Option<String>, CatalogError> {
    let (feature, model) = match run.feature.split_once('/') {
        Some((feature, model)) => (feature, Some(model)),
        None => (run.feature.as_str(), None),
    };
    if feature != feature_of(output) {
        let made = feature_of(output);
        return Ok(Some(format!("{made} where {feature} were asked for")));
    }
    let (Output::Embeddings { space, vectors }, Some(model)) = (output, model) else {
        return Ok(None);
    };
    let asked = serde_json::from_str::<serde_json::Value>(&run.params).unwrap_or_default();
    let asked = asked["space"].as_str().unwrap_or_default();
    if space != asked {
        return Ok(Some(format!(
            "vectors of {space} where {asked} was asked for; use the same version of rushes everywhere"
        )));
    }
    let inputs = runs::inputs(db, &run.id).await?;
    let mut count = 0;
    if let Some(proxies) = inputs.iter().find(|input| input.feature == "proxies") {
        count = shots::keys_of_run(db, &proxies.id).await?.len();
    }
    // A run asked for before an update may be of a revision that this version no longer knows.
    let known = space_of(model).ok().filter(|known| known.id == asked);
    let dims = known.map_or_else(|| vectors.first().map_or(0, Vec::len), |known| known.dims);
    Ok(fault_of_vectors(vectors, count, dims))
}

fn fault_of_vectors(vectors: &[Vec<f32>], count: usize, dims: usize) -> Option<String> {
    if vectors.len() != count {
        return Some(format!("{} vectors for {count} shots", vectors.len()));
    }
    vectors.iter().enumerate().find_map(|(shot, vector)| {
        if vector.len() != dims {
            let length = vector.len();
            Some(format!(
                "the vector of shot {shot} has {length} numbers, not {dims}"
            ))
        } else if vector.iter().any(|x| !x.is_finite()) {
            Some(format!(
                "the vector of shot {shot} has values that are no numbers"
            ))
        } else {
            None
        }
    })
}

const fn feature_of(output: &Output) -> &'static str {
    match output {
        Output::Probe { .. } => "probe",
        Output::Shots { .. } => "shots",
        Output::Proxies { .. } => "proxies",
        Output::Thumbnails { .. } => "thumbnails",
        Output::Embeddings { .. } => EMBEDDINGS,
        Output::Dialogue { .. } => "dialogue",
    }
}
