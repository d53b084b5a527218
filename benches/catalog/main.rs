//! Cost of the catalogue's everyday operations with many videos, beside the same with few.
//!
//! `cargo bench --bench catalog -- [VIDEOS [postgres://…/]]`. Half of the videos are searchable, and half wait for their first
//! run. It ends with eight clients that lease runs at the same time. With the address of a server of PostgreSQL, where the
//! user may create databases, the catalogues are there.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table"
)]

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rushes::catalog::database;
use rushes::catalog::{AssetId, Catalog, assets, changes_after, coverage, members, now_ms, queue};
use rushes::features::LocalCoordinator;
use rushes_workers::coordinator::Coordinator as _;
use rushes_workers::stages::Queue;
use sqlx::Connection as _;

const FEW: i64 = 50;
const ROUNDS: usize = 51;
const CLIENTS: usize = 8;
/// Leases of each client.
const LEASES: usize = 500;

/// An empty catalogue in `folder`, or in a new database of a server.
async fn empty(folder: &Path, server: Option<&str>) -> Catalog {
    let Some(server) = server else {
        return Catalog::open(&folder.join("catalog.db")).await.unwrap();
    };
    let name = format!("bench_{}", now_ms());
    let mut url: url::Url = server.parse().unwrap();
    url.set_path("postgres");
    let mut db = sqlx::PgConnection::connect(url.as_str()).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut db)
        .await
        .unwrap();
    url.set_path(&name);
    Catalog::connect(&url.to_string().into()).await.unwrap()
}

/// SQL for an id: a number `i` after some letters.
fn id(letters: &str) -> String {
    let zeros = "0".repeat(26 - letters.len());
    format!("substr('{letters}{zeros}', 1, 26 - length(CAST(i AS TEXT))) || CAST(i AS TEXT)")
}

/// Fills a catalogue as a half-finished ingest of `videos` leaves it. Ids are numbers in the alphabet of ULIDs.
async fn fill(catalog: &Catalog, videos: i64) {
    let mut tx = catalog.begin().await.unwrap();
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {videos})"
    );
    let ready = "CASE WHEN i % 2 = 0 THEN 'ready' ELSE 'pending' END";
    let (asset, job) = (id("01A"), id("01J"));
    let mut statements = vec![
        "INSERT INTO titles (id, name, created_at) VALUES ('01T00000000000000000000000', 'all', 0)".to_owned(),
        format!(
            "{numbers} INSERT INTO assets (id, title_id, uri, version, size, created_at, registered, generation)
             SELECT {asset}, '01T00000000000000000000000', 'file:///' || i, '1', 1, 0, i,
                    CASE WHEN i % 2 = 0 THEN 1 ELSE 0 END FROM n"
        ),
        format!("{numbers} INSERT INTO locators (uri, version, size, asset_id) SELECT 'file:///' || i, '1', 1, {asset} FROM n"),
        format!("{numbers} INSERT INTO jobs (id, asset_id, created_at) SELECT {job}, {asset}, 0 FROM n"),
        format!("{numbers} INSERT INTO changes (asset_id) SELECT {asset} FROM n"),
    ];
    for (at, feature) in [
        "probe",
        "shots",
        "dialogue",
        "proxies",
        "thumbnails",
        "embeddings/lite",
    ]
    .iter()
    .enumerate()
    {
        let run = id(&format!("01R{at}"));
        let queue = if at == 5 { "embed" } else { "media" };
        statements.push(format!(
            "{numbers} INSERT INTO runs (id, asset_id, feature, key, params, queue, state, created_at)
             SELECT {run}, {asset}, '{feature}', '{feature}', '{{}}', '{queue}', {ready}, 0 FROM n"
        ));
        statements.push(format!(
            "{numbers} INSERT INTO wanted SELECT {asset}, '{feature}', {run} FROM n"
        ));
        statements.push(format!(
            "{numbers} INSERT INTO published SELECT {asset}, '{feature}', {run} FROM n WHERE i % 2 = 0"
        ));
        if at > 0 {
            let input = id(&format!("01R{}", at - 1));
            statements.push(format!(
                "{numbers} INSERT INTO run_inputs SELECT {run}, {input} FROM n"
            ));
        }
    }
    for statement in statements {
        database::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

/// The median time of `work`, whose changes are rolled back each time.
macro_rules! median {
    ($catalog:expr, |$tx:ident| $work:expr) => {{
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let mut $tx = $catalog.begin().await.unwrap();
            let began = Instant::now();
            $work;
            times.push(began.elapsed());
            $tx.rollback().await.unwrap();
        }
        times.sort();
        times[ROUNDS / 2]
    }};
}

