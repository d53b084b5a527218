//! Stored objects that nothing refers to any more, until they are deleted.

use super::database::{self, Connection};
use super::{CatalogError, RunId};

/// Prefixes of stored objects that nothing references.
///
/// # Errors
/// If the database fails.
pub async fn prefixes(db: &mut Connection) -> Result<Vec<String>, CatalogError> {
    Ok(database::query_scalar("SELECT prefix FROM garbage")
        .fetch_all(db)
        .await?)
}

/// Forgets a prefix whose objects have been deleted.
///
/// # Errors
/// If the database fails.
pub async fn collected(db: &mut Connection, prefix: &str) -> Result<(), CatalogError> {
    database::query("DELETE FROM garbage WHERE prefix = $1")
        .bind(prefix)
        .execute(db)
        .await?;
    Ok(())
}

/// Records as garbage what a worker stored for a run that was deleted meanwhile.
///
/// # Errors
/// If the database fails.
pub async fn discard_orphans(db: &mut Connection, run: &RunId) -> Result<(), CatalogError> {
    database::query(
        "INSERT INTO garbage (prefix)
         SELECT 'runs/' || $1 WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = $1)
         ON CONFLICT DO NOTHING",
    )
    .bind(run)
    .execute(db)
    .await?;
    Ok(())
}
