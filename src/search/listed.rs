//! Queries with filters and nothing to look for: the shots in scope as a list.
//!
//! A list may have a million shots, so it is read part by part. The next part begins after the last shot of the one before.
//! What is ingested meanwhile may appear further on, but no shot comes twice or is left out.

use std::collections::BTreeMap;

use rushes_workers::stages::Feature;

use super::fold::{self, Candidate};
use super::fusion::FusedShot;
use super::pages::Listing;
use super::query::{Collapse, GroupBy, Query, SortBy};
use super::shown::FACET_VALUES;
use super::{Coverage, FacetValue, Found, SearchError, SearchRequest, Searcher};
use crate::catalog::filter::{self, Filter, ListOrder, ListScope, ShotPlace};
use crate::catalog::{AssetId, TitleId, coverage, given_up};
use crate::index::ShotSet;

/// Shots of a part.
const PART: usize = 1000;
/// Most shots in scope of a list with groups, which has to be read as a whole.
const MOST_GROUPED: usize = 100_000;
/// Most shots in scope of a list with collapsed near-duplicates, which are compared with each other.
const MOST_COLLAPSED: usize = 2000;

/// A list before its data are read.
struct ListQuery<'a> {
    query: &'a Query,
    within: Option<&'a [TitleId]>,
    /// The assets that are named; all if `None`.
    assets: Option<Vec<AssetId>>,
}

impl ListQuery<'_> {
    fn scope(&self) -> ListScope<'_> {
        ListScope {
            filters: &self.query.filters,
            within: self.within,
            assets: self.assets.as_deref(),
        }
    }

    /// How many shots may be read at once, and whether there may be no more.
    fn most(&self) -> (usize, bool) {
        if self.query.collapse != Collapse::default() {
            (MOST_COLLAPSED, true)
        } else if self.query.group_by == GroupBy::Shot {
            (PART, false)
        } else {
            (MOST_GROUPED, true)
        }
    }
}

impl Searcher {
    /// The shots in scope.
    pub(super) async fn listed(&self, request: &SearchRequest) -> Result<Found, SearchError> {
        let query = &request.query;
        let modalities = query.senses()?.iter().map(|sense| sense.modality).collect();
        let named = self.named(&request.scope).await?;
        let list = ListQuery {
            query,
            within: request.scope.within.as_deref(),
            assets: named
                .as_ref()
                .map(|named| named.assets().cloned().collect()),
        };
        let mut db = self.catalog.read().await?;
        filter::check_names(&mut db, &query.filters, list.within).await?;
        drop(db);
        let (mut listing, mut position) = match &request.page {
            None => (self.part(&list, None).await?, None),
            Some(token) => {
                let (listing, position) = self.kept(request, token).await?;
                (listing, Some(position))
            }
        };
        // Whoever may see some titles only must not learn from counts what has left them.
        if request.page.is_none() || list.within.is_some() {
            listing.facets = self.facets_of(&list).await?;
        }
        let mut offset = position.map_or(0, |position| position.offset as usize);
        let mut hits = Vec::new();
        let next = loop {
            let missing = request.limit - hits.len();
            let (more, next) = self.hits(request, &listing.hits, offset, missing).await?;
            hits.extend(more);
            if let Some(offset) = next {
                break Some(offset);
            }
            let Some(last) = listing.continues.take() else {
                break None;
            };
            let part = self.part(&list, Some(&last)).await?;
            if part.hits.is_empty() {
                break None;
            }
            (listing.hits, listing.continues) = (part.hits, part.continues);
            (position, offset) = (None, 0);
            if hits.len() == request.limit {
                break Some(0);
            }
        };
        let next = match next {
            None => None,
            Some(offset) => Some(self.token(request, &listing, position, offset).await?),
        };
        Ok(Found {
            coverage: self.coverage_of(&list).await?,
            listing,
            hits,
            next,
            modalities,
        })
    }

    /// The part of a list after a shot.
    async fn part(
        &self,
        list: &ListQuery<'_>,
        after: Option<&ShotPlace>,
    ) -> Result<Listing, SearchError> {
        let (most, is_whole) = list.most();
        let order = match list.query.sort {
            SortBy::Relevance => ListOrder::Title,
            SortBy::Time => ListOrder::Registered,
            SortBy::Date => ListOrder::Newest,
            SortBy::Earliest => ListOrder::Oldest,
            SortBy::Loudest => ListOrder::Loudest,
            SortBy::Quietest => ListOrder::Quietest,
        };
        let mut db = self.catalog.read().await?;
        let count = u32::try_from(most + 1).unwrap_or(u32::MAX);
        let mut places = filter::list(&mut db, list.scope(), order, after, count).await?;
        drop(db);
        let is_more = places.len() > most;
        if is_more && is_whole {
            return Err(SearchError::TooManyToGroup(most));
        }
        places.truncate(most);
        let shots = places.iter().map(|place| FusedShot {
            shot: place.shot(),
            frames: None,
            score: 0.0,
            matches: Vec::new(),
        });
        let hits: Vec<Candidate> = fold::fold(self, list.query, shots.collect()).await?;
        Ok(Listing {
            weak: hits.is_empty(),
            hits,
            facets: None,
            recalls: Vec::new(),
            continues: places.pop().filter(|_| is_more),
        })
    }

