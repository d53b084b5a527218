//! What the index stores per asset.

use crate::catalog::AssetId;
use crate::catalog::cues::CueOrigin;

/// The published state of an asset; empty if it is gone or unpublished.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AssetEntry {
    /// The asset.
    pub(super) asset: AssetId,
    /// First and one-past-last frame of each shot, in order.
    pub(super) shots: Vec<(u64, u64)>,
    /// Its vectors in each space.
    pub(super) vectors: Vec<SpaceVectors>,
    /// Its dialogue.
    pub(super) cues: Vec<CueEntry>,
}

/// The vectors of an asset in one space.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SpaceVectors {
    /// The space.
    pub(super) space: String,
    /// First and one-past-last frame of the shot of each vector. Several vectors may have the same shot.
    pub(super) shots: Vec<(u64, u64)>,
    /// One vector per shot in `shots`.
    pub(super) vectors: Vec<Vec<f32>>,
}

/// A line of dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CueEntry {
    /// First frame, and one past the last.
    pub(super) frames: (u64, u64),
    /// The same in milliseconds.
    pub(super) ms: (u64, u64),
    /// The text.
    pub(super) text: String,
    /// Its language, if known.
    pub(super) language: Option<String>,
    /// Where it comes from.
    pub(super) origin: CueOrigin,
}

impl AssetEntry {
    /// The shot that overlaps `frames` the most.
    pub(super) fn shot_of(&self, frames: (u64, u64)) -> Option<(u64, u64)> {
        // Shots are in order, so only those from the shot of the first frame on can overlap.
        let first = self.shots.partition_point(|&(_, end)| end <= frames.0);
        let overlap =
            |&(start, end): &(u64, u64)| end.min(frames.1).saturating_sub(start.max(frames.0));
        self.shots[first..]
            .iter()
            .take_while(|&&(start, _)| start < frames.1)
            .copied()
            // The first one on a tie.
            .reduce(|best, shot| {
                if overlap(&shot) > overlap(&best) {
                    shot
                } else {
                    best
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_belongs_to_the_shot_that_shows_most_of_it() {
        let entry = AssetEntry {
            asset: AssetId::new(),
            shots: vec![(0, 75), (75, 150), (150, 225)],
            vectors: Vec::new(),
            cues: Vec::new(),
        };
        assert_eq!(entry.shot_of((75, 150)), Some((75, 150)));
        assert_eq!(entry.shot_of((70, 150)), Some((75, 150)));
        assert_eq!(entry.shot_of((74, 76)), Some((0, 75)));
        assert_eq!(entry.shot_of((224, 900)), Some((150, 225)));
        assert_eq!(entry.shot_of((300, 301)), None);
    }
}
