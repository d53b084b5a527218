//! A catalogue of an earlier version opens, searches, and accepts new videos.

use rushes::catalog::Catalog;
use serde_json::Value;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::support::{Rushes, first, frames, videos};

/// Made by schema 5; see its first lines.
const DUMP: &str = include_str!("../fixtures/catalogue-5.sql");

async fn restore(file: &std::path::Path) {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(DUMP).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[test]
fn a_catalogue_of_schema_5_opens_searches_and_ingests() {
    let Some(rushes) = Rushes::new() else { return };
    std::fs::create_dir_all(rushes.data()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(restore(&rushes.data().join("catalog.db")));

    // Its index is gone with the rest of the folder, and is built again from the catalogue.
    let spoken = rushes.json(&["search", "--in", "dialogue", "merry christmas"]);
    let hit = first(&spoken);
    assert_eq!(frames(hit), (50, 115));
    let seen = rushes.json(&["search", "--in", "visual", "a test card"]);
    assert_eq!(seen["hits"].as_array().unwrap().len(), 3);

    // The boundaries of cuts are known; those of dissolves were not stored.
    let shown = rushes.json(&["show", hit["shot"].as_str().unwrap()]);
    let boundary = |of: &Value| (of["kind"].clone(), of["start"].clone(), of["end"].clone());
    assert_eq!(boundary(&shown["in"]), ("cut".into(), 50.into(), 50.into()));
    assert_eq!(
        boundary(&shown["out"]),
        ("dissolve".into(), Value::Null, Value::Null)
    );

    // The job asked for what was requested of its asset.
    let jobs = rushes.json(&["jobs"]);
    let job = &jobs["jobs"][0];
    assert_eq!(job["state"], "ready");
    assert_eq!(job["stages"].as_array().unwrap().len(), 6);

    let video = videos::made(&rushes.data().join("new.mp4"), 2, 30, 3);
    let summary = rushes.ingest(&[&video]);
    assert_eq!(summary["videos"][0]["state"], "ready");
    runtime.block_on(async {
        let catalog = Catalog::open(&rushes.data().join("catalog.db"))
            .await
            .unwrap();
        let mut db = catalog.read().await.unwrap();
        let titles = rushes::catalog::assets::titles(&mut db).await.unwrap();
        let shots: Vec<i64> = titles.iter().map(|title| title.shots).collect();
        assert_eq!(shots, [2, 3]);
    });
}
