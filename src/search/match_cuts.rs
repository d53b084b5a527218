//! Match cuts: shots whose first frame continues the last frame of a shot, in composition and in motion.
//!
//! All shots in scope are compared, so the ranking is exact. See [`rushes_workers::edges`] for the measure.

use std::collections::HashMap;

use futures::TryStreamExt as _;
use rushes_workers::edges::{Continuation, EdgeDescriptor};
use rushes_workers::stages::Feature;
use serde::Serialize;
use utoipa::ToSchema;

use super::query::{PartKind, Query, QueryPart, Scope};
use super::{MAX_LIMIT, SearchError, Searcher};
use crate::catalog::edges::{self, AssetEdges};
use crate::catalog::{AssetId, Catalog, ShotId, coverage, filter, shots};
use crate::index::{Frames, ShotSet};
use crate::views::{Clock, Place};

/// The least likeness of composition of a hit: pictures that have nothing in common are no answer.
const LEAST: f32 = 0.05;
/// Bytes of descriptors that are compared at once.
const BATCH: usize = 4 << 20;

/// Which match cuts are wanted.
#[derive(Debug, Clone)]
pub struct MatchCutsRequest {
    /// The shot that is cut from.
    pub shot: ShotId,
    /// Filters, and nothing to look for.
    pub query: Query,
    /// Where to look.
    pub scope: Scope,
    /// Most hits.
    pub limit: usize,
}

/// The shots that continue a shot best.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MatchCuts {
    /// The best first.
    pub hits: Vec<MatchCut>,
    /// How much of the scope was compared.
    pub coverage: MatchCutsCoverage,
}

/// A shot that continues another.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MatchCut {
    /// Which shot it is.
    #[serde(flatten)]
    pub place: Place,
    /// How well it continues the shot, 0 to 1: `composition` × (1 + `motion`) / 2.
    pub score: f32,
    /// Why it was found.
    pub evidence: MatchCutEvidence,
}

/// How well the first frame of a shot continues the last frame of another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MatchCutEvidence {
    /// How alike the two frames are laid out, in light and in edges, 0 to 1. 0 if one of them is even.
    pub composition: f32,
    /// How alike things move in the two frames, 0 to 1. Two still frames move alike.
    pub motion: f32,
}

/// How much of the scope was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct MatchCutsCoverage {
    /// Assets whose shots were compared.
    pub ready: i64,
    /// Assets in scope.
    pub total: i64,
}

/// A shot by its rank in its asset, and how well it continues the one that is cut from.
struct RankedShot {
    asset: AssetId,
    rank: usize,
    found: Continuation,
}

/// The best shots so far.
struct Ranking {
    end: EdgeDescriptor,
    own: (AssetId, usize),
    /// The first frames of the shots of assets of which only some are in scope.
    starts: HashMap<AssetId, (Frames, Vec<u64>)>,
    most: usize,
    best: Vec<RankedShot>,
}

impl Searcher {
    /// The shots that continue a shot best.
    ///
    /// # Errors
    /// [`SearchError`]: the shot is unknown, or its end is not described yet; a wrong limit or filter.
    pub async fn match_cuts(&self, request: &MatchCutsRequest) -> Result<MatchCuts, SearchError> {
        if !(1..=MAX_LIMIT).contains(&request.limit) {
            return Err(SearchError::Limit(MAX_LIMIT));
        }
        if !request.query.parts.is_empty() {
            return Err(SearchError::Body(
                "match cuts are found for a shot; give filters only".to_owned(),
            ));
        }
        filter::check(&request.query.filters)?;
        let mut db = self.catalog.read().await?;
        let shot = shots::get(&mut db, &request.shot).await?;
        let end = edges::last(&mut db, &shot.asset_id, shot.ordinal).await?;
        drop(db);
        let end = end.ok_or_else(|| SearchError::NoEdges(request.shot.to_string()))?;
        let mut query = request.query.clone();
        query.parts = vec![QueryPart::new(PartKind::Shot(request.shot.clone()))];
        let filters = self.filters_of(&query).await?;
        let scope = self.scope(&request.scope, &filters).await?;
        let rank = usize::try_from(shot.ordinal).unwrap_or(usize::MAX);
        let ranking = Ranking {
            end,
            own: (shot.asset_id, rank),
            starts: starts(&self.catalog, scope.as_ref()).await?,
            most: request.limit,
            best: Vec::new(),
        };
        let best = self.continuations(ranking, scope.as_ref()).await?;
        let assets = || scope.as_ref().map(ShotSet::assets);
        let mut db = self.catalog.snapshot().await?;
        let (ready, total) = coverage(&mut db, Feature::Edges.as_str(), i64::MAX, assets()).await?;
        drop(db);
        Ok(MatchCuts {
            hits: self
                .shown_cuts(best, request.scope.within.as_deref())
                .await?,
            coverage: MatchCutsCoverage { ready, total },
        })
    }

