//! Redactions: batches of pictures and videos, and the durable queue of their files.
//!
//! Files are leased by the rules of runs: to a worker of this machine by its name, with a fencing token, and taken back
//! when its process ends ([`queue::bury`](super::queue::bury)).

mod leases;
pub mod upkeep;

pub use leases::{FileResult, fail, finish, heartbeat, is_held, is_waiting, may_store, take};

use rushes_workers::coordinator::Failure;
use serde::Serialize;

use super::database::{self, Connection, text_enum};
use super::{CatalogError, RedactionId, now_ms};

/// Where a redaction stands as a whole, apart from its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its upload is under way; nobody sees it yet.
    Receiving,
    /// Its inputs are to be looked up.
    Listing,
    /// Its files are in the queue, or through.
    Open,
    /// Gone for everybody, to be cleared away.
    Deleting,
}

text_enum!(Stage {
    Receiving => "receiving",
    Listing => "listing",
    Open => "open",
    Deleting => "deleting",
});

/// Where a file, or a redaction of files, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedactionState {
    /// Not begun.
    Queued,
    /// Under way.
    Running,
    /// Through.
    Done,
    /// Through without a result; for a redaction, at least one file is.
    Failed,
}

text_enum!(RedactionState {
    Queued => "queued",
    Running => "running",
    Done => "done",
    Failed => "failed",
});

/// One redaction.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Redaction {
    /// Id.
    pub id: RedactionId,
    /// Where it stands.
    pub stage: Stage,
    /// JSON.
    pub settings: String,
    /// JSON: names of files, folders and prefixes.
    pub inputs: String,
    /// The prefix that results are written below, if they are not kept.
    pub output: Option<String>,
    /// Files below its inputs that are no pictures.
    pub skipped: i64,
    /// When it was asked for, Unix milliseconds.
    pub created_at: i64,
}

/// How many files of a redaction stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not begun.
    pub queued: i64,
    /// Under way.
    pub running: i64,
    /// Through.
    pub done: i64,
    /// Through without a result.
    pub failed: i64,
}

impl Redaction {
    /// Where the whole stands.
    #[must_use]
    pub const fn state(&self, counts: Counts) -> RedactionState {
        if matches!(self.stage, Stage::Listing | Stage::Receiving) {
            return RedactionState::Queued;
        }
        let Counts {
            queued,
            running,
            done,
            failed,
        } = counts;
        match (queued + running, done + failed) {
            (0, _) if failed > 0 => RedactionState::Failed,
            (0, _) => RedactionState::Done,
            (_, 0) if running == 0 => RedactionState::Queued,
            _ => RedactionState::Running,
        }
    }
}

/// One file of a redaction.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RedactionFile {
    /// The redaction.
    pub redaction_id: RedactionId,
    /// Its number, from 0.
    pub ordinal: i64,
    /// Relative and plain.
    pub name: String,
    /// Where the original is; none once that of an upload is deleted.
    pub source: Option<String>,
    /// Where it stands.
    pub state: RedactionState,
    /// How often it was begun.
    pub attempts: i64,
    /// Fencing token of the newest attempt.
    pub token: i64,
    /// Regions made unrecognisable.
    pub regions: Option<i64>,
    /// Thousandths of it that are done.
    pub done: i64,
    /// Name of the result; none until it is done, and where an earlier version wrote it.
    pub result: Option<String>,
    /// Media type of the result; none if there is only a record.
    pub media_type: Option<String>,
    /// Kind of the failure.
    pub failure_kind: Option<String>,
    /// Its stable code.
    pub failure_code: Option<String>,
    /// What went wrong, for people.
    pub reason: Option<String>,
}

/// A file to be queued, or one that failed before it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Relative and plain, and no other file's.
    pub name: String,
    /// Where the original is.
    pub source: Option<String>,
    /// Why it cannot be redacted.
    pub failure: Option<Failure>,
}

/// A file that a worker now has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionTask {
    /// The file.
    pub file: RedactionFile,
    /// JSON.
    pub settings: String,
    /// The prefix that results are written below, if they are not kept.
    pub output: Option<String>,
}

