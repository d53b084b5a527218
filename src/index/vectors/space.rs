//! One embedding space: the vectors of all shots in it.

use std::sync::{Arc, PoisonError, RwLock};

use tantivy::directory::OwnedBytes;

use super::background::Background;
use super::codes::Query;
use super::member::Member;
use super::rotation::{padded, rotated};
use super::scan::{self, Effort, Scope};
use super::segment::{AssetRows, NewAsset, Segment, write};
use super::store::StoredGraph;
use super::walk::Walk;
use crate::catalog::{AssetId, ShotId};
use crate::index::scope::ShotSet;
use crate::index::{IndexError, SpaceVectors};

/// Segments in memory, or files of similar size, that are joined into one.
const JOINED: usize = 8;
/// Files of up to this many rows are joined with others. A join of larger ones would write tens of gigabytes.
const LARGEST: usize = 1 << 22;
/// The share of dead rows at which a file is written again without them.
const DEAD_SHARE: f64 = 0.3;
/// Beyond this many hits, a walk takes longer than a scan.
const MOST_WALKED: usize = 400;
/// Shots that represent all of a space.
const SAMPLE: usize = 1024;
/// Dead rows of a file that are not worth writing it again.
const DEAD_ROWS: usize = 1000;

/// A space with many readers.
#[derive(Debug)]
pub(in crate::index) struct Space {
    dims: usize,
    members: RwLock<Arc<Vec<Member>>>,
}

/// A vector near to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Its shot.
    pub shot: ShotId,
    /// Its rank among the vectors of the shot's asset in the space.
    pub ordinal: u32,
    /// Cosine similarity.
    pub similarity: f32,
}

/// The newest rows of some assets. Assets without rows are removed.
#[derive(Debug, Default)]
pub(in crate::index) struct Batch {
    assets: Vec<NewAsset>,
}

impl Batch {
    /// Adds an asset with the vectors of its shots.
    pub(in crate::index) fn add(&mut self, asset: &AssetId, of: &SpaceVectors) {
        let rotated = of.vectors.iter().map(|vector| rotated(vector));
        let rows = NewAsset::new(asset.clone(), &of.shots, rotated);
        self.assets.push(rows);
    }

    /// Removes an asset.
    pub(in crate::index) fn remove(&mut self, asset: &AssetId) {
        let rows = NewAsset::new(asset.clone(), &[], std::iter::empty());
        self.assets.push(rows);
    }
}

impl Space {
    pub(in crate::index) fn new(dims: usize) -> Self {
        Self::from_members(dims, Vec::new())
    }

    pub(super) fn from_members(dims: usize, members: Vec<Member>) -> Self {
        Self {
            dims,
            members: RwLock::new(Arc::new(members)),
        }
    }

    pub(in crate::index) const fn dims(&self) -> usize {
        self.dims
    }

    /// Number of shots that can be found.
    pub(in crate::index) fn len(&self) -> usize {
        self.members().iter().map(Member::live_rows).sum()
    }

    /// Number of shots that are in memory only.
    pub(in crate::index) fn unpublished(&self) -> usize {
        let members = self.members();
        let in_memory = members.iter().filter(|member| member.file.is_none());
        in_memory.map(|member| member.segment.layout.rows).sum()
    }

    /// Whether an asset has rows.
    pub(in crate::index) fn holds(&self, asset: &AssetId) -> bool {
        self.members()
            .iter()
            .any(|member| member.live(asset).is_some())
    }

