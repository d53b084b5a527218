//! The vector spaces on disk.
//!
//! `vectors/CURRENT.json` names the published segments, one file each. Files are written once and flushed before a
//! rename publishes the list that names them, so a reader always finds one complete list, whenever the writer dies.
//! Segments are mapped into memory. What is read at every search is verified when a segment is opened; the rest
//! by [`verify`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rushes_models::with_causes;
use serde::{Deserialize, Serialize};
use tantivy::directory::error::OpenReadError;
use tantivy::directory::{Directory as _, MmapDirectory};

use super::graph::{Graph, digests};
use super::layout::Layout;
use super::member::Member;
use super::segment::{AssetRows, Segment, Target, write};
use super::space::Space;
use super::walk::Walk;
use crate::index::{IndexError, Position, SetAside};

/// Version of this layout. An index of another version is not read but rebuilt.
const FORMAT: u32 = 3;
const CURRENT: &str = "CURRENT.json";
const SUFFIX: &str = "vectors";
/// Segments from this many rows on have a graph. Below, a scan is as fast, and a graph takes minutes to build.
const GRAPH_ROWS: usize = 1 << 21;

#[derive(Debug, Serialize, Deserialize)]
struct Current {
    format: u32,
    position: Position,
    spaces: Vec<StoredSpace>,
    /// Assets whose vectors could not be indexed, with the reasons.
    set_aside: SetAside,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredSpace {
    name: String,
    dims: usize,
    segments: Vec<StoredSegment>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredSegment {
    #[serde(flatten)]
    file: Stored,
    width: usize,
    rows: usize,
    assets: usize,
    /// Numbers of the assets that were replaced or deleted.
    dead: Vec<u32>,
}

/// The file of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    name: String,
    /// BLAKE3 in hex of what a scan reads. After a power cut a file may have its length but not its contents.
    head: String,
    /// BLAKE3 in hex of the rows' values.
    tail: String,
    /// The files of its graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) graph: Option<StoredGraph>,
}

/// The files of a graph: BLAKE3 in hex of each, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct StoredGraph {
    files: BTreeMap<String, String>,
}

/// The folder of an index's vectors.
pub(in crate::index) fn folder(index: &Path) -> PathBuf {
    index.join("vectors")
}

/// Writes what is new in the spaces and publishes their state. Files that are no longer used are removed if
/// `tidy`; a file that is being written looks like one.
pub(in crate::index) fn save(
    index: &Path,
    spaces: &HashMap<String, Arc<Space>>,
    position: &Position,
    set_aside: &SetAside,
    tidy: bool,
) -> Result<(), IndexError> {
    let root = folder(index);
    fs::create_dir_all(&root).map_err(IndexError::io(&root))?;
    for space in spaces.values() {
        space.store_new(|width, rows| store(&root, width, rows, &AtomicBool::new(false)))?;
    }
    sync(&root)?;
    let mut names: Vec<_> = spaces.iter().collect();
    names.sort_by_key(|(name, _)| *name);
    let current = Current {
        format: FORMAT,
        position: position.clone(),
        spaces: names
            .into_iter()
            .map(|(name, space)| described(name, space))
            .collect(),
        set_aside: set_aside.clone(),
    };
    write_aside(&root, CURRENT, &current)?;
    if tidy {
        remove_unused(&root, &current)
    } else {
        Ok(())
    }
}

fn described(name: &str, space: &Space) -> StoredSpace {
    let segment = |member: &Member| {
        let layout = member.segment.layout;
        member.file.clone().map(|file| StoredSegment {
            file,
            width: layout.width,
            rows: layout.rows,
            assets: layout.assets,
            dead: member.dead.to_vec(),
        })
    };
    StoredSpace {
        name: name.to_owned(),
        dims: space.dims(),
        segments: space.members().iter().filter_map(segment).collect(),
    }
}

