//! The catalogue: titles, assets, the runs of their features, shots, vectors, dialogue, redactions and keys.
//!
//! It is one SQLite file in write-ahead mode, or a database of PostgreSQL ([`database`]). It is the source of truth, and the index is derived from it.
//! Functions that take a connection can be combined in one transaction ([`Catalog::begin`]).

pub mod assets;
pub mod audit;
pub mod bins;
mod caller;
mod coverage;
pub mod cues;
pub mod database;
mod dialect;
pub mod duplicates;
pub mod edges;
mod error;
pub mod events;
pub mod filter;
pub mod garbage;
pub mod idempotency;
mod ids;
pub mod jobs;
pub mod keys;
pub mod labels;
pub mod listing;
pub mod members;
pub mod metadata;
pub mod passages;
pub mod people;
pub mod previews;
pub mod queue;
pub mod records;
pub mod redactions;
pub mod replacements;
pub mod results;
pub mod resumable;
pub mod runs;
pub mod search_log;
pub mod shots;
pub mod sound_tags;
pub mod sounds;
pub mod spaces;
pub mod stored;
pub mod subtitles;
#[cfg(test)]
pub(crate) mod testing;
pub mod texts;
pub mod titles;
pub mod transfer;
pub mod uploads;
pub mod vectors;
pub mod watches;
pub mod webhooks;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::SecretString;

pub use caller::Caller;
pub use coverage::{coverage, failed, given_up, tallies};
use database::{Connection, Pool, Transaction, postgres, sqlite};
pub use error::CatalogError;
pub use ids::{
    AssetId, BinId, BinItemId, DeliveryId, FaceId, JobId, KeyId, PersonId, RedactionId, RunId,
    ShotId, TitleId, UploadId, WatchId, WebhookId,
};
pub use members::{Role, RoleTerm};

/// Number of index positions to keep. An index writes its vectors once a minute, and so lags by the positions
/// in between.
const MARKS: i64 = 10_000;

/// An open catalogue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: Pool,
    /// What is written under.
    term: Option<RoleTerm>,
}

impl Catalog {
    /// Opens the catalogue in `file`. Creates it or migrates it to the newest schema if needed.
    ///
    /// # Errors
    /// If the file cannot be opened, is not a catalogue, or was written by a newer rushes.
    pub async fn open(file: &Path) -> Result<Self, CatalogError> {
        let pool = Pool::Sqlite(sqlite::open(file).await?);
        Ok(Self { pool, term: None })
    }

    /// Opens the catalogue in a database of PostgreSQL, at an address such as `postgres://user:password@host/database`.
    /// Creates it or migrates it to the newest schema if needed.
    ///
    /// # Errors
    /// If the address is invalid, the server cannot be reached, refuses the user, has no such database, is too old or only
    /// reads, or the catalogue was written by a newer rushes.
    pub async fn connect(address: &SecretString) -> Result<Self, CatalogError> {
        let pool = Pool::Postgres(postgres::open(address, postgres::PROGRAM).await?);
        Ok(Self { pool, term: None })
    }

    /// The database that it is in, as people may see it: server, port and name; `None` if it is in a file.
    #[must_use]
    pub fn database(&self) -> Option<String> {
        match &self.pool {
            Pool::Sqlite(_) => None,
            Pool::Postgres(pool) => Some(postgres::place(&pool.connect_options())),
        }
    }

    /// The same catalogue for what one member at a time does: nothing is written once another has taken the role.
    #[must_use]
    pub fn under(&self, term: RoleTerm) -> Self {
        Self {
            pool: self.pool.clone(),
            term: Some(term),
        }
    }

