//! From a list of shots to a list of hits: near-duplicates and alternating shots become one hit, shots of one asset or
//! title too, and the hits get their order.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::fusion::FusedShot;
use super::query::{Collapse, GroupBy, Query, SIMILAR, SortBy};
use super::recall::Match;
use super::vector::dot;
use super::{SearchError, Searcher};
use crate::catalog::{AssetId, ShotId, filter, listing, vectors};

/// A hit before its data are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    #[serde(flatten)]
    pub(super) fused: FusedShot<Match>,
    /// Other shots that it stands for, best first.
    pub(super) others: Vec<ShotId>,
}

/// Makes hits of shots, as the query asks for.
pub(super) async fn fold(
    searcher: &Searcher,
    query: &Query,
    found: Vec<FusedShot<Match>>,
) -> Result<Vec<Candidate>, SearchError> {
    let mut hits: Vec<Candidate> = found
        .into_iter()
        .map(|fused| Candidate {
            fused,
            others: Vec::new(),
        })
        .collect();
    let collapses = query.collapse != Collapse::default();
    // The best of near-duplicates is shown, whatever the order of the hits, unless the earliest is asked for.
    if collapses && query.sort != SortBy::Earliest {
        hits = collapsed(searcher, query.collapse, hits).await?;
    }
    if query.sort == SortBy::Relevance && query.group_by == GroupBy::Shot {
        return Ok(hits);
    }
    let ids: Vec<AssetId> = hits
        .iter()
        .map(|hit| hit.fused.shot.asset.clone())
        .collect();
    let mut db = searcher.catalog.read().await?;
    let places = listing::places(&mut db, &ids).await?;
    let levels = match query.sort {
        SortBy::Loudest | SortBy::Quietest => {
            let shots: Vec<&ShotId> = hits.iter().map(|hit| &hit.fused.shot).collect();
            filter::levels(&mut db, &shots).await?
        }
        SortBy::Relevance | SortBy::Time | SortBy::Date | SortBy::Earliest => HashMap::new(),
    };
    drop(db);
    let level = |hit: &Candidate, sign: i64| {
        let level = levels.get(&hit.fused.shot).map(|level| sign * level);
        (level.is_none(), level)
    };
    let place = |hit: &Candidate| places.get(&hit.fused.shot.asset);
    match query.sort {
        SortBy::Relevance => {}
        SortBy::Time => hits.sort_by_key(|hit| {
            let registered = place(hit).map(|place| place.registered);
            (registered, hit.fused.shot.start)
        }),
        SortBy::Date => hits.sort_by_key(|hit| {
            let newest = place(hit).map(|place| (-place.created_at, -place.registered));
            (newest, hit.fused.shot.start)
        }),
        SortBy::Earliest => hits.sort_by_key(|hit| {
            let earliest = place(hit).map(|place| (place.created_at, place.registered));
            (earliest, hit.fused.shot.start)
        }),
        SortBy::Loudest | SortBy::Quietest => hits.sort_by_key(|hit| {
            let sign = if query.sort == SortBy::Loudest { -1 } else { 1 };
            let registered = place(hit).map(|place| place.registered);
            (level(hit, sign), registered, hit.fused.shot.start)
        }),
    }
    if collapses && query.sort == SortBy::Earliest {
        hits = collapsed(searcher, query.collapse, hits).await?;
    }
    Ok(match query.group_by {
        GroupBy::Shot => hits,
        GroupBy::Asset => grouped(hits, |hit| Some(hit.fused.shot.asset.clone())),
        GroupBy::Title => grouped(hits, |hit| place(hit).map(|place| place.title.clone())),
    })
}

/// The first hit of each group, with all others of it.
fn grouped<K: std::hash::Hash + Eq>(
    hits: Vec<Candidate>,
    key: impl Fn(&Candidate) -> K,
) -> Vec<Candidate> {
    let mut first: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Candidate> = Vec::new();
    for hit in hits {
        let place = *first.entry(key(&hit)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => {
                group.others.push(hit.fused.shot);
                group.others.extend(hit.others);
            }
            None => groups.push(hit),
        }
    }
    groups
}

async fn collapsed(
    searcher: &Searcher,
    collapse: Collapse,
    hits: Vec<Candidate>,
) -> Result<Vec<Candidate>, SearchError> {
    let ids: Vec<ShotId> = hits.iter().map(|hit| hit.fused.shot.clone()).collect();
    let space = searcher.encoders.space()?.id;
    let mut db = searcher.catalog.read().await?;
    let vectors = vectors::of_shots(&mut db, &ids, &space).await?;
    drop(db);
    let computed = tokio::task::spawn_blocking(move || {
        let places = leaders(&ids, &vectors, collapse);
        let leader: HashMap<ShotId, usize> = ids.into_iter().zip(places).collect();
        grouped(hits, |hit| leader.get(&hit.fused.shot).copied())
    });
    computed.await.map_err(|_join| SearchError::Died)
}

