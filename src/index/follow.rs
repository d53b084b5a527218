//! The one writer of an index: it follows the catalogue's changes.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{AssetEntry, CueEntry, Index, IndexError};
use crate::catalog::{self, AssetId, Catalog, CatalogError, shots};

/// Name of the file whose lock makes a process the writer.
const INDEX_LOCK: &str = "writer.lock";
/// Changed assets taken in between two commits.
const BATCH: u32 = 64;
/// How often the change sequence is looked at; changes may come from other processes.
const POLL: Duration = Duration::from_millis(250);
/// A snapshot is written when nothing has changed for this long …
const QUIET: Duration = Duration::from_secs(2);
/// … or, while changes keep coming, this long after the last one.
const LONGEST: Duration = Duration::from_secs(60);

/// Writes the index. There is one at a time, on this machine, for each data folder.
#[derive(Debug)]
pub struct Follower {
    index: Arc<Index>,
    catalog: Catalog,
    _lock: File,
    /// Whether the published snapshot lacks something.
    dirty: bool,
}

impl Follower {
    /// Becomes the writer of the index in `folder`, which is made if missing or damaged.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if another process is.
    pub fn open(folder: &Path, catalog: Catalog) -> Result<Self, IndexError> {
        std::fs::create_dir_all(folder).map_err(IndexError::io(folder))?;
        let lock = lock(folder)?;
        Ok(Self {
            index: Arc::new(Index::open_or_make_anew(folder)?),
            catalog,
            _lock: lock,
            dirty: false,
        })
    }

    /// The index, for searching while it is written.
    #[must_use]
    pub const fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Takes in all changes there are.
    ///
    /// # Errors
    /// If the catalogue or the index fails.
    pub async fn catch_up(&mut self) -> Result<(), IndexError> {
        loop {
            let seq = self.index.seq();
            // One state for all reads: shots of one generation must not meet vectors of another.
            let mut db = self.catalog.snapshot().await?;
            let last = catalog::last_change(&mut db).await?;
            if last < seq {
                // The catalogue was put back to an earlier state: nothing here can be trusted.
                drop(db);
                self.rebuild_from_nothing().await?;
                continue;
            }
            let changes = catalog::changes_after(&mut db, seq, BATCH).await?;
            let Some(&(newest, _)) = changes.last() else {
                return Ok(());
            };
            let mut entries = Vec::with_capacity(changes.len());
            for (_, asset) in changes {
                entries.push(entry(&mut db, asset).await?);
            }
            drop(db);
            let index = Arc::clone(&self.index);
            let applied = tokio::task::spawn_blocking(move || {
                for entry in &entries {
                    index.apply(entry)?;
                }
                index.commit(newest)
            });
            joined(applied.await)??;
            self.dirty = true;
        }
    }

    /// Writes a snapshot if the published one lacks something.
    ///
    /// # Errors
    /// If the index folder cannot be written.
    pub async fn publish(&mut self) -> Result<(), IndexError> {
        if !self.dirty {
            return Ok(());
        }
        let index = Arc::clone(&self.index);
        joined(tokio::task::spawn_blocking(move || index.publish()).await)??;
        self.dirty = false;
        Ok(())
    }

    /// Makes the index again from the catalogue.
    ///
    /// # Errors
    /// If the catalogue or the index fails.
    pub async fn rebuild(&mut self) -> Result<(), IndexError> {
        self.rebuild_from_nothing().await?;
        self.catch_up().await?;
        self.dirty = true;
        self.publish().await
    }

    async fn rebuild_from_nothing(&self) -> Result<(), IndexError> {
        let index = Arc::clone(&self.index);
        joined(tokio::task::spawn_blocking(move || index.clear()).await)?
    }

    /// Follows until `stop`, then publishes what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut changed = Some(Instant::now());
        let mut publish_at = Instant::now() + LONGEST;
        loop {
            let before = self.index.seq();
            if let Err(error) = self.catch_up().await {
                tracing::error!(%error, "the index could not follow the catalogue");
            }
            metrics::gauge!("rushes_index_vectors").set(self.index.vectors() as f64);
            metrics::gauge!("rushes_index_seq").set(self.index.seq() as f64);
            if self.index.seq() != before {
                changed = Some(Instant::now());
            }
            if changed.is_some_and(|at| at.elapsed() > QUIET) {
                changed = None;
                publish_at = Instant::now();
            }
            let stopping = stop.is_cancelled();
            let now = Instant::now();
            if stopping || now >= publish_at {
                publish_at = now + LONGEST;
                // A full disk is not helped by trying again at once.
                if let Err(error) = self.publish().await {
                    tracing::error!(%error, "the index could not be written");
                }
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Takes the writer's lock of the index in `folder`.
fn lock(folder: &Path) -> Result<File, IndexError> {
    let path: PathBuf = folder.join(INDEX_LOCK);
    let file = File::create(&path).map_err(IndexError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IndexError::Locked),
        Err(TryLockError::Error(error)) => Err(IndexError::io(&path)(error)),
    }
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, IndexError> {
    result.map_err(|error| {
        IndexError::Text(tantivy::TantivyError::InternalError(format!(
            "the indexing thread died: {error}"
        )))
    })
}

/// What readers see of an asset, as the index takes it in; empty if it is gone.
async fn entry(
    db: &mut sqlx::SqliteConnection,
    asset: AssetId,
) -> Result<AssetEntry, CatalogError> {
    let span = |a: i64, b: i64| (a.cast_unsigned(), b.cast_unsigned());
    Ok(AssetEntry {
        shots: shots::spans(db, &asset).await?,
        vectors: shots::vectors(db, &asset).await?,
        cues: shots::cues(db, &asset)
            .await?
            .into_iter()
            .map(|cue| CueEntry {
                frames: span(cue.start_frame, cue.end_frame),
                ms: span(cue.start_ms, cue.end_ms),
                text: cue.text,
            })
            .collect(),
        asset,
    })
}
