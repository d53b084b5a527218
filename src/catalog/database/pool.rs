//! The connections of a catalogue.

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use super::{Connection, Transaction};

/// Who writes holds this alone, and those who lease hold it together, until their transactions end. The first half of the
/// key is "rush"; the schema knows it too, see `settled_events` there. A process that stands still in such a transaction,
/// because it was stopped or its machine sleeps, is cut off before others give up waiting for it.
const ALONE: &str = "SELECT pg_advisory_xact_lock(1920299880, 1), set_config('idle_in_transaction_session_timeout', '20s', true)";
const BESIDE: &str = "SELECT pg_advisory_xact_lock_shared(1920299880, 1), set_config('idle_in_transaction_session_timeout', '20s', true)";

/// The connections to either database. The futures of the library are boxed, because every caller would otherwise have room
/// for those of both.
#[derive(Debug, Clone)]
pub(in crate::catalog) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub(in crate::catalog) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Box::pin(pool.acquire()).await?.into(),
            Self::Postgres(pool) => Box::pin(pool.acquire()).await?.into(),
        })
    }

    /// A connection that is none of the pool's, where others may have them all.
    pub(in crate::catalog) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Box::pin(pool.acquire()).await?.into(),
            Self::Postgres(pool) => Box::pin(super::postgres::connect(pool)).await?.into(),
        })
    }

    /// A transaction beside which nobody else writes.
    pub(in crate::catalog) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            // Take the write lock at once. Upgrading a read lock later could deadlock.
            Self::Sqlite(pool) => Box::pin(pool.begin_with("BEGIN IMMEDIATE")).await?.into(),
            Self::Postgres(pool) => begin(pool, None, Some(ALONE)).await?,
        })
    }

    /// A transaction beside which others of this kind write other rows, where the database can do this.
    pub(in crate::catalog) async fn begin_beside(&self) -> Result<Transaction, sqlx::Error> {
        match self {
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(pool) => begin(pool, None, Some(BESIDE)).await,
        }
    }

    /// A transaction that only reads, in one state of the database.
    pub(in crate::catalog) async fn snapshot(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => Box::pin(pool.begin()).await?.into(),
            Self::Postgres(pool) => {
                let statement = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                begin(pool, Some(statement), None).await?
            }
        })
    }

    pub(in crate::catalog) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Begins a transaction, and takes a lock in it.
async fn begin(
    pool: &PgPool,
    statement: Option<&'static str>,
    lock: Option<&'static str>,
) -> Result<Transaction, sqlx::Error> {
    let pool = pool.clone();
    // A task of its own ends also if nobody waits for it any more. Otherwise the connection would go back to the pool in a
    // transaction of which the library does not know, and maybe with the lock.
    let begun = tokio::spawn(async move {
        let mut transaction = match statement {
            Some(statement) => pool.begin_with(statement).await?,
            None => pool.begin().await?,
        };
        if let Some(lock) = lock {
            sqlx::query(lock).execute(&mut *transaction).await?;
        }
        Ok(transaction.into())
    });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
