//! Uploads in progress: where their bytes are stored before an asset exists.

use super::CatalogError;
use super::database::{self, Connection};

/// Records that bytes will be stored below `prefix`.
///
/// # Errors
/// If the database fails.
pub async fn begin(db: &mut Connection, prefix: &str) -> Result<(), CatalogError> {
    database::query("INSERT INTO uploads (prefix) VALUES ($1)")
        .bind(prefix)
        .execute(db)
        .await?;
    Ok(())
}

/// Records that the upload below `prefix` has become an asset.
///
/// # Errors
/// [`CatalogError::NotFound`] if the upload was given up meanwhile, together with its bytes.
pub async fn complete(db: &mut Connection, prefix: &str) -> Result<(), CatalogError> {
    if forget(db, prefix).await? {
        return Ok(());
    }
    Err(CatalogError::NotFound {
        what: "upload",
        id: prefix.to_owned(),
    })
}

async fn forget(db: &mut Connection, prefix: &str) -> Result<bool, CatalogError> {
    let forgotten = database::query("DELETE FROM uploads WHERE prefix = $1")
        .bind(prefix)
        .execute(db)
        .await?;
    Ok(forgotten.rows_affected() == 1)
}

/// Records the bytes of an upload as garbage.
///
/// # Errors
/// If the database fails.
pub async fn discard(db: &mut Connection, prefix: &str) -> Result<(), CatalogError> {
    database::query("INSERT INTO garbage (prefix) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(prefix)
        .execute(&mut *db)
        .await?;
    forget(db, prefix).await.map(drop)
}

/// Records as garbage all uploads that were in progress when the last server ended. A process calls this before
/// it accepts uploads.
///
/// # Errors
/// If the database fails.
pub async fn discard_all(db: &mut Connection) -> Result<(), CatalogError> {
    database::query(
        "INSERT INTO garbage (prefix) SELECT prefix FROM uploads WHERE TRUE ON CONFLICT DO NOTHING",
    )
    .execute(&mut *db)
    .await?;
    database::query("DELETE FROM uploads").execute(db).await?;
    Ok(())
}
