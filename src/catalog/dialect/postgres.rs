//! The words of PostgreSQL.

use crate::catalog::CatalogError;
use crate::catalog::database::{self, Connection};

/// The tables with what is known of faces.
const OF_FACES: &str = "VACUUM FULL faces, face_sums, people, untouched_faces";

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

pub(super) async fn scrub(db: &mut Connection) -> Result<(), CatalogError> {
    database::query(OF_FACES).execute(db).await?;
    Ok(())
}