    pub(super) fn members(&self) -> Arc<Vec<Member>> {
        Arc::clone(&self.members.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Member>)) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = members.to_vec();
        change(&mut next);
        next.retain(|member| member.live_rows() > 0);
        *members = Arc::new(next);
    }

    /// Replaces the rows of the batch's assets. A search sees all of it or nothing.
    pub(in crate::index) fn apply(&self, batch: &Batch) -> Result<(), IndexError> {
        let rows = batch.assets.iter().map(NewAsset::rows);
        let rows: Vec<AssetRows<'_>> = rows.filter(|asset| !asset.scales.is_empty()).collect();
        let new = self.in_memory(&rows)?;
        self.change(|members| {
            for member in members.iter_mut() {
                let live = batch
                    .assets
                    .iter()
                    .filter_map(|new| member.live(&new.asset));
                let buried: Vec<u32> = live.collect();
                member.bury(buried.into_iter());
            }
            members.extend(new);
        });
        self.join_in_memory()
    }

    fn in_memory(&self, rows: &[AssetRows<'_>]) -> Result<Option<Member>, IndexError> {
        if rows.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let segment = write(padded(self.dims), rows, &mut bytes)
            .map_err(|error| error.to_string())
            .and_then(|layout| {
                bytes.resize(layout.len(), 0);
                Segment::open(layout, OwnedBytes::new(bytes))
            })
            .map_err(IndexError::Segment)?;
        Ok(Some(Member::new(segment, None, Vec::new())))
    }

    /// Joins segments in memory when there are many.
    fn join_in_memory(&self) -> Result<(), IndexError> {
        let members = self.members();
        let in_memory: Vec<&Member> = members.iter().filter(|m| m.file.is_none()).collect();
        if in_memory.len() < JOINED {
            return Ok(());
        }
        let rows: Vec<AssetRows<'_>> = in_memory.iter().flat_map(|member| member.rows()).collect();
        let joined = self.in_memory(&rows)?;
        self.change(|members| {
            members.retain(|member| member.file.is_some());
            members.extend(joined);
        });
        Ok(())
    }

    /// Replaces the segments in memory by one that `write` stores.
    pub(super) fn store_new(
        &self,
        write: impl FnOnce(usize, &[AssetRows<'_>]) -> Result<Member, IndexError>,
    ) -> Result<(), IndexError> {
        let members = self.members();
        let new: Vec<&Member> = members.iter().filter(|m| m.file.is_none()).collect();
        let rows: Vec<AssetRows<'_>> = new.iter().flat_map(|member| member.rows()).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let stored = write(padded(self.dims), &rows)?;
        self.replace(&new, stored);
        Ok(())
    }

    /// The files that should be joined into one, or written again without their dead rows, if they have up to `most`
    /// rows; none if there are none.
    pub(super) fn due(&self, most: usize) -> Vec<Member> {
        let members = self.members();
        let files = members.iter().filter(|member| member.file.is_some());
        let mut tiers: Vec<Vec<&Member>> = Vec::new();
        for member in files {
            let dead = member.dead_rows();
            if member.segment.layout.rows <= most
                && dead > DEAD_ROWS
                && dead as f64 > DEAD_SHARE * member.segment.layout.rows as f64
            {
                return vec![member.clone()];
            }
            let rows = member.live_rows();
            if rows < LARGEST {
                // The base of the logarithm is the number of joined files, so a row is written once per tier.
                let tier = (rows.max(1).ilog2() / JOINED.ilog2()) as usize;
                tiers.resize(tiers.len().max(tier + 1), Vec::new());
                tiers[tier].push(member);
            }
        }
        let rows =
            |tier: &Vec<&Member>| tier.iter().map(|member| member.live_rows()).sum::<usize>();
        let due = tiers
            .into_iter()
            .find(|tier| tier.len() >= JOINED && rows(tier) <= most);
        due.map_or_else(Vec::new, |tier| tier.into_iter().cloned().collect())
    }

    /// Joins the live rows of `due` into one segment that `write` stores.
    pub(super) fn join(
        &self,
        due: &[Member],
        write: impl FnOnce(usize, &[AssetRows<'_>]) -> Result<Member, IndexError>,
    ) -> Result<(), IndexError> {
        let rows: Vec<AssetRows<'_>> = due.iter().flat_map(Member::rows).collect();
        let joined = write(padded(self.dims), &rows)?;
        self.replace(&due.iter().collect::<Vec<_>>(), joined);
        Ok(())
    }

    /// Puts `new` in the place of `old`. Assets that died meanwhile are dead in `new`.
    fn replace(&self, old: &[&Member], mut new: Member) {
        self.change(|members| {
            let is_old = |member: &Member| {
                old.iter()
                    .any(|old| Arc::ptr_eq(&old.segment, &member.segment))
            };
            let lives = |asset: &AssetId| {
                let mut present = members.iter().filter(|member| is_old(member));
                present.any(|member| member.live(asset).is_some())
            };
            let numbers = (0..).zip(&new.segment.assets);
            let died: Vec<u32> = numbers
                .filter(|(_, asset)| !lives(asset))
                .map(|(number, _)| number)
                .collect();
            new.bury(died.into_iter());
            members.retain(|member| !is_old(member));
            members.push(new);
        });
    }

    /// Drops a damaged segment.
    pub(super) fn drop_segment(&self, damaged: &Arc<Segment>) {
        self.change(|members| members.retain(|member| !Arc::ptr_eq(&member.segment, damaged)));
    }

    /// How similar shots are to a query in general, from an even sample of all shots, or of those in scope;
    /// `None` if there are too few.
    pub(in crate::index) fn background(
        &self,
        query: &[f32],
        scope: Option<&ShotSet>,
    ) -> Option<Background> {
        if query.len() != self.dims {
            return None;
        }
        let members = self.members();
        let scopes: Vec<Scope> = members.iter().map(|member| member.scope(scope)).collect();
        let shots = scopes.iter().map(Scope::len).sum();
        let query = Query::new(rotated(query));
        Background::of(&scan::sample(&query, SAMPLE, &scopes), shots)
    }

    /// Sets the graph of a segment and its files.
    pub(super) fn set_walk(
        &self,
        of: &Arc<Segment>,
        walk: Option<Walk>,
        files: Option<StoredGraph>,
    ) {
        self.change(|members| {
            let mut same = members
                .iter_mut()
                .filter(|member| Arc::ptr_eq(&member.segment, of));
            if let Some(member) = same.next() {
                member.walk = walk;
                if let Some(file) = &mut member.file {
                    file.graph = files;
                }
            }
        });
    }

    /// See [`crate::index::Index::nearest`].
    pub(in crate::index) fn nearest(
        &self,
        query: &[f32],
        count: usize,
        scope: Option<&ShotSet>,
    ) -> (Vec<Near>, Effort) {
        if query.len() != self.dims || count == 0 {
            return (Vec::new(), Effort::default());
        }
        let members = self.members();
        let query = Query::new(rotated(query));
        let (mut walked, mut reached) = (0, 0);
        let mut scopes = Vec::with_capacity(members.len());
        for member in members.iter() {
            let walk = member.walk.as_ref();
            let near = walk.filter(|_| scope.is_none() && count <= MOST_WALKED);
            let near = near.map(|walk| member.walked(walk, &query, count));
            // Dead rows may have taken all places.
            let enough = |near: &Scope| near.len() >= count.min(member.live_rows());
            scopes.push(match near.filter(enough) {
                Some(near) => {
                    walked += member.live_rows();
                    reached += near.len();
                    near
                }
                None => member.scope(scope),
            });
        }
        let (found, effort) = scan::nearest(&query, count, &scopes);
        let shot = |found: scan::Found| {
            let segment = &scopes[found.segment as usize].segment;
            let first = segment.rows_of(segment.asset_of(found.row)).start;
            Near {
                shot: segment.shot(found.row),
                ordinal: found.row - first,
                similarity: found.similarity,
            }
        };
        let effort = Effort {
            shots: effort.shots - reached + walked,
            walked,
            ..effort
        };
        (found.into_iter().map(shot).collect(), effort)
    }
}

#[cfg(test)]
mod tests;
