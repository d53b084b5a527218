//! The counters from which databases number new rows. No number is given twice, even if its row is deleted: who follows
//! events has read up to one.

use sqlx::AssertSqlSafe;

use super::TransferError;
use super::schema::{TablePlan, quoted};
use super::triggers::execute;
use crate::catalog::database::{self, Connection, Dialect};

/// The largest number that a table has given to a row, as far as the database knows; 0 if it does not.
pub(super) async fn newest(db: &mut Connection, plan: &TablePlan) -> Result<i64, TransferError> {
    let Some(column) = &plan.counted else {
        return Ok(0);
    };
    match db.dialect() {
        Dialect::Sqlite => {
            let seq = "SELECT seq FROM sqlite_sequence WHERE name = $1";
            let seq: Option<i64> = database::query_scalar(seq)
                .bind(&plan.name)
                .fetch_optional(db)
                .await?;
            Ok(seq.unwrap_or(0))
        }
        Dialect::Postgres => {
            let name: String = database::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
                .bind(plan.quoted())
                .bind(column)
                .fetch_one(db)
                .await?;
            let last = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}");
            Ok(database::query_scalar(AssertSqlSafe(last))
                .fetch_one(db)
                .await?)
        }
    }
}

/// Sets the counter of a table behind `newest` and behind its rows.
pub(super) async fn set(
    db: &mut Connection,
    plan: &TablePlan,
    newest: i64,
) -> Result<(), TransferError> {
    let Some(column) = &plan.counted else {
        return Ok(());
    };
    let (table, column) = (plan.quoted(), quoted(column));
    let largest = format!("SELECT COALESCE(MAX({column}), 0) FROM {table}");
    let largest: i64 = database::query_scalar(AssertSqlSafe(largest))
        .fetch_one(db)
        .await?;
    let newest = newest.max(largest);
    if newest == 0 {
        return Ok(());
    }
    match db.dialect() {
        Dialect::Sqlite => {
            // The others number from their largest row.
            let counts = "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE name = $1";
            let counts: bool = database::query_scalar(counts)
                .bind(&plan.name)
                .fetch_one(db)
                .await?;
            if counts {
                database::query("DELETE FROM sqlite_sequence WHERE name = $1")
                    .bind(&plan.name)
                    .execute(db)
                    .await?;
                database::query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)")
                    .bind(&plan.name)
                    .bind(newest)
                    .execute(db)
                    .await?;
            }
        }
        Dialect::Postgres => {
            let column = plan.counted.as_deref().unwrap_or_default();
            let set = "SELECT setval(CAST(pg_get_serial_sequence($1, $2) AS regclass), $3)";
            database::query(set)
                .bind(plan.quoted())
                .bind(column)
                .bind(newest)
                .execute(db)
                .await?;
        }
    }
    Ok(())
}

/// Tells PostgreSQL how large the tables are, so that its first plans are good. It may not ask for others than its own.
pub(super) async fn analyse(db: &mut Connection, plans: &[TablePlan]) -> Result<(), TransferError> {
    let tables: Vec<String> = plans.iter().map(TablePlan::quoted).collect();
    match db.dialect() {
        Dialect::Postgres if !tables.is_empty() => {
            execute(db, format!("ANALYZE {}", tables.join(", "))).await
        }
        Dialect::Sqlite | Dialect::Postgres => Ok(()),
    }
}
