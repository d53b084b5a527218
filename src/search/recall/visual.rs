//! The visual recall: shots whose vectors are close to the vector of the query.
//!
//! The parts of a query become one vector: the sum of their unit vectors by weight, normalised. So one pass finds all.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Found, Recall, Wanted};
use crate::catalog::{AssetId, ShotId, assets, shots, vectors};
use crate::search::clip::vector_of_clip;
use crate::search::confidence::{LIKELY, confidence};
use crate::search::fusion::Ranked;
use crate::search::query::{PartKind, QueryPart};
use crate::search::vector::{dot, unit};
use crate::search::{SearchError, Searcher};
use crate::views::Clock;

/// How a shot was found by sight.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Visual {
    /// Cosine similarity of the shot's vector and the query's vector.
    pub similarity: f32,
    /// How likely the shot shows what the text says, from 0 to 1, compared with all other shots; null if the query has
    /// other parts than texts, or if there are too few shots to compare.
    pub confidence: Option<f32>,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
    /// The similarity to each part of the query; absent if it has one part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartSimilarity>,
}

/// How similar a shot is to a part of the query.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartSimilarity {
    /// The part's place in the query, from 0.
    pub part: usize,
    /// Cosine similarity of the shot's vector and the part's.
    pub similarity: f32,
}

/// A match by sight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::search) struct Seen {
    similarity: f32,
    confidence: Option<f32>,
    parts: Vec<PartSimilarity>,
}

pub(in crate::search) struct VisualRecall;

impl Recall for VisualRecall {
    type Match = Seen;
    type Evidence = Visual;
    const ALIASES: &'static [&'static str] = &["seen"];
    const UNIT: &'static str = "shots";
    const MEASURE: &'static str = "similarity";
    const IS_SELECTIVE: bool = false;

    fn takes(_: &PartKind) -> bool {
        true
    }

    async fn ranked(searcher: &Searcher, wanted: Wanted<'_>) -> Result<Found<Seen>, SearchError> {
        let space = searcher.encoders.space()?;
        let mut parts = Vec::with_capacity(wanted.parts.len());
        let mut own = Vec::new();
        for &(at, part) in wanted.parts {
            let (vector, shots) = vector_of(searcher, part, (&space.id, space.dims)).await?;
            if part.weight > 0.0 {
                own.extend(shots);
            }
            parts.push((at, part.weight, vector));
        }
        let vector = sum(&parts)?;
        let index = Arc::clone(&searcher.index);
        let (name, count, scope) = (space.id.clone(), wanted.count, wanted.scope.cloned());
        let crowd = wanted.crowd.cloned();
        let is_text = wanted
            .parts
            .iter()
            .all(|(_, part)| part.kind.text().is_some());
        let near = tokio::task::spawn_blocking(move || {
            let background = is_text.then(|| index.background(&name, &vector, crowd.as_ref()));
            let background = background.flatten();
            (
                index.nearest(&name, &vector, count, scope.as_ref()),
                background,
            )
        });
        let ((near, effort), background) = near.await.map_err(|_join| SearchError::Died)?;
        let model = searcher.encoders.model();
        let mut list: Vec<Ranked<Seen>> = near
            .into_iter()
            .filter(|near| !own.contains(&near.shot))
            .map(|near| Ranked {
                frames: (near.shot.start, near.shot.end),
                shot: near.shot,
                found: Seen {
                    similarity: near.similarity,
                    confidence: background
                        .as_ref()
                        .map(|background| confidence(model, background, near.similarity)),
                    parts: Vec::new(),
                },
                is_tied: false,
            })
            .collect();
        if parts.len() > 1 {
            compare(searcher, &space.id, &parts, &mut list).await?;
        }
        Ok(Found {
            list,
            searched: effort.shots as u64,
            exact: effort.is_exact(),
        })
    }

    fn evidence(seen: &Seen, rank: u32, _: &Clock) -> Visual {
        Visual {
            similarity: seen.similarity,
            confidence: seen.confidence,
            rank,
            parts: seen.parts.clone(),
        }
    }

    fn measure(seen: &Seen) -> f32 {
        seen.similarity
    }

    fn is_likely(seen: &Seen) -> bool {
        seen.confidence
            .is_none_or(|confidence| confidence >= LIKELY)
    }
}

/// The place, the weight and the unit vector of a part.
pub(super) type WeightedVector = (usize, f64, Vec<f32>);

/// The direction of the weighted sum.
pub(super) fn sum(parts: &[WeightedVector]) -> Result<Vec<f32>, SearchError> {
    if let [(_, _, only)] = parts {
        return Ok(only.clone());
    }
    let mut sum: Vec<f64> = Vec::new();
    for (_, weight, vector) in parts {
        sum.resize(sum.len().max(vector.len()), 0.0);
        for (total, x) in sum.iter_mut().zip(vector) {
            *total += weight * f64::from(*x);
        }
    }
    unit(&sum).ok_or(SearchError::CancelOut)
}

