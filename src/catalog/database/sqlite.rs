//! Opening a catalogue in a file of SQLite.

use std::path::Path;
use std::time::Duration;

use rushes_models::LibraryError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::catalog::CatalogError;

/// How long a writer waits for another process to finish its transaction.
const BUSY: Duration = Duration::from_secs(30);

static MIGRATIONS: Migrator = sqlx::migrate!("src/catalog/migrations/sqlite");

pub(in crate::catalog) async fn open(file: &Path) -> Result<SqlitePool, CatalogError> {
    let open = |source: sqlx::Error| CatalogError::Open {
        file: file.display().to_string(),
        source: LibraryError::new(source),
    };
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A kill loses nothing that was committed. With `Normal`, a power cut might.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted is overwritten where that costs no more reading or writing.
        .pragma("secure_delete", "FAST")
        .busy_timeout(BUSY);
    // Two processes that create a catalogue at the same time would conflict.
    let _alone = lock(file).await.map_err(|error| open(error.into()))?;
    let pool = SqlitePoolOptions::new()
        .max_connections(8)
        .connect_with(options)
        .await
        .map_err(open)?;
    MIGRATIONS.run(&pool).await.map_err(|error| {
        if matches!(error, MigrateError::VersionMissing(_)) {
            let place = file.display().to_string();
            return CatalogError::Newer { place };
        }
        open(error.into())
    })?;
    Ok(pool)
}

/// A new catalogue in memory, with one connection.
pub(in crate::catalog) async fn in_memory() -> Result<SqlitePool, CatalogError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(SqliteConnectOptions::new().in_memory(true))
        .await?;
    MIGRATIONS
        .run(&pool)
        .await
        .map_err(|error| CatalogError::Database(LibraryError::new(error)))?;
    Ok(pool)
}

/// Holds the lock beside `file` until the returned guard is dropped.
async fn lock(file: &Path) -> std::io::Result<std::fs::File> {
    let path = file.with_extension("lock");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = std::fs::File::create(path)?;
        lock.lock()?;
        Ok(lock)
    });
    locked.await.map_err(std::io::Error::other)?
}
