//! Moves a catalogue to another database: from a file of SQLite to PostgreSQL, back, or from one server to another.
//!
//! Tables, columns and references are read from the databases themselves, so a new migration needs nothing here. All rows
//! are copied in one transaction on the target, in streams, then read back there and compared. The source only reads, and
//! nobody writes to it meanwhile.

mod counters;
mod error;
mod row;
mod schema;
mod triggers;
mod write;

#[cfg(test)]
mod tests;

use std::path::Path;

use futures::TryStreamExt as _;
use secrecy::SecretString;
use serde::Serialize;
use sqlx::AssertSqlSafe;

pub use error::TransferError;
use row::{CopiedRow, RowHasher, RowsDigest};
use schema::TablePlan;
use triggers::execute;
use write::TableWriter;

use super::database::{self, Connection, Dialect, Pool, Transaction, postgres, sqlite};
use super::{Catalog, CatalogError};

/// How this program is named among the clients of a server while it moves a catalogue.
const PROGRAM: &str = "rushes migrate";
/// The folder, beside the file to be made, in which it is made.
const UNFINISHED: &str = "moving";
/// Rows between two reports of progress.
const STEP: u64 = 1000;

/// How far a catalogue is moved.
#[derive(Debug, Clone, Copy)]
pub struct TransferProgress<'a> {
    /// The table that is copied or read back.
    pub table: &'a str,
    /// Rows that were copied or read back.
    pub done: u64,
    /// Rows to copy and to read back: twice those of the catalogue.
    pub total: u64,
}

