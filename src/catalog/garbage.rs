//! Stored objects that nothing refers to any more, until they are deleted.

use sqlx::SqliteConnection;

use super::{CatalogError, RunId};

/// Prefixes of stored objects that nothing references.
///
/// # Errors
/// If the database fails.
pub async fn prefixes(db: &mut SqliteConnection) -> Result<Vec<String>, CatalogError> {
    Ok(sqlx::query_scalar("SELECT prefix FROM garbage")
        .fetch_all(db)
        .await?)
}

/// Forgets a prefix whose objects have been deleted.
///
/// # Errors
/// If the database fails.
pub async fn collected(db: &mut SqliteConnection, prefix: &str) -> Result<(), CatalogError> {
    sqlx::query("DELETE FROM garbage WHERE prefix = ?")
        .bind(prefix)
        .execute(db)
        .await?;
    Ok(())
}

/// Records as garbage what a worker stored for a run that was deleted meanwhile.
///
/// # Errors
/// If the database fails.
pub async fn discard_orphans(db: &mut SqliteConnection, run: &RunId) -> Result<(), CatalogError> {
    sqlx::query(
        "INSERT OR IGNORE INTO garbage (prefix)
         SELECT 'runs/' || ?1 WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
    )
    .bind(run)
    .execute(db)
    .await?;
    Ok(())
}
