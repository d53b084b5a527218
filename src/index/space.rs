//! One embedding space: the vectors of all shots in it, and a navigable graph over them (HNSW,
//! Malkov and Yashunin 2016, arXiv 1603.09320).

use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use hnsw_rs::prelude::Hnsw;

use super::IndexError;
use super::distance::{UnitDot, dot};
use super::scope::{Effort, Frames, ShotSet};
use crate::catalog::{AssetId, ShotId};

/// Links per node on each layer.
pub(super) const LINKS: usize = 16;
/// Candidates considered when a node is linked.
pub(super) const BUILD_WIDTH: usize = 200;
/// Number of layers; enough for more than a billion nodes.
pub(super) const LAYERS: usize = 16;
/// Minimum number of candidates in a search.
const SEARCH_WIDTH: usize = 96;
/// Exact search is used up to this many vectors in scope, or up to [`EXACT_PER_HIT`] per requested hit. By
/// measurement (`benches/search`), a row costs 0.07 µs, and the graph costs 10 µs per hit, or 30 µs with a
/// filter. Exactness is worth a few milliseconds.
const EXACT_BELOW: usize = 20_000;
/// See [`EXACT_BELOW`].
const EXACT_PER_HIT: usize = 600;
/// The share of dead rows at which the space is rebuilt from the live rows.
const DEAD_SHARE: f64 = 0.3;

/// The shots in scope by the number of their asset.
type NumberedScope<'a> = HashMap<u32, &'a Frames>;

pub(super) type Graph = Hnsw<'static, f32, UnitDot>;

/// What a row of the graph represents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Index into the assets.
    pub(super) asset: u32,
    /// First frame.
    pub(super) start: u64,
    /// One past the last.
    pub(super) end: u64,
    /// Whether it can be found. Replaced and deleted shots stay in the graph for its links.
    pub(super) live: bool,
}

/// The tables beside the graph; the graph's node ids are row numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) assets: Vec<AssetId>,
    pub(super) rows: Vec<Row>,
    /// All vectors, concatenated.
    pub(super) vectors: Vec<f32>,
    numbers: HashMap<AssetId, u32>,
    /// The live rows of each asset.
    of: HashMap<u32, Vec<usize>>,
    dead: usize,
}

impl Rows {
    /// Creates them from stored tables; `vectors` holds one vector per row.
    pub(super) fn new(assets: Vec<AssetId>, rows: Vec<Row>, vectors: Vec<f32>) -> Self {
        let numbers = (0..).zip(&assets).map(|(n, id)| (id.clone(), n)).collect();
        let mut of: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.live) {
            of.entry(row.asset).or_default().push(at);
        }
        Self {
            dead: rows.iter().filter(|row| !row.live).count(),
            assets,
            rows,
            vectors,
            numbers,
            of,
        }
    }

    fn number(&mut self, asset: &AssetId) -> u32 {
        if let Some(&number) = self.numbers.get(asset) {
            return number;
        }
        let number = u32::try_from(self.assets.len()).unwrap_or(u32::MAX);
        self.assets.push(asset.clone());
        self.numbers.insert(asset.clone(), number);
        number
    }

    fn bury(&mut self, asset: u32) {
        for row in self.of.remove(&asset).unwrap_or_default() {
            self.rows[row].live = false;
            self.dead += 1;
        }
    }

    /// A scope by the numbers of its assets.
    fn numbered<'a>(&self, scope: &'a ShotSet) -> NumberedScope<'a> {
        let assets = scope
            .iter()
            .filter_map(|(asset, frames)| Some((*self.numbers.get(asset)?, frames)));
        assets.collect()
    }

    /// Number of live rows in scope.
    fn in_scope(&self, scope: Option<&NumberedScope<'_>>) -> usize {
        let size = |(asset, frames): (&u32, &&Frames)| match frames {
            Frames::All => self.of.get(asset).map_or(0, Vec::len),
            Frames::Starts(starts) => starts.len(),
        };
        scope.map_or(self.rows.len() - self.dead, |scope| {
            scope.iter().map(size).sum()
        })
    }

    fn shot(&self, row: usize) -> ShotId {
        let row = self.rows[row];
        ShotId {
            asset: self.assets[row.asset as usize].clone(),
            start: row.start,
            end: row.end,
        }
    }
}

struct Inner {
    rows: Rows,
    graph: Graph,
}

/// A space with many readers and one writer.
pub(super) struct Space {
    dims: usize,
    inner: RwLock<Inner>,
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space")
            .field("dims", &self.dims)
            .field("shots", &self.len())
            .finish_non_exhaustive()
    }
}

impl Space {
    pub(super) fn new(dims: usize) -> Self {
        Self::from_parts(dims, Rows::default(), new_graph(0))
    }

    pub(super) const fn from_parts(dims: usize, rows: Rows, graph: Graph) -> Self {
        Self {
            dims,
            inner: RwLock::new(Inner { rows, graph }),
        }
    }

    pub(super) const fn dims(&self) -> usize {
        self.dims
    }

    /// Number of shots that can be found.
    pub(super) fn len(&self) -> usize {
        let inner = self.read();
        inner.rows.rows.len() - inner.rows.dead
    }

