//! Whether a graph is searched instead of a scan, and how widely. Both are measured, because they depend on the
//! machine and on the vectors.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::codes::{Query, values};
use super::graph::Graph;
use super::scan::{self, Scope};
use super::segment::Segment;

/// Number of queries that are compared.
const PROBES: usize = 8;
/// Hits of each.
const HITS: usize = 100;
/// Candidates of a walk, from the least to the most that is worth trying.
const WIDTHS: [usize; 5] = [200, 400, 800, 1600, 3200];
/// The share of a scan's hits that a walk must find.
const RECALL: f64 = 0.99;
/// How much faster than a scan a walk must be. A scan misses less.
const FASTER: u32 = 2;

/// A graph that is worth walking.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    graph: Arc<Graph>,
    /// Candidates for [`HITS`] hits.
    width: usize,
}

impl Walk {
    /// A walk that is faster than a scan at nearly the same recall, if there is one.
    pub(super) fn tuned(segment: &Arc<Segment>, graph: Graph) -> Option<Self> {
        let graph = Arc::new(graph);
        let (mut scans, mut expected) = (Duration::ZERO, Vec::new());
        let rows = u32::try_from(segment.layout.rows).ok()?;
        let scope = [Scope {
            segment: Arc::clone(segment),
            rows: std::iter::once(0..rows).collect(),
        }];
        let probes: Vec<Query> = (0..PROBES).map(|probe| between(segment, probe)).collect();
        for probe in &probes {
            let started = Instant::now();
            let (found, _) = scan::nearest(probe, HITS, &scope);
            scans += started.elapsed();
            expected.push(
                found
                    .into_iter()
                    .map(|found| found.row)
                    .collect::<HashSet<_>>(),
            );
        }
        for width in WIDTHS {
            let (mut walks, mut common) = (Duration::ZERO, 0);
            for (probe, expected) in probes.iter().zip(&expected) {
                let started = Instant::now();
                let near = graph.near(probe, 2 * HITS, width);
                walks += started.elapsed();
                common += near.iter().filter(|row| expected.contains(row)).count();
            }
            let wanted: usize = expected.iter().map(HashSet::len).sum();
            if common as f64 >= RECALL * wanted as f64 {
                let is_faster = walks * FASTER < scans;
                tracing::info!(
                    ?scans,
                    ?walks,
                    width,
                    is_faster,
                    "compared the graph with a scan"
                );
                return is_faster.then_some(Self { graph, width });
            }
        }
        tracing::info!("the graph finds less than a scan; scanning");
        None
    }

    #[cfg(test)]
    pub(super) fn wide(graph: Graph, width: usize) -> Self {
        Self {
            graph: Arc::new(graph),
            width,
        }
    }

    /// Rows near to a query.
    pub(super) fn near(&self, query: &Query, count: usize) -> Vec<u32> {
        let width = self.width.max(self.width * count / (2 * HITS));
        self.graph.near(query, count, width)
    }
}

/// A query between two rows. Such queries are harder than rows, and nearer to what people ask for.
fn between(segment: &Segment, probe: usize) -> Query {
    let rows = segment.layout.rows;
    let pick = |at: usize| {
        let row = u32::try_from(at * rows / (2 * PROBES)).unwrap_or_default();
        let (high, low) = segment.row(row);
        values(high, low, segment.scales[row as usize]).collect::<Vec<f32>>()
    };
    let (a, b) = (pick(2 * probe), pick(2 * probe + 1));
    let sum: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + b).collect();
    let length = sum
        .iter()
        .map(|x| x * x)
        .sum::<f32>()
        .sqrt()
        .max(f32::MIN_POSITIVE);
    Query::new(sum.into_iter().map(|x| x / length).collect())
}
