//! Fuses the lists of recalls: reciprocal rank fusion (Cormack, Clarke and Büttcher 2009) with weights.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::catalog::{AssetId, ShotId};

/// The constant of the paper. The larger it is, the less the first places differ.
const K: f64 = 60.0;

/// What a place in a list adds to the score.
pub(super) fn share(weight: f64, rank: u32) -> f64 {
    weight / (K + f64::from(rank))
}

/// An entry of a recall's list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranked<M> {
    pub(super) shot: ShotId,
    /// The frames that match: those of the shot, or of a line.
    pub(super) frames: (u64, u64),
    /// The recall's data on the match, including its own measure.
    pub(super) found: M,
    /// Whether it is as good as the one before, so that both have one rank.
    pub(super) is_tied: bool,
}

impl<M> Ranked<M> {
    /// The same entry with its match converted.
    pub(super) fn map<N>(self, into: impl FnOnce(M) -> N) -> Ranked<N> {
        Ranked {
            shot: self.shot,
            frames: self.frames,
            found: into(self.found),
            is_tied: self.is_tied,
        }
    }
}

/// A match in one list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RankedMatch<M> {
    /// From 1.
    pub(super) rank: u32,
    /// The weight of the list, times the trust in the match.
    pub(super) weight: f64,
    pub(super) found: M,
}

/// A shot that at least one recall found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FusedShot<M> {
    pub(super) shot: ShotId,
    /// The frames in which all lists match, if they had to.
    pub(super) frames: Option<(u64, u64)>,
    /// The sum of weight / (60 + rank) over the lists that contain it.
    pub(super) score: f64,
    /// Its match in each list that contains it.
    pub(super) matches: Vec<RankedMatch<M>>,
}

/// A ranked list with its weight.
pub(super) type WeightedList<M> = (f64, Vec<Ranked<M>>);

/// Shots that any list contains. Each list contains a shot at most once. `trust` says which share of its list's weight a
/// match counts. A single list keeps its order if trust falls with the rank.
pub(super) fn fuse<M>(lists: Vec<WeightedList<M>>, trust: impl Fn(&M) -> f64) -> Vec<FusedShot<M>> {
    let mut fused: HashMap<ShotId, FusedShot<M>> = HashMap::new();
    for (weight, list) in lists {
        for (rank, Ranked { shot, found, .. }) in with_ranks(list) {
            let entry = fused.entry(shot.clone()).or_insert_with(|| FusedShot {
                shot,
                frames: None,
                score: 0.0,
                matches: Vec::new(),
            });
            let weight = weight * trust(&found);
            entry.score += share(weight, rank);
            entry.matches.push(RankedMatch {
                rank,
                weight,
                found,
            });
        }
    }
    sorted(fused.into_values().collect())
}

/// Shots that all lists contain at the same time. A list may have a shot more than once, with different frames. Of what
/// overlaps, the best counts. `trust` is that of [`fuse`].
pub(super) fn intersect<M: Clone>(
    lists: Vec<WeightedList<M>>,
    trust: impl Fn(&M) -> f64,
) -> Vec<FusedShot<M>> {
    let mut lists = lists.into_iter();
    let Some((weight, first)) = lists.next() else {
        return Vec::new();
    };
    let start = with_ranks(first).map(|(rank, one)| {
        let found = RankedMatch {
            rank,
            weight: weight * trust(&one.found),
            found: one.found,
        };
        (one.shot, one.frames, vec![found])
    });
    let mut found: Vec<_> = start.collect();
    for (weight, list) in lists {
        let mut of: HashMap<AssetId, Vec<(u32, Ranked<M>)>> = HashMap::new();
        for (rank, one) in with_ranks(list) {
            of.entry(one.shot.asset.clone())
                .or_default()
                .push((rank, one));
        }
        found.retain_mut(|(shot, frames, matches)| {
            let others = of.get(&shot.asset).into_iter().flatten();
            let mut overlapping = others.filter_map(|(rank, other)| {
                let both = (frames.0.max(other.frames.0), frames.1.min(other.frames.1));
                (both.0 < both.1).then_some((rank, other, both))
            });
            let Some((&rank, other, both)) = overlapping.next() else {
                return false;
            };
            *frames = both;
            matches.push(RankedMatch {
                rank,
                weight: weight * trust(&other.found),
                found: other.found.clone(),
            });
            true
        });
    }
    let fused = found.into_iter().map(|(shot, frames, matches)| FusedShot {
        shot,
        frames: Some(frames),
        score: matches.iter().map(|one| share(one.weight, one.rank)).sum(),
        matches,
    });
    let mut seen = HashSet::new();
    let mut best = sorted(fused.collect());
    best.retain(|one| seen.insert(one.shot.clone()));
    best
}