    /// The tables and the graph, for writing a snapshot.
    pub(super) fn with_parts<T>(&self, read: impl FnOnce(&Rows, &Graph) -> T) -> T {
        let inner = self.read();
        read(&inner.rows, &inner.graph)
    }

    /// Replaces the asset's rows with `vectors` of `shots`. Only the writer calls this.
    pub(super) fn replace(
        &self,
        asset: &AssetId,
        shots: &[(u64, u64)],
        vectors: &[Vec<f32>],
    ) -> Result<(), IndexError> {
        if let Some(odd) = vectors.iter().find(|vector| vector.len() != self.dims) {
            return Err(IndexError::Dimensions {
                asset: asset.to_string(),
                expected: self.dims,
                found: odd.len(),
            });
        }
        if !vectors.is_empty() && vectors.len() != shots.len() {
            return Err(IndexError::Counts {
                asset: asset.to_string(),
                shots: shots.len(),
                vectors: vectors.len(),
            });
        }
        if let Some(odd) = vectors
            .iter()
            .position(|vector| !vector.iter().all(|x| x.is_finite()))
        {
            return Err(IndexError::NoNumbers {
                asset: asset.to_string(),
                shot: odd,
            });
        }
        // Linking is the slow part. It needs no exclusive access: searches skip rows that the tables do not
        // have yet.
        {
            let inner = self.read();
            for (row, vector) in (inner.rows.rows.len()..).zip(vectors) {
                inner.graph.insert((vector, row));
            }
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let rows = &mut inner.rows;
        let number = rows.number(asset);
        rows.bury(number);
        for (&(start, end), vector) in shots.iter().zip(vectors) {
            rows.of.entry(number).or_default().push(rows.rows.len());
            rows.rows.push(Row {
                asset: number,
                start,
                end,
                live: true,
            });
            rows.vectors.extend_from_slice(vector);
        }
        let (dead, all) = (rows.dead, rows.rows.len());
        drop(inner);
        if dead > 1000 && dead as f64 > DEAD_SHARE * all as f64 {
            self.remake();
        }
        Ok(())
    }

    /// Builds a new graph of the live rows beside the old one, then swaps the two.
    pub(super) fn remake(&self) {
        let old = self.read();
        let mut rows = Rows::default();
        let graph = new_graph(old.rows.rows.len() - old.rows.dead);
        for (at, row) in old.rows.rows.iter().enumerate().filter(|(_, row)| row.live) {
            let vector = &old.rows.vectors[at * self.dims..][..self.dims];
            let asset = rows.number(&old.rows.assets[row.asset as usize]);
            graph.insert((vector, rows.rows.len()));
            rows.of.entry(asset).or_default().push(rows.rows.len());
            rows.rows.push(Row { asset, ..*row });
            rows.vectors.extend_from_slice(vector);
        }
        drop(old);
        // There is only one writer, so nothing was added since.
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Inner { rows, graph };
    }

    /// See [`super::Index::nearest`].
    pub(super) fn nearest(
        &self,
        query: &[f32],
        count: usize,
        scope: Option<&ShotSet>,
    ) -> (Vec<(ShotId, f32)>, Effort) {
        let inner = self.read();
        if query.len() != self.dims || count == 0 {
            return Default::default();
        }
        let scope = scope.map(|scope| inner.rows.numbered(scope));
        let shots = inner.rows.in_scope(scope.as_ref());
        let (found, walked) = if shots <= EXACT_BELOW.max(EXACT_PER_HIT * count) {
            let found = exact(&inner.rows, self.dims, query, count, scope.as_ref());
            (found, 0)
        } else {
            (approximate(&inner, query, count, scope.as_ref()), shots)
        };
        let found = found.into_iter();
        let found = found.map(|(row, similarity)| (inner.rows.shot(row), similarity));
        (found.collect(), Effort { shots, walked })
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_graph(expected: usize) -> Graph {
    Hnsw::new(LINKS, expected.max(1024), LAYERS, BUILD_WIDTH, UnitDot)
}

fn approximate(
    inner: &Inner,
    query: &[f32],
    count: usize,
    scope: Option<&NumberedScope<'_>>,
) -> Vec<(usize, f32)> {
    let rows = &inner.rows.rows;
    let visible = |id: &usize| {
        rows.get(*id).is_some_and(|row| {
            row.live
                && scope.is_none_or(|scope| {
                    scope
                        .get(&row.asset)
                        .is_some_and(|frames| frames.contains(row.start))
                })
        })
    };
    let width = SEARCH_WIDTH.max(2 * count);
    // The filter is expensive. Without it, only rows that the tables do not have yet must be skipped.
    let all_visible = scope.is_none() && inner.rows.dead == 0;
    let near = if all_visible {
        inner.graph.search(query, count, width)
    } else {
        inner
            .graph
            .search_filter(query, count, width, Some(&visible))
    };
    near.into_iter()
        .filter(|near| near.d_id < rows.len())
        .map(|near| (near.d_id, 1.0 - near.distance))
        .collect()
}

fn exact(
    rows: &Rows,
    dims: usize,
    query: &[f32],
    count: usize,
    scope: Option<&NumberedScope<'_>>,
) -> Vec<(usize, f32)> {
    let mut best = BinaryHeap::with_capacity(count + 1);
    let mut consider = |row: usize| {
        let similarity = dot(query, &rows.vectors[row * dims..][..dims]);
        best.push(Worst { similarity, row });
        if best.len() > count {
            best.pop();
        }
    };
    match scope {
        Some(scope) => scope
            .iter()
            .filter_map(|(asset, frames)| Some((rows.of.get(asset)?, frames)))
            .flat_map(|(of, frames)| {
                of.iter()
                    .filter(|&&row| frames.contains(rows.rows[row].start))
            })
            .for_each(|&row| consider(row)),
        None => rows.of.values().flatten().for_each(|&row| consider(row)),
    }
    // Ascending order of `Worst` is best first.
    best.into_sorted_vec()
        .into_iter()
        .map(|entry| (entry.row, entry.similarity))
        .collect()
}

/// A row in a heap with the worst row on top: the least similar, then the latest.
struct Worst {
    similarity: f32,
    row: usize,
}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other
            .similarity
            .total_cmp(&self.similarity)
            .then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Worst {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
                let mut vector: Vec<f32> = centres[at % centres.len()]
                    .iter()
                    .map(|x| x + 0.6 * random())
                    .collect();
                let norm = dot(&vector, &vector).sqrt();
                vector.iter_mut().for_each(|x| *x /= norm);
                vector
            })
            .collect()
    }

