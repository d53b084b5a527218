//! A connection to either database.

use std::fmt;
use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

enum Held {
    Sqlite(PoolConnection<Sqlite>),
    InSqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    InPostgres(sqlx::Transaction<'static, Postgres>),
    OwnPostgres(Box<PgConnection>),
}

/// A connection of the catalogue to its database.
pub struct Connection(Held);

/// The connection of the database itself.
pub(in crate::catalog) enum Backend<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    /// The database that is connected to.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.0 {
            Held::Sqlite(_) | Held::InSqlite(_) => Dialect::Sqlite,
            Held::Postgres(_) | Held::InPostgres(_) | Held::OwnPostgres(_) => Dialect::Postgres,
        }
    }

    pub(in crate::catalog) fn backend(&mut self) -> Backend<'_> {
        match &mut self.0 {
            Held::Sqlite(held) => Backend::Sqlite(held),
            Held::InSqlite(held) => Backend::Sqlite(held),
            Held::Postgres(held) => Backend::Postgres(held),
            Held::InPostgres(held) => Backend::Postgres(held),
            Held::OwnPostgres(held) => Backend::Postgres(held),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.dialect()).finish()
    }
}

impl From<PoolConnection<Sqlite>> for Connection {
    fn from(held: PoolConnection<Sqlite>) -> Self {
        Self(Held::Sqlite(held))
    }
}

impl From<PoolConnection<Postgres>> for Connection {
    fn from(held: PoolConnection<Postgres>) -> Self {
        Self(Held::Postgres(held))
    }
}

impl From<PgConnection> for Connection {
    fn from(held: PgConnection) -> Self {
        Self(Held::OwnPostgres(Box::new(held)))
    }
}

/// A transaction. It is rolled back if it is dropped without a commit.
#[derive(Debug)]
pub struct Transaction(Connection);

impl Transaction {
    /// Makes what was done durable and visible to others.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self.0.0 {
            Held::InSqlite(held) => held.commit().await,
            Held::InPostgres(held) => held.commit().await,
            // It is not made of these.
            Held::Sqlite(_) | Held::Postgres(_) | Held::OwnPostgres(_) => Ok(()),
        }
    }

    /// Undoes what was done.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        match self.0.0 {
            Held::InSqlite(held) => held.rollback().await,
            Held::InPostgres(held) => held.rollback().await,
            Held::Sqlite(_) | Held::Postgres(_) | Held::OwnPostgres(_) => Ok(()),
        }
    }

    /// Marks the state to which [`Transaction::undo`] returns.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn mark(&mut self) -> Result<(), sqlx::Error> {
        super::query("SAVEPOINT mark").execute(self).await?;
        Ok(())
    }

    /// Undoes what was done since [`Transaction::mark`].
    ///
    /// # Errors
    /// If the database fails, or nothing was marked.
    pub async fn undo(&mut self) -> Result<(), sqlx::Error> {
        super::query("ROLLBACK TO SAVEPOINT mark")
            .execute(self)
            .await?;
        super::query("RELEASE SAVEPOINT mark").execute(self).await?;
        Ok(())
    }
}

impl From<sqlx::Transaction<'static, Sqlite>> for Transaction {
    fn from(held: sqlx::Transaction<'static, Sqlite>) -> Self {
        Self(Connection(Held::InSqlite(held)))
    }
}

impl From<sqlx::Transaction<'static, Postgres>> for Transaction {
    fn from(held: sqlx::Transaction<'static, Postgres>) -> Self {
        Self(Connection(Held::InPostgres(held)))
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
