//! Uploads that a client may continue after its line broke.

use sqlx::FromRow;

use super::database::{self, Connection, Dialect};
use super::{AssetId, CatalogError, JobId, KeyId, UploadId, now_ms};

/// Uploads under way.
pub const MOST_UPLOADS: i64 = 1000;

/// An upload under way, or one that became an asset.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ResumableUpload {
    /// Id.
    pub id: UploadId,
    /// The key that made it.
    pub owner: Option<KeyId>,
    /// The file's name.
    pub name: String,
    /// The title it is for; the file's name if `None`.
    pub title: Option<String>,
    /// Bytes in all.
    pub length: i64,
    /// Bytes that are safe on the disk.
    pub received: i64,
    /// When it is given up unless something comes, Unix milliseconds.
    pub expires_at: i64,
    /// The spool folder with its bytes; `None` before the first.
    pub spool: Option<String>,
    /// The asset whose file it becomes; a new asset if `None`.
    pub replaces: Option<AssetId>,
    /// The asset that it became.
    pub asset_id: Option<AssetId>,
    /// The job that computes the asset's features.
    pub job_id: Option<JobId>,
}

/// What a new upload is.
#[derive(Debug, Clone, Copy)]
pub struct NewUpload<'a> {
    /// The file's name.
    pub name: &'a str,
    /// The title it is for.
    pub title: Option<&'a str>,
    /// The asset whose file it becomes.
    pub replaces: Option<&'a AssetId>,
    /// Bytes in all.
    pub length: u64,
}

/// Begins an upload.
///
/// # Errors
/// If there are too many, or the database fails.
pub async fn create(
    db: &mut Connection,
    owner: Option<&KeyId>,
    new: NewUpload<'_>,
    keep_ms: i64,
) -> Result<ResumableUpload, CatalogError> {
    let count: i64 = database::query_scalar(
        "SELECT COUNT(*) FROM resumable_uploads WHERE asset_id IS NULL AND expires_at > $1",
    )
    .bind(now_ms())
    .fetch_one(&mut *db)
    .await?;
    if count >= MOST_UPLOADS {
        return Err(CatalogError::TooManyUploads(MOST_UPLOADS));
    }
    Ok(database::query_as(
        "INSERT INTO resumable_uploads (id, owner, name, title, replaces, length, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *",
    )
    .bind(UploadId::new())
    .bind(owner)
    .bind(new.name)
    .bind(new.title)
    .bind(new.replaces)
    .bind(new.length.cast_signed())
    .bind(now_ms())
    .bind(now_ms() + keep_ms)
    .fetch_one(db)
    .await?)
}

/// The upload with this id, unless it has expired.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut Connection, id: &UploadId) -> Result<ResumableUpload, CatalogError> {
    database::query_as("SELECT * FROM resumable_uploads WHERE id = $1 AND expires_at > $2")
        .bind(id)
        .bind(now_ms())
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "upload",
            id: id.to_string(),
        })
}

/// Has the bytes of an upload lie in a spool folder, unless they lie in that of another server. Says whether they lie there.
///
/// # Errors
/// If the database fails.
pub async fn settle_in(
    db: &mut Connection,
    id: &UploadId,
    spool: &str,
) -> Result<bool, CatalogError> {
    // A catalogue in a file has one data folder, so a spool of another name is this one's with a lost name.
    let is_alone = matches!(db.dialect(), Dialect::Sqlite);
    let settled = database::query(
        "UPDATE resumable_uploads SET spool = $1 WHERE id = $2 AND (spool IS NULL OR spool = $1 OR $3)",
    )
    .bind(spool)
    .bind(id)
    .bind(is_alone)
    .execute(db)
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// Notes how much is safe on the disk.
///
/// # Errors
/// If the database fails.
pub async fn set_received(
    db: &mut Connection,
    id: &UploadId,
    received: u64,
    keep_ms: i64,
) -> Result<(), CatalogError> {
    database::query("UPDATE resumable_uploads SET received = $1, expires_at = $2 WHERE id = $3")
        .bind(received.cast_signed())
        .bind(now_ms() + keep_ms)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes what became of an upload.
///
/// # Errors
/// If the database fails.
pub async fn finish(
    db: &mut Connection,
    id: &UploadId,
    asset: &AssetId,
    job: &JobId,
) -> Result<(), CatalogError> {
    database::query("UPDATE resumable_uploads SET asset_id = $1, job_id = $2 WHERE id = $3")
        .bind(asset)
        .bind(job)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets an upload.
///
/// # Errors
/// If the database fails.
pub async fn delete(db: &mut Connection, id: &UploadId) -> Result<(), CatalogError> {
    database::query("DELETE FROM resumable_uploads WHERE id = $1")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Ids of all uploads.
///
/// # Errors
/// If the database fails.
pub async fn ids(db: &mut Connection) -> Result<Vec<UploadId>, CatalogError> {
    Ok(database::query_scalar("SELECT id FROM resumable_uploads")
        .fetch_all(db)
        .await?)
}

/// How long a server has to expire the uploads whose bytes it has, before others do.
const GRACE_MS: i64 = 24 * 3600 * 1000;

/// Forgets uploads that have expired, but for those whose bytes other servers have and may still clear away; the answer is
/// their ids.
///
/// # Errors
/// If the database fails.
pub async fn expire(db: &mut Connection, spool: &str) -> Result<Vec<UploadId>, CatalogError> {
    Ok(database::query_scalar(
        "DELETE FROM resumable_uploads
          WHERE expires_at <= $1 AND (spool IS NULL OR spool = $2 OR expires_at <= $1 - $3) RETURNING id",
    )
    .bind(now_ms())
    .bind(spool)
    .bind(GRACE_MS)
    .fetch_all(db)
    .await?)
}
