//! The connections of a catalogue.

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use super::{Connection, Transaction};

/// First half of the keys of the advisory locks in PostgreSQL: "rush". The second half of the schema's own is 2; see
/// `note_event` there.
pub(super) const LOCKS: i32 = 0x7275_7368;

/// What writes holds it alone, and what leases holds it together.
const BEGIN_ALONE: &str = "BEGIN; SELECT pg_advisory_xact_lock(1920299880, 1)";
const BEGIN_BESIDE: &str = "BEGIN; SELECT pg_advisory_xact_lock_shared(1920299880, 1)";
const _: () = assert!(LOCKS == 1_920_299_880);

/// The connections to either database.
#[derive(Debug, Clone)]
pub(in crate::catalog) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub(in crate::catalog) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => pool.acquire().await?.into(),
            Self::Postgres(pool) => pool.acquire().await?.into(),
        })
    }

    /// A transaction beside which nobody else writes.
    pub(in crate::catalog) async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            // Take the write lock at once. Upgrading a read lock later could deadlock.
            Self::Sqlite(pool) => pool.begin_with("BEGIN IMMEDIATE").await?.into(),
            Self::Postgres(pool) => pool.begin_with(BEGIN_ALONE).await?.into(),
        })
    }

    /// A transaction beside which others of this kind write other rows, where the database can do this.
    pub(in crate::catalog) async fn begin_beside(&self) -> Result<Transaction, sqlx::Error> {
        match self {
            Self::Sqlite(_) => self.begin().await,
            Self::Postgres(pool) => Ok(pool.begin_with(BEGIN_BESIDE).await?.into()),
        }
    }

    /// A transaction that only reads, in one state of the database.
    pub(in crate::catalog) async fn snapshot(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(pool) => pool.begin().await?.into(),
            Self::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                pool.begin_with(begin).await?.into()
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