/// What is done with the progress.
pub type TransferReporter<'a> = &'a mut (dyn FnMut(TransferProgress<'_>) + Send);

/// A table that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferredTable {
    /// Its name.
    pub table: String,
    /// Its rows, in both databases.
    pub rows: u64,
    /// BLAKE3 of the rows in the order of their key, in hex; the same in both databases.
    pub digest: String,
}

impl Catalog {
    /// As [`Catalog::connect`], for a catalogue that is moved. Other clients are told apart from this one by its name.
    ///
    /// # Errors
    /// As [`Catalog::connect`].
    pub async fn connect_to_move(address: &SecretString) -> Result<Self, CatalogError> {
        let pool = Pool::Postgres(postgres::open(address, PROGRAM).await?);
        Ok(Self { pool, term: None })
    }

    /// Copies everything to `target`, which must be empty, and compares it there. If it fails, or is dropped, the target
    /// stays empty.
    ///
    /// # Errors
    /// If another process works on one of the two, the target is not empty, or one of the databases fails.
    pub async fn copy_to(
        &self,
        target: &Self,
        report: TransferReporter<'_>,
    ) -> Result<Vec<TransferredTable>, TransferError> {
        let (from, to) = (self.place().await?, target.place().await?);
        if from == to {
            return Err(TransferError::SamePlace { place: to });
        }
        // Nobody writes while this is held, so nothing is written after the state that is copied.
        let mut hold = patient(self.begin().await?).await?;
        let mut source = patient(self.snapshot().await?).await?;
        let mut copy = patient(target.begin().await?).await?;
        // One that came since then waits for what is held, and would write to the old place afterwards.
        alone_on(self, &from).await?;
        alone_on(target, &to).await?;
        let plans = schema::plan(&mut source, &mut copy).await?;
        check_empty(&mut copy, &plans, &to).await?;
        let tables = Box::pin(copy_all(&mut source, &mut copy, &plans, report)).await?;
        // If it was lost, somebody may have written meanwhile.
        database::query("SELECT 1").execute(&mut hold).await?;
        copy.commit().await?;
        Ok(tables)
    }

    /// Copies everything to a file of SQLite, which must not exist. It appears when it is complete.
    ///
    /// # Errors
    /// As [`Catalog::copy_to`], and if the file exists or its folder cannot be written.
    pub async fn copy_to_file(
        &self,
        file: &Path,
        report: TransferReporter<'_>,
    ) -> Result<Vec<TransferredTable>, TransferError> {
        // What an old file left in its log would be read into the new one.
        for end in ["", "-wal", "-journal"] {
            let mut old = file.as_os_str().to_owned();
            old.push(end);
            let old = Path::new(&old);
            if old.try_exists().map_err(at(old))? {
                let file = old.display().to_string();
                return Err(TransferError::FileExists { file });
            }
        }
        let folder = file.with_file_name(UNFINISHED);
        clear(&folder)?;
        std::fs::create_dir(&folder).map_err(at(&folder))?;
        let unfinished = UnfinishedFolder(&folder);
        let made = folder.join("catalog.db");
        let target = Self::open(&made).await?;
        let tables = self.copy_to(&target, report).await?;
        // Everything must be in the one file: the comparison read what was beside it as well.
        let mut db = target.connection_of_its_own().await?;
        let is_whole = checkpoint(&mut db).await?;
        drop(db);
        target.close().await;
        let rest = folder.join("catalog.db-wal");
        if !is_whole || rest.try_exists().map_err(at(&rest))? {
            return Err(at(&rest)(std::io::Error::other(
                "the database could not write its log into the file",
            )));
        }
        std::fs::rename(&made, file).map_err(at(file))?;
        drop(unfinished);
        let around = file.parent().unwrap_or(file);
        std::fs::File::open(around)
            .and_then(|folder| folder.sync_all())
            .map_err(at(around))?;
        Ok(tables)
    }

    /// The file, or server and database.
    async fn place(&self) -> Result<String, CatalogError> {
        if let Some(database) = self.database() {
            return Ok(database);
        }
        let file = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        Ok(database::query_scalar(file)
            .fetch_one(&mut self.read().await?)
            .await?)
    }
}

/// Checks that nobody else is connected to the database. Who has a file is known by the locks of its data folder.
async fn alone_on(catalog: &Catalog, place: &str) -> Result<(), TransferError> {
    match &catalog.pool {
        Pool::Postgres(pool) if postgres::others(pool, PROGRAM).await? => {
            Err(TransferError::InUse {
                place: place.to_owned(),
            })
        }
        Pool::Postgres(_) | Pool::Sqlite(_) => Ok(()),
    }
}

/// Writes the log of a file of SQLite into the file; `false` if something is left in it.
async fn checkpoint(db: &mut Connection) -> Result<bool, CatalogError> {
    let (is_busy, frames, written): (bool, i64, i64) =
        database::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(db)
            .await?;
    Ok(!is_busy && frames == written)
}

/// A transaction that no limit of the server ends.
async fn patient(mut tx: Transaction) -> Result<Transaction, TransferError> {
    if tx.dialect() == Dialect::Postgres {
        for limit in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            execute(&mut tx, format!("SET LOCAL {limit} = 0")).await?;
        }
    }
    Ok(tx)
}

/// Refuses a target with more than what the migrations leave in a new catalogue.
async fn check_empty(
    db: &mut Connection,
    plans: &[TablePlan],
    place: &str,
) -> Result<(), TransferError> {
    let fresh = Catalog {
        pool: Pool::Sqlite(sqlite::in_memory().await?),
        term: None,
    };
    let mut of_fresh = fresh.read().await?;
    for plan in plans {
        let expected = count(&mut of_fresh, plan, None).await?;
        if count(db, plan, Some(expected + 1)).await? != expected {
            return Err(TransferError::NotEmpty {
                place: place.to_owned(),
                table: plan.name.clone(),
            });
        }
    }
    Ok(())
}

/// The number of rows of a table, up to a limit.
async fn count(
    db: &mut Connection,
    plan: &TablePlan,
    limit: Option<i64>,
) -> Result<i64, TransferError> {
    let table = plan.quoted();
    let sql = match limit {
        Some(limit) => format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {limit}) few"),
        None => format!("SELECT COUNT(*) FROM {table}"),
    };
    database::query_scalar(AssertSqlSafe(sql))
        .fetch_one(db)
        .await
        .map_err(TransferError::reading(&plan.name))
}

