//! Search latency at 100,000 vectors, index size and start-up time, beside hnswlib on the same data.
//!
//! `cargo bench --bench search -- [VECTORS] [PYTHON]`. The peer runs in the same process tree, right after
//! ours, when PYTHON has numpy and hnswlib.

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

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rushes::catalog::assets::{NewAsset, register};
use rushes::catalog::results::{self, ShotRow};
use rushes::catalog::{AssetId, Catalog, note_change, runs};
use rushes::features::{Settings, request};
use rushes::index::{Follower, Index, ShotSet};
use rushes_workers::segment::DetectorKind;
use rushes_workers::storage::Locator;

const DIMS: usize = 384;
const SHOTS: usize = 100;
const QUERIES: usize = 1000;
const SPACE: &str = "bench@1";

/// Unit vectors in clusters, like those of shots; deterministic per seed.
struct Vectors {
    state: u64,
    centres: Vec<Vec<f32>>,
}

impl Vectors {
    fn new(clusters: usize) -> Self {
        let mut vectors = Self {
            state: 42,
            centres: Vec::new(),
        };
        vectors.centres = (0..clusters).map(|_| vectors.noise()).collect();
        vectors
    }

    fn uniform(&mut self) -> f32 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    }

    fn noise(&mut self) -> Vec<f32> {
        (0..DIMS).map(|_| self.uniform()).collect()
    }

    fn next(&mut self) -> Vec<f32> {
        let at = (self.uniform() + 0.5) * self.centres.len() as f32;
        let noise = self.noise();
        let centre = &self.centres[(at as usize).min(self.centres.len() - 1)];
        let mut vector: Vec<f32> = centre.iter().zip(noise).map(|(c, n)| c + 0.7 * n).collect();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        vector
    }
}

async fn fill(catalog: &Catalog, count: usize, data: &Path) -> Vec<AssetId> {
    let mut vectors = Vectors::new(count / 100);
    let mut raw = Vec::with_capacity(count * DIMS * 4);
    let mut assets = Vec::new();
    for video in 0..count / SHOTS {
        let locator = Locator {
            uri: format!("file:///video{video}.mp4"),
            version: None,
            size: 1,
        };
        let mut tx = catalog.begin().await.unwrap();
        let new = NewAsset {
            locator: &locator,
            title: &format!("video {video}"),
            sidecars: &[],
        };
        let (asset, _) = register(&mut tx, new).await.unwrap();
        let settings = Settings {
            model: "lite".to_owned(),
            space: rushes_models::space_of(
                &rushes_models::ModelStore::new("models".into()),
                "lite",
            )
            .unwrap(),
            detector: DetectorKind::default(),
            proxy_height: 480,
            frames_per_shot: 4,
            frame_vectors: false,
        };
        request(&mut tx, &asset, &settings).await.unwrap();
        let shots: Vec<ShotRow> = (0..SHOTS as u64)
            .map(|at| ShotRow {
                frames: (at * 50, at * 50 + 50),
                ms: (at * 2000, at * 2000 + 2000),
                boundary: "cut".to_owned(),
                boundary_frames: (at * 50, at * 50),
                confidence: 1.0,
                same_as: None,
            })
            .collect();
        let rows: Vec<Vec<f32>> = (0..SHOTS).map(|_| vectors.next()).collect();
        raw.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
        for run in runs::wanted(&mut tx, &asset).await.unwrap() {
            let output = match run.feature.as_str() {
                "shots" => {
                    results::store_shots(&mut tx, &run.id, &shots)
                        .await
                        .unwrap();
                    "{}".to_owned()
                }
                "embeddings/lite" => {
                    results::store_vectors(&mut tx, &run.id, &rows)
                        .await
                        .unwrap();
                    format!("{{\"space\": \"{SPACE}\"}}")
                }
                _ => "{}".to_owned(),
            };
            sqlx::query("UPDATE runs SET state = 'ready', output = ? WHERE id = ?")
                .bind(output)
                .bind(&run.id)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        assert!(results::publish_if_settled(&mut tx, &asset).await.unwrap());
        note_change(&mut tx, &asset).await.unwrap();
        tx.commit().await.unwrap();
        assets.push(asset);
    }
    std::fs::write(data.join("vectors.f32"), raw).unwrap();
    let queries: Vec<u8> = (0..QUERIES)
        .flat_map(|_| vectors.next())
        .flat_map(f32::to_le_bytes)
        .collect();
    std::fs::write(data.join("queries.f32"), queries).unwrap();
    assets
}

fn queries(data: &Path) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(data.join("queries.f32")).unwrap();
    let floats: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&x| f32::from_le_bytes(x))
        .collect();
    floats.chunks(DIMS).map(<[f32]>::to_vec).collect()
}

fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                size_of(&path)
            } else {
                path.metadata().unwrap().len()
            }
        })
        .sum()
}

/// Times each query; prints p50, p99 and queries per second.
fn measure(name: &str, queries: &[Vec<f32>], search: impl Fn(&[f32])) {
    search(&queries[0]);
    let started = Instant::now();
    let mut times: Vec<Duration> = queries
        .iter()
        .map(|query| {
            let started = Instant::now();
            search(query);
            started.elapsed()
        })
        .collect();
    let rate = queries.len() as f64 / started.elapsed().as_secs_f64();
    println!(
        "{name:34} p50 {:7.2} ms   p99 {:7.2} ms   {rate:8.0} queries/s",
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99)
    );
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let count: usize = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let python = args.next();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let catalog = runtime
        .block_on(Catalog::open(&data.join("catalog.db")))
        .unwrap();
    let assets = runtime.block_on(fill(&catalog, count, data));
    let place = data.join("index");

    let started = Instant::now();
    let mut follower = Follower::open(&place, catalog.clone()).unwrap();
    runtime.block_on(follower.catch_up()).unwrap();
    println!(
        "{count} vectors of {DIMS}: taken in from the catalogue in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let started = Instant::now();
    runtime.block_on(follower.publish()).unwrap();
    println!(
        "snapshot written in {:.2} s, {} MB",
        started.elapsed().as_secs_f64(),
        size_of(&place) / 1_000_000
    );
    drop(follower);
    let started = Instant::now();
    let index = Index::open(&place).unwrap();
    println!("opened in {:.2} s", started.elapsed().as_secs_f64());

    let queries = queries(data);
    measure("everything, 20 hits (graph)", &queries, |q| {
        drop(index.nearest(SPACE, q, 20, None));
    });
    measure("everything, 100 hits (graph)", &queries, |q| {
        drop(index.nearest(SPACE, q, 100, None));
    });
    measure("everything, 400 hits (exact)", &queries[..200], |q| {
        drop(index.nearest(SPACE, q, 400, None));
    });
    let one = ShotSet::from_assets([assets[7].clone()]);
    measure("one title, 20 hits (exact)", &queries, |q| {
        drop(index.nearest(SPACE, q, 20, Some(&one)));
    });
    let tenth = ShotSet::from_assets(assets.iter().take(assets.len() / 10).cloned());
    measure("a tenth, 20 hits (exact)", &queries[..200], |q| {
        drop(index.nearest(SPACE, q, 20, Some(&tenth)));
    });

    let mut found = 0;
    for query in &queries[..100] {
        // All assets, but in slices small enough for exact comparison.
        let mut exact: Vec<(String, f32)> = Vec::new();
        for slice in assets.chunks(150) {
            let scope = ShotSet::from_assets(slice.iter().cloned());
            let (near, _) = index.nearest(SPACE, query, 10, Some(&scope));
            exact.extend(near.into_iter().map(|(shot, s)| (shot.to_string(), s)));
        }
        exact.sort_by(|a, b| b.1.total_cmp(&a.1));
        let exact: HashSet<String> = exact.into_iter().take(10).map(|(shot, _)| shot).collect();
        let (near, _) = index.nearest(SPACE, query, 10, None);
        found += near
            .iter()
            .filter(|(shot, _)| exact.contains(&shot.to_string()))
            .count();
    }
    println!(
        "recall@10 against the exact scan: {:.4} (of {} assets)",
        found as f64 / 1000.0,
        assets.len()
    );

    if let Some(python) = python {
        let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/search/peer.py");
        let status = std::process::Command::new(python)
            .arg(peer)
            .arg(data)
            .status();
        if !status.is_ok_and(|status| status.success()) {
            println!("the peer did not run");
        }
    }
}
