//! Whether a result can be one of its run. Workers may be on other machines and of other versions.

use rushes_workers::task::{Output, ShotSpan};
use sqlx::SqliteConnection;

use super::graph::EMBEDDINGS;
use super::tasks;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, shots};

/// How far from 1 the length of a vector may be. Half precision costs 5e-4.
const UNIT_TOLERANCE: f64 = 1e-3;

/// What is wrong with `output` as the result of `run`, for people; `None` if nothing is.
pub(super) async fn fault(
    db: &mut SqliteConnection,
    run: &Run,
    output: &Output,
) -> Result<Option<String>, CatalogError> {
    // `embeddings/<model>` is one of the features that a model may have several of.
    let feature = run.feature.split('/').next().unwrap_or_default();
    if feature != feature_of(output) {
        let made = feature_of(output);
        return Ok(Some(format!("{made} where {feature} were asked for")));
    }
    if let Output::Shots { shots, .. } = output {
        return Ok(fault_of_shots(shots));
    }
    let Output::Embeddings {
        space,
        vectors,
        frame_vectors,
    } = output
    else {
        return Ok(None);
    };
    let own = format!("{}/", tasks::prefix(&run.id));
    if let Some(key) = frame_vectors.as_ref().filter(|key| !key.starts_with(&own)) {
        return Ok(Some(format!(
            "frame vectors at {key:?}, which is not below {own}"
        )));
    }
    let asked = tasks::space(run)?;
    if *space != asked.id {
        return Ok(Some(format!(
            "vectors of {space} where {} was asked for; use the same version of rushes everywhere",
            asked.id
        )));
    }
    let inputs = runs::inputs(db, &run.id).await?;
    let mut count = 0;
    if let Some(proxies) = inputs.iter().find(|input| input.feature == "proxies") {
        count = shots::keys_of_run(db, &proxies.id).await?.len();
    }
    Ok(fault_of_vectors(vectors, count, asked.dims))
}

fn fault_of_shots(shots: &[ShotSpan]) -> Option<String> {
    let later = |(at, shot): &(u64, &ShotSpan)| shot.same_as.is_some_and(|first| first >= *at);
    let (at, _) = (0..).zip(shots).find(later)?;
    Some(format!(
        "shot {at} is said to be like one that is not before it"
    ))
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
            let length = length(vector);
            // No picture in sight, no direction: a shot of zeros is like no other, and harms nothing.
            let is_unit = (length - 1.0).abs() <= UNIT_TOLERANCE || length == 0.0;
            (!is_unit).then(|| {
                format!("the vector of shot {shot} is {length:.4} long, not 1; vectors must be normalised")
            })
        }
    })
}

/// In double precision, since the sum of a thousand squares in single precision is off by as much as is looked for.
fn length(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|&x| f64::from(x) * f64::from(x));
    squares.sum::<f64>().sqrt()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Shots as a worker hands them in, the second said to be like the one with this index.
    fn shots(same_as: &str) -> Vec<ShotSpan> {
        let shot = |more: &str| {
            format!(
                r#"{{"start": 0, "end": 1, "start_ms": 0, "end_ms": 40, "boundary": "cut", "confidence": 1.0{more}}}"#
            )
        };
        let json = format!("[{}, {}]", shot(""), shot(same_as));
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_shot_is_like_one_before_it_or_like_none() {
        // Older workers say nothing of it.
        assert_eq!(fault_of_shots(&shots("")), None);
        assert_eq!(fault_of_shots(&shots(r#", "same_as": 0"#)), None);
        for wrong in [1, 2, u64::MAX] {
            let fault = fault_of_shots(&shots(&format!(r#", "same_as": {wrong}"#)));
            assert!(fault.is_some(), "{wrong}");
        }
    }
}
