//! The words of PostgreSQL.

pub(super) const LABELS_WITH_WORDS: &str =
    "SELECT w.id, CAST(ts_rank(w.words, label_query($1)) AS DOUBLE PRECISION) FROM labels w
      WHERE w.words @@ label_query($1)";

pub(super) fn unclaimed(table: &str) -> String {
    if table.is_empty() {
        " FOR UPDATE SKIP LOCKED".to_owned()
    } else {
        format!(" FOR UPDATE OF {table} SKIP LOCKED")
    }
}

pub(super) fn each_distinct(value: &str, values: &str) -> String {
    format!("LATERAL (SELECT DISTINCT {value} AS value FROM ({values}) w)")
}
