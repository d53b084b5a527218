//! The shots that a search may find.

use std::collections::{HashMap, HashSet};

use crate::catalog::AssetId;

/// The shots of one asset that are in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frames {
    /// Every shot.
    All,
    /// The shots with these first frames, in ascending order.
    Starts(Vec<u64>),
}

/// A set of shots, by asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShotSet {
    assets: HashMap<AssetId, Frames>,
}

impl ShotSet {
    /// Whether the shot of `asset` that starts at frame `start` is in the set.
    #[must_use]
    pub fn contains(&self, asset: &AssetId, start: u64) -> bool {
        match self.assets.get(asset) {
            Some(Frames::All) => true,
            Some(Frames::Starts(starts)) => starts.binary_search(&start).is_ok(),
            None => false,
        }
    }

    /// The assets with a shot in the set.
    pub fn assets(&self) -> impl Iterator<Item = &AssetId> {
        self.assets.keys()
    }

    /// The shots of an asset that are in the set.
    #[must_use]
    pub fn get(&self, asset: &AssetId) -> Option<&Frames> {
        self.assets.get(asset)
    }

    /// Number of assets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }
}

impl From<HashSet<AssetId>> for ShotSet {
    fn from(assets: HashSet<AssetId>) -> Self {
        let whole = assets.into_iter().map(|asset| (asset, Frames::All));
        Self {
            assets: whole.collect(),
        }
    }
}

impl FromIterator<(AssetId, Frames)> for ShotSet {
    fn from_iter<I: IntoIterator<Item = (AssetId, Frames)>>(assets: I) -> Self {
        Self {
            assets: assets.into_iter().collect(),
        }
    }
}
