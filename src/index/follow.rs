//! The single writer of an index. It follows the catalogue's changes.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rushes_models::with_causes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{AssetEntry, CueEntry, Index, IndexError, Position, SpaceVectors};
use crate::catalog::cues::CueOrigin;
use crate::catalog::database;
use crate::catalog::{self, AssetId, Catalog, CatalogError, cues, passages, shots, texts, vectors};
use crate::telemetry;

/// The file whose lock makes a process the writer.
const INDEX_LOCK: &str = "writer.lock";
/// Changed assets indexed between two commits.
const BATCH: u32 = 64;
/// Files with up to this many shots together are joined before a command ends.
const JOINED_AT_ONCE: usize = 50_000;
/// Shots whose vectors are in memory only, at most. Beyond that they are published at once.
const UNPUBLISHED: usize = 50_000;
/// How often to check the change sequence; changes may come from other processes.
const POLL: Duration = Duration::from_millis(250);
/// The index is published when nothing has changed for this long …
const QUIET: Duration = Duration::from_secs(2);
/// … or, while changes keep coming, this long after the last time.
const LONGEST: Duration = Duration::from_secs(60);

/// Writes the index. There is one per data folder at a time, on this machine.
#[derive(Debug)]
pub struct Follower {
    index: Arc<Index>,
    catalog: Catalog,
    _lock: File,
    /// Whether the published state is out of date.
    dirty: bool,
    /// Files being joined.
    joining: Option<JoinHandle<Result<bool, IndexError>>>,
    /// Whether the index is known to belong to this catalogue.
    is_ours: bool,
}

impl Follower {
    /// Becomes the writer of the index in `folder`, which is created if it is missing or damaged.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if another process is the writer.
    pub fn open(folder: &Path, catalog: Catalog) -> Result<Self, IndexError> {
        std::fs::create_dir_all(folder).map_err(IndexError::io(folder))?;
        let lock = lock(folder)?;
        Ok(Self {
            index: Arc::new(Index::open_or_make_anew(folder)?),
            catalog,
            _lock: lock,
            dirty: false,
            joining: None,
            is_ours: false,
        })
    }

    /// The index, which can be searched while it is written.
    #[must_use]
    pub const fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Indexes all outstanding changes.
    ///
    /// # Errors
    /// If the catalogue or the index fails.
    pub async fn catch_up(&mut self) -> Result<(), IndexError> {
        self.check_origin().await?;
        self.restore().await?;
        while self.take_in_some().await? {
            self.dirty = true;
            // What is in memory only is bounded, whatever there is to index.
            if self.index.unpublished() > UNPUBLISHED {
                self.publish().await?;
            }
        }
        Ok(())
    }

    /// Indexes the assets of damaged segments again.
    async fn restore(&mut self) -> Result<(), IndexError> {
        let damage = self.index.damage();
        if damage.is_empty() {
            return Ok(());
        }
        tracing::warn!(damage = damage.join("; "), "making damaged segments again");
        let (end, mut after) = (self.index.position(), 0);
        while after < end.seq {
            let mut db = self.catalog.snapshot().await?;
            let changes = catalog::changes_after(&mut db, after, BATCH).await?;
            let mut entries = Vec::new();
            after = changes.last().map_or(end.seq, |(seq, _)| *seq);
            for (seq, asset) in changes {
                if seq <= end.seq && !self.index.holds(&asset) {
                    entries.push(entry(&mut db, asset).await?);
                }
            }
            drop(db);
            if !entries.is_empty() {
                self.take_in(entries, end.clone()).await?;
            }
        }
        // What was found meanwhile is next.
        self.index.forget_damage(damage.len());
        self.dirty = true;
        Ok(())
    }

    /// Reads all vectors in the background. [`Self::catch_up`] makes damaged segments again.
    pub fn verify(&self) -> JoinHandle<()> {
        let index = Arc::clone(&self.index);
        tokio::task::spawn_blocking(move || index.verify())
    }

    async fn take_in(&self, entries: Vec<AssetEntry>, to: Position) -> Result<(), IndexError> {
        let index = Arc::clone(&self.index);
        joined(tokio::task::spawn_blocking(move || index.take_in(&entries, to)).await)?
    }

    /// Empties an index that did not follow the present state of this catalogue. Nothing in it can be trusted.
    async fn check_origin(&mut self) -> Result<(), IndexError> {
        if self.is_ours {
            return Ok(());
        }
        let mut db = self.catalog.read().await?;
        let mut known = true;
        for at in self.index.opened_at.iter().filter(|at| at.seq > 0) {
            known &= catalog::is_marked(&mut db, at.seq, &at.mark).await?;
        }
        drop(db);
        if !known {
            tracing::warn!("the index followed another catalogue; rebuilding it");
            self.clear().await?;
            self.dirty = true;
        }
        self.is_ours = true;
        Ok(())
    }

    /// Indexes the oldest outstanding changes; `false` if there are none.
    async fn take_in_some(&self) -> Result<bool, IndexError> {
        // Read one snapshot: shots of one generation must not be combined with vectors of another.
        let mut db = self.catalog.snapshot().await?;
        let changes = catalog::changes_after(&mut db, self.index.seq(), BATCH).await?;
        let Some(&(seq, _)) = changes.last() else {
            return Ok(false);
        };
        let mut entries = Vec::with_capacity(changes.len());
        let mut seen = HashSet::new();
        for (_, asset) in changes.into_iter().rev() {
            // An asset may have changed more than once. Its newest state counts.
            if seen.insert(asset.clone()) {
                entries.push(entry(&mut db, asset).await?);
            }
        }
        let known = catalog::known_mark(&mut db, seq).await?;
        drop(db);
        let mark = match known {
            Some(mark) => mark,
            None => {
                let mut tx = self.catalog.begin().await?;
                let mark = catalog::mark_position(&mut tx, seq).await?;
                tx.commit().await.map_err(CatalogError::from)?;
                mark
            }
        };
        self.take_in(entries, Position { seq, mark }).await?;
        Ok(true)
    }