    /// A connection that waits for no other user of the catalogue, for signs of life.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn connection_of_its_own(&self) -> Result<Connection, CatalogError> {
        Ok(self.pool.connect().await?)
    }

    /// Does what a [`Catalog::scrub`] that was interrupted or failed left to do. For what starts to write anyway: a program
    /// that only reads must not rewrite the file.
    ///
    /// # Errors
    /// As [`Catalog::scrub`].
    pub async fn finish_scrub(&self) -> Result<(), CatalogError> {
        let owes: Option<bool> = database::query_scalar("SELECT owes_scrub FROM people_consent")
            .fetch_optional(&mut self.read().await?)
            .await?;
        if owes == Some(true) {
            self.scrub().await?;
        }
        Ok(())
    }

    /// Begins a transaction that may write. Nobody else writes until it ends, so changes are numbered in the order in which
    /// others see them.
    ///
    /// # Errors
    /// If the database stays locked by another process; [`CatalogError::RoleLost`] if the term has ended that this
    /// catalogue is [`under`](Self::under).
    pub async fn begin(&self) -> Result<Transaction, CatalogError> {
        let mut tx = self.pool.begin().await?;
        if let Some(term) = self.term {
            term.check(&mut tx).await?;
        }
        Ok(tx)
    }

    /// Begins a transaction that leases, or extends a lease, and changes nothing that is not leased. With PostgreSQL others
    /// of this kind run beside it.
    ///
    /// # Errors
    /// As [`Catalog::begin`].
    pub async fn begin_beside(&self) -> Result<Transaction, CatalogError> {
        let mut tx = self.pool.begin_beside().await?;
        if let Some(term) = self.term {
            term.check(&mut tx).await?;
        }
        Ok(tx)
    }

    /// Begins a transaction that only reads; all reads see the same state.
    ///
    /// # Errors
    /// If no connection becomes free.
    pub async fn snapshot(&self) -> Result<Transaction, CatalogError> {
        Ok(self.pool.snapshot().await?)
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// If none becomes free.
    pub async fn read(&self) -> Result<Connection, CatalogError> {
        Ok(self.pool.acquire().await?)
    }

    /// Rewrites the file without what was deleted, and empties the write-ahead log, so that no byte of it is left in
    /// either. It takes as long as copying the file, and others wait meanwhile; after half a minute they fail. If it
    /// fails after faces were deleted, the next [`Catalog::finish_scrub`] does it.
    ///
    /// With PostgreSQL it rewrites the tables of faces and of people. The server's own log and its backups keep bytes for as
    /// long as its operator keeps them.
    ///
    /// # Errors
    /// If the disk has no room for a copy, or another process reads the old state all the time.
    pub async fn scrub(&self) -> Result<(), CatalogError> {
        let mut db = self.read().await?;
        // Faces that others delete meanwhile are still owed.
        let version: Option<i64> =
            database::query_scalar("SELECT faces_version FROM people_consent")
                .fetch_optional(&mut db)
                .await?;
        dialect::scrub(&mut db).await?;
        database::query(
            "UPDATE people_consent SET owes_scrub = FALSE WHERE owes_scrub AND faces_version = $1",
        )
        .bind(version)
        .execute(&mut db)
        .await?;
        Ok(())
    }

    /// Closes all connections, which checkpoints the write-ahead log.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Records that `asset` has changed for readers.
///
/// # Errors
/// If the database fails.
pub async fn note_change(db: &mut Connection, asset: &AssetId) -> Result<(), CatalogError> {
    // One row per asset: an older change adds nothing to a newer one.
    for statement in [
        "DELETE FROM changes WHERE asset_id = $1",
        "INSERT INTO changes (asset_id) VALUES ($1)",
    ] {
        database::query(statement)
            .bind(asset)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// The assets that changed after `seq`, with the newest change of each, oldest first.
///
/// # Errors
/// If the database fails.
pub async fn changes_after(
    db: &mut Connection,
    seq: i64,
    limit: u32,
) -> Result<Vec<(i64, AssetId)>, CatalogError> {
    Ok(
        database::query_as(
            "SELECT seq, asset_id FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(seq)
        .bind(limit)
        .fetch_all(db)
        .await?,
    )
}

/// The marker of a position that another index has reached, if it is still kept. Indexes share it, so that several use up
/// no more of them than one.
///
/// # Errors
/// If the database fails.
pub async fn known_mark(db: &mut Connection, seq: i64) -> Result<Option<String>, CatalogError> {
    Ok(
        database::query_scalar("SELECT mark FROM index_marks WHERE seq = $1 LIMIT 1")
            .bind(seq)
            .fetch_optional(db)
            .await?,
    )
}

/// Records that an index is about to follow up to change `seq`, and returns a marker that identifies this
/// position of this catalogue.
///
/// # Errors
/// If the database fails.
pub async fn mark_position(db: &mut Connection, seq: i64) -> Result<String, CatalogError> {
    let mark = ulid::Ulid::generate().to_string();
    database::query("INSERT INTO index_marks (mark, seq) VALUES ($1, $2)")
        .bind(&mark)
        .bind(seq)
        .execute(&mut *db)
        .await?;
    database::query(
        "DELETE FROM index_marks
          WHERE seq < (SELECT seq FROM index_marks ORDER BY seq DESC LIMIT 1 OFFSET $1)",
    )
    .bind(MARKS)
    .execute(db)
    .await?;
    Ok(mark)
}

/// Whether an index at `seq` followed this catalogue: not another one, and not a later state from before a
/// restore.
///
/// # Errors
/// If the database fails.
pub async fn is_marked(db: &mut Connection, seq: i64, mark: &str) -> Result<bool, CatalogError> {
    let marked = "SELECT EXISTS (SELECT 1 FROM index_marks WHERE mark = $1 AND seq = $2)";
    Ok(database::query_scalar(marked)
        .bind(mark)
        .bind(seq)
        .fetch_one(db)
        .await?)
}

/// A name as stored, without spaces around it; `None` if it is empty, longer than `longest` characters, or has a control
/// character.
fn plain_name(name: &str, longest: usize) -> Option<&str> {
    let name = name.trim();
    let is_plain =
        !name.is_empty() && name.chars().count() <= longest && !name.chars().any(char::is_control);
    is_plain.then_some(name)
}

/// Unix time in milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