/// Writes a redaction down without any file yet.
///
/// # Errors
/// If the database fails.
pub async fn create(
    db: &mut Connection,
    stage: Stage,
    settings: &str,
    inputs: &str,
    output: Option<&str>,
    member: &str,
) -> Result<RedactionId, CatalogError> {
    let id = RedactionId::new();
    database::query(
        "INSERT INTO redactions (id, stage, settings, inputs, output, created_at, member)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(stage)
    .bind(settings)
    .bind(inputs)
    .bind(output)
    .bind(now_ms())
    .bind(member)
    .execute(db)
    .await?;
    Ok(id)
}

/// Gives an upload its settings.
///
/// # Errors
/// If the database fails.
pub async fn set_settings(
    db: &mut Connection,
    id: &RedactionId,
    settings: &str,
) -> Result<(), CatalogError> {
    database::query("UPDATE redactions SET settings = $1 WHERE id = $2")
        .bind(settings)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Queues the files of a redaction that has none yet; `false` if it was deleted meanwhile.
///
/// # Errors
/// If the database fails.
pub async fn open(
    db: &mut Connection,
    id: &RedactionId,
    files: &[NewFile],
    skipped: i64,
) -> Result<bool, CatalogError> {
    let is_there: bool = database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM redactions WHERE id = $1 AND stage IN ('receiving', 'listing'))",
    )
    .bind(id)
    .fetch_one(&mut *db)
    .await?;
    if !is_there {
        return Ok(false);
    }
    for (ordinal, file) in (0_i64..).zip(files) {
        let failure = file.failure.as_ref();
        database::query(
            "INSERT INTO redaction_files
                    (redaction_id, ordinal, name, source, state, failure_kind, failure_code, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind(ordinal)
        .bind(&file.name)
        .bind(&file.source)
        .bind(if failure.is_some() {
            RedactionState::Failed
        } else {
            RedactionState::Queued
        })
        .bind(failure.map(|f| f.kind.as_str()))
        .bind(failure.map(|f| &f.code))
        .bind(failure.map(|f| &f.reason))
        .execute(&mut *db)
        .await?;
    }
    // Last, because its event counts the files.
    database::query("UPDATE redactions SET stage = 'open', skipped = $1 WHERE id = $2")
        .bind(skipped)
        .bind(id)
        .execute(db)
        .await?;
    Ok(true)
}

/// The redaction with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none, or it was deleted.
pub async fn get(db: &mut Connection, id: &RedactionId) -> Result<Redaction, CatalogError> {
    database::query_as("SELECT * FROM redactions WHERE id = $1 AND stage IN ('listing', 'open')")
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "redaction",
            id: id.to_string(),
        })
}

/// Redactions, newest first, from the one after `before`.
///
/// # Errors
/// If the database fails.
pub async fn recent(
    db: &mut Connection,
    before: Option<&RedactionId>,
    limit: u32,
) -> Result<Vec<Redaction>, CatalogError> {
    Ok(database::query_as(
        "SELECT * FROM redactions
          WHERE stage IN ('listing', 'open') AND ($1 IS NULL OR id < $1)
          ORDER BY id DESC LIMIT $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(db)
    .await?)
}

/// How many files of a redaction stand where.
///
/// # Errors
/// If the database fails.
pub async fn counts(db: &mut Connection, id: &RedactionId) -> Result<Counts, CatalogError> {
    let rows: Vec<(RedactionState, i64)> = database::query_as(
        "SELECT state, COUNT(*) FROM redaction_files
          WHERE state IN ('queued', 'running', 'done', 'failed') AND redaction_id = $1 GROUP BY state",
    )
    .bind(id)
    .fetch_all(db)
    .await?;
    let of = |state| {
        rows.iter()
            .find(|(s, _)| *s == state)
            .map_or(0, |(_, n)| *n)
    };
    Ok(Counts {
        queued: of(RedactionState::Queued),
        running: of(RedactionState::Running),
        done: of(RedactionState::Done),
        failed: of(RedactionState::Failed),
    })
}

/// Files of a redaction from number `first` on.
///
/// # Errors
/// If the database fails.
pub async fn files(
    db: &mut Connection,
    id: &RedactionId,
    first: i64,
    limit: u32,
) -> Result<Vec<RedactionFile>, CatalogError> {
    Ok(database::query_as(
        "SELECT * FROM redaction_files WHERE redaction_id = $1 AND ordinal >= $2
          ORDER BY ordinal LIMIT $3",
    )
    .bind(id)
    .bind(first)
    .bind(limit)
    .fetch_all(db)
    .await?)
}

/// One file of a redaction.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is no such redaction or file.
pub async fn file(
    db: &mut Connection,
    id: &RedactionId,
    ordinal: i64,
) -> Result<RedactionFile, CatalogError> {
    get(db, id).await?;
    database::query_as("SELECT * FROM redaction_files WHERE redaction_id = $1 AND ordinal = $2")
        .bind(id)
        .bind(ordinal)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| CatalogError::NotFound {
            what: "redaction-file",
            id: ordinal.to_string(),
        })
}

/// Takes a redaction out of sight; what there is of it is cleared away later.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn doom(db: &mut Connection, id: &RedactionId) -> Result<(), CatalogError> {
    let doomed = database::query(
        "UPDATE redactions SET stage = 'deleting' WHERE id = $1 AND stage <> 'deleting'",
    )
    .bind(id)
    .execute(db)
    .await?;
    if doomed.rows_affected() == 1 {
        return Ok(());
    }
    Err(CatalogError::NotFound {
        what: "redaction",
        id: id.to_string(),
    })
}
