//! What makes search fast: a vector graph for each embedding space and a full-text index of dialogue.
//!
//! All of it is derived from the catalogue, whose change sequence it follows, and can be rebuilt at
//! any time. One process writes ([`Follower`], by a file lock); others read the last published
//! snapshot.

mod distance;
mod entry;
mod error;
mod follow;
mod snapshot;
mod space;
mod text;
mod words;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use entry::{AssetEntry, CueEntry};
pub use error::IndexError;
pub use follow::Follower;
pub use text::CueHit;

use crate::catalog::{AssetId, ShotId};
use space::Space;
use text::TextIndex;

/// How far an index has followed the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The last change that is in it; 0 is none.
    seq: i64,
    /// What the catalogue gave for having been there.
    mark: String,
}

/// Assets whose vectors could not be taken in, each with the reason. They can be found by their dialogue.
pub type SetAside = BTreeMap<AssetId, String>;

/// The index as a reader sees it. A writer's changes to the same value are seen at once.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    spaces: RwLock<HashMap<String, Arc<Space>>>,
    text: TextIndex,
    position: RwLock<Position>,
    set_aside: RwLock<SetAside>,
    /// Where its two parts stood when they were opened.
    opened_at: [Position; 2],
}

impl Index {
    /// Opens the last published snapshot in `folder` for reading; an empty index if there is none yet.
    ///
    /// # Errors
    /// If what is there is damaged or was written by another version.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        let (text, text_position) = TextIndex::open(&text_folder(folder))?;
        let vectors = snapshot::load(folder)?;
        let opened_at = [text_position, vectors.position];
        // What only one of the two has taken in is taken in again.
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

    /// The same for the writer, who makes a damaged index again: it is derived data. One that merely cannot be read
    /// now is left alone.
    fn open_or_make_anew(folder: &Path) -> Result<Self, IndexError> {
        let error = match Self::open(folder) {
            Ok(index) => return Ok(index),
            Err(error) if error.is_damage() => error,
            Err(error) => return Err(error),
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
        self.position().seq
    }

    /// Assets whose vectors could not be taken in, each with the reason.
    #[must_use]
    pub fn set_aside(&self) -> SetAside {
        let aside = self.set_aside.read();
        aside.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn position(&self) -> Position {
        let position = self.position.read();
        position.unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Takes in the newest state of assets, up to `position`. Called by the one writer.
    ///
    /// Dialogue first, whose commit may fail for want of room: what is tried again then costs little. An asset whose
    /// vectors cannot be taken in is set aside, and holds up no other.
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
                    // Nobody knows what state the graphs are in.
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

    /// Remembers whether an asset is set aside, and why. Vectors of an earlier state do not answer for it.
    fn note(&self, asset: &AssetId, fault: Option<String>) -> Result<(), IndexError> {
        if let Some(fault) = &fault {
            tracing::error!(%asset, fault, "vectors cannot be indexed; `rushes doctor` names the file");
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

    /// Empties the index, so that following begins anew.
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
        .unwrap_or("no reason was given")
}

fn text_folder(index: &Path) -> PathBuf {
    index.join("text")
}
