//! Catalogues of many shots for tests.

use super::database::{self, Connection};
use super::{AssetId, Catalog, RunId, TitleId};

#[path = "../../models/src/testing/fixture.rs"]
#[expect(dead_code, reason = "the other crates use more of it")]
mod fixture;
#[expect(dead_code, reason = "the tests of the product use more of it")]
pub(crate) mod postgres;

/// An empty catalogue in a folder.
pub(crate) async fn empty(folder: &tempfile::TempDir) -> Catalog {
    let file = folder.path().join("catalog.db");
    Catalog::open(&file).await.unwrap()
}

/// Runs a test with an empty catalogue in each database.
pub(crate) async fn each_database(test: impl AsyncFn(Catalog)) {
    let folder = tempfile::tempdir().unwrap();
    test(empty(&folder).await).await;
    for server in postgres::servers() {
        let address = server.database();
        let catalog = Catalog::connect(&address.into()).await;
        test(catalog.unwrap()).await;
    }
}

/// Adds a published asset with so many shots of 50 frames at 25 frames per second, added at `created_at`, to a title, which
/// is made if there is none of that name.
pub(crate) async fn add(db: &mut Connection, title: &str, created_at: i64, shots: i64) -> AssetId {
    let (asset, run) = (AssetId::new(), RunId::new());
    database::query(
        "INSERT INTO titles (id, name, created_at) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
    )
    .bind(TitleId::new())
    .bind(title)
    .execute(&mut *db)
    .await
    .unwrap();
    database::query(
        "INSERT INTO assets (id, title_id, uri, version, size, created_at, generation)
         SELECT $1, id, 'file:///' || $1, '1', 1, $2, 1 FROM titles WHERE name = $3",
    )
    .bind(&asset)
    .bind(created_at)
    .bind(title)
    .execute(&mut *db)
    .await
    .unwrap();
    let record = serde_json::json!({
        "timeline": "t", "frames": shots * 50, "rate": "25/1", "variable": false, "start_timecode": null,
    });
    database::query(
        "INSERT INTO runs (id, asset_id, feature, key, params, queue, state, created_at, output)
         VALUES ($1, $2, 'shots', 'shots', '{}', 'media', 'ready', 0, $3)",
    )
    .bind(&run)
    .bind(&asset)
    .bind(record.to_string())
    .execute(&mut *db)
    .await
    .unwrap();
    database::query("INSERT INTO published VALUES ($1, 'shots', $2)")
        .bind(&asset)
        .bind(&run)
        .execute(&mut *db)
        .await
        .unwrap();
    database::query(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $2 - 1)
         INSERT INTO shots (run_id, ordinal, start_frame, end_frame, start_ms, end_ms, boundary, confidence)
         SELECT $1, i, i * 50, i * 50 + 50, i * 2000, i * 2000 + 2000, 'cut', 1 FROM n",
    )
    .bind(&run)
    .bind(shots)
    .execute(&mut *db)
    .await
    .unwrap();
    asset
}