/// The entries of a list with their ranks, from 1. After two firsts comes a third.
fn with_ranks<M>(list: Vec<Ranked<M>>) -> impl Iterator<Item = (u32, Ranked<M>)> {
    let mut rank = 1;
    (1..).zip(list).map(move |(place, one)| {
        if !one.is_tied {
            rank = place;
        }
        (rank, one)
    })
}

fn sorted<M>(mut fused: Vec<FusedShot<M>>) -> Vec<FusedShot<M>> {
    fused.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.shot.cmp(&b.shot))
    });
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(asset: &AssetId, start: u64, end: u64) -> ShotId {
        ShotId {
            asset: asset.clone(),
            start,
            end,
        }
    }

    fn list(asset: &AssetId, starts: &[u64]) -> Vec<Ranked<u64>> {
        let ranked = |&n: &u64| Ranked {
            shot: shot(asset, n, n + 1),
            frames: (n, n + 1),
            found: n,
            is_tied: false,
        };
        starts.iter().map(ranked).collect()
    }

    #[test]
    fn a_shot_in_two_lists_comes_before_one_in_either() {
        let asset = AssetId::new();
        let lists = vec![(1.0, list(&asset, &[1, 2])), (1.0, list(&asset, &[3, 2]))];
        let both = fuse(lists, |_| 1.0);
        assert_eq!(both.len(), 3);
        assert_eq!(both[0].shot, shot(&asset, 2, 3));
        assert!((both[0].score - 2.0 / 62.0).abs() < 1e-12);
        let ranks: Vec<u32> = both[0].matches.iter().map(|one| one.rank).collect();
        assert_eq!(ranks, [2, 2]);
        // The score is the same when the other list is empty.
        let one = fuse(
            vec![(1.0, list(&asset, &[1, 2])), (1.0, Vec::new())],
            |_| 1.0,
        );
        assert!((one[1].score - 1.0 / 62.0).abs() < 1e-12);
    }

    #[test]
    fn entries_that_are_as_good_share_a_rank() {
        let mut tied = list(&AssetId::new(), &[1, 2, 3, 4]);
        tied[1].is_tied = true;
        tied[3].is_tied = true;
        let fused = fuse(vec![(1.0, tied)], |_| 1.0);
        let ranks: Vec<u32> = fused.iter().map(|one| one.matches[0].rank).collect();
        assert_eq!(ranks, [1, 1, 3, 3]);
    }

    #[test]
    fn a_list_with_more_weight_decides() {
        let asset = AssetId::new();
        let lists = |weight| {
            let lists = vec![
                (1.0, list(&asset, &[1, 2])),
                (weight, list(&asset, &[2, 1])),
            ];
            let fused = fuse(lists, |_| 1.0);
            fused[0].shot.start
        };
        assert_eq!((lists(0.5), lists(2.0)), (1, 2));
    }

    #[test]
    fn a_match_without_trust_moves_up_what_another_list_has_and_comes_last_by_itself() {
        let asset = AssetId::new();
        let lists = || {
            vec![
                (1.0, list(&asset, &[1, 2, 3])),
                (1.0, list(&asset, &[8, 9, 3])),
            ]
        };
        // What is found from shot 5 on is not trusted much.
        let fused = fuse(lists(), |&found| if found < 5 { 1.0 } else { 0.1 });
        let order: Vec<u64> = fused.iter().map(|one| one.shot.start).collect();
        assert_eq!(order, [3, 1, 2, 8, 9]);
        assert!((fused[3].score - 0.1 / 61.0).abs() < 1e-12);
        assert!((fused[3].matches[0].weight - 0.1).abs() < 1e-12);
        let both = intersect(lists(), |_| 0.5);
        assert!((both[0].score - 2.0 * 0.5 / 63.0).abs() < 1e-12);
    }

    #[test]
    fn only_what_all_lists_have_at_the_same_time_is_kept() {
        let (asset, other) = (AssetId::new(), AssetId::new());
        let whole = |asset: &AssetId, start, end| Ranked {
            shot: shot(asset, start, end),
            frames: (start, end),
            found: "seen",
            is_tied: false,
        };
        let line = |start, end, frames| Ranked {
            shot: shot(&asset, start, end),
            frames,
            found: "said",
            is_tied: false,
        };
        let seen = vec![
            whole(&other, 0, 50),
            whole(&asset, 50, 100),
            whole(&asset, 0, 50),
            whole(&asset, 100, 150),
        ];
        // The second line begins in one shot and ends in the next.
        let said = vec![line(0, 50, (10, 20)), line(0, 50, (40, 60))];
        let both = intersect(vec![(1.0, seen), (1.0, said)], |_| 1.0);
        let found: Vec<_> = both
            .iter()
            .map(|one| (one.shot.start, one.frames))
            .collect();
        assert_eq!(found, [(0, Some((10, 20))), (50, Some((50, 60)))]);
        assert!((both[0].score - (1.0 / 63.0 + 1.0 / 61.0)).abs() < 1e-12);
    }
}
