//! Searches that were logged, and what is learnt from them: which words people try when others found nothing.
//!
//! A reformulation is a pair of searches of one client, one just after the other, of which only the second led to a shot
//! that was looked at. Pairs count once they were seen often enough.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection};
use super::{CatalogError, now_ms};

/// Most time between the two searches of a pair, in milliseconds.
pub const JUST_BEFORE_MS: i64 = 30_000;
/// Longest words that are logged, in characters.
const MAX_WORDS: usize = 200;
/// Most searches that are kept.
const MOST_KEPT: i64 = 50_000;
/// How long a search is kept, in milliseconds: 90 days.
const KEPT_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// Old searches that are deleted with each new one.
const SWEPT: i64 = 16;
/// Most other words for a search.
const MOST_OTHERS: usize = 3;

/// Words that people tried after others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Reformulation {
    /// The words that found nothing to look at.
    #[schema(example = "bike")]
    pub from: String,
    /// The words that did.
    #[schema(example = "bicycle")]
    pub to: String,
    /// How often that was seen.
    pub count: i64,
}

/// A search to be logged.
#[derive(Debug, Clone, Copy)]
pub struct LoggedSearch<'a> {
    /// Who searches: a random name.
    pub client: &'a str,
    /// The words searched for; `None` if the query is anything but words.
    pub words: Option<&'a str>,
    /// The search of the client just before.
    pub previous: Option<i64>,
}

/// Words as they are compared: without case, and with single spaces. `None` if they are too long.
#[must_use]
pub fn folded(words: &str) -> Option<String> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let words = words.join(" ");
    (!words.is_empty() && words.chars().count() <= MAX_WORDS).then_some(words)
}

