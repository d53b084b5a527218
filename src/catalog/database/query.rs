//! Statements with their values, run on a connection.

use std::marker::PhantomData;

use futures::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{FromRow, SqlSafeStr, SqlStr};

use super::Connection;
use super::connection::Backend;
use super::value::{Bind, BoundValue};

/// What a row of either database can be read as.
pub trait RowRecord:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> RowRecord for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// What a statement did.
#[derive(Debug, Clone, Copy)]
pub struct Executed(u64);

impl Executed {
    /// The number of rows that it inserted, changed or deleted.
    #[must_use]
    pub const fn rows_affected(self) -> u64 {
        self.0
    }
}

/// A statement with its values.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is executed"]
pub struct Statement<'q> {
    sql: SqlStr,
    values: Vec<BoundValue<'q>>,
}

/// A statement without values so far. They stand in it as `$1`, `$2` …
pub fn query<'q>(sql: impl SqlSafeStr) -> Statement<'q> {
    Statement {
        sql: sql.into_sql_str(),
        values: Vec::new(),
    }
}

impl<'q> Statement<'q> {
    pub(super) fn with(sql: SqlStr, values: Vec<BoundValue<'q>>) -> Self {
        Self { sql, values }
    }

    /// Binds the next value.
    pub fn bind(mut self, value: impl Bind<'q>) -> Self {
        self.values.push(value.bound());
        self
    }

    /// Executes it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn execute(self, db: &mut Connection) -> Result<Executed, sqlx::Error> {
        let done = match db.backend() {
            Backend::Sqlite(db) => {
                let (sql, values) = self.for_sqlite()?;
                let done = sqlx::query_with(sql, values).execute(db).await?;
                done.rows_affected()
            }
            Backend::Postgres(db) => {
                let (sql, values) = self.for_postgres()?;
                let done = sqlx::query_with(sql, values).execute(db).await?;
                done.rows_affected()
            }
        };
        Ok(Executed(done))
    }

    fn for_sqlite(self) -> Result<(SqlStr, SqliteArguments), sqlx::Error> {
        let mut all = SqliteArguments::default();
        for value in self.values {
            value.add_to_sqlite(&mut all).map_err(sqlx::Error::Encode)?;
        }
        Ok((self.sql, all))
    }

    fn for_postgres(self) -> Result<(SqlStr, PgArguments), sqlx::Error> {
        let mut all = PgArguments::default();
        for value in self.values {
            value
                .add_to_postgres(&mut all)
                .map_err(sqlx::Error::Encode)?;
        }
        Ok((self.sql, all))
    }
}

/// A statement whose rows are read as `T`.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is executed"]
pub struct RowQuery<'q, T> {
    statement: Statement<'q>,
    row: PhantomData<fn() -> T>,
}

/// As [`query`], with rows of `T`.
pub fn query_as<'q, T: RowRecord>(sql: impl SqlSafeStr) -> RowQuery<'q, T> {
    RowQuery::of(query(sql))
}

impl<'q, T: RowRecord> RowQuery<'q, T> {
    pub(super) const fn of(statement: Statement<'q>) -> Self {
        Self {
            statement,
            row: PhantomData,
        }
    }

    /// Binds the next value.
    pub fn bind(mut self, value: impl Bind<'q>) -> Self {
        self.statement = self.statement.bind(value);
        self
    }

    /// All rows.
    ///
    /// # Errors
    /// If the database fails, or a row is no `T`.
    pub async fn fetch_all(self, db: &mut Connection) -> Result<Vec<T>, sqlx::Error> {
        match db.backend() {
            Backend::Sqlite(db) => {
                let (sql, values) = self.statement.for_sqlite()?;
                let rows = sqlx::query_as_with::<Sqlite, T, _>(sql, values);
                rows.fetch_all(db).await
            }
            Backend::Postgres(db) => {
                let (sql, values) = self.statement.for_postgres()?;
                let rows = sqlx::query_as_with::<Postgres, T, _>(sql, values);
                rows.fetch_all(db).await
            }
        }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`RowQuery::fetch_all`].
    pub async fn fetch_optional(self, db: &mut Connection) -> Result<Option<T>, sqlx::Error> {
        match db.backend() {
            Backend::Sqlite(db) => {
                let (sql, values) = self.statement.for_sqlite()?;
                let rows = sqlx::query_as_with::<Sqlite, T, _>(sql, values);
                rows.fetch_optional(db).await
            }
            Backend::Postgres(db) => {
                let (sql, values) = self.statement.for_postgres()?;
                let rows = sqlx::query_as_with::<Postgres, T, _>(sql, values);
                rows.fetch_optional(db).await
            }
        }
    }

    /// The first row.
    ///
    /// # Errors
    /// As [`RowQuery::fetch_all`], and if there is none.
    pub async fn fetch_one(self, db: &mut Connection) -> Result<T, sqlx::Error> {
        self.fetch_optional(db)
            .await?
            .ok_or(sqlx::Error::RowNotFound)
    }
}

impl<T: RowRecord + 'static> RowQuery<'_, T> {
    /// The rows, one after another.
    pub fn fetch<'e>(self, db: &'e mut Connection) -> BoxStream<'e, Result<T, sqlx::Error>>
    where
        Self: 'e,
    {
        let rows =
            match db.backend() {
                Backend::Sqlite(db) => self.statement.for_sqlite().map(|(sql, values)| {
                    sqlx::query_as_with::<Sqlite, T, _>(sql, values).fetch(db)
                }),
                Backend::Postgres(db) => self.statement.for_postgres().map(|(sql, values)| {
                    sqlx::query_as_with::<Postgres, T, _>(sql, values).fetch(db)
                }),
            };
        rows.unwrap_or_else(|error| Box::pin(futures::stream::iter([Err(error)])))
    }
}

/// A statement with one column, which is read as `T`.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is executed"]
pub struct ScalarQuery<'q, T>(RowQuery<'q, (T,)>)
where
    (T,): RowRecord;

/// As [`query`], for one column of `T`.
pub fn query_scalar<'q, T>(sql: impl SqlSafeStr) -> ScalarQuery<'q, T>
where
    (T,): RowRecord,
{
    ScalarQuery(query_as(sql))
}

impl<'q, T> ScalarQuery<'q, T>
where
    (T,): RowRecord,
{
    pub(super) const fn of(statement: Statement<'q>) -> Self {
        Self(RowQuery::of(statement))
    }

    /// Binds the next value.
    pub fn bind(self, value: impl Bind<'q>) -> Self {
        Self(self.0.bind(value))
    }

    /// The column of all rows.
    ///
    /// # Errors
    /// As [`RowQuery::fetch_all`].
    pub async fn fetch_all(self, db: &mut Connection) -> Result<Vec<T>, sqlx::Error> {
        let rows = self.0.fetch_all(db).await?;
        Ok(rows.into_iter().map(|(value,)| value).collect())
    }

    /// The column of the first row, if there is one.
    ///
    /// # Errors
    /// As [`RowQuery::fetch_all`].
    pub async fn fetch_optional(self, db: &mut Connection) -> Result<Option<T>, sqlx::Error> {
        let row = self.0.fetch_optional(db).await?;
        Ok(row.map(|(value,)| value))
    }

    /// The column of the first row.
    ///
    /// # Errors
    /// As [`RowQuery::fetch_one`].
    pub async fn fetch_one(self, db: &mut Connection) -> Result<T, sqlx::Error> {
        let (value,) = self.0.fetch_one(db).await?;
        Ok(value)
    }
}
