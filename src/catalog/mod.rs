//! What there is: titles, assets, the runs of their features, shots, vectors, dialogue, redactions, keys.
//!
//! One SQLite file in write-ahead mode. It is the truth; the index is derived from it. Functions that
//! take a connection are meant to be combined in one transaction ([`Catalog::begin`]).

pub mod assets;
pub mod audit;
pub mod bins;
mod coverage;
mod error;
mod ids;
pub mod jobs;
pub mod keys;
pub mod queue;
pub mod records;
pub mod redactions;
pub mod results;
pub mod runs;
pub mod shots;
pub mod uploads;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{SqliteConnection, Transaction};

pub use coverage::{coverage, failed};
pub use error::CatalogError;
pub use ids::{AssetId, BinId, BinItemId, JobId, KeyId, RedactionId, RunId, ShotId, TitleId};

/// Positions of an index that are kept. Its vectors are written once a minute, and lie behind by as many as there
/// were in between.
const MARKS: i64 = 10_000;
/// How long a writer waits for another process to finish its transaction.
const BUSY: Duration = Duration::from_secs(30);

/// The open catalogue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: SqlitePool,
}

impl Catalog {
    /// Opens the catalogue in `file`, made and brought to the newest schema if need be.
    ///
    /// # Errors
    /// If the file cannot be opened, is not a catalogue, or was written by a newer rushes.
    pub async fn open(file: &Path) -> Result<Self, CatalogError> {
        let open = |source| CatalogError::Open {
            file: file.display().to_string(),
            source,
        };
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A kill loses nothing that was committed; with `Normal` a power cut might.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        // Two processes that make a new catalogue at the same moment would trip over each other.
        let _alone = lock(file).await.map_err(|error| open(error.into()))?;
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .connect_with(options)
            .await
            .map_err(open)?;
        sqlx::migrate!("src/catalog/migrations")
            .run(&pool)
            .await
            .map_err(|error| open(error.into()))?;
        Ok(Self { pool })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// If the database stays locked by another process.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, CatalogError> {
        // Taking the write lock at once; upgrading a read later could deadlock.
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Begins a transaction that only reads: all its reads see the same state.
    ///
    /// # Errors
    /// If no connection becomes free.
    pub async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, CatalogError> {
        Ok(self.pool.begin().await?)
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// If none becomes free.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<Sqlite>, CatalogError> {
        Ok(self.pool.acquire().await?)
    }

    /// Closes every connection, so that the write-ahead log is folded in.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Holds the lock beside `file` until the answer is dropped.
async fn lock(file: &Path) -> std::io::Result<std::fs::File> {
    let path = file.with_extension("lock");
    let locked = tokio::task::spawn_blocking(move || {
        let lock = std::fs::File::create(path)?;
        lock.lock()?;
        Ok(lock)
    });
    locked.await.map_err(std::io::Error::other)?
}

/// Says that readers must look at `asset` again.
///
/// # Errors
/// If the database fails.
pub async fn note_change(db: &mut SqliteConnection, asset: &AssetId) -> Result<(), CatalogError> {
    // One row per asset: an older change says nothing that the newer one does not.
    sqlx::query("REPLACE INTO changes (asset_id) VALUES (?)")
        .bind(asset)
        .execute(db)
        .await?;
    Ok(())
}

/// The assets that changed after `seq`, with the newest change of each, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn changes_after(
    db: &mut SqliteConnection,
    seq: i64,
    limit: u32,
) -> Result<Vec<(i64, AssetId)>, CatalogError> {
    Ok(
        sqlx::query_as("SELECT seq, asset_id FROM changes WHERE seq > ? ORDER BY seq LIMIT ?")
            .bind(seq)
            .bind(limit)
            .fetch_all(db)
            .await?,
    )
}

/// Notes that an index is about to follow up to change `seq`; the answer marks that position as one of this
/// catalogue.
///
/// # Errors
/// If the database fails.
pub async fn mark_position(db: &mut SqliteConnection, seq: i64) -> Result<String, CatalogError> {
    let mark = ulid::Ulid::generate().to_string();
    sqlx::query("INSERT INTO index_marks (mark, seq) VALUES (?, ?)")
        .bind(&mark)
        .bind(seq)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "DELETE FROM index_marks
          WHERE seq < (SELECT seq FROM index_marks ORDER BY seq DESC LIMIT 1 OFFSET ?)",
    )
    .bind(MARKS)
    .execute(db)
    .await?;
    Ok(mark)
}

/// Whether an index at `seq` followed this catalogue, and not another one, or a later state of it before it was put
/// back to an earlier one.
///
/// # Errors
/// If the database fails.
pub async fn is_marked(
    db: &mut SqliteConnection,
    seq: i64,
    mark: &str,
) -> Result<bool, CatalogError> {
    let marked = "SELECT EXISTS (SELECT 1 FROM index_marks WHERE mark = ? AND seq = ?)";
    Ok(sqlx::query_scalar(marked)
        .bind(mark)
        .bind(seq)
        .fetch_one(db)
        .await?)
}

/// Unix time in milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