/// Logs a search, and returns its number. The oldest ones are deleted.
///
/// # Errors
/// If the database fails.
pub async fn log(db: &mut Connection, search: LoggedSearch<'_>) -> Result<i64, CatalogError> {
    let id: i64 = database::query_scalar(
        "INSERT INTO search_log (client, at, words, previous) VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(search.client)
    .bind(now_ms())
    .bind(search.words.and_then(folded))
    .bind(search.previous)
    .fetch_one(&mut *db)
    .await?;
    database::query(
        "DELETE FROM search_log WHERE id IN (SELECT id FROM search_log ORDER BY id LIMIT $1)
            AND (id <= $2 OR at < $3)",
    )
    .bind(SWEPT)
    .bind(id - MOST_KEPT)
    .bind(now_ms() - KEPT_MS)
    .execute(db)
    .await?;
    Ok(id)
}

/// Notes that a shot was looked at that this search found.
///
/// # Errors
/// If the database fails.
pub async fn note_opened(db: &mut Connection, search: i64) -> Result<(), CatalogError> {
    database::query("UPDATE search_log SET opened = TRUE WHERE id = $1")
        .bind(search)
        .execute(db)
        .await?;
    Ok(())
}

/// What is learnt, seen at least `least` times, the most frequent first.
///
/// # Errors
/// If the database fails.
pub async fn reformulations(
    db: &mut Connection,
    least: u32,
) -> Result<Vec<Reformulation>, CatalogError> {
    pairs(db, None, least).await
}

/// The words that people tried after these, the most frequent first.
///
/// # Errors
/// If the database fails.
pub async fn others(
    db: &mut Connection,
    words: &str,
    least: u32,
) -> Result<Vec<String>, CatalogError> {
    let Some(words) = folded(words) else {
        return Ok(Vec::new());
    };
    let pairs = pairs(db, Some(&words), least).await?.into_iter();
    Ok(pairs.map(|pair| pair.to).take(MOST_OTHERS).collect())
}

async fn pairs(
    db: &mut Connection,
    from: Option<&str>,
    least: u32,
) -> Result<Vec<Reformulation>, CatalogError> {
    let mut pairs: Vec<Reformulation> = database::query_as(
        "SELECT a.words AS \"from\", b.words AS \"to\", COUNT(*) AS count
           FROM search_log a JOIN search_log b ON b.previous = a.id AND b.client = a.client
          WHERE a.words IS NOT NULL AND ($1 IS NULL OR a.words = $1) AND NOT a.opened
            AND b.words IS NOT NULL AND b.words <> a.words AND b.opened
          GROUP BY a.words, b.words HAVING COUNT(*) >= $2
          ORDER BY COUNT(*) DESC, a.words, b.words",
    )
    .bind(from)
    .bind(least)
    .fetch_all(db)
    .await?;
    // Who types is not rewording.
    pairs.retain(|pair| !pair.to.starts_with(&pair.from) && !pair.from.starts_with(&pair.to));
    Ok(pairs)
}

/// Deletes the searches for these words, and what was learnt from them; all searches if `None`. Returns how many.
///
/// # Errors
/// If the database fails.
pub async fn forget(db: &mut Connection, words: Option<&str>) -> Result<u64, CatalogError> {
    let words = words.map(|words| folded(words).unwrap_or_default());
    let deleted = database::query("DELETE FROM search_log WHERE $1 IS NULL OR words = $1")
        .bind(words)
        .execute(db)
        .await?;
    Ok(deleted.rows_affected())
}

/// How many searches are kept.
///
/// # Errors
/// If the database fails.
pub async fn count(db: &mut Connection) -> Result<i64, CatalogError> {
    Ok(database::query_scalar("SELECT COUNT(*) FROM search_log")
        .fetch_one(db)
        .await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::database::Dialect;
    use crate::catalog::testing::each_database;

    /// Searches for `from` and then for `to`, and opens what the second, or the first, found.
    async fn tried(db: &mut Connection, (from, to): (&str, &str), opened: [bool; 2]) {
        let search = |words| LoggedSearch {
            client: "one",
            words: Some(words),
            previous: None,
        };
        let first = log(db, search(from)).await.unwrap();
        let second = LoggedSearch {
            previous: Some(first),
            ..search(to)
        };
        let second = log(db, second).await.unwrap();
        for (search, opened) in [first, second].into_iter().zip(opened) {
            if opened {
                note_opened(db, search).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn only_pairs_that_were_seen_often_count() {
        each_database(async |catalog| {
            let mut tx = catalog.begin().await.unwrap();
            for _ in 0..3 {
                tried(&mut tx, ("Bike ", "red  bicycle"), [false, true]).await;
                // Both were of use, neither was, or somebody typed.
                tried(&mut tx, ("bike", "wheel"), [true, true]).await;
                tried(&mut tx, ("bike", "tyre"), [false, false]).await;
                tried(&mut tx, ("bike", "bike rider"), [false, true]).await;
            }
            tried(&mut tx, ("bike", "cyclist"), [false, true]).await;
            let learnt = others(&mut tx, "BIKE", 3).await.unwrap();
            assert_eq!(learnt, ["red bicycle"]);
            assert_eq!(others(&mut tx, "bike", 4).await.unwrap(), [""; 0]);
            let all = others(&mut tx, "bike", 1).await.unwrap();
            assert_eq!(all, ["red bicycle", "cyclist"]);
            assert_eq!(others(&mut tx, "red bicycle", 1).await.unwrap(), [""; 0]);
            let pair = Reformulation {
                from: "bike".to_owned(),
                to: "red bicycle".to_owned(),
                count: 3,
            };
            assert_eq!(reformulations(&mut tx, 2).await.unwrap(), [pair]);
            assert_eq!(forget(&mut tx, Some("Red Bicycle")).await.unwrap(), 3);
            assert_eq!(reformulations(&mut tx, 2).await.unwrap(), []);
            assert!(forget(&mut tx, None).await.unwrap() > 0);
            assert_eq!(count(&mut tx).await.unwrap(), 0);
        })
        .await;
    }

    #[tokio::test]
    async fn the_log_is_bounded() {
        each_database(async |catalog| {
            let mut tx = catalog.begin().await.unwrap();
            let search = LoggedSearch {
                client: "one",
                words: Some("old"),
                previous: None,
            };
            for _ in 0..3 {
                log(&mut tx, search).await.unwrap();
            }
            // The fourth is as far from the first ones as the log is long.
            let skip = match tx.dialect() {
                Dialect::Sqlite => "UPDATE sqlite_sequence SET seq = $1 WHERE name = 'search_log'",
                Dialect::Postgres => "SELECT setval('search_log_id_seq', $1)",
            };
            database::query(skip)
                .bind(MOST_KEPT + 1)
                .execute(&mut tx)
                .await
                .unwrap();
            let long = "x".repeat(MAX_WORDS + 1);
            let long = LoggedSearch {
                words: Some(&long),
                ..search
            };
            log(&mut tx, long).await.unwrap();
            assert_eq!(count(&mut tx).await.unwrap(), 2);
            database::query("UPDATE search_log SET at = 0 WHERE words IS NOT NULL")
                .execute(&mut tx)
                .await
                .unwrap();
            log(&mut tx, search).await.unwrap();
            let kept: Vec<Option<String>> =
                database::query_scalar("SELECT words FROM search_log ORDER BY id")
                    .fetch_all(&mut tx)
                    .await
                    .unwrap();
            assert_eq!(kept, [None, Some("old".to_owned())]);
        })
        .await;
    }
}
