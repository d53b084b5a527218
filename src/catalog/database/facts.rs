//! What a database says about itself.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Connection, Dialect, query_as, query_scalar};
use crate::catalog::CatalogError;

/// Kind, version and clock of a catalogue's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// The database.
    pub dialect: Dialect,
    /// Its version: `3.50.4`, `18.1`.
    pub version: String,
    /// The encoding of its text: `UTF-8`, `UTF8`.
    pub encoding: String,
    /// The number of the newest migration.
    pub schema: i64,
    /// By how many milliseconds its clock is ahead of this machine's; negative if it is behind. What the way there and back
    /// may hide is taken off. 0 for a file.
    pub ahead_ms: i64,
}

impl DatabaseFacts {
    /// Asks a database.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn of(db: &mut Connection) -> Result<Self, CatalogError> {
        let dialect = db.dialect();
        let about = match dialect {
            Dialect::Sqlite => {
                "SELECT sqlite_version(), (SELECT encoding FROM pragma_encoding),
                        (SELECT MAX(version) FROM _sqlx_migrations)"
            }
            Dialect::Postgres => {
                "SELECT split_part(current_setting('server_version'), ' ', 1), current_setting('server_encoding'),
                        (SELECT MAX(version) FROM _sqlx_migrations)"
            }
        };
        let (version, encoding, schema) = query_as(about).fetch_one(db).await?;
        let ahead_ms = match dialect {
            Dialect::Sqlite => 0,
            Dialect::Postgres => {
                let before = now();
                let there: i64 = query_scalar("SELECT now_ms()").fetch_one(db).await?;
                ahead(before, there, now())
            }
        };
        Ok(Self {
            dialect,
            version,
            encoding,
            schema,
            ahead_ms,
        })
    }
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// By how much a clock that said `there` between `before` and `after` is surely ahead of this one.
fn ahead(before: i64, there: i64, after: i64) -> i64 {
    if there > after {
        there - after
    } else {
        (there - before).min(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::each_database;

    #[test]
    fn a_clock_is_ahead_by_what_the_way_there_and_back_does_not_explain() {
        assert_eq!(ahead(100, 100, 100), 0);
        assert_eq!(ahead(100, 130, 150), 0);
        assert_eq!(ahead(100, 151, 150), 1);
        assert_eq!(ahead(100, 5000, 150), 4850);
        assert_eq!(ahead(100, 40, 150), -60);
    }

    #[tokio::test]
    async fn both_databases_say_what_they_are() {
        each_database(async |catalog| {
            let mut db = catalog.read().await.unwrap();
            let facts = DatabaseFacts::of(&mut db).await.unwrap();
            assert!(
                facts
                    .version
                    .starts_with(|first: char| first.is_ascii_digit())
            );
            assert_eq!(facts.encoding.replace('-', ""), "UTF8");
            assert!(facts.schema > 0);
            // The server is on this machine.
            assert_eq!(facts.ahead_ms, 0, "{facts:?}");
        })
        .await;
    }
}
