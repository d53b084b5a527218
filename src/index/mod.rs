//! What makes search fast: a vector graph for each embedding space and a full-text index of dialogue.
//!
//! All of it is derived from the catalogue, whose change sequence it follows, and can be rebuilt at
//! any time. One process writes ([`Follower`], by a file lock); others read the last published
//! snapshot.

mod entry;
mod error;
mod follow;
mod snapshot;
mod space;
mod text;
mod words;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use entry::{AssetEntry, CueEntry};
pub use error::IndexError;
pub use follow::Follower;
pub use text::CueHit;

use crate::catalog::{AssetId, ShotId};
use space::Space;
use text::TextIndex;

/// The index as a reader sees it. A writer's changes to the same value are seen at once.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    spaces: RwLock<HashMap<String, Arc<Space>>>,
    text: TextIndex,
    seq: AtomicI64,
}

impl Index {
    /// Opens the last published snapshot in `folder` for reading; an empty index if there is none yet.
    ///
    /// # Errors
    /// If what is there is damaged or was written by another version.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let (text, text_seq) = TextIndex::open(&text_folder(folder))?;
        let (spaces, vector_seq) = snapshot::load(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            spaces: RwLock::new(spaces),
            text,
            // What only one of the two has taken in is taken in again.
            seq: AtomicI64::new(text_seq.min(vector_seq)),
        })
    }

    /// The same for the writer, who makes a damaged index again: it is derived data.
    fn open_or_make_anew(folder: &Path) -> Result<Self, IndexError> {
        let error = match Self::open(folder) {
            Ok(index) => return Ok(index),
            Err(error) => error,
        };
        tracing::warn!(%error, "the index is made again from the catalogue");
        for part in [text_folder(folder), snapshot::folder(folder)] {
            match std::fs::remove_dir_all(&part) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(IndexError::io(&part)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Self::open(folder)
    }

    /// The last change of the catalogue that is in here.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.seq.load(Ordering::Acquire)
    }

    /// The `count` shots whose vectors are nearest to `query`, best first, with cosine similarity.
    ///
    /// With a scope, only shots of those assets: found by an exact scan where the scope is small, so
    /// that no recall is lost there.
    #[must_use]
    pub fn nearest(
        &self,
        space: &str,
        query: &[f32],
        count: usize,
        scope: Option<&HashSet<AssetId>>,
    ) -> Vec<(ShotId, f32)> {
        let space = self.space(space);
        space.map_or_else(Vec::new, |space| space.nearest(query, count, scope))
    }

    /// The `count` cues that match `words` best, best first, with their BM25 scores.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn spoken(
        &self,
        words: &str,
        count: usize,
        scope: Option<&HashSet<AssetId>>,
    ) -> Result<Vec<CueHit>, IndexError> {
        self.text.search(words, count, scope)
    }

    /// Vectors in all spaces.
    #[must_use]
    pub fn vectors(&self) -> usize {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        spaces.values().map(|space| space.len()).sum()
    }

    fn space(&self, name: &str) -> Option<Arc<Space>> {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        spaces.get(name).map(Arc::clone)
    }

    /// Puts an asset's newest state in the place of what is there. Called by the one writer.
    fn apply(&self, entry: &AssetEntry) -> Result<(), IndexError> {
        self.text.replace(entry)?;
        for (name, vectors) in &entry.vectors {
            let Some(dims) = vectors.first().map(Vec::len) else {
                continue;
            };
            if self.space(name).is_none() {
                let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
                spaces.insert(name.clone(), Arc::new(Space::new(dims)));
            }
        }
        let spaces: Vec<(String, Arc<Space>)> = {
            let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
            spaces
                .iter()
                .map(|(name, space)| (name.clone(), Arc::clone(space)))
                .collect()
        };
        for (name, space) in spaces {
            let vectors = entry
                .vectors
                .iter()
                .find(|(of, _)| *of == name)
                .map_or(&[][..], |(_, vectors)| vectors.as_slice());
            space.replace(&entry.asset, &entry.shots, vectors)?;
        }
        Ok(())
    }

    /// Makes what was applied visible in the text index, and remembers up to where it goes.
    fn commit(&self, seq: i64) -> Result<(), IndexError> {
        self.text.commit(seq)?;
        self.seq.store(seq, Ordering::Release);
        Ok(())
    }

    /// Writes a snapshot of the vectors and makes it the published one.
    fn publish(&self) -> Result<(), IndexError> {
        let spaces = {
            let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
            spaces.clone()
        };
        snapshot::save(&self.folder, &spaces, self.seq())
    }

    /// Empties the index, so that following begins anew.
    fn clear(&self) -> Result<(), IndexError> {
        self.spaces
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.text.clear()?;
        self.seq.store(0, Ordering::Release);
        Ok(())
    }
}

fn text_folder(index: &Path) -> PathBuf {
    index.join("text")
}
