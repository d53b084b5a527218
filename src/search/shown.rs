//! What a page shows: hits with their data, and counts, of what may still be seen.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::fold::Candidate;
use super::fusion::FusedShot;
use super::pages::Listing;
use super::query::Query;
use super::recall::Match;
use super::{FacetValue, Hit, SearchError, SearchRequest, Searcher};
use crate::catalog::{AssetId, ShotId, filter, people, shots};
use crate::views::Clock;

/// Most values of a facet.
pub(super) const FACET_VALUES: u32 = 100;

impl Searcher {
    /// The counts of the values that a query asks for among what was found.
    pub(super) async fn facets(
        &self,
        query: &Query,
        found: &[FusedShot<Match>],
    ) -> Result<Option<BTreeMap<String, Vec<FacetValue>>>, SearchError> {
        let shots: Vec<ShotId> = found.iter().map(|one| one.shot.clone()).collect();
        self.counted(query, &shots).await
    }

    async fn counted(
        &self,
        query: &Query,
        shots: &[ShotId],
    ) -> Result<Option<BTreeMap<String, Vec<FacetValue>>>, SearchError> {
        if query.facets.is_empty() {
            return Ok(None);
        }
        let mut db = self.catalog.read().await?;
        let mut facets = BTreeMap::new();
        for field in &query.facets {
            let counts = filter::facet(&mut db, field, shots, FACET_VALUES).await?;
            let values = counts.into_iter().map(FacetValue::from).collect();
            facets.insert(field.name(), values);
        }
        Ok(Some(facets))
    }

    /// Counts the values of a kept list again if a shot of it has gone since, or may no longer be seen.
    pub(super) async fn recount(
        &self,
        request: &SearchRequest,
        listing: &mut Listing,
    ) -> Result<(), SearchError> {
        if request.query.facets.is_empty() {
            return Ok(());
        }
        let hits = listing.hits.iter();
        let all: Vec<ShotId> = hits
            .flat_map(|hit| std::iter::once(&hit.fused.shot).chain(&hit.others))
            .cloned()
            .collect();
        let mut db = self.catalog.read().await?;
        let seen = shots::seen(&mut db, &all, request.scope.within.as_deref()).await?;
        drop(db);
        if seen.len() < all.len() {
            let left: Vec<ShotId> = all.into_iter().filter(|id| seen.contains(id)).collect();
            listing.facets = self.counted(&request.query, &left).await?;
        }
        Ok(())
    }

    /// Up to `limit` hits from `offset` on, with their data from the catalogue, and the offset of the next page. Shots that
    /// a newer generation has replaced since they were indexed are skipped, and so is what may no longer be seen.
    pub(super) async fn hits(
        &self,
        request: &SearchRequest,
        found: &[Candidate],
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<Hit>, Option<usize>), SearchError> {
        let within = request.scope.within.as_deref();
        let mut db = self.catalog.read().await?;
        let mut hits = Vec::with_capacity(limit.min(found.len()));
        let mut clocks: HashMap<AssetId, Clock> = HashMap::new();
        let mut at = offset;
        while hits.len() < limit && at < found.len() {
            let batch = &found[at..found.len().min(at + limit - hits.len())];
            let ids: Vec<ShotId> = batch.iter().map(|entry| entry.fused.shot.clone()).collect();
            let others = batch.iter().flat_map(|entry| &entry.others);
            let all: Vec<ShotId> = ids.iter().chain(others).cloned().collect();
            let seen: HashSet<ShotId> = shots::seen(&mut db, &all, within).await?;
            let shots = shots::get_many(&mut db, &ids).await?;
            let mut seen_people = if request.query.asks_for_people() {
                people::seen_in(&mut db, &ids).await?.into_iter()
            } else {
                Vec::new().into_iter()
            };
            for (entry, shot) in batch.iter().zip(shots) {
                let people = seen_people.next();
                let Some(shot) = shot.filter(|_| seen.contains(&entry.fused.shot)) else {
                    continue;
                };
                let clock = match clocks.entry(shot.asset_id.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(Clock::of(&shot)?),
                };
                let others = entry.others.iter().filter(|shot| seen.contains(shot));
                let others = others.cloned().collect();
                let hit = Hit::new(&shot, clock, &entry.fused, others, request.explain);
                hits.push(Hit { people, ..hit });
            }
            at += batch.len();
        }
        Ok((hits, (at < found.len()).then_some(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::assets;
    use crate::catalog::testing::{add, each_database};
    use crate::search::testing::searcher;

    fn found(shot: &ShotId, others: &[&ShotId]) -> Candidate {
        Candidate {
            fused: FusedShot {
                shot: shot.clone(),
                frames: None,
                score: 1.0,
                matches: Vec::new(),
            },
            others: others.iter().map(|&other| other.clone()).collect(),
        }
    }

    #[tokio::test]
    async fn a_later_page_shows_and_counts_only_what_may_still_be_seen() {
        each_database(async |catalog| {
            let folder = tempfile::tempdir().unwrap();
            let mut tx = catalog.begin().await.unwrap();
            let own = add(&mut tx, "own", 0, 3).await;
            let moved = add(&mut tx, "secret", 0, 2).await;
            let title = assets::find_title(&mut tx, "own").await.unwrap();
            tx.commit().await.unwrap();
            let shot = |asset: &AssetId, at: u64| ShotId {
                asset: asset.clone(),
                start: at * 50,
                end: at * 50 + 50,
            };
            let gone = ShotId {
                end: 60,
                ..shot(&own, 0)
            };
            let mut listing = Listing {
                hits: vec![
                    found(&shot(&own, 0), &[&shot(&moved, 0), &gone, &shot(&own, 1)]),
                    found(&shot(&moved, 1), &[]),
                    found(&gone, &[]),
                    found(&shot(&own, 2), &[&shot(&moved, 0)]),
                ],
                facets: None,
                recalls: Vec::new(),
                weak: false,
                continues: None,
            };
            let searcher = searcher(&folder, &catalog);
            let query = Query::parse("x facet:title").unwrap();
            let mut request = SearchRequest::new(query, 10);
            request.scope.within = Some(vec![title]);
            let (hits, _) = searcher.hits(&request, &listing.hits, 0, 10).await.unwrap();
            let shown: Vec<_> = hits
                .iter()
                .map(|hit| (hit.place.shot.start, hit.stands_for.clone()))
                .collect();
            assert_eq!(shown.len(), 2);
            let group = shown[0].1.as_ref().unwrap();
            assert_eq!((group.count, &group.shots), (2, &vec![shot(&own, 1)]));
            assert_eq!(shown[1], (100, None));
            searcher.recount(&request, &mut listing).await.unwrap();
            let facets = listing.facets.unwrap();
            let counts: Vec<_> = facets["title"]
                .iter()
                .map(|one| (one.value.as_str(), one.count))
                .collect();
            assert_eq!(counts, [("own", 3)]);
        })
        .await;
    }
}
