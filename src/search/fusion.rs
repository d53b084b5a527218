//! Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009).

use std::collections::HashMap;

use crate::catalog::ShotId;

/// The constant of the paper. The larger it is, the less the first places differ.
const K: f64 = 60.0;

/// An entry of a recall's list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranked<M> {
    pub(super) shot: ShotId,
    /// The recall's data on the match, including its own measure.
    pub(super) found: M,
}

impl<M> Ranked<M> {
    /// The same entry with its match converted.
    pub(super) fn map<N>(self, into: impl FnOnce(M) -> N) -> Ranked<N> {
        Ranked {
            shot: self.shot,
            found: into(self.found),
        }
    }
}

/// A shot that at least one recall found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FusedShot<M> {
    pub(super) shot: ShotId,
    /// The sum of 1 / (60 + rank) over the lists that contain it.
    pub(super) score: f64,
    /// Its rank, from 1, and its match in each list that contains it.
    pub(super) matches: Vec<(u32, M)>,
}

/// Fuses ranked lists. Each list contains a shot at most once. A single list keeps its order.
pub(super) fn fuse<M>(lists: Vec<Vec<Ranked<M>>>) -> Vec<FusedShot<M>> {
    let mut fused: HashMap<ShotId, FusedShot<M>> = HashMap::new();
    for list in lists {
        for (rank, Ranked { shot, found }) in (1..).zip(list) {
            let entry = fused.entry(shot.clone()).or_insert_with(|| FusedShot {
                shot,
                score: 0.0,
                matches: Vec::new(),
            });
            entry.score += 1.0 / (K + f64::from(rank));
            entry.matches.push((rank, found));
        }
    }
    let mut fused: Vec<FusedShot<M>> = fused.into_values().collect();
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
    use crate::catalog::AssetId;

    #[test]
    fn a_shot_in_two_lists_comes_before_one_in_either() {
        let asset = AssetId::new();
        let shot = |n: u64| ShotId {
            asset: asset.clone(),
            start: n,
            end: n + 1,
        };
        let list = |shots: &[u64]| -> Vec<Ranked<u64>> {
            let ranked = |&n: &u64| Ranked {
                shot: shot(n),
                found: n,
            };
            shots.iter().map(ranked).collect()
        };
        let both = fuse(vec![list(&[1, 2]), list(&[3, 2])]);
        assert_eq!(both.len(), 3);
        assert_eq!(both[0].shot, shot(2));
        assert!((both[0].score - 2.0 / 62.0).abs() < 1e-12);
        assert_eq!(both[0].matches, [(2, 2), (2, 2)]);
        // The score is the same when the other list is empty.
        let one = fuse(vec![list(&[1, 2]), Vec::new()]);
        assert!((one[1].score - 1.0 / 62.0).abs() < 1e-12);
    }
}
