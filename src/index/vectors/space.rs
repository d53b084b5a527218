//! One embedding space: the vectors of all shots in it.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use tantivy::directory::OwnedBytes;

use super::background::Background;
use super::codes::Query;
use super::rotation::{padded, rotated};
use super::scan::{self, Effort, Scope};
use super::segment::{AssetRows, NewAsset, Segment, write};
use super::store::{Stored, StoredGraph};
use super::walk::Walk;
use crate::catalog::{AssetId, ShotId};
use crate::index::scope::{Frames, ShotSet};
use crate::index::{IndexError, SpaceVectors};

/// Segments in memory, or files of similar size, that are joined into one.
const JOINED: usize = 8;
/// Files of up to this many rows are joined with others. A join of larger ones would write gigabytes.
const LARGEST: usize = 1 << 22;
/// The share of dead rows at which a file is written again without them.
const DEAD_SHARE: f64 = 0.3;
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
    fn live(&self, asset: &AssetId) -> Option<u32> {
        let number = self.segment.number(asset)?;
        self.dead.binary_search(&number).is_err().then_some(number)
    }

    fn bury(&mut self, assets: impl Iterator<Item = u32>) {
        let mut dead = self.dead.to_vec();
        dead.extend(assets);
        if dead.len() > self.dead.len() {
            dead.sort_unstable();
            dead.dedup();
            self.dead = Arc::new(dead);
        }
    }

    fn dead_rows(&self) -> usize {
        let rows = self
            .dead
            .iter()
            .map(|&asset| self.segment.rows_of(asset).len());
        rows.sum()
    }

    fn live_rows(&self) -> usize {
        self.segment.layout.rows - self.dead_rows()
    }

    /// The rows of its live assets, for another segment.
    fn rows(&self) -> impl Iterator<Item = AssetRows<'_>> {
        let assets = 0..u32::try_from(self.segment.assets.len()).unwrap_or(u32::MAX);
        let live = assets.filter(|asset| self.dead.binary_search(asset).is_err());
        live.map(|asset| self.segment.asset_rows(asset))
    }

    /// Its live rows that a graph finds near to a query.
    fn walked(&self, walk: &Walk, query: &Query, count: usize) -> Scope {
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
    fn scope(&self, scope: Option<&ShotSet>) -> Scope {
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

    /// The files that should be joined into one, or written again without their dead rows; none if there are none.
    pub(super) fn due(&self) -> Vec<Member> {
        let members = self.members();
        let files = members.iter().filter(|member| member.file.is_some());
        let mut tiers: Vec<Vec<&Member>> = Vec::new();
        for member in files {
            let dead = member.dead_rows();
            if dead > DEAD_ROWS && dead as f64 > DEAD_SHARE * member.segment.layout.rows as f64 {
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
        let due = tiers.into_iter().find(|tier| tier.len() >= JOINED);
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

    /// How similar shots are to a query in general, from an even sample of all shots; `None` if there are too few.
    pub(in crate::index) fn background(&self, query: &[f32]) -> Option<Background> {
        if query.len() != self.dims {
            return None;
        }
        let members = self.members();
        let scopes: Vec<Scope> = members.iter().map(|member| member.scope(None)).collect();
        let query = Query::new(rotated(query));
        Background::of(&scan::sample(&query, SAMPLE, &scopes), self.len())
    }

    /// Sets the graph of a segment.
    pub(super) fn set_walk(&self, of: &Arc<Segment>, walk: Option<Walk>, files: &StoredGraph) {
        self.change(|members| {
            let mut same = members
                .iter_mut()
                .filter(|member| Arc::ptr_eq(&member.segment, of));
            if let Some(member) = same.next() {
                member.walk = walk;
                if let Some(file) = &mut member.file {
                    file.graph = Some(files.clone());
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
        let mut walked = 0;
        let mut scopes = Vec::with_capacity(members.len());
        for member in members.iter() {
            scopes.push(match &member.walk {
                Some(walk) if scope.is_none() => {
                    walked += member.live_rows();
                    member.walked(walk, &query, count)
                }
                _ => member.scope(scope),
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
            shots: effort.shots + walked,
            walked,
            ..effort
        };
        (found.into_iter().map(shot).collect(), effort)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    /// Deterministic unit vectors in clusters, like those of real shots.
    fn clustered(count: usize, dims: usize) -> Vec<Vec<f32>> {
        let mut state = 42_u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let centres: Vec<Vec<f32>> = (0..50)
            .map(|_| (0..dims).map(|_| random()).collect())
            .collect();
        (0..count)
            .map(|at| {
                let centre = &centres[at % centres.len()];
                unit(centre.iter().map(|x| x + 0.6 * random()).collect())
            })
            .collect()
    }

    fn unit(mut vector: Vec<f32>) -> Vec<f32> {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
        vector
    }

    fn put(space: &Space, asset: &AssetId, vectors: &[Vec<f32>]) {
        let mut batch = Batch::default();
        let shots = (0..vectors.len() as u64).map(|n| (n * 10, n * 10 + 10));
        let of = SpaceVectors {
            space: "s@1".to_owned(),
            shots: shots.collect(),
            vectors: vectors.to_vec(),
        };
        batch.add(asset, &of);
        space.apply(&batch).unwrap();
    }

    /// Assets of 100 shots each.
    fn filled(vectors: &[Vec<f32>]) -> (Space, Vec<AssetId>) {
        let space = Space::new(vectors[0].len());
        let assets = vectors.chunks(100).map(|vectors| {
            let asset = AssetId::new();
            put(&space, &asset, vectors);
            asset
        });
        let assets = assets.collect();
        (space, assets)
    }

    fn plain(query: &[f32], vectors: &[Vec<f32>], rows: impl Iterator<Item = usize>) -> Vec<usize> {
        let similarity =
            |row: usize| -> f32 { query.iter().zip(&vectors[row]).map(|(a, b)| a * b).sum() };
        let mut rows: Vec<usize> = rows.collect();
        rows.sort_by(|a, b| similarity(*b).total_cmp(&similarity(*a)));
        rows
    }

    #[test]
    fn replaced_and_deleted_shots_are_not_found() {
        let space = Space::new(32);
        let vectors = clustered(40, 32);
        let (a, b) = (AssetId::new(), AssetId::new());
        put(&space, &a, &vectors[..20]);
        put(&space, &b, &vectors[20..]);
        assert_eq!(space.nearest(&vectors[3], 1, None).0[0].shot.asset, a);
        put(&space, &a, &[]);
        assert_eq!(space.len(), 20);
        assert!(!space.holds(&a) && space.holds(&b));
        let found = space.nearest(&vectors[3], 40, None).0;
        assert!(found.len() == 20 && found.iter().all(|near| near.shot.asset == b));
        let scope = ShotSet::from(HashSet::from([a.clone()]));
        assert!(space.nearest(&vectors[3], 40, Some(&scope)).0.is_empty());
        put(&space, &a, &vectors[20..]);
        let found = space.nearest(&vectors[25], 2, None).0;
        assert_eq!(
            found.iter().map(|near| near.shot.start).collect::<Vec<_>>(),
            [50, 50]
        );
        // A similarity is that of the vectors, not of their codes.
        assert!((found[0].similarity - 1.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn a_scan_finds_what_a_comparison_with_every_row_finds_in_any_scope() {
        let vectors = clustered(6000, 96);
        let (space, assets) = filled(&vectors);
        let between = |at: usize| {
            let pair = vectors[at].iter().zip(&vectors[at + 1]);
            unit(pair.map(|(a, b)| a + b).collect())
        };
        let some = |every: usize| (0..60).filter(move |asset| asset % every == 0);
        for every in [1, 2, 7] {
            let ids = some(every).map(|asset| assets[asset].clone());
            let scope = (every > 1).then(|| ShotSet::from(ids.collect::<HashSet<_>>()));
            let (mut found, mut wanted) = (0, 0);
            for query in [between(3), between(40), vectors[17].clone(), between(777)] {
                let rows = some(every).flat_map(|asset| asset * 100..asset * 100 + 100);
                let expected: BTreeSet<usize> =
                    plain(&query, &vectors, rows).into_iter().take(50).collect();
                let near = space.nearest(&query, 50, scope.as_ref()).0;
                assert_eq!(near.len(), 50);
                assert!(
                    near.windows(2)
                        .all(|pair| pair[0].similarity >= pair[1].similarity)
                );
                let row = |shot: &ShotId| {
                    let asset = assets.iter().position(|asset| *asset == shot.asset);
                    asset.unwrap() * 100 + usize::try_from(shot.start).unwrap() / 10
                };
                found += near
                    .iter()
                    .filter(|near| expected.contains(&row(&near.shot)))
                    .count();
                wanted += 50;
            }
            assert!(
                found * 100 >= wanted * 99,
                "one in {every}: {found} of {wanted}"
            );
        }
    }

    #[test]
    fn a_scope_of_single_shots_is_searched_exactly() {
        let vectors = clustered(3000, 32);
        let (space, assets) = filled(&vectors);
        let starts = |asset: &AssetId| (asset.clone(), Frames::Starts(vec![30, 500, 990]));
        let scope: ShotSet = assets.iter().map(starts).collect();
        let rows = (0..30).flat_map(|asset| [3, 50, 99].map(|row| asset * 100 + row));
        let expected = plain(&vectors[1750], &vectors, rows);
        let found = space.nearest(&vectors[1750], 10, Some(&scope)).0;
        let found: Vec<(AssetId, u64)> = found
            .into_iter()
            .map(|near| (near.shot.asset, near.shot.start))
            .collect();
        let expected: Vec<(AssetId, u64)> = expected[..10]
            .iter()
            .map(|row| (assets[row / 100].clone(), (row % 100) as u64 * 10))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn many_near_equal_shots_hide_nothing_beyond_them() {
        let mut vectors = clustered(400, 64);
        let wanted = vectors[399].clone();
        for (at, vector) in vectors.iter_mut().take(399).enumerate() {
            *vector = wanted
                .iter()
                .map(|x| x + 1e-4 * (at as f32).sin())
                .collect();
        }
        let (space, assets) = filled(&vectors);
        let found = space.nearest(&wanted, 400, None).0;
        assert_eq!(found.len(), 400);
        assert!(
            found
                .iter()
                .any(|near| near.shot.asset == assets[3] && near.shot.start == 990)
        );
    }

    #[test]
    fn vectors_longer_than_one_and_empty_spaces_are_searched() {
        let space = Space::new(2);
        assert!(space.nearest(&[1.0, 0.0], 5, None).0.is_empty());
        put(&space, &AssetId::new(), &[vec![3.0, 4.0], vec![0.0, 0.0]]);
        let found = space.nearest(&[0.6, 0.8], 5, None).0;
        assert!(
            (found[0].similarity - 5.0).abs() < 1e-3 && found[1].similarity == 0.0,
            "{found:?}"
        );
        assert!(space.nearest(&[1.0, 0.0, 0.0], 5, None).0.is_empty());
    }
}