async fn measure(videos: i64, server: Option<&str>) -> Vec<(&'static str, Duration)> {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(folder.path(), server).await;
    fill(&catalog, videos).await;
    let now = now_ms();
    let doomed: AssetId = format!("01A{:023}", videos / 2 * 2).parse().unwrap();
    let everything = None::<[&AssetId; 0]>;
    vec![
        (
            "take a run",
            median!(catalog, |tx| {
                let lease = queue::lease(&mut tx, ("media", None), "local-1", (now, 30_000))
                    .await
                    .unwrap();
                assert!(lease.is_some());
            }),
        ),
        (
            "see that there is none",
            median!(catalog, |tx| {
                assert!(
                    !queue::is_waiting(&mut tx, ("embed", None), now)
                        .await
                        .unwrap()
                );
            }),
        ),
        (
            "look for dead workers",
            median!(catalog, |tx| {
                assert!(queue::local_holders(&mut tx).await.unwrap().is_empty());
            }),
        ),
        (
            "coverage, as each search asks",
            median!(catalog, |tx| {
                let (ready, total) = coverage(&mut tx, "embeddings/lite", videos, everything)
                    .await
                    .unwrap();
                assert_eq!((ready, total), (videos / 2, videos));
            }),
        ),
        (
            "see that nothing changed",
            median!(catalog, |tx| {
                assert!(changes_after(&mut tx, videos, 64).await.unwrap().is_empty());
            }),
        ),
        (
            "delete a video",
            median!(catalog, |tx| {
                assets::remove(&mut tx, &doomed).await.unwrap();
            }),
        ),
    ]
}

/// The time in which the clients lease their runs. None is leased twice.
async fn lease_at_once(videos: i64, server: Option<&str>) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(folder.path(), server).await;
    fill(&catalog, videos).await;
    let coordinator =
        LocalCoordinator::new(catalog, folder.path().to_owned(), members::fresh_name());
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|at| {
            let coordinator = coordinator.clone();
            tokio::spawn(async move {
                let name = format!("client-{at}");
                let mut runs = Vec::with_capacity(LEASES);
                while runs.len() < LEASES {
                    let lease = coordinator.lease(&name, Queue::Media).await.unwrap();
                    runs.push(lease.unwrap().ticket.run);
                }
                runs
            })
        })
        .collect();
    let mut all = HashSet::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    let took = began.elapsed();
    assert_eq!(all.len(), CLIENTS * LEASES, "a run was leased twice");
    took
}

fn main() {
    // `cargo bench` adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let many = arguments
        .next()
        .and_then(|videos| videos.parse().ok())
        .unwrap_or(50_000);
    let server = arguments.next();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let few = runtime.block_on(measure(FEW, server.as_deref()));
    let many_times = runtime.block_on(measure(many, server.as_deref()));
    println!(
        "| milliseconds, median of {ROUNDS} | {FEW} videos | {many} videos | ratio |\n|---|---|---|---|"
    );
    for ((what, few), (_, many)) in few.into_iter().zip(many_times) {
        let (few, many) = (few.as_secs_f64() * 1e3, many.as_secs_f64() * 1e3);
        println!("| {what} | {few:.3} | {many:.3} | {:.1} |", many / few);
    }
    let took = runtime.block_on(lease_at_once(many, server.as_deref()));
    let count = CLIENTS * LEASES;
    println!(
        "\n{CLIENTS} clients leased {count} runs in {:.2} s: {:.0} leases a second, none twice",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );
}
