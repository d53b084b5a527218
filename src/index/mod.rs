//! The search index: the vectors of each embedding space, and a full-text index of dialogue.
//!
//! It is derived from the catalogue, follows the catalogue's change sequence and can be rebuilt at any time.
//! One process writes ([`Follower`], guarded by a file lock). Other processes read the last published snapshot.

mod best;
mod entry;
mod error;
mod follow;
mod labels;
mod language;
mod marks;
mod scope;
mod similar;
mod sound_names;
mod spoken;
mod synonyms;
mod text;
mod vectors;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};

use rushes_models::with_causes;
use serde::{Deserialize, Serialize};

use entry::{AssetEntry, CueEntry, SpaceVectors};
pub use error::IndexError;
pub use follow::Follower;
pub use labels::LabelQuery;
pub use marks::TextRange;
pub use scope::{Frames, ShotSet};
pub use sound_names::{NameFit, SoundNameQuery};
pub use spoken::SpokenQuery;
pub use synonyms::Synonyms;
pub use text::CueHit;

use crate::catalog::AssetId;
use crate::catalog::cues::CueOrigin;
use text::{Per, TextIndex};
pub use vectors::{Background, Effort, Near};
use vectors::{Batch, Damaged, Space, Work};

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
    /// Segments of the vectors that were found to be damaged, and how. Their shots cannot be found.
    damage: RwLock<Vec<String>>,
    /// Held while files are joined.
    joining: Mutex<()>,
    /// Whether work in the background should end.
    stopping: AtomicBool,
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
        let loaded = vectors::load(folder)?;
        let opened_at = [text_position, loaded.position];
        // Changes that only one of the two parts has are indexed again.
        let position = opened_at.iter().min_by_key(|part| part.seq);
        Ok(Self {
            folder: folder.to_owned(),
            spaces: RwLock::new(loaded.spaces),
            text,
            position: RwLock::new(position.cloned().unwrap_or_default()),
            set_aside: RwLock::new(loaded.set_aside),
            damage: RwLock::new(loaded.damage),
            joining: Mutex::new(()),
            stopping: AtomicBool::new(false),
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
        tracing::warn!(error = %with_causes(&error), "rebuilding the index from the catalogue");
        for part in [text_folder(folder), vectors::folder(folder)] {
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

    /// The `count` shots whose vectors are nearest to `query`, best first, with cosine similarity, and what it took
    /// to find them.
    ///
    /// With a scope, only shots in it. Recall is the same in any scope.
    #[must_use]
    pub fn nearest(
        &self,
        space: &str,
        query: &[f32],
        count: usize,
        scope: Option<&ShotSet>,
    ) -> (Vec<Near>, Effort) {
        let space = self.space(space);
        space.map_or_else(Default::default, |space| space.nearest(query, count, scope))
    }

    /// How similar the shots of a space, or those in scope, are to `query` in general; `None` if they are too few.
    #[must_use]
    pub fn background(
        &self,
        space: &str,
        query: &[f32],
        scope: Option<&ShotSet>,
    ) -> Option<Background> {
        self.space(space)?.background(query, scope)
    }

    /// The `count` shots with the best matching cues, each with its best one, best first, with BM25 scores. Similar words
    /// are tried for words that no cue has, and for all words if nothing else is found.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn spoken(
        &self,
        wanted: &SpokenQuery,
        count: usize,
        scope: Option<&ShotSet>,
    ) -> Result<Vec<CueHit>, IndexError> {
        self.text.search(wanted, count, scope, Per::Shot)
    }

    /// The same with the `count` best cues, several of a shot if they match.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn spoken_lines(
        &self,
        wanted: &SpokenQuery,
        count: usize,
        scope: Option<&ShotSet>,
    ) -> Result<Vec<CueHit>, IndexError> {
        self.text.search(wanted, count, scope, Per::Line)
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

    /// Number of lines of dialogue of this origin, of these shots or of all.
    ///
    /// # Errors
    /// If the text index cannot be read.
    pub fn lines(&self, origin: CueOrigin, scope: Option<&ShotSet>) -> Result<u64, IndexError> {
        self.text.lines(origin, scope)
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
        let mut faults = HashMap::new();
        for entry in entries {
            if let Err(error) = self.check(entry) {
                faults.insert(&entry.asset, with_causes(&error));
            }
        }
        for (name, space) in self.spaces() {
            let mut batch = Batch::default();
            for entry in entries {
                let vectors = entry.vectors.iter().find(|of| of.space == name);
                match vectors {
                    Some(vectors) if !faults.contains_key(&entry.asset) => {
                        batch.add(&entry.asset, vectors);
                    }
                    _ => batch.remove(&entry.asset),
                }
            }
            space.apply(&batch)?;
        }
        for entry in entries {
            self.note(&entry.asset, faults.remove(&entry.asset));
        }
        *self
            .position
            .write()
            .unwrap_or_else(PoisonError::into_inner) = position;
        Ok(())
    }

    /// Records whether an asset is set aside, and why.
    fn note(&self, asset: &AssetId, fault: Option<String>) {
        if let Some(fault) = &fault {
            tracing::error!(%asset, fault, "cannot index vectors; `rushes doctor` names the file");
        }
        let mut aside = self
            .set_aside
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(fault) => aside.insert(asset.clone(), fault),
            None => aside.remove(asset),
        };
    }

    /// Checks the vectors of an asset, and creates the spaces that they need.
    fn check(&self, entry: &AssetEntry) -> Result<(), IndexError> {
        for SpaceVectors {
            space: name,
            shots,
            vectors,
        } in &entry.vectors
        {
            let Some(first) = vectors.first().map(Vec::len) else {
                continue;
            };
            let known = self.space(name).map(|space| space.dims());
            let asset = || entry.asset.to_string();
            let dims = known.unwrap_or(first);
            if let Some(odd) = vectors.iter().find(|vector| vector.len() != dims) {
                return Err(IndexError::Dimensions {
                    asset: asset(),
                    expected: dims,
                    found: odd.len(),
                });
            }
            if vectors.len() != shots.len() {
                return Err(IndexError::Counts {
                    asset: asset(),
                    shots: shots.len(),
                    vectors: vectors.len(),
                });
            }
            let finite = |vector: &Vec<f32>| vector.iter().all(|x| x.is_finite());
            if let Some(shot) = vectors.iter().position(|vector| !finite(vector)) {
                return Err(IndexError::NoNumbers {
                    asset: asset(),
                    shot,
                });
            }
            if known.is_none() {
                let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
                spaces.insert(name.clone(), Arc::new(Space::new(dims)));
            }
        }
        Ok(())
    }

    fn spaces(&self) -> HashMap<String, Arc<Space>> {
        let spaces = self.spaces.read();
        spaces.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shots whose vectors are in memory only.
    fn unpublished(&self) -> usize {
        self.spaces()
            .values()
            .map(|space| space.unpublished())
            .sum()
    }

    /// Writes what is new in the vectors and publishes the state; `false` if it may not be published.
    ///
    /// A state without damaged segments must not be published before they are made again: nothing would remember
    /// their assets.
    fn publish(&self) -> Result<bool, IndexError> {
        let (spaces, position) = (self.spaces(), self.position());
        // Unused files are removed only while none is being written.
        let joining = self.joining.try_lock();
        let tidy = !matches!(joining, Err(TryLockError::WouldBlock));
        let damage = self.damage.read().unwrap_or_else(PoisonError::into_inner);
        if !damage.is_empty() {
            return Ok(false);
        }
        vectors::save(&self.folder, &spaces, &position, &self.set_aside(), tidy)?;
        drop(damage);
        Ok(true)
    }

    /// Joins files of vectors that are due, if they have up to `most` shots together; `false` if none are, or if a join is
    /// under way already, which may take minutes. The result is published by the next [`Self::publish`].
    fn compact(&self, most: usize) -> Result<bool, IndexError> {
        let _joining = match self.joining.try_lock() {
            Ok(joining) => joining,
            Err(TryLockError::Poisoned(joining)) => joining.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let damaged = |what, drop: &dyn Fn()| self.damaged(what, drop);
        let mut joined = false;
        for space in self.spaces().values() {
            joined |= vectors::compact(&self.work(space, &damaged), most)?;
        }
        Ok(joined)
    }

    fn work<'a>(&'a self, space: &'a Space, damaged: &'a Damaged<'a>) -> Work<'a> {
        Work {
            index: &self.folder,
            space,
            stop: &self.stopping,
            damaged,
        }
    }

    /// Records damage and drops the damaged segment. No state is published in between.
    fn damaged(&self, what: String, drop: &dyn Fn()) {
        let mut damage = self.damage.write().unwrap_or_else(PoisonError::into_inner);
        damage.push(what);
        drop();
    }

    /// Segments that were found to be damaged, and how. The writer makes them again.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        let damage = self.damage.read();
        damage.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends work in the background. What it was writing is removed by the next writer.
    fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Reads all vectors, drops the segments that are not what was written, and loads graphs.
    fn verify(&self) {
        let damaged = |what, drop: &dyn Fn()| self.damaged(what, drop);
        for space in self.spaces().values() {
            let work = self.work(space, &damaged);
            vectors::verify(&work);
            vectors::load_graphs(&work);
        }
    }

    /// Whether every space has vectors of an asset.
    fn holds(&self, asset: &AssetId) -> bool {
        self.spaces().values().all(|space| space.holds(asset))
    }

    /// Forgets the first `count` damaged segments, which were made again.
    fn forget_damage(&self, count: usize) {
        let mut damage = self.damage.write().unwrap_or_else(PoisonError::into_inner);
        damage.drain(..count);
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

fn text_folder(index: &Path) -> PathBuf {
    index.join("text")
}
