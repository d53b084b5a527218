//! Uploads under way: where the bytes go before there is an asset that they are of.

use sqlx::SqliteConnection;

use super::CatalogError;

/// Notes that bytes will be stored below `prefix`.
///
/// # Errors
/// If the database fails.
pub async fn begin(db: &mut SqliteConnection, prefix: &str) -> Result<(), CatalogError> {
    sqlx::query("INSERT INTO uploads (prefix) VALUES (?)")
        .bind(prefix)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that the upload below `prefix` has become an asset.
///
/// # Errors
/// [`CatalogError::NotFound`] if it was given up meanwhile, and its bytes with it.
pub async fn complete(db: &mut SqliteConnection, prefix: &str) -> Result<(), CatalogError> {
    if forget(db, prefix).await? {
        return Ok(());
    }
    Err(CatalogError::NotFound {
        what: "upload",
        id: prefix.to_owned(),
    })
}

async fn forget(db: &mut SqliteConnection, prefix: &str) -> Result<bool, CatalogError> {
    let forgotten = sqlx::query("DELETE FROM uploads WHERE prefix = ?")
        .bind(prefix)
        .execute(db)
        .await?;
    Ok(forgotten.rows_affected() == 1)
}

/// Makes what was stored of an upload garbage.
///
/// # Errors
/// If the database fails.
pub async fn discard(db: &mut SqliteConnection, prefix: &str) -> Result<(), CatalogError> {
    sqlx::query("INSERT OR IGNORE INTO garbage (prefix) VALUES (?)")
        .bind(prefix)
        .execute(&mut *db)
        .await?;
    forget(db, prefix).await.map(drop)
}

/// Makes garbage of all uploads that were under way when the last server ended. For the process that is about to
/// take uploads, before it does.
///
/// # Errors
/// If the database fails.
pub async fn discard_all(db: &mut SqliteConnection) -> Result<(), CatalogError> {
    sqlx::query("INSERT OR IGNORE INTO garbage (prefix) SELECT prefix FROM uploads")
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM uploads").execute(db).await?;
    Ok(())
}
