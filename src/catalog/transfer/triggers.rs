//! Triggers, which must not run while rows are copied: what they would do is among the rows.

use super::TransferError;
use super::schema::{TablePlan, quoted};
use crate::catalog::database::{self, Connection, Dialect};
use sqlx::AssertSqlSafe;

/// The triggers of a database that were switched off in a transaction.
#[derive(Debug)]
pub(super) struct SilencedTriggers {
    /// The statements that make those of SQLite again, which cannot switch off a trigger.
    made_by: Vec<String>,
}

/// Switches off all triggers, until [`SilencedTriggers::restore`] in the same transaction.
pub(super) async fn silence(
    db: &mut Connection,
    plans: &[TablePlan],
) -> Result<SilencedTriggers, TransferError> {
    let mut made_by = Vec::new();
    match db.dialect() {
        Dialect::Sqlite => {
            let triggers: Vec<(String, String)> =
                database::query_as("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
                    .fetch_all(db)
                    .await?;
            for (name, sql) in triggers {
                execute(db, format!("DROP TRIGGER {}", quoted(&name))).await?;
                made_by.push(sql);
            }
        }
        Dialect::Postgres => {
            for plan in plans {
                let table = plan.quoted();
                execute(db, format!("ALTER TABLE {table} DISABLE TRIGGER USER")).await?;
            }
        }
    }
    Ok(SilencedTriggers { made_by })
}

impl SilencedTriggers {
    /// Switches them on again, and makes what they keep outside of the tables.
    pub(super) async fn restore(
        self,
        db: &mut Connection,
        plans: &[TablePlan],
    ) -> Result<(), TransferError> {
        match db.dialect() {
            Dialect::Sqlite => {
                // Full-text indexes, which triggers fill from the tables.
                let indexes: Vec<String> = database::query_scalar(
                    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'",
                )
                .fetch_all(db)
                .await?;
                for index in indexes {
                    let index = quoted(&index);
                    let sql = format!("INSERT INTO {index} ({index}) VALUES ('rebuild')");
                    execute(db, sql).await?;
                }
                for sql in self.made_by {
                    execute(db, sql).await?;
                }
            }
            Dialect::Postgres => {
                for plan in plans {
                    let table = plan.quoted();
                    execute(db, format!("ALTER TABLE {table} ENABLE TRIGGER USER")).await?;
                }
            }
        }
        Ok(())
    }
}

/// Executes SQL in which nothing is that a user wrote.
pub(super) async fn execute(db: &mut Connection, sql: String) -> Result<(), TransferError> {
    database::query(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}
