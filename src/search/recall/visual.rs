//! The visual recall: shots whose vectors are close to the vector of a text, a picture or another shot.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::Recall;
use crate::catalog::{AssetId, ShotId, shots};
use crate::index::{Near, ShotSet};
use crate::search::fusion::Ranked;
use crate::search::{SearchError, Searcher, Subject};
use crate::views::Clock;

/// How a shot was found by sight.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Visual {
    /// Cosine similarity of the shot's vector and the query's vector.
    pub similarity: f32,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
}

pub(in crate::search) struct VisualRecall;

impl Recall for VisualRecall {
    /// Cosine similarity.
    type Match = f32;
    type Evidence = Visual;

    fn takes(_: &Subject) -> bool {
        true
    }

    async fn ranked(
        searcher: &Searcher,
        subject: &Subject,
        scope: Option<&HashSet<AssetId>>,
        count: usize,
    ) -> Result<Vec<Ranked<f32>>, SearchError> {
        let encoders = &searcher.encoders;
        let (vector, itself) = match subject {
            Subject::Text(text) => (encoders.text(text).await?, None),
            Subject::Picture(picture) => (encoders.picture(Arc::clone(picture)).await?, None),
            Subject::Shot(shot) => {
                let (shot, vector) = vector_of(searcher, shot).await?;
                (vector, Some(shot))
            }
        };
        let index = Arc::clone(&searcher.index);
        let space = encoders.space()?.id;
        let scope = scope.cloned().map(ShotSet::from);
        let near = tokio::task::spawn_blocking(move || {
            index.nearest(&space, &vector, count, scope.as_ref())
        });
        let (near, _) = near.await.map_err(|_join| SearchError::Died)?;
        let others = near
            .into_iter()
            .filter(|near| Some(&near.shot) != itself.as_ref());
        let ranked = |near: Near| Ranked {
            shot: near.shot,
            found: near.similarity,
        };
        Ok(others.map(ranked).collect())
    }

    fn evidence(&similarity: &f32, rank: u32, _: &Clock) -> Visual {
        Visual { similarity, rank }
    }
}

/// A shot's id, and its stored vector in the searched space.
async fn vector_of(searcher: &Searcher, id: &ShotId) -> Result<(ShotId, Vec<f32>), SearchError> {
    let space = searcher.encoders.space()?.id;
    let mut db = searcher.catalog.read().await?;
    let shot = shots::get(&mut db, id).await?;
    let vector = shots::vector(&mut db, &shot, &space).await?;
    vector
        .map(|vector| (shot.id(), vector))
        .ok_or_else(|| SearchError::NoVector {
            shot: id.to_string(),
            space,
        })
}
