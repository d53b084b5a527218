//! Statements that are put together.

use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::query::{RowQuery, RowRecord, ScalarQuery, Statement};
use super::value::{Bind, BoundValue};

/// A statement that grows, with the values that are bound in it.
#[derive(Debug)]
pub struct StatementBuilder {
    sql: String,
    values: Vec<BoundValue<'static>>,
}

impl StatementBuilder {
    /// A statement that begins with `sql`.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
        }
    }

    /// Appends SQL. Nothing that a user wrote may be in it.
    pub fn push(&mut self, sql: impl AsRef<str>) -> &mut Self {
        self.sql.push_str(sql.as_ref());
        self
    }

    /// Appends a place for a value, and binds it.
    pub fn push_bind(&mut self, value: impl Bind<'static>) -> &mut Self {
        self.values.push(value.bound());
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
        self
    }

    /// The statement, with rows of `T`.
    pub fn build_query_as<T: RowRecord>(self) -> RowQuery<'static, T> {
        RowQuery::of(self.build())
    }

    /// The statement, with one column of `T`.
    pub fn build_query_scalar<T>(self) -> ScalarQuery<'static, T>
    where
        (T,): RowRecord,
    {
        ScalarQuery::of(self.build())
    }

    fn build(self) -> Statement<'static> {
        Statement::with(AssertSqlSafe(self.sql).into_sql_str(), self.values)
    }
}