    /// Compares all shots in scope.
    async fn continuations(
        &self,
        mut ranking: Ranking,
        scope: Option<&ShotSet>,
    ) -> Result<Vec<RankedShot>, SearchError> {
        let assets: Option<Vec<AssetId>> = scope.map(|scope| scope.assets().cloned().collect());
        let mut db = self.catalog.read().await?;
        let mut rows = edges::each(&mut db, assets.as_deref());
        let (mut batch, mut size) = (Vec::new(), 0);
        loop {
            let row = rows.try_next().await?;
            let is_end = row.is_none();
            if let Some(row) = row {
                size += row.size();
                batch.push(row);
            }
            if size < BATCH && !is_end {
                continue;
            }
            let part = std::mem::take(&mut batch);
            size = 0;
            let compared = tokio::task::spawn_blocking(move || {
                ranking.add(&part);
                ranking
            });
            ranking = compared.await.map_err(|_join| SearchError::Died)?;
            if is_end {
                return Ok(ranking.best);
            }
        }
    }

    async fn shown_cuts(
        &self,
        best: Vec<RankedShot>,
        within: Option<&[crate::catalog::TitleId]>,
    ) -> Result<Vec<MatchCut>, SearchError> {
        let places = best.iter().map(|one| (one.asset.clone(), one.rank));
        let places: Vec<_> = places.collect();
        let mut db = self.catalog.snapshot().await?;
        let ids = edges::shots(&mut db, &places).await?;
        let known: Vec<ShotId> = ids.iter().flatten().cloned().collect();
        let seen = shots::seen(&mut db, &known, within).await?;
        let found = shots::get_many(&mut db, &known).await?;
        drop(db);
        let mut shots: HashMap<ShotId, shots::Shot> = found
            .into_iter()
            .flatten()
            .map(|shot| (shot.id(), shot))
            .collect();
        let mut hits = Vec::with_capacity(best.len());
        for (one, id) in best.iter().zip(ids) {
            // It may have been replaced since it was compared.
            let shot = id
                .filter(|id| seen.contains(id))
                .and_then(|id| shots.remove(&id));
            let Some(shot) = shot else { continue };
            hits.push(MatchCut {
                place: Place::new(&shot, &Clock::of(&shot)?),
                score: one.found.score(),
                evidence: MatchCutEvidence {
                    composition: one.found.composition,
                    motion: one.found.motion,
                },
            });
        }
        Ok(hits)
    }
}

/// The first frames of the shots of those assets of which only some shots are in scope.
async fn starts(
    catalog: &Catalog,
    scope: Option<&ShotSet>,
) -> Result<HashMap<AssetId, (Frames, Vec<u64>)>, SearchError> {
    let some: HashMap<AssetId, Frames> = scope
        .into_iter()
        .flat_map(ShotSet::iter)
        .filter(|(_, frames)| **frames != Frames::All)
        .map(|(asset, frames)| (asset.clone(), frames.clone()))
        .collect();
    if some.is_empty() {
        return Ok(HashMap::new());
    }
    let assets: Vec<AssetId> = some.keys().cloned().collect();
    let mut db = catalog.read().await?;
    let mut starts = edges::starts(&mut db, &assets).await?;
    let some = some.into_iter().map(|(asset, frames)| {
        let own = starts.remove(&asset).unwrap_or_default();
        (asset, (frames, own))
    });
    Ok(some.collect())
}

impl Ranking {
    fn add(&mut self, batch: &[AssetEdges]) {
        for edges in batch {
            let some = self.starts.get(&edges.asset);
            let is_own = edges.asset == self.own.0;
            for (rank, first) in edges.firsts() {
                let is_in = some.is_none_or(|(frames, starts)| {
                    starts
                        .get(rank)
                        .is_some_and(|&start| frames.contains(start))
                });
                if !is_in || (is_own && rank == self.own.1) {
                    continue;
                }
                let found = self.end.continued_by(&first);
                if found.composition >= LEAST {
                    self.best.push(RankedShot {
                        asset: edges.asset.clone(),
                        rank,
                        found,
                    });
                }
            }
        }
        self.best.sort_by(|a, b| {
            let by_score = b.found.score().total_cmp(&a.found.score());
            by_score.then_with(|| (&a.asset, a.rank).cmp(&(&b.asset, b.rank)))
        });
        self.best.truncate(self.most);
    }
}
