//! A segment of a space, and what became of its assets.

use std::ops::Range;
use std::sync::Arc;

use super::codes::Query;
use super::scan::Scope;
use super::segment::{AssetRows, Segment};
use super::store::Stored;
use super::walk::Walk;
use crate::catalog::AssetId;
use crate::index::scope::{Frames, ShotSet};

/// A segment, and what became of its assets.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) segment: Arc<Segment>,
    /// Its file; `None` if it is in memory only.
    pub(super) file: Option<Stored>,
    /// The assets whose rows were replaced or deleted, in ascending order.
    pub(super) dead: Arc<Vec<u32>>,
    /// A graph over its rows, if it is loaded and faster than a scan.
    pub(super) walk: Option<Walk>,
}

impl Member {
    pub(super) fn new(segment: Segment, file: Option<Stored>, dead: Vec<u32>) -> Self {
        Self {
            segment: Arc::new(segment),
            file,
            dead: Arc::new(dead),
            walk: None,
        }
    }

    /// The number of an asset whose rows are alive.
    pub(super) fn live(&self, asset: &AssetId) -> Option<u32> {
        let number = self.segment.number(asset)?;
        self.dead.binary_search(&number).is_err().then_some(number)
    }

    pub(super) fn bury(&mut self, assets: impl Iterator<Item = u32>) {
        let mut dead = self.dead.to_vec();
        dead.extend(assets);
        if dead.len() > self.dead.len() {
            dead.sort_unstable();
            dead.dedup();
            self.dead = Arc::new(dead);
        }
    }

    pub(super) fn dead_rows(&self) -> usize {
        let rows = self
            .dead
            .iter()
            .map(|&asset| self.segment.rows_of(asset).len());
        rows.sum()
    }

    pub(super) fn live_rows(&self) -> usize {
        self.segment.layout.rows - self.dead_rows()
    }

    /// The rows of its live assets, for another segment.
    pub(super) fn rows(&self) -> impl Iterator<Item = AssetRows<'_>> {
        let assets = 0..u32::try_from(self.segment.assets.len()).unwrap_or(u32::MAX);
        let live = assets.filter(|asset| self.dead.binary_search(asset).is_err());
        live.map(|asset| self.segment.asset_rows(asset))
    }

    /// Its live rows that a graph finds near to a query.
    pub(super) fn walked(&self, walk: &Walk, query: &Query, count: usize) -> Scope {
        // Dead rows take places, and so do rows whose high bytes are a little too far away.
        let near = walk.near(query, 2 * count);
        let is_live = |row: &u32| {
            let asset = self.segment.asset_of(*row);
            self.dead.binary_search(&asset).is_err()
        };
        let mut rows: Vec<u32> = near.into_iter().filter(is_live).collect();
        rows.sort_unstable();
        Scope {
            segment: Arc::clone(&self.segment),
            rows: rows.into_iter().map(|row| row..row + 1).collect(),
        }
    }

    /// Its rows in scope.
    pub(super) fn scope(&self, scope: Option<&ShotSet>) -> Scope {
        let mut rows = match scope {
            None => self.live_runs(),
            Some(set) => self.rows_in(set),
        };
        rows.sort_unstable_by_key(|range| range.start);
        rows.dedup_by(|next, last| {
            let adjacent = last.end == next.start;
            if adjacent {
                last.end = next.end;
            }
            adjacent
        });
        Scope {
            segment: Arc::clone(&self.segment),
            rows,
        }
    }

    fn live_runs(&self) -> Vec<Range<u32>> {
        let mut runs = Vec::with_capacity(self.dead.len() + 1);
        let mut next = 0;
        for &asset in self.dead.iter() {
            let dead = self.segment.rows_of(asset);
            runs.push(next..dead.start);
            next = dead.end;
        }
        let rows = u32::try_from(self.segment.layout.rows).unwrap_or(u32::MAX);
        runs.push(next..rows);
        runs.retain(|run| !run.is_empty());
        runs
    }

    fn rows_in(&self, set: &ShotSet) -> Vec<Range<u32>> {
        let mut runs = Vec::new();
        let mut add = |asset: &AssetId, frames: &Frames| {
            let Some(number) = self.live(asset) else {
                return;
            };
            let rows = self.segment.rows_of(number);
            match frames {
                Frames::All => runs.push(rows),
                Frames::Starts(starts) => {
                    let wanted =
                        |row: &u32| starts.binary_search(&self.segment.span(*row).0).is_ok();
                    runs.extend(rows.filter(wanted).map(|row| row..row + 1));
                }
            }
        };
        if set.len() < self.segment.assets.len() {
            for asset in set.assets() {
                if let Some(frames) = set.get(asset) {
                    add(asset, frames);
                }
            }
        } else {
            for asset in &self.segment.assets {
                if let Some(frames) = set.get(asset) {
                    add(asset, frames);
                }
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}
