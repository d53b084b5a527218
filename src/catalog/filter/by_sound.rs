//! Lists of shots by loudness. Those whose sound was not measured come last, in the order of registration.

use std::collections::HashMap;

use super::list::{ListOrder, ListScope, ShotPlace, by_asset, push_scope};
use crate::catalog::database::{self, Connection, StatementBuilder};
use crate::catalog::{AssetId, CatalogError, ShotId};

/// The loudness of a shot in hundredths of a LUFS, as an index has it. What is silent counts as -70 LUFS.
const LEVEL: &str = "CAST(ROUND(COALESCE(x.loudness, -70) * 100) AS INTEGER)";
/// The condition that the sound of a shot was not measured.
pub(super) const UNMEASURED: &str =
    " AND NOT EXISTS (SELECT 1 FROM published m JOIN sounds x ON x.run_id = m.run_id
                       WHERE m.asset_id = a.id AND m.feature = 'sound'
                         AND x.start_frame = s.start_frame AND x.end_frame = s.end_frame)";

/// Up to `most` shots, those after `after` if it is given.
pub(super) async fn list(
    db: &mut Connection,
    scope: ListScope<'_>,
    order: ListOrder,
    after: Option<&ShotPlace>,
    most: u32,
) -> Result<Vec<ShotPlace>, CatalogError> {
    let mut places = Vec::new();
    if after.is_none_or(|last| last.level.is_some()) {
        places = measured(db, scope, order, after, most).await?;
    }
    let missing = most.saturating_sub(u32::try_from(places.len()).unwrap_or(u32::MAX));
    if missing > 0 {
        let after = after.filter(|last| last.level.is_none());
        places.extend(by_asset(db, scope, order, after, missing).await?);
    }
    Ok(places)
}

/// Shots whose sound was measured. The index gives their order, so that nothing is sorted as a whole.
async fn measured(
    db: &mut Connection,
    scope: ListScope<'_>,
    order: ListOrder,
    after: Option<&ShotPlace>,
    most: u32,
) -> Result<Vec<ShotPlace>, CatalogError> {
    let (sign, next, direction) = if order == ListOrder::Loudest {
        ("-", "<=", " DESC")
    } else {
        ("", ">=", "")
    };
    let join = db.dialect().ordered_join();
    let mut query = StatementBuilder::new(format!(
        "SELECT a.id AS asset, s.start_frame, s.end_frame, t.name AS title, a.registered, a.created_at, CAST({LEVEL} AS BIGINT) AS level
           FROM sounds x
          {join} published m ON m.run_id = x.run_id AND m.feature = 'sound'
          {join} assets a ON a.id = m.asset_id
          {join} titles t ON t.id = a.title_id
          {join} published d ON d.asset_id = a.id AND d.feature = 'shots'
          {join} shots s ON s.run_id = d.run_id AND s.start_frame = x.start_frame AND s.end_frame = x.end_frame
          WHERE TRUE"
    ));
    push_scope(&mut query, scope);
    if let Some((last, level)) = after.and_then(|last| Some((last, last.level?))) {
        query
            .push(format!(" AND {LEVEL} {next} "))
            .push_bind(level)
            .push(format!(
                " AND ({sign}{LEVEL}, a.registered, s.start_frame) > ({sign}"
            ))
            .push_bind(level)
            .push(", ")
            .push_bind(last.registered())
            .push(", ")
            .push_bind(last.start_frame)
            .push(")");
    }
    query.push(format!(
        " ORDER BY {LEVEL}{direction}, a.registered, s.start_frame LIMIT "
    ));
    query.push_bind(most);
    Ok(query.build_query_as().fetch_all(db).await?)
}