/// Copies all tables, reads them back and compares them.
async fn copy_all(
    from: &mut Connection,
    to: &mut Connection,
    plans: &[TablePlan],
    report: TransferReporter<'_>,
) -> Result<Vec<TransferredTable>, TransferError> {
    let mut total = 0;
    for plan in plans {
        total += 2 * count(from, plan, None).await?.cast_unsigned();
    }
    let mut progress = Progress {
        report,
        done: 0,
        total,
    };
    let silenced = triggers::silence(to, plans).await?;
    // What the migrations left in it. The source has it too, or had it changed.
    for plan in plans.iter().rev() {
        execute(to, format!("DELETE FROM {}", plan.quoted())).await?;
    }
    let mut digests = Vec::with_capacity(plans.len());
    for plan in plans {
        digests.push(copy_table(from, to, plan, &mut progress).await?);
        let newest = counters::newest(from, plan).await?;
        counters::set(to, plan, newest).await?;
    }
    silenced.restore(to, plans).await?;
    let mut tables = Vec::with_capacity(plans.len());
    for (plan, source) in plans.iter().zip(digests) {
        let target = digest_of(to, plan, &mut progress).await?;
        if source != target {
            return Err(TransferError::Differs {
                table: plan.name.clone(),
                from: source.rows,
                from_digest: source.digest,
                to: target.rows,
                to_digest: target.digest,
            });
        }
        tables.push(TransferredTable {
            table: plan.name.clone(),
            rows: source.rows,
            digest: source.digest,
        });
    }
    counters::analyse(to, plans).await?;
    tables.sort_by(|one, other| one.table.cmp(&other.table));
    Ok(tables)
}

async fn copy_table(
    from: &mut Connection,
    to: &mut Connection,
    plan: &TablePlan,
    progress: &mut Progress<'_>,
) -> Result<RowsDigest, TransferError> {
    let mut hasher = RowHasher::default();
    let mut writer = TableWriter::begin(to, plan).await?;
    let mut rows = database::query_as::<CopiedRow>(AssertSqlSafe(plan.select())).fetch(from);
    while let Some(row) = rows
        .try_next()
        .await
        .map_err(TransferError::reading(&plan.name))?
    {
        hasher.add(&row);
        writer.write(row).await?;
        progress.step(&plan.name);
    }
    writer.finish().await?;
    progress.show(&plan.name);
    Ok(hasher.finish())
}

async fn digest_of(
    db: &mut Connection,
    plan: &TablePlan,
    progress: &mut Progress<'_>,
) -> Result<RowsDigest, TransferError> {
    let mut hasher = RowHasher::default();
    let mut rows = database::query_as::<CopiedRow>(AssertSqlSafe(plan.select())).fetch(db);
    while let Some(row) = rows
        .try_next()
        .await
        .map_err(TransferError::reading(&plan.name))?
    {
        hasher.add(&row);
        progress.step(&plan.name);
    }
    progress.show(&plan.name);
    Ok(hasher.finish())
}

struct Progress<'a> {
    report: TransferReporter<'a>,
    done: u64,
    total: u64,
}

impl Progress<'_> {
    fn step(&mut self, table: &str) {
        self.done += 1;
        if self.done.is_multiple_of(STEP) {
            self.show(table);
        }
    }

    fn show(&mut self, table: &str) {
        (self.report)(TransferProgress {
            table,
            done: self.done,
            total: self.total,
        });
    }
}

/// The folder of a file that is not complete. It is removed with all that is left in it.
struct UnfinishedFolder<'a>(&'a Path);

impl Drop for UnfinishedFolder<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next attempt, which reports why it cannot.
        clear(self.0).ok();
    }
}

fn clear(folder: &Path) -> Result<(), TransferError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(folder)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> TransferError {
    let path = path.display().to_string();
    move |source| TransferError::Folder {
        path: path.clone(),
        source,
    }
}