/// Takes a report of damage, and what drops the damaged segment.
pub(in crate::index) type Damaged<'a> = dyn Fn(String, &dyn Fn()) + 'a;

/// Work on the files of a space in the background.
pub(in crate::index) struct Work<'a> {
    /// The folder of the index.
    pub(in crate::index) index: &'a Path,
    pub(in crate::index) space: &'a Space,
    /// Whether to end early.
    pub(in crate::index) stop: &'a AtomicBool,
    /// Takes what was found to be damaged, and what drops the damaged segment.
    pub(in crate::index) damaged: &'a Damaged<'a>,
}

impl Work<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether the rows of a segment are what was written. If not, it is reported and dropped.
    fn is_sound(&self, member: &Member) -> bool {
        let Some(file) = &member.file else {
            return true;
        };
        let tail = blake3::hash(&member.segment.bytes()[member.segment.layout.tail()]);
        let sound = tail.to_hex().as_str() == file.tail;
        if !sound {
            let path = folder(self.index).join(&file.name);
            let drop = || self.space.drop_segment(&member.segment);
            (self.damaged)(damaged(&path, CHANGED.to_owned()).to_string(), &drop);
        }
        sound
    }
}

/// Joins files of a space that are due and have up to `most` rows, or else builds a graph; `false` if there is nothing
/// to do.
pub(in crate::index) fn compact(work: &Work<'_>, most: usize) -> Result<bool, IndexError> {
    let root = folder(work.index);
    let due = work.space.due(most);
    if due.is_empty() {
        return link(&root, work, GRAPH_ROWS, most);
    }
    // A new file with the digests of damaged rows would hide the damage.
    if !due.iter().all(|member| work.is_sound(member)) {
        return Ok(false);
    }
    let write = |width, rows: &[AssetRows<'_>]| store(&root, width, rows, work.stop);
    match work.space.join(&due, write) {
        Err(_) if work.is_stopped() => Ok(false),
        joined => joined.map(|()| true),
    }
}

/// Builds the graphs of segments of `least` to `most` rows that have none; `false` if all have one.
fn link(root: &Path, work: &Work<'_>, least: usize, most: usize) -> Result<bool, IndexError> {
    for member in work.space.members().iter() {
        let Some(file) = &member.file else { continue };
        let rows = member.segment.layout.rows;
        if file.graph.is_some() || rows < least || rows > most {
            continue;
        }
        let Some(graph) = Graph::build(&member.segment, || work.is_stopped()) else {
            return Ok(false);
        };
        let files = graph
            .save(root, stem(&file.name))
            .and_then(|names| digests(root, &names))
            .map_err(IndexError::io(root))?;
        let walk = Walk::tuned(&member.segment, graph);
        let files = Some(StoredGraph { files });
        work.space.set_walk(&member.segment, walk, files);
        return Ok(true);
    }
    Ok(false)
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Loads the graphs of large segments, which takes longer than a scan is worth waiting for. A damaged one is left
/// out, and the segment is scanned until the graph is built again.
pub(in crate::index) fn load_graphs(work: &Work<'_>) {
    let root = folder(work.index);
    for member in work.space.members().iter() {
        let file = member.file.as_ref();
        let Some((file, stored)) = file.and_then(|file| Some((file, file.graph.as_ref()?))) else {
            continue;
        };
        if member.walk.is_some() || work.is_stopped() {
            continue;
        }
        let names: Vec<String> = stored.files.keys().cloned().collect();
        let loaded = match digests(&root, &names) {
            Ok(found) if found == stored.files => {
                Graph::load(&root, stem(&file.name), &member.segment)
            }
            Ok(_) => Err(CHANGED.to_owned()),
            Err(error) => Err(with_causes(&error)),
        };
        match loaded {
            Ok(graph) => {
                let walk = Walk::tuned(&member.segment, graph);
                work.space
                    .set_walk(&member.segment, walk, Some(stored.clone()));
            }
            Err(error) => {
                tracing::warn!(file = file.name, error, "scanning without the graph");
                work.space.set_walk(&member.segment, None, None);
            }
        }
    }
}

/// Writes a segment to a new file, flushes it and opens it.
fn store(
    root: &Path,
    width: usize,
    rows: &[AssetRows<'_>],
    stop: &AtomicBool,
) -> Result<Member, IndexError> {
    let name = format!("{}.{SUFFIX}", ulid::Ulid::generate());
    let path = root.join(&name);
    let written = File::create_new(&path).and_then(|file| {
        let mut target = FileTarget { file, stop };
        let layout = write(width, rows, &mut target)?;
        target.file.set_len(layout.len() as u64)?;
        target.file.sync_all()?;
        Ok(layout)
    });
    let stored = written.map_err(IndexError::io(&path)).and_then(|layout| {
        let bytes = read(root, &name)?;
        let hex = |range| blake3::hash(&bytes[range]).to_hex().to_string();
        let file = Stored {
            head: hex(layout.head()),
            tail: hex(layout.tail()),
            name: name.clone(),
            graph: None,
        };
        let segment = Segment::open(layout, bytes).map_err(|what| damaged(&path, what))?;
        Ok(Member::new(segment, Some(file), Vec::new()))
    });
    if stored.is_err() {
        // The partial file is useless and takes space, and space may be what is missing.
        fs::remove_file(&path).ok();
    }
    stored
}

struct FileTarget<'a> {
    file: File,
    stop: &'a AtomicBool,
}

impl Target for FileTarget<'_> {
    fn write(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.file.write_all_at(bytes, at as u64)
    }
}

/// Flushes the names in `folder` to disk.
fn sync(folder: &Path) -> Result<(), IndexError> {
    let open = File::open(folder).map_err(IndexError::io(folder))?;
    open.sync_all().map_err(IndexError::io(folder))
}

fn write_aside(root: &Path, name: &str, value: &impl Serialize) -> Result<(), IndexError> {
    let target = root.join(name);
    let wrap = |source| IndexError::Io {
        file: target.clone(),
        source,
    };
    let mut file = tempfile::NamedTempFile::new_in(root).map_err(wrap)?;
    serde_json::to_writer(&mut file, value).map_err(|error| wrap(error.into()))?;
    file.flush().map_err(wrap)?;
    file.as_file().sync_all().map_err(wrap)?;
    file.persist(&target).map_err(|error| wrap(error.error))?;
    sync(root)
}

/// A reader in another process may still be opening these files; it then reads the new list.
fn remove_unused(root: &Path, current: &Current) -> Result<(), IndexError> {
    let segments = current.spaces.iter().flat_map(|space| &space.segments);
    let mut used = HashSet::from([CURRENT]);
    for Stored { name, graph, .. } in segments.map(|segment| &segment.file) {
        used.insert(name);
        used.extend(
            graph
                .iter()
                .flat_map(|graph| graph.files.keys())
                .map(String::as_str),
        );
    }
    for entry in fs::read_dir(root).map_err(IndexError::io(root))? {
        let entry = entry.map_err(IndexError::io(root))?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| used.contains(name)) {
            continue;
        }
        let path = entry.path();
        // Indexes of earlier versions have folders.
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(IndexError::io(&path))?;
    }
    Ok(())
}