/// The loudness of shots in hundredths of a LUFS; those whose sound was not measured are missing.
///
/// # Errors
/// If the database fails.
pub async fn levels(
    db: &mut Connection,
    shots: &[&ShotId],
) -> Result<HashMap<ShotId, i64>, CatalogError> {
    let wanted: Vec<(&AssetId, u64)> = shots.iter().map(|shot| (&shot.asset, shot.start)).collect();
    let rows: Vec<(AssetId, i64, i64, i64)> = database::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT m.asset_id, x.start_frame, x.end_frame, CAST({LEVEL} AS BIGINT)
           FROM json_each($1) j
           JOIN published m ON m.asset_id = j.value ->> 0 AND m.feature = 'sound'
           JOIN sounds x ON x.run_id = m.run_id AND x.start_frame = CAST(j.value ->> 1 AS BIGINT)"
    )))
    .bind(serde_json::json!(wanted).to_string())
    .fetch_all(db)
    .await?;
    let known = rows.into_iter().map(|(asset, start, end, level)| {
        let (start, end) = (start.cast_unsigned(), end.cast_unsigned());
        (ShotId { asset, start, end }, level)
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RunId;
    use crate::catalog::testing::{add, each_database, empty};

    /// Publishes the loudness of the shots of an asset that [`add`] made; `None` is silence.
    async fn measure(db: &mut Connection, asset: &AssetId, shots: &[Option<f64>]) {
        let run = RunId::new();
        database::query(
            "INSERT INTO runs (id, asset_id, feature, key, params, queue, state, created_at)
             VALUES ($1, $2, 'sound', 'sound', '{}', 'media', 'ready', 0)",
        )
        .bind(&run)
        .bind(asset)
        .execute(&mut *db)
        .await
        .unwrap();
        database::query("INSERT INTO published VALUES ($1, 'sound', $2)")
            .bind(asset)
            .bind(&run)
            .execute(&mut *db)
            .await
            .unwrap();
        for (at, loudness) in (0_i64..).zip(shots) {
            database::query("INSERT INTO sounds VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, 0, 0)")
                .bind(&run)
                .bind(at * 50)
                .bind(at * 50 + 50)
                .bind(loudness)
                .bind(loudness)
                .bind(loudness)
                .execute(&mut *db)
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn lists_by_loudness_are_the_same_in_parts_of_any_size_and_end_with_the_unmeasured() {
        each_database(async |catalog| {
            let mut tx = catalog.begin().await.unwrap();
            add(&mut tx, "Unmeasured", 1, 2).await;
            let first = add(&mut tx, "First", 2, 4).await;
            measure(
                &mut tx,
                &first,
                &[Some(-20.0), None, Some(-31.5), Some(-20.0)],
            )
            .await;
            let second = add(&mut tx, "Second", 3, 3).await;
            // The third shot has no sound yet.
            measure(&mut tx, &second, &[Some(-20.001), Some(-12.25)]).await;
            let scope = ListScope {
                filters: &[],
                within: None,
                assets: None,
            };
            let loudest = [
                ("Second", 50),
                ("First", 0),
                ("First", 150),
                ("Second", 0),
                ("First", 100),
                ("First", 50),
                ("Unmeasured", 0),
                ("Unmeasured", 50),
                ("Second", 100),
            ];
            let quietest = [
                ("First", 50),
                ("First", 100),
                ("First", 0),
                ("First", 150),
                ("Second", 0),
                ("Second", 50),
                ("Unmeasured", 0),
                ("Unmeasured", 50),
                ("Second", 100),
            ];
            for (order, expected) in [
                (ListOrder::Loudest, loudest),
                (ListOrder::Quietest, quietest),
            ] {
                for most in [1, 2, 4, 100] {
                    let mut all: Vec<ShotPlace> = Vec::new();
                    loop {
                        let part = list(&mut tx, scope, order, all.last(), most).await.unwrap();
                        if part.is_empty() {
                            break;
                        }
                        all.extend(part);
                    }
                    let found: Vec<_> = all
                        .iter()
                        .map(|one| (one.title(), one.start_frame))
                        .collect();
                    assert_eq!(found, expected, "{order:?} {most}");
                    let ids: Vec<ShotId> = all.iter().map(ShotPlace::shot).collect();
                    let known = levels(&mut tx, &ids.iter().collect::<Vec<_>>())
                        .await
                        .unwrap();
                    let levels: Vec<_> = ids.iter().map(|id| known.get(id).copied()).collect();
                    assert_eq!(levels, all.iter().map(|one| one.level).collect::<Vec<_>>());
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_list_by_loudness_reads_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = empty(&folder).await;
        let mut tx = catalog.begin().await.unwrap();
        let plan: Vec<(i64, i64, i64, String)> = database::query_as(sqlx::AssertSqlSafe(format!(
            "EXPLAIN QUERY PLAN SELECT 1 FROM sounds x WHERE {LEVEL} <= -2000 ORDER BY {LEVEL} DESC"
        )))
        .fetch_all(&mut tx)
        .await
        .unwrap();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].3.contains("sounds_by_loudness"), "{plan:?}");
    }
}
