//! The words of PostgreSQL.

use std::time::{Duration, Instant};

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

/// How long a scrub waits for those who may still see what was deleted.
const PATIENCE: Duration = Duration::from_secs(5);
/// A number that every transaction after this one exceeds.
const NOW: &str = "SELECT CAST(pg_current_xact_id() AS TEXT)";
/// Whether anybody sees a state from before transaction `$1`: rewriting a table keeps what they see.
const IS_SEEN: &str = "SELECT EXISTS (
    SELECT 1 FROM (SELECT backend_xmin AS oldest FROM pg_stat_activity
                    WHERE pid <> pg_backend_pid() AND datname = current_database()
                   UNION ALL SELECT xmin FROM pg_replication_slots
                   UNION ALL SELECT transaction FROM pg_prepared_xacts WHERE database = current_database()) held
     WHERE age(held.oldest) > age(xid(CAST($1 AS xid8))))";

pub(super) async fn scrub(db: &mut Connection) -> Result<(), CatalogError> {
    let now: String = database::query_scalar(NOW).fetch_one(db).await?;
    let begun = Instant::now();
    while database::query_scalar(IS_SEEN)
        .bind(&now)
        .fetch_one(db)
        .await?
    {
        if begun.elapsed() > PATIENCE {
            return Err(CatalogError::NotScrubbed);
        }
        tokio::time::sleep(PATIENCE / 50).await;
    }
    database::query(OF_FACES).execute(db).await?;
    Ok(())
}