/// The published state in memory.
#[derive(Debug, Default)]
pub(in crate::index) struct Loaded {
    pub(in crate::index) spaces: HashMap<String, Arc<Space>>,
    pub(in crate::index) position: Position,
    pub(in crate::index) set_aside: SetAside,
    /// Segments that could not be opened, and why. The rest serves without them.
    pub(in crate::index) damage: Vec<String>,
}

/// Loads the published state; an empty one at change 0 if there is none.
///
/// A writer may publish the next state and remove files of this one during the load. The next one is then loaded.
pub(in crate::index) fn load(index: &Path) -> Result<Loaded, IndexError> {
    let root = folder(index);
    let mut current = published(&root)?;
    loop {
        let Some(listed) = current else {
            return Ok(Loaded::default());
        };
        let before = serde_json::to_string(&listed).unwrap_or_default();
        let loaded = open_all(&root, listed)?;
        if loaded.damage.is_empty() {
            return Ok(loaded);
        }
        current = published(&root)?;
        let now = current.as_ref().map(serde_json::to_string);
        if now.is_none_or(|now| now.unwrap_or_default() == before) {
            return Ok(loaded);
        }
    }
}

fn published(root: &Path) -> Result<Option<Current>, IndexError> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }

    let file = root.join(CURRENT);
    let json = match fs::read(&file) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IndexError::io(&file)(error)),
    };
    let wrong = |error: serde_json::Error| damaged(&file, with_causes(&error));
    let Version { format } = serde_json::from_slice(&json).map_err(wrong)?;
    if format != FORMAT {
        return Err(damaged(&file, format!("format {format}, not {FORMAT}")));
    }
    serde_json::from_slice(&json).map_err(wrong).map(Some)
}

