//! Near-duplicate shots across the catalogue.
//!
//! Every shot is compared with its nearest ones, in the order of the catalogue. A shot begins a group with the later shots
//! that are nearly the same, except for those that an earlier one of its own near-duplicates has. So every shot that has
//! an earlier near-duplicate is in the group of its earliest one. A page ends after so many groups, or after so much work.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::pages::Listing;
use super::query::{Query, SIMILAR, Scope};
use super::vector::dot;
use super::{SearchError, Searcher, blocking};
use crate::catalog::filter::{self, ListOrder, ListScope, ShotPlace};
use crate::catalog::{AssetId, ShotId, listing, now_ms, shots, vectors};
use crate::index::{Near, ShotSet};
use crate::views::{Clock, Place};

/// Most groups of a page.
const MOST_GROUPS: usize = 200;
/// Most near-duplicates of a shot that are looked at.
const NEAREST: usize = 64;
/// Shots read at once.
const BATCH: u32 = 64;
/// Comparisons of two vectors for one page. A page that would take more ends earlier, and the next one continues.
const MOST_COMPARED: usize = 200_000_000;
/// Fewest and most shots that one page looks at.
const LOOKED_AT: (usize, usize) = (64, 5000);

/// Which near-duplicates are wanted.
#[derive(Debug, Clone, Default)]
pub struct DuplicatesRequest {
    /// Filters, and nothing to look for.
    pub query: Query,
    /// Where to look.
    pub scope: Scope,
    /// The least cosine similarity; 0.95 if `None`.
    pub similar: Option<f32>,
    /// Groups on a page.
    pub limit: usize,
    /// `next` of the page before.
    pub page: Option<String>,
}

/// A page of groups of shots that are nearly the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DuplicatesPage {
    /// In the order of the earliest shot of each.
    pub groups: Vec<DuplicateGroup>,
    /// Token of the next page; null on the last page. It is good for 15 minutes. A page may have fewer groups than asked
    /// for, even none, and not be the last.
    pub next: Option<String>,
    /// Shots that this page looked at.
    pub looked_at: usize,
}

/// Shots that are nearly the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DuplicateGroup {
    /// The earliest first: by registration of the asset, then by frame.
    pub shots: Vec<DuplicateShot>,
    /// Whether there are more than the 64 nearest.
    pub more: bool,
}

/// A shot of a group.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DuplicateShot {
    /// Which shot it is.
    #[serde(flatten)]
    pub place: Place,
    /// Cosine similarity to the first shot of the group.
    pub similarity: f32,
}

/// Where near-duplicates are looked for.
struct Reach {
    /// The assets that are named; all if `None`.
    assets: Option<Vec<AssetId>>,
    /// The shots in scope; all if `None`.
    scope: Option<ShotSet>,
}

/// A group by its shots, with their similarities to the first.
struct FoundGroup {
    shots: Vec<(ShotId, f32)>,
    more: bool,
}

impl DuplicatesRequest {
    fn check(&self) -> Result<f32, SearchError> {
        if !(1..=MOST_GROUPS).contains(&self.limit) {
            return Err(SearchError::Limit(MOST_GROUPS));
        }
        if !self.query.parts.is_empty() {
            return Err(SearchError::Body(
                "near-duplicates are found of all shots in scope; give filters only".to_owned(),
            ));
        }
        filter::check(&self.query.filters)?;
        let similar = self.similar.unwrap_or(SIMILAR);
        if similar > 0.0 && similar <= 1.0 {
            Ok(similar)
        } else {
            Err(SearchError::Threshold(similar))
        }
    }

    fn digest(&self, similar: f32) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"duplicates");
        self.query.digest(&mut hasher);
        hasher.update(format!("{:?} {similar}", self.scope).as_bytes());
        let mut short = [0; 8];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        short
    }
}

