//! Coverage: how much of the catalogue can be found in an index that follows it.

use std::collections::HashMap;

use super::database::{self, Connection};
use super::{AssetId, CatalogError};

/// The number of assets, of `scope` or of all, that can be found by `feature` in an index at change `seq`, and
/// the total number of assets.
///
/// Over all assets, the cost grows with the changes after `seq`, not with the number of assets.
///
/// # Errors
/// If the database fails.
pub async fn coverage<'a>(
    db: &mut Connection,
    feature: &str,
    seq: i64,
    scope: Option<impl IntoIterator<Item = &'a AssetId>>,
) -> Result<(i64, i64), CatalogError> {
    if let Some(scope) = scope {
        let ids: Vec<&str> = scope.into_iter().map(AssetId::as_str).collect();
        return of_scope(db, feature, seq, &serde_json::json!(ids).to_string()).await;
    }
    Ok(database::query_as(
        "SELECT COALESCE((SELECT count FROM tallies WHERE name = 'published/' || $1), 0)
                - (SELECT COUNT(*) FROM changes c
                     JOIN published p ON p.asset_id = c.asset_id AND p.feature = $1 WHERE c.seq > $2),
                (SELECT count FROM tallies WHERE name = 'assets')",
    )
    .bind(feature)
    .bind(seq)
    .fetch_one(db)
    .await?)
}

/// `scope` is a JSON list of ids.
async fn of_scope(
    db: &mut Connection,
    feature: &str,
    seq: i64,
    scope: &str,
) -> Result<(i64, i64), CatalogError> {
    Ok(database::query_as(
        "SELECT COUNT(*) FILTER (WHERE f.findable), COUNT(*) FROM (
            SELECT EXISTS (SELECT 1 FROM published p WHERE p.asset_id = a.id AND p.feature = $3)
                   AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.asset_id = a.id AND c.seq > $1)
                   AS findable
              FROM assets a WHERE a.id IN (SELECT value FROM json_each($2))) f",
    )
    .bind(seq)
    .bind(scope)
    .bind(feature)
    .fetch_one(db)
    .await?)
}

/// How many assets there are, as `assets`, and how many have a published result of each feature, as
/// `published/FEATURE`.
///
/// # Errors
/// If the database fails.
pub async fn tallies(db: &mut Connection) -> Result<HashMap<String, i64>, CatalogError> {
    let rows: Vec<(String, i64)> = database::query_as("SELECT name, count FROM tallies")
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The number of assets, of `scope` or of all, without a published result of `feature` because its run failed
/// by itself, and not for lack of its input.
///
/// The cost grows with the failed runs, not with the number of assets.
///
/// # Errors
/// If the database fails.
pub async fn failed<'a>(
    db: &mut Connection,
    feature: &str,
    scope: Option<impl IntoIterator<Item = &'a AssetId>>,
) -> Result<i64, CatalogError> {
    failed_of(db, (feature, false), scope).await
}

/// The same, with those that lack an input.
///
/// # Errors
/// If the database fails.
pub async fn given_up<'a>(
    db: &mut Connection,
    feature: &str,
    scope: Option<impl IntoIterator<Item = &'a AssetId>>,
) -> Result<i64, CatalogError> {
    failed_of(db, (feature, true), scope).await
}

async fn failed_of<'a>(
    db: &mut Connection,
    (feature, also_for_inputs): (&str, bool),
    scope: Option<impl IntoIterator<Item = &'a AssetId>>,
) -> Result<i64, CatalogError> {
    let scope = scope.map(|scope| {
        let ids: Vec<&str> = scope.into_iter().map(AssetId::as_str).collect();
        serde_json::json!(ids).to_string()
    });
    let runs = db.dialect().read_by("runs r", "runs_by_state");
    let sql = format!(
        "SELECT COUNT(*) FROM {runs}
           JOIN wanted w ON w.run_id = r.id
          WHERE r.state = 'failed' AND r.feature = $1 AND ($3 OR r.failure_kind <> 'input-failed')
            AND NOT EXISTS (SELECT 1 FROM published p WHERE p.asset_id = r.asset_id AND p.feature = $1)
            AND ($2 IS NULL OR r.asset_id IN (SELECT value FROM json_each($2)))"
    );
    Ok(database::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(feature)
        .bind(scope)
        .bind(also_for_inputs)
        .fetch_one(db)
        .await?)
}
