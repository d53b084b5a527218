//! Searches over HTTP of a million shots, beside an ingest.
//!
//! `cargo bench --bench million -- RUSHES [SHOTS] [SECONDS]`. A catalogue of synthetic vectors is filled and indexed.
//! Then `RUSHES serve` answers 50 searches per second, each counted from when it was due, while it ingests the videos
//! of the material. Last, 1,000 new shots are published.

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

#[path = "../search/catalogue.rs"]
mod catalogue;
#[path = "../search/vectors.rs"]
mod vectors;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rushes::catalog::Catalog;
use rushes::index::{Follower, Index};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use catalogue::{SPACE, fill};
use vectors::{Noise, around, unit};

const DIMS: usize = 384;
/// Searches per second.
const RATE: u64 = 50;
const WORDS: [&str; 10] = [
    "a car",
    "a street at night",
    "bottles",
    "a dog",
    "two people",
    "a bicycle",
    "the sea",
    "an explosion",
    "a face",
    "merry christmas",
];

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let rushes = args.next().expect("the program to measure");
    let mut number = |default| {
        args.next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (shots, seconds) = (number(1_000_000), number(60) as u64);
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();

    let mut noise = Noise(42);
    let centres: Vec<Vec<f32>> = (0..shots / 100).map(|_| unit(noise.vector(DIMS))).collect();
    let catalog = runtime
        .block_on(Catalog::open(&data.join("catalog.db")))
        .unwrap();
    runtime.block_on(fill(
        "video",
        &catalog,
        around(&mut noise, &centres, 0.7).take(shots),
    ));
    let started = Instant::now();
    let mut follower = Follower::open(&data.join("index"), catalog.clone()).unwrap();
    runtime.block_on(follower.catch_up()).unwrap();
    runtime.block_on(follower.publish()).unwrap();
    let files = sizes(&data.join("index/vectors"));
    println!(
        "{shots} vectors of {DIMS} indexed from the catalogue and published in {:.1} s: {} files, {} MB",
        started.elapsed().as_secs_f64(),
        files.len(),
        files.iter().map(|(_, size)| size).sum::<u64>() / 1_000_000
    );
    drop(follower);
    let started = Instant::now();
    let index = Index::open(&data.join("index")).unwrap();
    println!("opened in {:.3} s", started.elapsed().as_secs_f64());
    let queries: Vec<Vec<f32>> = around(&mut noise, &centres, 0.7).take(100).collect();
    for count in [20, 400] {
        let mut times: Vec<f64> = queries
            .iter()
            .map(|query| {
                let started = Instant::now();
                drop(index.nearest(SPACE, query, count, None));
                started.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        println!("index, {count} hits: {}", spread(&mut times));
    }
    drop(index);
    drop(catalog);

    let (server, address) = serve(&rushes, data);
    runtime.block_on(load(&address, seconds, server.0.id()));
    drop(server);

    let catalog = runtime
        .block_on(Catalog::open(&data.join("catalog.db")))
        .unwrap();
    runtime.block_on(fill(
        "new",
        &catalog,
        around(&mut noise, &centres, 0.7).take(1000),
    ));
    let mut follower = Follower::open(&data.join("index"), catalog).unwrap();
    let before = sizes(&data.join("index/vectors"));
    runtime.block_on(follower.catch_up()).unwrap();
    runtime.block_on(follower.publish()).unwrap();
    let after = sizes(&data.join("index/vectors"));
    let new = after.iter().filter(|file| !before.contains(file));
    println!(
        "publishing 1,000 new shots wrote {:.1} MB of vectors (wanted: below 10)",
        new.map(|(_, size)| size).sum::<u64>() as f64 / 1e6
    );
}

/// Sends searches at a fixed rate and prints what they took.
async fn load(address: &str, seconds: u64, server: u32) {
    let client = reqwest::Client::new();
    let search = |at: u64| {
        let (client, address) = (client.clone(), address.to_owned());
        async move {
            let body = json!({ "text": WORDS[at as usize % WORDS.len()], "limit": 20 });
            let answer = client
                .post(format!("{address}/v1/search"))
                .json(&body)
                .send()
                .await
                .unwrap();
            // Beyond what it can do, a server refuses instead of being late.
            if answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS {
                return false;
            }
            assert!(
                answer.status().is_success(),
                "{}",
                answer.text().await.unwrap()
            );
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["hits"].as_array().unwrap().len(), 20);
            true
        }
    };
    // The first searches load the model and map the files.
    for at in 0..WORDS.len() as u64 {
        search(at).await;
    }
    for beside in ["alone", "beside an ingest"] {
        if beside != "alone" && !ingest(&client, address).await {
            println!("set RUSHES_MATERIAL to measure beside an ingest");
            return;
        }
        let start = tokio::time::Instant::now();
        let mut running = Vec::new();
        for at in 0..seconds * RATE {
            let due = start + Duration::from_secs(at) / RATE as u32;
            let search = search(at);
            running.push(tokio::spawn(async move {
                tokio::time::sleep_until(due).await;
                let answered = search.await;
                answered.then(|| due.elapsed().as_secs_f64() * 1e3)
            }));
        }
        let (mut times, sent) = (Vec::with_capacity(running.len()), running.len());
        for search in running {
            times.extend(search.await.unwrap());
        }
        println!(
            "POST /v1/search, {RATE} per second, {beside}: {} of {sent} refused, {}",
            sent - times.len(),
            spread(&mut times)
        );
    }
    let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    for name in ["VmRSS:", "RssAnon:"] {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        println!(
            "server: {}",
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
}

async fn ingest(client: &reqwest::Client, address: &str) -> bool {
    let Some(material) = std::env::var_os("RUSHES_MATERIAL") else {
        return false;
    };
    let body = json!({ "uri": PathBuf::from(material).join("video") });
    let answer = client
        .post(format!("{address}/v1/assets"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
    true
}

/// A server that is killed at the end.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn serve(rushes: &str, data: &Path) -> (Server, String) {
    let material = std::env::var_os("RUSHES_MATERIAL").unwrap_or_else(|| "/".into());
    let mut child = Command::new(rushes)
        .args(["serve", "--listen", "127.0.0.1:0", "--media-root"])
        .arg(material)
        .env("RUSHES_DATA", data)
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let said = child.stdout.as_mut().unwrap();
    BufReader::new(said).read_line(&mut line).unwrap();
    let address = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .unwrap();
    (Server(child), address.trim_end_matches('/').to_owned())
}

fn spread(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!(
        "p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

/// Names and sizes of the files in a folder.
fn sizes(folder: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        (
            entry.file_name().to_string_lossy().into_owned(),
            entry.metadata().unwrap().len(),
        )
    });
    sizes.collect()
}