impl Searcher {
    /// A page of groups of near-duplicates.
    ///
    /// # Errors
    /// [`SearchError`]: a wrong threshold, an unknown title, something to look for, a token that has expired.
    pub async fn duplicates(
        &self,
        request: &DuplicatesRequest,
    ) -> Result<DuplicatesPage, SearchError> {
        // Those of the model that is active.
        self.by(None).await?.groups(request).await
    }

    async fn groups(&self, request: &DuplicatesRequest) -> Result<DuplicatesPage, SearchError> {
        let similar = request.check()?;
        let digest = request.digest(similar);
        let mut after = match &request.page {
            None => None,
            Some(token) => self.place_of(token.clone(), digest).await?,
        };
        let reach = self.duplicates_reach(request).await?;
        let most = (MOST_COMPARED / self.index.vectors().max(1)).clamp(LOOKED_AT.0, LOOKED_AT.1);
        let (mut groups, mut looked_at, mut is_end) = (Vec::new(), 0, false);
        while !is_end && looked_at < most && groups.len() < request.limit {
            let batch = self.batch(request, &reach, after.as_ref()).await?;
            is_end = batch.len() < BATCH as usize;
            for (place, found) in self.groups_of(&reach, &batch, similar).await? {
                looked_at += 1;
                after = Some(place);
                groups.extend(found);
                if groups.len() == request.limit {
                    is_end &= Some(&batch[batch.len() - 1]) == after.as_ref();
                    break;
                }
            }
        }
        let next = match after {
            Some(last) if !is_end => Some(self.token_after(last, digest).await?),
            Some(_) | None => None,
        };
        Ok(DuplicatesPage {
            groups: self.shown_groups(request, groups).await?,
            next,
            looked_at,
        })
    }

    async fn duplicates_reach(&self, request: &DuplicatesRequest) -> Result<Reach, SearchError> {
        let named = self.named(&request.scope).await?;
        Ok(Reach {
            assets: named.map(|named| named.assets().cloned().collect()),
            scope: self.scope(&request.scope, &request.query.filters).await?,
        })
    }

    /// The next shots to look at.
    async fn batch(
        &self,
        request: &DuplicatesRequest,
        reach: &Reach,
        after: Option<&ShotPlace>,
    ) -> Result<Vec<ShotPlace>, SearchError> {
        let scope = ListScope {
            filters: &request.query.filters,
            within: request.scope.within.as_deref(),
            assets: reach.assets.as_deref(),
        };
        let mut db = self.catalog.read().await?;
        Ok(filter::list(&mut db, scope, ListOrder::Registered, after, BATCH).await?)
    }

    /// For each shot the group that it begins, if it does.
    async fn groups_of(
        &self,
        reach: &Reach,
        batch: &[ShotPlace],
        similar: f32,
    ) -> Result<Vec<(ShotPlace, Option<FoundGroup>)>, SearchError> {
        let ids: Vec<ShotId> = batch.iter().map(ShotPlace::shot).collect();
        let scope = reach.scope.clone();
        let space = self.encoders.space()?.id;
        let mut db = self.catalog.read().await?;
        let of_batch = vectors::of_shots(&mut db, &ids, &space).await?;
        drop(db);
        let index = Arc::clone(&self.index);
        let (name, own) = (space.clone(), ids.clone());
        let near = tokio::task::spawn_blocking(move || {
            let nearest = own.iter().map(|id| {
                // A shot without a picture has a zero vector, which is similar to nothing.
                let vector = of_batch.get(id).filter(|of| of.iter().any(|x| *x != 0.0));
                let near = vector.map(|of| index.nearest(&name, of, NEAREST + 2, scope.as_ref()).0);
                let near = near.unwrap_or_default().into_iter();
                near.filter(|near| near.similarity >= similar && near.shot != *id)
                    .collect::<Vec<Near>>()
            });
            nearest.collect::<Vec<_>>()
        });
        let near = near.await.map_err(|_join| SearchError::Died)?;
        let all: Vec<ShotId> = near
            .iter()
            .flatten()
            .map(|near| near.shot.clone())
            .collect();
        let mut db = self.catalog.read().await?;
        let assets: Vec<AssetId> = all.iter().map(|shot| shot.asset.clone()).collect();
        let places = listing::places(&mut db, &assets).await?;
        let vectors = vectors::of_shots(&mut db, &all, &space).await?;
        drop(db);
        let order = |shot: &ShotId| {
            let registered = places.get(&shot.asset).map(|place| place.registered);
            (registered, shot.start)
        };
        let groups = batch.iter().zip(&ids).zip(near).map(|((place, id), near)| {
            let own = (Some(place.registered()), id.start);
            let group = later_ones(near, similar, &vectors, |shot| order(shot) > own);
            let group = group.map(|(mut later, more)| {
                later.sort_by_key(|(shot, _)| order(shot));
                let shots = std::iter::once((id.clone(), 1.0)).chain(later);
                FoundGroup {
                    shots: shots.collect(),
                    more,
                }
            });
            (place.clone(), group)
        });
        Ok(groups.collect())
    }