    /// Publishes the state of the index if it changed, and joins small files that are due.
    ///
    /// # Errors
    /// If the index folder cannot be written.
    pub async fn publish(&mut self) -> Result<(), IndexError> {
        if let Some(joining) = self.joining.take_if(|joining| joining.is_finished()) {
            self.dirty |= joined(joining.await)??;
        }
        if !self.dirty {
            return Ok(());
        }
        let index = Arc::clone(&self.index);
        let publish = move || {
            let mut published = index.publish()?;
            // Joins that take no time are done at once, so that files stay few where no engine runs for long.
            while published && index.compact(JOINED_AT_ONCE)? {
                published = index.publish()?;
            }
            Ok::<_, IndexError>(published)
        };
        self.dirty = !joined(tokio::task::spawn_blocking(publish).await)??;
        Ok(())
    }

    /// Joins larger files in the background.
    fn join_files(&mut self) {
        if self.joining.is_none() {
            let index = Arc::clone(&self.index);
            self.joining = Some(tokio::task::spawn_blocking(move || {
                index.compact(usize::MAX)
            }));
        }
    }

    /// Rebuilds the index from the catalogue.
    ///
    /// # Errors
    /// If the catalogue or the index fails.
    pub async fn rebuild(&mut self) -> Result<(), IndexError> {
        self.clear().await?;
        self.is_ours = true;
        self.catch_up().await?;
        self.dirty = true;
        self.publish().await
    }

    async fn clear(&self) -> Result<(), IndexError> {
        let index = Arc::clone(&self.index);
        joined(tokio::task::spawn_blocking(move || index.clear()).await)?
    }

    /// Follows until `stop`, then publishes the rest.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut changed = Some(Instant::now());
        let mut publish_at = Instant::now() + LONGEST;
        let (mut trouble, mut unwritten) = (Trouble::default(), Trouble::default());
        drop(self.verify());
        loop {
            let before = self.index.seq();
            trouble.note(self.catch_up().await.err());
            metrics::gauge!(telemetry::INDEX_VECTORS.name).set(self.index.vectors() as f64);
            metrics::gauge!(telemetry::INDEX_SEQ.name).set(self.index.seq() as f64);
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
                // An immediate retry does not help against a full disk.
                unwritten.note(self.publish().await.err());
                if !stopping {
                    self.join_files();
                }
            }
            if stopping {
                self.index.stop();
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(trouble.pause()) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Consecutive failures. The same failure is logged once, and the pauses between retries grow.
#[derive(Debug, Default)]
struct Trouble {
    told: Option<String>,
    in_a_row: u32,
}

impl Trouble {
    fn note(&mut self, error: Option<IndexError>) {
        let Some(error) = error.map(|error| with_causes(&error)) else {
            *self = Self::default();
            return;
        };
        self.in_a_row += 1;
        if self.told.as_ref() != Some(&error) {
            tracing::error!(error, "cannot update or write the index; retrying");
            self.told = Some(error);
        }
    }

    /// The time until the next check.
    fn pause(&self) -> Duration {
        (POLL * 2_u32.saturating_pow(self.in_a_row.min(16))).min(LONGEST)
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
    result.map_err(|error| IndexError::Died(with_causes(&error)))
}

/// The published state of an asset, as the index needs it; empty if the asset is gone.
async fn entry(db: &mut database::Connection, asset: AssetId) -> Result<AssetEntry, CatalogError> {
    let span = |a: i64, b: i64| (a.cast_unsigned(), b.cast_unsigned());
    let lines = cues::cues(db, &asset).await?.into_iter();
    let written = texts::of(db, &asset).await?.into_iter();
    let mut entry = AssetEntry {
        shots: shots::spans(db, &asset).await?,
        vectors: Vec::new(),
        cues: lines
            .map(|cue| CueEntry {
                frames: span(cue.start_frame, cue.end_frame),
                ms: span(cue.start_ms, cue.end_ms),
                text: cue.text,
                language: cue.language,
                origin: cue.origin,
            })
            .chain(written.map(|text| CueEntry {
                frames: span(text.start_frame, text.end_frame),
                ms: span(text.start_ms, text.end_ms),
                text: text.text,
                language: None,
                origin: CueOrigin::Pictures,
            }))
            .collect(),
        asset,
    };
    for (space, vectors) in vectors::of_asset(db, &entry.asset).await? {
        entry.vectors.push(SpaceVectors {
            space,
            shots: entry.shots.clone(),
            vectors,
        });
    }
    for passages in passages::of(db, &entry.asset).await? {
        let frames = passages.frames.into_iter();
        entry.vectors.push(SpaceVectors {
            space: passages.space,
            // Lines are on frames of the video, so every passage has a shot.
            shots: frames
                .map(|frames| entry.shot_of(frames).unwrap_or(frames))
                .collect(),
            vectors: passages.vectors,
        });
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_ever_more_slowly() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.pause(), POLL);
        let mut last = POLL;
        for _ in 0..20 {
            trouble.note(Some(IndexError::Locked));
            assert!(trouble.pause() > last || last == LONGEST);
            last = trouble.pause();
        }
        assert_eq!(last, LONGEST);
        trouble.note(None);
        assert_eq!(trouble.pause(), POLL);
    }
}
