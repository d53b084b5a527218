//! Cost of the catalogue's everyday operations with many videos, beside the same with few.
//!
//! `cargo bench --bench catalog -- [VIDEOS]`. Half of the videos are searchable, and half wait for their first
//! run.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its table"
)]

use std::time::{Duration, Instant};

use rushes::catalog::database;
use rushes::catalog::{AssetId, Catalog, assets, changes_after, coverage, now_ms, queue};

const FEW: i64 = 50;
const ROUNDS: usize = 51;

/// Fills a catalogue as a half-finished ingest of `videos` leaves it. Ids are numbers in the alphabet of ULIDs.
async fn fill(catalog: &Catalog, videos: i64) {
    let mut tx = catalog.begin().await.unwrap();
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {videos})"
    );
    let ready = "CASE WHEN i % 2 = 0 THEN 'ready' ELSE 'pending' END";
    let mut statements = vec![
        "INSERT INTO titles (id, name, created_at) VALUES ('01T00000000000000000000000', 'all', 0)".to_owned(),
        format!(
            "{numbers} INSERT INTO assets (id, title_id, uri, version, size, created_at, registered, generation)
             SELECT printf('01A%023d', i), '01T00000000000000000000000', 'file:///' || i, '1', 1, 0, i, i % 2 = 0 FROM n"
        ),
        format!("{numbers} INSERT INTO locators SELECT 'file:///' || i, '1', 1, printf('01A%023d', i) FROM n"),
        format!("{numbers} INSERT INTO jobs SELECT printf('01J%023d', i), printf('01A%023d', i), 0 FROM n"),
        format!("{numbers} INSERT INTO changes (asset_id) SELECT printf('01A%023d', i) FROM n"),
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
        let queue = if at == 5 { "embed" } else { "media" };
        statements.push(format!(
            "{numbers} INSERT INTO runs (id, asset_id, feature, key, params, queue, state, created_at)
             SELECT printf('01R{at}%022d', i), printf('01A%023d', i), '{feature}', '{feature}', '{{}}', '{queue}', {ready}, 0 FROM n"
        ));
        statements.push(format!(
            "{numbers} INSERT INTO wanted SELECT printf('01A%023d', i), '{feature}', printf('01R{at}%022d', i) FROM n"
        ));
        statements.push(format!(
            "{numbers} INSERT INTO published SELECT printf('01A%023d', i), '{feature}', printf('01R{at}%022d', i) FROM n
              WHERE i % 2 = 0"
        ));
        if at > 0 {
            let input = at - 1;
            statements.push(format!(
                "{numbers} INSERT INTO run_inputs SELECT printf('01R{at}%022d', i), printf('01R{input}%022d', i) FROM n"
            ));
        }
    }
    for statement in statements {
        database::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *tx)
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

async fn measure(videos: i64) -> Vec<(&'static str, Duration)> {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db"))
        .await
        .unwrap();
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

fn main() {
    let many = std::env::args()
        .nth(1)
        .and_then(|videos| videos.parse().ok())
        .unwrap_or(50_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let few = runtime.block_on(measure(FEW));
    let many_times = runtime.block_on(measure(many));
    println!(
        "| milliseconds, median of {ROUNDS} | {FEW} videos | {many} videos | ratio |\n|---|---|---|---|"
    );
    for ((what, few), (_, many)) in few.into_iter().zip(many_times) {
        let (few, many) = (few.as_secs_f64() * 1e3, many.as_secs_f64() * 1e3);
        println!("| {what} | {few:.3} | {many:.3} | {:.1} |", many / few);
    }
}
