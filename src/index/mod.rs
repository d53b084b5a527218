//! The search index: a vector graph per embedding space and a full-text index of dialogue.
//!
//! It is derived from the catalogue, follows the catalogue's change sequence and can be rebuilt at any time.
//! One process writes ([`Follower`], guarded by a file lock). Other processes read the last published snapshot.

mod distance;
mod entry;
mod error;
mod follow;
mod scope;
mod snapshot;
mod space;
mod spoken;
mod text;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use entry::{AssetEntry, CueEntry};
pub use error::IndexError;
pub use follow::Follower;
pub use scope::{Effort, Frames, ShotSet};
pub use spoken::SpokenQuery;
pub use text::CueHit;

use crate::catalog::{AssetId, ShotId};
use space::Space;
use text::TextIndex;

/// How far an index has followed the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The last indexed change; 0 if there is none.
    seq: i64,
    /// The catalogue's marker of this position.
    mark: String,
}

/// Assets whose vectors could not be indexed, with the reasons. Their dialogue can still be found.
pub type SetAside = BTreeMap<AssetId, String>;

/// The index as readers see it. A writer's changes to the same value are visible at once.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    spaces: RwLock<HashMap<String, Arc<Space>>>,
    text: TextIndex,
    position: RwLock<Position>,
    set_aside: RwLock<SetAside>,
    /// The positions of its two parts when they were opened.
    opened_at: [Position; 2],
}

impl Index {
    /// Opens the last published snapshot in `folder` for reading, or an empty index if there is none yet.
    ///
    /// # Errors
    /// If the snapshot is damaged or was written by another version.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let (text, text_position) = TextIndex::open(&text_folder(folder))?;
        let vectors = snapshot::load(folder)?;
        let opened_at = [text_position, vectors.position];
        // Changes that only one of the two parts has are indexed again.
        let position = opened_at.iter().min_by_key(|part| part.seq);
        Ok(Self {
            folder: folder.to_owned(),
            spaces: RwLock::new(vectors.spaces),
            text,
            position: RwLock::new(position.cloned().unwrap_or_default()),
            set_aside: RwLock::new(vectors.set_aside),
            opened_at,
        })
    }

    /// Opens it for the writer, which rebuilds a damaged index because it is derived data. An index that is
    /// only unreadable at the moment is left alone.
    fn open_or_make_anew(folder: &Path) -> Result<Self, IndexError> {
        let error = match Self::open(folder) {
            Ok(index) => return Ok(index),
            Err(error) if error.is_damage() => error,
            Err(error) => return Err(error),
        };
        tracing::warn!(%error, "rebuilding the index from the catalogue");
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

    /// The last change of the catalogue in this index.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.position().seq
    }

    /// Assets whose vectors could not be indexed, with the reasons.
    #[must_use]
    pub fn set_aside(&self) -> SetAside {
        let aside = self.set_aside.read();
        aside.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn position(&self) -> Position {
        let position = self.position.read();
        position.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The `count` shots whose vectors are nearest to `query`, best first, with cosine similarity, and what it took to
    /// find them.
    ///
    /// With a scope, only those shots. A small scope is scanned exactly, so it loses no recall.
    #[must_use]
    pub fn nearest(
        &self,
        space: &str,
        query: &[f32],
        count: usize,
        scope: Option<&ShotSet>,
    ) -> (Vec<(ShotId, f32)>, Effort) {
        let space = self.space(space);
        space.map_or_else(Default::default, |space| space.nearest(query, count, scope))
    }

    /// The `count` best matching cues, best first, with their BM25 scores.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn spoken(
        &self,
        wanted: &SpokenQuery,
        count: usize,
        scope: Option<&ShotSet>,
    ) -> Result<Vec<CueHit>, IndexError> {
        self.text.search(wanted, count, scope)
    }

    /// All matching cues of these shots, in no order and without scores.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn all_spoken(
        &self,
        wanted: &SpokenQuery,
        scope: &ShotSet,
    ) -> Result<Vec<CueHit>, IndexError> {
        self.text.all(wanted, scope)
    }

    /// Number of lines of dialogue, of these shots or of all.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn lines(&self, scope: Option<&ShotSet>) -> Result<u64, IndexError> {
        self.text.lines(scope)
    }

    /// Number of vectors in all spaces.
    #[must_use]
    pub fn vectors(&self) -> usize {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        spaces.values().map(|space| space.len()).sum()
    }

    fn space(&self, name: &str) -> Option<Arc<Space>> {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        spaces.get(name).map(Arc::clone)
    }

    /// Indexes the newest state of assets, up to `position`. Only the writer calls this.
    ///
    /// Dialogue comes first, because its commit may fail on a full disk, and a retry then costs little. An
    /// asset whose vectors cannot be indexed is set aside and does not block others.
    fn take_in(&self, entries: &[AssetEntry], position: Position) -> Result<(), IndexError> {
        for entry in entries {
            self.text.replace(entry)?;
        }
        self.text.commit(&position)?;
        for entry in entries {
            let fault = match catch_unwind(AssertUnwindSafe(|| self.replace_vectors(entry))) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(panic) => {
                    // The state of the graphs is unknown.
                    self.spaces().values().for_each(|space| space.remake());
                    Some(format!("the graph failed: {}", panic_text(&*panic)))
                }
            };
            self.note(&entry.asset, fault)?;
        }
        *self
            .position
            .write()
            .unwrap_or_else(PoisonError::into_inner) = position;
        Ok(())
    }

    /// Records whether an asset is set aside, and why. Vectors of an earlier state are removed.
    fn note(&self, asset: &AssetId, fault: Option<String>) -> Result<(), IndexError> {
        if let Some(fault) = &fault {
            tracing::error!(%asset, fault, "cannot index vectors; `rushes doctor` names the file");
            for space in self.spaces().values() {
                space.replace(asset, &[], &[])?;
            }
        }
        let mut aside = self
            .set_aside
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(fault) => aside.insert(asset.clone(), fault),
            None => aside.remove(asset),
        };
        Ok(())
    }

    fn replace_vectors(&self, entry: &AssetEntry) -> Result<(), IndexError> {
        for (name, vectors) in &entry.vectors {
            let Some(dims) = vectors.first().map(Vec::len) else {
                continue;
            };
            if self.space(name).is_none() {
                let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
                spaces.insert(name.clone(), Arc::new(Space::new(dims)));
            }
        }
        for (name, space) in self.spaces() {
            let vectors = entry
                .vectors
                .iter()
                .find(|(of, _)| *of == name)
                .map_or(&[][..], |(_, vectors)| vectors.as_slice());
            space.replace(&entry.asset, &entry.shots, vectors)?;
        }
        Ok(())
    }

    fn spaces(&self) -> HashMap<String, Arc<Space>> {
        let spaces = self.spaces.read();
        spaces.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a snapshot of the vectors and makes it the published one.
    fn publish(&self) -> Result<(), IndexError> {
        let (spaces, position) = (self.spaces(), self.position());
        snapshot::save(&self.folder, &spaces, &position, &self.set_aside())
    }

    /// Empties the index, so that following starts again.
    fn clear(&self) -> Result<(), IndexError> {
        self.spaces
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.text.clear()?;
        self.text.commit(&Position::default())?;
        let (position, aside) = (self.position.write(), self.set_aside.write());
        *position.unwrap_or_else(PoisonError::into_inner) = Position::default();
        aside.unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

fn text_folder(index: &Path) -> PathBuf {
    index.join("text")
}