/// For each shot, the place of the first shot with which it becomes one hit.
fn leaders(ids: &[ShotId], vectors: &HashMap<ShotId, Vec<f32>>, collapse: Collapse) -> Vec<usize> {
    let mut leader: Vec<usize> = (0..ids.len()).collect();
    let alike = |a: &ShotId, b: &ShotId, least: f32| {
        vectors
            .get(a)
            .zip(vectors.get(b))
            .is_some_and(|(a, b)| dot(a, b) >= least)
    };
    if collapse.alternating {
        let least = collapse.similar.unwrap_or(SIMILAR);
        for run in alternating(ids, |a, b| alike(a, b, least)) {
            let first = run.iter().copied().min();
            for (&at, first) in run.iter().zip(first.into_iter().cycle()) {
                leader[at] = first;
            }
        }
    }
    if let Some(least) = collapse.similar {
        for at in 0..ids.len() {
            if leader[at] != at {
                continue;
            }
            // Compared with leaders only, so that a chain of small differences does not join what is different.
            let same = (0..at)
                .find(|&other| leader[other] == other && alike(&ids[other], &ids[at], least));
            if let Some(same) = same {
                leader
                    .iter_mut()
                    .filter(|one| **one == at)
                    .for_each(|one| *one = same);
            }
        }
    }
    leader
}

/// Runs of at least three adjacent shots of an asset in which every other shot is alike and neighbours are not, as places
/// in the list.
fn alternating(ids: &[ShotId], alike: impl Fn(&ShotId, &ShotId) -> bool) -> Vec<Vec<usize>> {
    let mut of: BTreeMap<&AssetId, Vec<usize>> = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        of.entry(&id.asset).or_default().push(at);
    }
    let mut runs = Vec::new();
    for mut places in of.into_values() {
        places.sort_by_key(|&at| ids[at].start);
        let mut run: Vec<usize> = Vec::new();
        for at in places {
            let next_to =
                |other: usize| ids[other].end == ids[at].start && !alike(&ids[other], &ids[at]);
            let continues = match run.as_slice() {
                [] => true,
                [only] => next_to(*only),
                [.., before, last] => next_to(*last) && alike(&ids[*before], &ids[at]),
            };
            if !continues {
                // The last shot may begin the next run.
                let last = run.last().copied().filter(|&last| next_to(last));
                runs.push(std::mem::replace(&mut run, last.into_iter().collect()));
            }
            run.push(at);
        }
        runs.push(run);
    }
    let mut taken = vec![false; ids.len()];
    runs.retain_mut(|run| {
        run.retain(|&at| !taken[at]);
        let is_long = run.len() >= 3;
        if is_long {
            run.iter().for_each(|&at| taken[at] = true);
        }
        is_long
    });
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adjacent shots, each showing one of a few places.
    fn cut(asset: &AssetId, places: &str) -> Vec<(ShotId, Vec<f32>)> {
        (0..)
            .zip(places.chars())
            .map(|(at, place)| {
                let id = ShotId {
                    asset: asset.clone(),
                    start: at * 10,
                    end: at * 10 + 10,
                };
                let mut vector = vec![0.0; 26];
                vector[(place as usize) - ('a' as usize)] = 1.0;
                (id, vector)
            })
            .collect()
    }

    fn led(places: &str, collapse: Collapse) -> Vec<usize> {
        let shots = cut(&AssetId::new(), places);
        let ids: Vec<ShotId> = shots.iter().map(|(id, _)| id.clone()).collect();
        leaders(&ids, &shots.into_iter().collect(), collapse)
    }

    #[test]
    fn two_places_that_alternate_are_one_hit() {
        let alternating = Collapse {
            similar: None,
            alternating: true,
        };
        assert_eq!(led("ababac", alternating), [0, 0, 0, 0, 0, 5]);
        assert_eq!(led("abc", alternating), [0, 1, 2]);
        assert_eq!(led("aab", alternating), [0, 1, 2]);
        assert_eq!(led("abaxcdcd", alternating), [0, 0, 0, 3, 4, 4, 4, 4]);
        // Two dialogues that share a shot.
        assert_eq!(led("ababcbc", alternating)[..4], [0, 0, 0, 0]);
    }

    #[test]
    fn shots_that_look_the_same_are_one_hit() {
        let similar = Collapse::similar();
        assert_eq!(led("abacb", similar), [0, 1, 0, 3, 1]);
        let both = Collapse {
            alternating: true,
            ..similar
        };
        assert_eq!(led("abaxcab", both), [0, 0, 0, 3, 4, 0, 6]);
    }
}
