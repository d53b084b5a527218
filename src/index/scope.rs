//! Where to search: assets, or some shots of them.

use std::collections::{HashMap, HashSet};

use crate::catalog::AssetId;

/// A set of shots, by asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShotSet {
    assets: HashMap<AssetId, Frames>,
}

/// The shots of one asset that are in a [`ShotSet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frames {
    /// All of them.
    All,
    /// Those that begin with these frames, in ascending order.
    Starts(Vec<u64>),
}

impl Frames {
    /// Whether the shot that begins with frame `start` is among them.
    #[must_use]
    pub fn contains(&self, start: u64) -> bool {
        match self {
            Self::All => true,
            Self::Starts(starts) => starts.binary_search(&start).is_ok(),
        }
    }
}

impl ShotSet {
    /// All shots of these assets.
    pub fn from_assets(assets: impl IntoIterator<Item = AssetId>) -> Self {
        let assets = assets.into_iter().map(|asset| (asset, Frames::All));
        Self {
            assets: assets.collect(),
        }
    }

    /// The shots that begin with these frames, in any order.
    pub fn from_starts(shots: impl IntoIterator<Item = (AssetId, u64)>) -> Self {
        let mut starts: HashMap<AssetId, Vec<u64>> = HashMap::new();
        for (asset, start) in shots {
            starts.entry(asset).or_default().push(start);
        }
        let assets = starts.into_iter().map(|(asset, mut starts)| {
            starts.sort_unstable();
            starts.dedup();
            (asset, Frames::Starts(starts))
        });
        Self {
            assets: assets.collect(),
        }
    }

    /// Whether it contains the shot of `asset` that begins with frame `start`.
    #[must_use]
    pub fn contains(&self, asset: &AssetId, start: u64) -> bool {
        self.get(asset).is_some_and(|frames| frames.contains(start))
    }

    /// The shots of an asset; `None` if it has none here.
    #[must_use]
    pub fn get(&self, asset: &AssetId) -> Option<&Frames> {
        self.assets.get(asset)
    }

    /// Its assets.
    pub fn assets(&self) -> impl Iterator<Item = &AssetId> {
        self.assets.keys()
    }

    /// Its assets with their shots.
    pub fn iter(&self) -> impl Iterator<Item = (&AssetId, &Frames)> {
        self.assets.iter()
    }

    /// Number of assets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether it contains nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// The shots that are in both sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both = self.assets.iter().filter_map(|(asset, mine)| {
            let frames = match (mine, other.get(asset)?) {
                (Frames::All, theirs) => theirs.clone(),
                (Frames::Starts(_), Frames::All) => mine.clone(),
                (Frames::Starts(starts), theirs) => {
                    let kept = starts.iter().copied().filter(|&at| theirs.contains(at));
                    let kept: Vec<u64> = kept.collect();
                    if kept.is_empty() {
                        return None;
                    }
                    Frames::Starts(kept)
                }
            };
            Some((asset.clone(), frames))
        });
        Self {
            assets: both.collect(),
        }
    }
}

impl From<HashSet<AssetId>> for ShotSet {
    fn from(assets: HashSet<AssetId>) -> Self {
        Self::from_assets(assets)
    }
}

impl FromIterator<(AssetId, Frames)> for ShotSet {
    fn from_iter<I: IntoIterator<Item = (AssetId, Frames)>>(assets: I) -> Self {
        Self {
            assets: assets.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_whole_assets_and_single_shots() {
        let (a, b) = (AssetId::new(), AssetId::new());
        let whole = ShotSet::from_assets([a.clone()]);
        let some = ShotSet::from_starts([(a.clone(), 40), (b.clone(), 7), (a.clone(), 0)]);
        assert!(whole.contains(&a, 3) && !whole.contains(&b, 7));
        assert!(some.contains(&a, 40) && !some.contains(&a, 3));
        assert_eq!(some.get(&a), Some(&Frames::Starts(vec![0, 40])));
        assert_eq!((some.len(), whole.len()), (2, 1));
        let both = some.and(&whole);
        assert_eq!(both, whole.and(&some));
        assert!(both.contains(&a, 40) && both.get(&b).is_none());
        let other = ShotSet::from_starts([(a.clone(), 40), (a.clone(), 80)]);
        assert_eq!(some.and(&other).get(&a), Some(&Frames::Starts(vec![40])));
        assert!(some.and(&ShotSet::from_starts([(a, 80)])).is_empty());
    }
}
