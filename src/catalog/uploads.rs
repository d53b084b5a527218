//! Uploads in progress: where their bytes are stored before an asset exists.

use super::CatalogError;
use super::database::{self, Connection};

/// Records that bytes will be stored below `prefix`, by the member `member` if it is one.
///
/// # Errors
/// If the database fails.
pub async fn begin(
    db: &mut Connection,
    prefix: &str,
    member: Option<&str>,
) -> Result<(), CatalogError> {
    database::query("INSERT INTO uploads (prefix, member) VALUES ($1, $2)")
        .bind(prefix)
        .bind(member)
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

/// Records as garbage the uploads that a member had in progress.
///
/// # Errors
/// If the database fails.
pub async fn discard_of(db: &mut Connection, member: &str) -> Result<(), CatalogError> {
    for statement in [
        "INSERT INTO garbage (prefix) SELECT prefix FROM uploads WHERE member = $1 ON CONFLICT DO NOTHING",
        "DELETE FROM uploads WHERE member = $1",
    ] {
        database::query(statement)
            .bind(member)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Records as garbage all uploads that no member has in progress.
///
/// # Errors
/// If the database fails.
pub async fn discard_ownerless(db: &mut Connection) -> Result<(), CatalogError> {
    for statement in [
        "INSERT INTO garbage (prefix)
         SELECT prefix FROM uploads u WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.name = u.member)
         ON CONFLICT DO NOTHING",
        "DELETE FROM uploads WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.name = uploads.member)",
    ] {
        database::query(statement).execute(&mut *db).await?;
    }
    Ok(())
}