/// Adds the similarity to each part.
async fn compare(
    searcher: &Searcher,
    space: &str,
    parts: &[WeightedVector],
    list: &mut [Ranked<Seen>],
) -> Result<(), SearchError> {
    let ids: Vec<ShotId> = list.iter().map(|one| one.shot.clone()).collect();
    let mut db = searcher.catalog.read().await?;
    let vectors: HashMap<ShotId, Vec<f32>> = vectors::of_shots(&mut db, &ids, space).await?;
    drop(db);
    for one in list {
        // A shot that was replaced since it was indexed has none, and is not shown.
        let Some(vector) = vectors.get(&one.shot) else {
            continue;
        };
        let similar = parts.iter().map(|(part, _, of)| PartSimilarity {
            part: *part,
            similarity: dot(of, vector),
        });
        one.found.parts = similar.collect();
    }
    Ok(())
}

/// The unit vector of a part, and the shots that it is made of.
async fn vector_of(
    searcher: &Searcher,
    part: &QueryPart,
    space: (&str, usize),
) -> Result<(Vec<f32>, Vec<ShotId>), SearchError> {
    let encoders = &searcher.encoders;
    match &part.kind {
        PartKind::Text { .. } => {
            let text = part.kind.text().unwrap_or_default();
            Ok((encoders.text(&text).await?, Vec::new()))
        }
        PartKind::Picture(picture) => {
            let vector = encoders.picture(Arc::clone(picture)).await?;
            Ok((vector, Vec::new()))
        }
        PartKind::Clip(bytes) => {
            let sandbox = searcher.sandbox.as_ref().ok_or(SearchError::Died)?;
            let vector = vector_of_clip(sandbox, encoders, bytes.clone()).await?;
            Ok((vector, Vec::new()))
        }
        PartKind::Vector {
            vector,
            space: named,
        } => Ok((given(vector, named.as_deref(), space)?, Vec::new())),
        PartKind::Shot(shot) => of_shot(searcher, shot, space.0).await,
        PartKind::Span {
            asset,
            from_ms,
            to_ms,
        } => of_span(searcher, asset, (*from_ms, *to_ms), space.0).await,
    }
}

/// A vector as sent, if it is one of the space that is searched. Its length says nothing, so it is made 1.
fn given(
    vector: &[f32],
    named: Option<&str>,
    (space, dims): (&str, usize),
) -> Result<Vec<f32>, SearchError> {
    if let Some(named) = named.filter(|&named| named != space) {
        return Err(SearchError::OtherSpace {
            given: named.to_owned(),
            searched: space.to_owned(),
        });
    }
    if vector.len() != dims {
        return Err(SearchError::VectorLength {
            given: vector.len(),
            space: space.to_owned(),
            dims,
        });
    }
    let vector: Vec<f64> = vector.iter().map(|&x| f64::from(x)).collect();
    unit(&vector).ok_or(SearchError::VectorZero)
}

async fn of_shot(
    searcher: &Searcher,
    id: &ShotId,
    space: &str,
) -> Result<(Vec<f32>, Vec<ShotId>), SearchError> {
    let mut db = searcher.catalog.read().await?;
    let shot = shots::get(&mut db, id).await?;
    let vector = vectors::of_shot(&mut db, &shot, space).await?;
    let vector = vector.ok_or_else(|| SearchError::NoVector {
        shot: id.to_string(),
        space: space.to_owned(),
    })?;
    // A shot without a picture has a zero vector, which is similar to nothing.
    if vector.iter().all(|x| *x == 0.0) {
        return Err(SearchError::NoPicture(id.to_string()));
    }
    Ok((vector, vec![shot.id()]))
}

/// The mean of the shots that are shown from one time to another, each by how long.
async fn of_span(
    searcher: &Searcher,
    asset: &AssetId,
    (from_ms, to_ms): (u64, u64),
    space: &str,
) -> Result<(Vec<f32>, Vec<ShotId>), SearchError> {
    let mut db = searcher.catalog.read().await?;
    let asset = assets::get(&mut db, asset).await?.id;
    let shown = vectors::within(&mut db, &asset, (from_ms, to_ms), space).await?;
    if shown.is_empty() {
        let all = vectors::within(&mut db, &asset, (0, u64::MAX), space).await?;
        let asset = asset.to_string();
        return Err(if all.is_empty() {
            let space = space.to_owned();
            SearchError::NoVectors { asset, space }
        } else {
            SearchError::Outside {
                asset,
                from_ms,
                to_ms,
            }
        });
    }
    drop(db);
    let mut mean: Vec<f64> = Vec::new();
    let mut ids = Vec::with_capacity(shown.len());
    for shot in shown {
        let overlap = shot.ms.1.min(to_ms).saturating_sub(shot.ms.0.max(from_ms));
        mean.resize(mean.len().max(shot.vector.len()), 0.0);
        for (total, x) in mean.iter_mut().zip(&shot.vector) {
            *total += overlap as f64 * f64::from(*x);
        }
        ids.push(shot.id);
    }
    Ok((unit(&mean).ok_or(SearchError::CancelOut)?, ids))
}
