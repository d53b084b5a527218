//! The places that the server watches.

use sqlx::FromRow;

use super::database::{self, Connection};
use super::{CatalogError, WatchId, now_ms};

/// Most places that are watched.
const MOST: i64 = 100;
/// Most objects that wait for the server that watches them.
const MOST_ANNOUNCED: i64 = 10_000;

/// A place that the server watches.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StoredWatch {
    /// Id.
    pub id: WatchId,
    /// The folder or prefix, a URI that ends with `/`.
    pub uri: String,
    /// Title for all its videos; each file's name if `None`.
    pub title: Option<String>,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
}

/// All places, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn all(db: &mut Connection) -> Result<Vec<StoredWatch>, CatalogError> {
    Ok(database::query_as("SELECT * FROM watches ORDER BY id")
        .fetch_all(db)
        .await?)
}

/// The place with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut Connection, id: &WatchId) -> Result<StoredWatch, CatalogError> {
    database::query_as("SELECT * FROM watches WHERE id = $1")
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| no_such_watch(id))
}

/// Adds a place, and says whether it is new. A place that is watched already stays as it is.
///
/// # Errors
/// [`CatalogError::TooManyWatches`] if there are too many.
pub async fn add(
    db: &mut Connection,
    uri: &str,
    title: Option<&str>,
) -> Result<(StoredWatch, bool), CatalogError> {
    let known = all(db).await?;
    if let Some(watch) = known.iter().find(|watch| watch.uri == uri) {
        return Ok((watch.clone(), false));
    }
    if known.len() as i64 >= MOST {
        return Err(CatalogError::TooManyWatches(MOST));
    }
    let watch = database::query_as(
        "INSERT INTO watches (id, uri, title, created_at) VALUES ($1, $2, $3, $4) RETURNING *",
    )
    .bind(WatchId::new())
    .bind(uri)
    .bind(title)
    .bind(now_ms())
    .fetch_one(db)
    .await?;
    Ok((watch, true))
}

/// Removes a place. What was ingested from it stays.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn remove(db: &mut Connection, id: &WatchId) -> Result<(), CatalogError> {
    let removed = database::query("DELETE FROM watches WHERE id = $1")
        .bind(id)
        .execute(db)
        .await?;
    if removed.rows_affected() == 0 {
        return Err(no_such_watch(id));
    }
    Ok(())
}

/// Keeps objects that were announced, for the server that watches their places. Those beyond [`MOST_ANNOUNCED`] are left
/// out: watches list their places too.
///
/// # Errors
/// If the database fails.
pub async fn keep_announced(db: &mut Connection, uris: &[&String]) -> Result<(), CatalogError> {
    let kept: i64 = database::query_scalar("SELECT COUNT(*) FROM announced_objects")
        .fetch_one(&mut *db)
        .await?;
    let room = usize::try_from(MOST_ANNOUNCED - kept).unwrap_or_default();
    for uri in uris.iter().take(room) {
        database::query("INSERT INTO announced_objects (uri) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(uri.as_str())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Whether an object was announced to a server that does not watch it.
///
/// # Errors
/// If the database fails.
pub async fn is_anything_announced(db: &mut Connection) -> Result<bool, CatalogError> {
    Ok(
        database::query_scalar("SELECT EXISTS (SELECT 1 FROM announced_objects)")
            .fetch_one(db)
            .await?,
    )
}

/// Takes the objects that were announced to servers that do not watch them.
///
/// # Errors
/// If the database fails.
pub async fn take_announced(db: &mut Connection) -> Result<Vec<String>, CatalogError> {
    Ok(
        database::query_scalar("DELETE FROM announced_objects RETURNING uri")
            .fetch_all(db)
            .await?,
    )
}

fn no_such_watch(id: &WatchId) -> CatalogError {
    CatalogError::NotFound {
        what: "watch",
        id: id.to_string(),
    }
}