    fn shots(count: usize) -> Vec<(u64, u64)> {
        (0..count as u64).map(|n| (n * 10, n * 10 + 10)).collect()
    }

    #[test]
    fn replaced_and_deleted_shots_are_not_found() {
        let space = Space::new(32);
        let vectors = clustered(40, 32);
        let (a, b) = (AssetId::new(), AssetId::new());
        space.replace(&a, &shots(20), &vectors[..20]).unwrap();
        space.replace(&b, &shots(20), &vectors[20..]).unwrap();
        assert_eq!(space.nearest(&vectors[3], 1, None).0[0].0.asset, a);
        space.replace(&a, &[], &[]).unwrap();
        assert_eq!(space.len(), 20);
        assert!(
            space
                .nearest(&vectors[3], 40, None)
                .0
                .iter()
                .all(|(shot, _)| shot.asset == b)
        );
        let scope = ShotSet::from_assets([a]);
        assert!(space.nearest(&vectors[3], 40, Some(&scope)).0.is_empty());
    }

    #[test]
    fn the_graph_finds_what_the_exact_scan_finds() {
        let space = Space::new(32);
        let vectors = clustered(4000, 32);
        let asset = AssetId::new();
        space.replace(&asset, &shots(4000), &vectors).unwrap();
        let inner = space.read();
        let mut found = 0;
        for query in vectors.iter().step_by(100) {
            let exact: HashSet<usize> = exact(&inner.rows, 32, query, 10, None)
                .into_iter()
                .map(|(row, _)| row)
                .collect();
            let near = approximate(&inner, query, 10, None);
            found += near.iter().filter(|(row, _)| exact.contains(row)).count();
        }
        assert!(found >= 396, "recall@10 of {found} in 400");
    }

    #[test]
    fn a_space_of_mostly_dead_rows_is_made_again() {
        let space = Space::new(32);
        let vectors = clustered(1500, 32);
        let asset = AssetId::new();
        for _ in 0..2 {
            space.replace(&asset, &shots(1500), &vectors).unwrap();
        }
        assert_eq!(space.read().rows.rows.len(), 1500);
        assert_eq!(space.nearest(&vectors[7], 1, None).0[0].0.start, 70);
    }

    #[test]
    fn vectors_of_another_dimension_are_refused() {
        let space = Space::new(32);
        let error = space
            .replace(&AssetId::new(), &shots(1), &[vec![1.0; 31]])
            .unwrap_err();
        assert!(matches!(
            error,
            IndexError::Dimensions {
                expected: 32,
                found: 31,
                ..
            }
        ));
        assert!(space.nearest(&[1.0; 31], 5, None).0.is_empty());
    }

    #[test]
    fn a_scope_of_shots_finds_those_shots_only_and_all_of_them() {
        let space = Space::new(32);
        let vectors = clustered(400, 32);
        let asset = AssetId::new();
        space.replace(&asset, &shots(400), &vectors).unwrap();
        let starts = (0..400).step_by(7).map(|n| (asset.clone(), n * 10));
        let scope = ShotSet::from_starts(starts);
        let (found, effort) = space.nearest(&vectors[3], 400, Some(&scope));
        assert_eq!((found.len(), effort.shots, effort.walked), (58, 58, 0));
        assert!(found.iter().all(|(shot, _)| shot.start % 70 == 0));
        let inner = space.read();
        let near = approximate(&inner, &vectors[3], 9, Some(&inner.rows.numbered(&scope)));
        assert!(!near.is_empty() && near.iter().all(|(row, _)| row % 7 == 0));
    }
}
