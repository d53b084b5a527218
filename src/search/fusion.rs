//! Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009).

use std::collections::HashMap;

use crate::catalog::ShotId;
use crate::index::CueHit;

/// The constant of the paper: how little the first places differ.
const K: f64 = 60.0;

/// A shot that some recall found, with its ranks from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) shot: ShotId,
    pub(super) score: f64,
    /// Cosine similarity and rank.
    pub(super) visual: Option<(f32, u32)>,
    /// The best line of the shot and its rank.
    pub(super) dialogue: Option<(CueHit, u32)>,
}

/// Fuses two ranked lists. With one list the order is its own and the score its own measure.
pub(super) fn fuse(visual: Vec<(ShotId, f32)>, spoken: Vec<CueHit>) -> Vec<Found> {
    let mut found: HashMap<ShotId, Found> = HashMap::new();
    let alone = visual.is_empty() || spoken.is_empty();
    let entry = |shot: &ShotId| Found {
        shot: shot.clone(),
        score: 0.0,
        visual: None,
        dialogue: None,
    };
    for (rank, (shot, similarity)) in (1..).zip(visual) {
        let hit = found.entry(shot.clone()).or_insert_with(|| entry(&shot));
        hit.visual = Some((similarity, rank));
        hit.score += if alone {
            f64::from(similarity)
        } else {
            1.0 / (K + f64::from(rank))
        };
    }
    // A shot in which several lines match counts once, at its best line.
    let mut rank = 0;
    for cue in spoken {
        let shot = cue.shot.clone();
        let hit = found.entry(shot.clone()).or_insert_with(|| entry(&shot));
        if hit.dialogue.is_none() {
            rank += 1;
            hit.score += if alone {
                f64::from(cue.score)
            } else {
                1.0 / (K + f64::from(rank))
            };
            hit.dialogue = Some((cue, rank));
        }
    }
    let mut found: Vec<Found> = found.into_values().collect();
    found.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.shot.cmp(&b.shot))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::AssetId;

    #[test]
    fn a_shot_found_by_both_recalls_comes_before_one_found_by_either() {
        let asset = AssetId::new();
        let shot = |n: u64| ShotId {
            asset: asset.clone(),
            start: n,
            end: n + 1,
        };
        let cue = |n: u64, text: &str| CueHit {
            shot: shot(n),
            frames: (n, n + 1),
            ms: (n, n + 1),
            text: text.to_owned(),
            score: 2.0,
        };
        let both = fuse(
            vec![(shot(1), 0.9), (shot(2), 0.8)],
            vec![cue(3, "a"), cue(2, "b"), cue(2, "c")],
        );
        assert_eq!(both[0].shot, shot(2));
        assert_eq!(both[0].dialogue.as_ref().unwrap().0.text, "b");
        assert_eq!(both[0].dialogue.as_ref().unwrap().1, 2);
        assert_eq!(both.len(), 3);
        let sight = fuse(vec![(shot(1), 0.9), (shot(2), 0.8)], Vec::new());
        assert!((sight[0].score - 0.9).abs() < 1e-6);
    }
}
