//! A navigable graph over a large segment (HNSW, Malkov and Yashunin 2016, arXiv 1603.09320), by `hnsw_rs`.
//!
//! Its nodes are row numbers. The vectors stay in the segment, so the graph takes the memory of its links only. It
//! pays beyond about two million rows; below that a scan is as fast, and it needs no time to build.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::api::AnnT as _;
use hnsw_rs::hnswio::HnswIo;
use hnsw_rs::prelude::Hnsw;

use super::codes::Query;
use super::kernel::{product, product_with};
use super::segment::Segment;

/// Links per node on each layer.
const LINKS: usize = 16;
/// Candidates considered when a node is linked.
const BUILD_WIDTH: usize = 200;
/// Number of layers; enough for more than a billion nodes.
const LAYERS: usize = 16;
/// Rows inserted at a time, between two looks at whether to stop.
const CHUNK: usize = 4096;
/// The node number of a query.
const QUERY: u32 = u32::MAX;

thread_local! {
    /// The query of the search on this thread. `hnsw_rs` passes node numbers to a distance, and nothing else.
    static SEARCHED: RefCell<Option<Query>> = const { RefCell::new(None) };
}

/// One minus the dot product of two rows, or of the query and a row.
struct RowDistance(Arc<Segment>);

impl Distance<u32> for RowDistance {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let (a, b) = (a[0], b[0]);
        let scale = |row: u32| self.0.scales[row as usize];
        let similarity = if a == QUERY || b == QUERY {
            let row = if a == QUERY { b } else { a };
            SEARCHED.with_borrow(|query| {
                query.as_ref().map_or(0.0, |query| {
                    let product = product_with(&query.steps, self.0.row(row).0);
                    product as f32 * query.step * scale(row)
                })
            })
        } else {
            // A high byte is a step of 256.
            let product = product(self.0.row(a).0, self.0.row(b).0);
            product as f32 * scale(a) * scale(b) * 65_536.0
        };
        (1.0 - similarity).max(0.0)
    }
}

/// The graph of a segment.
pub(super) struct Graph {
    nodes: Hnsw<'static, u32, RowDistance>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("nodes", &self.nodes.get_nb_point())
            .finish()
    }
}

impl Graph {
    /// Links all rows of a segment, on all cores; `None` if `stop` says so.
    pub(super) fn build(segment: &Arc<Segment>, stop: impl Fn() -> bool) -> Option<Self> {
        let rows = segment.layout.rows;
        let distance = RowDistance(Arc::clone(segment));
        let nodes = Hnsw::new(LINKS, rows, LAYERS, BUILD_WIDTH, distance);
        let numbers: Vec<u32> = (0..).take(rows).collect();
        for chunk in numbers.chunks(CHUNK) {
            if stop() {
                return None;
            }
            let chunk = chunk.chunks(1).map(|number| (number, number[0] as usize));
            nodes.parallel_insert_slice(&chunk.collect());
        }
        Some(Self { nodes })
    }

    /// Rows near to a query, best first, among the `width` best that a walk finds.
    pub(super) fn near(&self, query: &Query, count: usize, width: usize) -> Vec<u32> {
        SEARCHED.set(Some(query.clone()));
        let near = self.nodes.search(&[QUERY], count, width.max(count));
        SEARCHED.set(None);
        let rows = near
            .into_iter()
            .filter_map(|near| u32::try_from(near.d_id).ok());
        rows.collect()
    }

    /// Writes the graph to files in `folder` whose names start with `name`, and returns the names.
    pub(super) fn save(&self, folder: &Path, name: &str) -> std::io::Result<Vec<String>> {
        let dumped = self.nodes.file_dump(folder, name);
        dumped.map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let file = entry?.file_name().to_string_lossy().into_owned();
            if file.starts_with(&format!("{name}.hnsw.")) {
                names.push(file);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Reads the graph of a segment.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub(super) fn load(folder: &Path, name: &str, segment: &Arc<Segment>) -> Result<Self, String> {
        // By its type, a loaded graph borrows from its reader, although it keeps nothing of it. The few bytes of the
        // reader are leaked.
        let reader: &'static HnswIo = Box::leak(Box::new(HnswIo::new(folder, name)));
        let distance = RowDistance(Arc::clone(segment));
        // hnsw_rs panics on some damaged files.
        let load = std::panic::AssertUnwindSafe(move || reader.load_hnsw_with_dist(distance));
        let nodes: Hnsw<'static, u32, RowDistance> = catch_unwind(load)
            .map_err(|_panic| "the graph cannot be read".to_owned())?
            .map_err(|error| error.to_string())?;
        if nodes.get_nb_point() != segment.layout.rows {
            return Err("the graph and its segment differ in size".to_owned());
        }
        Ok(Self { nodes })
    }
}

/// Flushes files and returns BLAKE3 in hex of each, by name.
pub(super) fn digests(
    folder: &Path,
    names: &[String],
) -> std::io::Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for name in names {
        let file = fs::File::open(folder.join(name))?;
        file.sync_all()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        digests.insert(name.clone(), hasher.finalize().to_hex().to_string());
    }
    Ok(digests)
}