    /// The counts of the values that a list asks for among all its shots.
    async fn facets_of(
        &self,
        list: &ListQuery<'_>,
    ) -> Result<Option<BTreeMap<String, Vec<FacetValue>>>, SearchError> {
        if list.query.facets.is_empty() {
            return Ok(None);
        }
        let mut db = self.catalog.read().await?;
        let mut facets = BTreeMap::new();
        for field in &list.query.facets {
            let counts = filter::facet_of_scope(&mut db, field, list.scope(), FACET_VALUES).await?;
            let values = counts.into_iter().map(FacetValue::from).collect();
            facets.insert(field.name(), values);
        }
        Ok(Some(facets))
    }

    /// How many assets in scope have shots. Conditions on shots leave no asset out.
    async fn coverage_of(&self, list: &ListQuery<'_>) -> Result<Coverage, SearchError> {
        let filters = list.query.filters.iter();
        let of_assets: Vec<Filter> = filters.filter(|one| !one.is_per_shot()).cloned().collect();
        let mut db = self.catalog.snapshot().await?;
        let scope = if of_assets.is_empty() && list.within.is_none() {
            None
        } else {
            let assets = filter::matching(&mut db, &of_assets, list.within).await?;
            Some(ShotSet::from_assets(assets.into_iter().map(|(id, _)| id)))
        };
        let named = list.assets.clone().map(ShotSet::from_assets);
        let scope = match (scope, named) {
            (Some(scope), Some(named)) => Some(scope.and(&named)),
            (one, other) => one.or(other),
        };
        let shots = Feature::Shots.as_str();
        let assets = || scope.as_ref().map(ShotSet::assets);
        let (ready, total) = coverage(&mut db, shots, i64::MAX, assets()).await?;
        let people = if list.query.asks_for_people() {
            Some(self.people_coverage(scope.as_ref()).await?)
        } else {
            None
        };
        Ok(Coverage {
            ready,
            total,
            failed: given_up(&mut db, shots, assets()).await?,
            dialogue: None,
            speech: None,
            text: None,
            sound: None,
            sound_tags: None,
            people,
            meaning: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ShotId;
    use crate::catalog::testing::{add, each_database};
    use crate::search::testing::searcher;

    fn request(q: &str, limit: usize) -> SearchRequest {
        SearchRequest::new(Query::parse(q).unwrap(), limit)
    }

    /// The shots of each page, up to the last.
    async fn pages(searcher: &Searcher, mut request: SearchRequest) -> Vec<Vec<ShotId>> {
        let mut pages = Vec::new();
        loop {
            let answer = searcher.search(&request).await.unwrap();
            let ids = answer.hits.into_iter().map(|hit| hit.place.shot);
            pages.push(ids.collect());
            match answer.next {
                None => return pages,
                next => request.page = next,
            }
        }
    }

    #[tokio::test]
    async fn pages_are_full_across_the_parts_of_a_long_list() {
        each_database(async |catalog| {
            let folder = tempfile::tempdir().unwrap();
            let mut tx = catalog.begin().await.unwrap();
            let long = add(&mut tx, "Long", 1, 2300).await;
            add(&mut tx, "Short", 2, 10).await;
            tx.commit().await.unwrap();
            let searcher = searcher(&folder, &catalog);
            let found = pages(&searcher, request("len:2s", 150)).await;
            let sizes: Vec<usize> = found.iter().map(Vec::len).collect();
            assert_eq!(sizes, [[150; 15].as_slice(), &[60]].concat());
            let all = found.concat();
            let starts = all.iter().map(|shot| (shot.asset == long, shot.start));
            let expected = (0..2300)
                .map(|at| (true, at * 50))
                .chain((0..10).map(|at| (false, at * 50)));
            assert!(starts.eq(expected));
            // An empty list has one page.
            let found = pages(&searcher, request("title:Long len:>9s", 5)).await;
            assert_eq!(found, [Vec::<ShotId>::new()]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_list_ends_where_a_part_ends() {
        each_database(async |catalog| {
            let folder = tempfile::tempdir().unwrap();
            let mut tx = catalog.begin().await.unwrap();
            add(&mut tx, "Long", 1, 2000).await;
            tx.commit().await.unwrap();
            let searcher = searcher(&folder, &catalog);
            let found = pages(&searcher, request("len:2s sort:date", 200)).await;
            let sizes: Vec<usize> = found.iter().map(Vec::len).collect();
            assert_eq!(sizes, [200; 10]);
        })
        .await;
    }

    #[tokio::test]
    async fn groups_hold_all_shots_and_too_many_are_refused() {
        each_database(async |catalog| {
            let folder = tempfile::tempdir().unwrap();
            let mut tx = catalog.begin().await.unwrap();
            add(&mut tx, "A", 1, 1500).await;
            add(&mut tx, "B", 2, 1).await;
            add(&mut tx, "A", 3, 500).await;
            tx.commit().await.unwrap();
            let searcher = searcher(&folder, &catalog);
            let mut grouped = request("len:2s group:title facet:title", 10);
            let answer = searcher.search(&grouped).await.unwrap();
            let counts = answer.hits.iter();
            let counts: Vec<usize> = counts
                .map(|hit| hit.stands_for.as_ref().map_or(1, |group| group.count))
                .collect();
            assert_eq!(counts, [2000, 1]);
            let facets = answer.facets.unwrap();
            let facets: Vec<i64> = facets["title"].iter().map(|value| value.count).collect();
            assert_eq!(facets, [2000, 1]);
            assert_eq!((answer.coverage.ready, answer.coverage.total), (3, 3));
            grouped.query.collapse = Collapse::similar();
            let refused = searcher.search(&grouped).await.unwrap_err();
            assert_eq!(refused.code(), "too-many-to-group");
        })
        .await;
    }
}