fn open_all(root: &Path, current: Current) -> Result<Loaded, IndexError> {
    let mut loaded = Loaded {
        position: current.position,
        set_aside: current.set_aside,
        ..Loaded::default()
    };
    for space in current.spaces {
        let mut members = Vec::with_capacity(space.segments.len());
        for segment in space.segments {
            match open(root, segment) {
                Ok(member) => members.push(member),
                Err(error) if error.is_damage() => loaded.damage.push(with_causes(&error)),
                Err(error) => return Err(error),
            }
        }
        let members = Space::from_members(space.dims, members);
        loaded.spaces.insert(space.name, Arc::new(members));
    }
    Ok(loaded)
}

fn open(root: &Path, stored: StoredSegment) -> Result<Member, IndexError> {
    let path = root.join(&stored.file.name);
    let layout = Layout {
        width: stored.width,
        rows: stored.rows,
        assets: stored.assets,
    };
    let bytes = read(root, &stored.file.name)?;
    if bytes.len() != layout.len() {
        let what = format!("{} bytes, not {}", bytes.len(), layout.len());
        return Err(damaged(&path, what));
    }
    let head = blake3::hash(&bytes[layout.head()]);
    if head.to_hex().as_str() != stored.file.head {
        return Err(damaged(&path, CHANGED.to_owned()));
    }
    let segment = Segment::open(layout, bytes).map_err(|what| damaged(&path, what))?;
    Ok(Member::new(segment, Some(stored.file), stored.dead))
}

const CHANGED: &str = "the contents are not those that were written";

fn read(root: &Path, name: &str) -> Result<tantivy::directory::OwnedBytes, IndexError> {
    let path = root.join(name);
    let directory =
        MmapDirectory::open(root).map_err(|error| damaged(root, with_causes(&error)))?;
    let file = directory
        .open_read(Path::new(name))
        .map_err(|error| match error {
            OpenReadError::FileDoesNotExist(_) => damaged(&path, "the file is missing".to_owned()),
            OpenReadError::IoError { io_error, .. } => {
                IndexError::io(&path)(io::Error::new(io_error.kind(), io_error.to_string()))
            }
            OpenReadError::IncompatibleIndex(_) => damaged(&path, with_causes(&error)),
        })?;
    file.read_bytes().map_err(IndexError::io(&path))
}

/// Drops the segments of a space whose rows are not the ones that were written. Each is reported.
pub(in crate::index) fn verify(work: &Work<'_>) {
    for member in work.space.members().iter() {
        if work.is_stopped() {
            break;
        }
        work.is_sound(member);
    }
}

fn damaged(file: &Path, what: String) -> IndexError {
    IndexError::Damaged {
        file: file.to_owned(),
        what,
    }
}

#[cfg(test)]
mod tests;
