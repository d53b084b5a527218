//! The words of SQLite.

use crate::catalog::CatalogError;
use crate::catalog::database::{self, Connection};

pub(super) const LABELS_WITH_WORDS: &str =
    "SELECT rowid, -bm25(label_words) FROM label_words WHERE label_words MATCH $1";

pub(super) fn read_by(table: &str, index: &str) -> String {
    format!("{table} INDEXED BY {index}")
}

pub(super) fn each_distinct(value: &str, values: &str) -> String {
    // A list in JSON, because SQLite joins only functions to what comes before.
    format!("json_each((SELECT json_group_array(DISTINCT {value}) FROM ({values}) w))")
}

pub(super) fn words_of_labels(words: &[String]) -> String {
    // In quotes nothing has a meaning of its own.
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    if words.is_empty() {
        // No label has a word of this kind.
        "\"\u{e000}\"".to_owned()
    } else {
        words.join(" OR ")
    }
}

pub(super) async fn scrub(db: &mut Connection) -> Result<(), CatalogError> {
    database::query("VACUUM").execute(db).await?;
    let (is_busy, _, _): (bool, i64, i64) = database::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(db)
        .await?;
    if is_busy {
        return Err(CatalogError::NotScrubbed);
    }
    Ok(())
}
