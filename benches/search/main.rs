//! Search latency, recall, index size and start-up time, beside hnswlib on the same vectors and queries.
//!
//! `cargo bench --bench search -- [VECTORS] [PYTHON]`. The peer runs right after ours, when PYTHON has numpy and
//! hnswlib. Recall is measured against a comparison with every vector.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of a bench are small"
)]

mod catalogue;
mod data;
mod vectors;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rushes::catalog::{AssetId, Catalog};
use rushes::index::{Follower, Index, Near, ShotSet};
use tokio::runtime::Runtime;

use catalogue::{SHOTS, SPACE, fill};
use data::{Data, Kind};

/// Queries of each kind for which the exact answer is computed.
const CHECKED: usize = 100;

fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let sizes = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            size_of(&path)
        } else {
            path.metadata().unwrap().len()
        }
    });
    sizes.sum()
}

/// Memory of this process in MB: all of it, and what is not mapped from files.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kilobytes = line.split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() / 1000
    };
    (of("VmRSS:"), of("RssAnon:"))
}

/// The numbers of the vectors nearest to a query among `rows`, best first.
fn exact(data: &Data, query: &[f32], count: usize, rows: usize) -> Vec<usize> {
    let mut all: Vec<(f32, usize)> = data
        .rows()
        .take(rows)
        .map(|row| dot(query, row))
        .zip(0..)
        .collect();
    all.select_nth_unstable_by(count, |a, b| b.0.total_cmp(&a.0));
    all.truncate(count);
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, row)| row).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

struct Opened<'a> {
    index: Index,
    data: &'a Data,
    assets: &'a [AssetId],
}

impl Opened<'_> {
    /// The numbers of the found vectors.
    fn find(&self, query: &[f32], count: usize, scope: Option<&ShotSet>) -> Vec<usize> {
        let (found, _) = self.index.nearest(SPACE, query, count, scope);
        let row = |near: &Near| {
            let asset = self.assets.binary_search(&near.shot.asset).unwrap();
            asset * SHOTS + near.ordinal as usize
        };
        found.iter().map(row).collect()
    }

    /// Prints times and recall of queries over the first `part` of the assets.
    fn measure(&self, kind: &Kind, count: usize, part: f64) {
        let assets = ((self.assets.len() as f64 * part) as usize).max(1);
        let scope: Option<ShotSet> = (part < 1.0).then(|| {
            let some: HashSet<AssetId> = self.assets[..assets].iter().cloned().collect();
            some.into()
        });
        let queries = self.data.queries(kind);
        self.find(&queries[0], count, scope.as_ref());
        let mut times: Vec<Duration> = Vec::new();
        for query in &queries {
            let started = Instant::now();
            drop(self.index.nearest(SPACE, query, count, scope.as_ref()));
            times.push(started.elapsed());
        }
        let (mut ten, mut all) = (0, 0);
        let hits = count.min(assets * SHOTS / 2);
        let checked = &queries[..CHECKED.min(queries.len())];
        let mut ranked = 0;
        for query in checked {
            let expected = exact(self.data, query, hits, assets * SHOTS);
            let found = self.find(query, hits, scope.as_ref());
            ranked += self
                .index
                .nearest(SPACE, query, hits, scope.as_ref())
                .1
                .ranked;
            let first: HashSet<&usize> = found.iter().take(10).collect();
            ten += expected
                .iter()
                .take(10)
                .filter(|row| first.contains(row))
                .count();
            let found: HashSet<&usize> = found.iter().collect();
            all += expected.iter().filter(|row| found.contains(row)).count();
        }
        println!(
            "ours    {:8} {:10} {:5.1} % of the shots, {count:3} hits: p50 {:7.3} ms  p99 {:7.3} ms  recall@10 {:.4}  recall@{count} {:.4}  ranked {}",
            self.data.name,
            kind.name,
            part * 100.0,
            percentile(&mut times, 0.5),
            percentile(&mut times, 0.99),
            ten as f64 / (10 * checked.len()) as f64,
            all as f64 / (hits * checked.len()) as f64,
            ranked / checked.len(),
        );
    }
}

fn run(data: &Data, folder: &Path, python: Option<&str>) {
    let runtime = Runtime::new().unwrap();
    let catalog = runtime
        .block_on(Catalog::open(&folder.join("catalog.db")))
        .unwrap();
    let mut assets = runtime.block_on(fill("video", &catalog, data.rows().map(<[f32]>::to_vec)));
    let place = folder.join("index");
    let started = Instant::now();
    let mut follower = Follower::open(&place, catalog.clone()).unwrap();
    runtime.block_on(follower.catch_up()).unwrap();
    runtime.block_on(follower.publish()).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "ours    {}: {} vectors of {} indexed from the catalogue and published in {seconds:.1} s, {} MB",
        data.name,
        data.len(),
        data.dims,
        size_of(&place) / 1_000_000
    );
    drop(follower);
    drop(catalog);
    let before = memory();
    let started = Instant::now();
    let index = Index::open(&place).unwrap();
    println!(
        "ours    {}: opened in {:.3} s",
        data.name,
        started.elapsed().as_secs_f64()
    );
    assets.sort();
    let opened = Opened {
        index,
        data,
        assets: &assets,
    };
    for kind in data.kinds() {
        for count in [20, 400] {
            opened.measure(kind, count, 1.0);
        }
        for part in [0.5, 0.1, 0.01, 0.001] {
            opened.measure(kind, 20, part);
        }
    }
    let after = memory();
    println!(
        "ours    {}: {:.0} bytes of memory per shot, {:.0} of them not mapped from files",
        data.name,
        (after.0 - before.0) as f64 * 1e6 / data.len() as f64,
        (after.1 as f64 - before.1 as f64).max(0.0) * 1e6 / data.len() as f64,
    );
    if let Some(python) = python {
        data.write(folder);
        let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/search/peer.py");
        let status = std::process::Command::new(python)
            .arg(peer)
            .arg(folder)
            .args([data.name, &data.dims.to_string()])
            .status();
        if !status.is_ok_and(|status| status.success()) {
            println!("the peer did not run");
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let count: usize = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let python = args.next();
    let sets = [Some(Data::clusters(count, 384)), Data::clip(count)];
    for data in sets.into_iter().flatten() {
        let folder = tempfile::tempdir().unwrap();
        run(&data, folder.path(), python.as_deref());
    }
}
