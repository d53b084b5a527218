//! The database below the catalogue: SQLite or PostgreSQL, behind one connection.
//!
//! The catalogue's statements are written once, in what both understand: `$1` for what is bound, `BOOLEAN` columns that are
//! compared with nothing, `ON CONFLICT` and no other way to bear one. The schema of PostgreSQL has the few functions of
//! SQLite that it lacks. What differs all the same is in [`super::dialect`].

mod builder;
mod connection;
mod facts;
mod pool;
pub(super) mod postgres;
mod query;
pub(super) mod sqlite;
mod value;

pub use builder::StatementBuilder;
pub(super) use connection::Backend;
pub use connection::{Connection, Dialect, Transaction};
pub use facts::DatabaseFacts;
pub(super) use pool::Pool;
pub use query::{
    Executed, RowQuery, RowRecord, ScalarQuery, Statement, query, query_as, query_scalar,
};
pub(super) use value::text_enum;
pub use value::{Bind, BoundValue};

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
