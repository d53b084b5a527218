//! What SQLite and PostgreSQL need different words for. Everything else is written once.

mod postgres;
mod sqlite;

use super::CatalogError;
use super::database::{Connection, Dialect};

impl Dialect {
    /// A table, read by an index. SQLite has no statistics, and would choose another.
    pub(super) fn read_by(self, table: &str, index: &str) -> String {
        match self {
            Self::Sqlite => sqlite::read_by(table, index),
            Self::Postgres => table.to_owned(),
        }
    }

    /// What follows a query for a row to be leased, so that two who lease at once find different ones. `table` is the
    /// table that is leased of, if there are several.
    pub(super) fn unclaimed(self, table: &str) -> String {
        match self {
            // Nobody else writes meanwhile.
            Self::Sqlite => String::new(),
            Self::Postgres => postgres::unclaimed(table),
        }
    }

    /// A join whose order is that of the result, so that nothing is sorted as a whole.
    pub(super) const fn ordered_join(self) -> &'static str {
        match self {
            Self::Sqlite => "CROSS JOIN",
            // Its planner sees to this.
            Self::Postgres => "JOIN",
        }
    }

    /// A table of the different values of `value` in `w`, which is the query `values`. It may refer to what is joined before.
    pub(super) fn each_distinct(self, value: &str, values: &str) -> String {
        match self {
            Self::Sqlite => sqlite::each_distinct(value, values),
            Self::Postgres => postgres::each_distinct(value, values),
        }
    }

    /// A value as text. Numbers are written alike by both.
    pub(super) fn as_text(self, value: &str) -> String {
        match self {
            Self::Sqlite => format!("CAST({value} AS TEXT)"),
            Self::Postgres => format!("as_text({value}) COLLATE \"C\""),
        }
    }

    /// A query for the ids of labels that have one of the words `$1`, with their scores.
    pub(super) const fn labels_with_words(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::LABELS_WITH_WORDS,
            Self::Postgres => postgres::LABELS_WITH_WORDS,
        }
    }

    /// The value of `$1` in [`Dialect::labels_with_words`].
    pub(super) fn words_of_labels(self, words: &[String]) -> String {
        match self {
            Self::Sqlite => sqlite::words_of_labels(words),
            Self::Postgres => serde_json::json!(words).to_string(),
        }
    }
}

/// Rewrites what faces were deleted of, without them.
pub(super) async fn scrub(db: &mut Connection) -> Result<(), CatalogError> {
    match db.dialect() {
        Dialect::Sqlite => sqlite::scrub(db).await,
        Dialect::Postgres => postgres::scrub(db).await,
    }
}