    async fn shown_groups(
        &self,
        request: &DuplicatesRequest,
        groups: Vec<FoundGroup>,
    ) -> Result<Vec<DuplicateGroup>, SearchError> {
        let mut db = self.catalog.read().await?;
        let within = request.scope.within.as_deref();
        let mut shown = Vec::with_capacity(groups.len());
        for group in groups {
            let ids: Vec<ShotId> = group.shots.iter().map(|(id, _)| id.clone()).collect();
            let seen = shots::seen(&mut db, &ids, within).await?;
            let found = shots::get_many(&mut db, &ids).await?;
            let mut places = Vec::with_capacity(found.len());
            for ((id, similarity), shot) in group.shots.into_iter().zip(found) {
                // It may have been replaced since it was indexed.
                let Some(shot) = shot.filter(|_| seen.contains(&id)) else {
                    continue;
                };
                places.push(DuplicateShot {
                    place: Place::new(&shot, &Clock::of(&shot)?),
                    similarity,
                });
            }
            if places.len() > 1 {
                shown.push(DuplicateGroup {
                    shots: places,
                    more: group.more,
                });
            }
        }
        Ok(shown)
    }

    async fn place_of(
        &self,
        token: String,
        digest: [u8; 8],
    ) -> Result<Option<ShotPlace>, SearchError> {
        let pages = self.pages.clone();
        let read = move || {
            let position = pages.read_token(&token, digest, now_ms())?;
            Ok(pages.listing(position)?.continues)
        };
        blocking(read).await
    }

    async fn token_after(&self, last: ShotPlace, digest: [u8; 8]) -> Result<String, SearchError> {
        let pages = self.pages.clone();
        let keep = move || {
            let listing = Listing {
                hits: Vec::new(),
                facets: None,
                recalls: Vec::new(),
                weak: false,
                continues: Some(last),
            };
            pages.token(pages.keep(&listing, digest)?, digest)
        };
        blocking(keep).await
    }
}

/// The later ones of the shots that are near a shot, except for those that are near an earlier one, and whether there are
/// more than were looked at; `None` if there are none.
fn later_ones(
    near: Vec<Near>,
    similar: f32,
    vectors: &HashMap<ShotId, Vec<f32>>,
    is_later: impl Fn(&ShotId) -> bool,
) -> Option<(Vec<(ShotId, f32)>, bool)> {
    let more = near.len() > NEAREST;
    let (mut later, earlier): (Vec<Near>, Vec<Near>) =
        near.into_iter().partition(|near| is_later(&near.shot));
    later.truncate(NEAREST);
    let of = |shot: &ShotId| vectors.get(shot);
    later.retain(|near| {
        let is_near = |other: &Near| {
            let pair = of(&near.shot).zip(of(&other.shot));
            pair.is_some_and(|(a, b)| dot(a, b) >= similar)
        };
        !earlier.iter().any(is_near)
    });
    let later: Vec<(ShotId, f32)> = later
        .into_iter()
        .map(|near| (near.shot, near.similarity))
        .collect();
    (!later.is_empty()).then_some((later, more))
}
