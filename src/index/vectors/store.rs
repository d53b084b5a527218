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

use serde::{Deserialize, Serialize};
use tantivy::directory::error::OpenReadError;
use tantivy::directory::{Directory as _, MmapDirectory};

use super::graph::{Graph, digests};
use super::layout::Layout;
use super::segment::{AssetRows, Segment, Target, write};
use super::space::{Member, Space};
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

/// Joins files of a space that are due; `false` if none are.
pub(in crate::index) fn compact(
    index: &Path,
    space: &Space,
    stop: &AtomicBool,
) -> Result<bool, IndexError> {
    let root = folder(index);
    let due = space.due();
    if due.is_empty() {
        return link(&root, space, GRAPH_ROWS, stop);
    }
    let joined = space.join(&due, |width, rows| store(&root, width, rows, stop));
    match joined {
        Err(_) if stop.load(Ordering::Relaxed) => Ok(false),
        joined => joined.map(|()| true),
    }
}

/// Builds the graphs of large segments that have none; `false` if all have one.
fn link(root: &Path, space: &Space, least: usize, stop: &AtomicBool) -> Result<bool, IndexError> {
    for member in space.members().iter() {
        let Some(file) = &member.file else { continue };
        if file.graph.is_some() || member.segment.layout.rows < least {
            continue;
        }
        let stopping = || stop.load(Ordering::Relaxed);
        let Some(graph) = Graph::build(&member.segment, stopping) else {
            return Ok(false);
        };
        let files = graph
            .save(root, stem(&file.name))
            .and_then(|names| digests(root, &names))
            .map_err(IndexError::io(root))?;
        let walk = Walk::tuned(&member.segment, graph);
        space.set_walk(&member.segment, walk, &StoredGraph { files });
        return Ok(true);
    }
    Ok(false)
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Loads the graphs of large segments, which takes longer than a scan is worth waiting for. A damaged one is left
/// out, and the segment is scanned.
pub(in crate::index) fn load_graphs(index: &Path, space: &Space, stop: &AtomicBool) {
    let root = folder(index);
    for member in space.members().iter() {
        let Some((file, stored)) = member
            .file
            .as_ref()
            .and_then(|f| Some((f, f.graph.as_ref()?)))
        else {
            continue;
        };
        if member.walk.is_some() || stop.load(Ordering::Relaxed) {
            continue;
        }
        let names: Vec<String> = stored.files.keys().cloned().collect();
        let loaded = match digests(&root, &names) {
            Ok(found) if found == stored.files => {
                Graph::load(&root, stem(&file.name), &member.segment)
            }
            Ok(_) => Err(CHANGED.to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match loaded {
            Ok(graph) => {
                let walk = Walk::tuned(&member.segment, graph);
                space.set_walk(&member.segment, walk, stored);
            }
            Err(error) => tracing::warn!(file = file.name, error, "scanning without the graph"),
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
    let wrong = |error: serde_json::Error| damaged(&file, error.to_string());
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
                Err(error) if error.is_damage() => loaded.damage.push(error.to_string()),
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
    let directory = MmapDirectory::open(root).map_err(|error| damaged(root, error.to_string()))?;
    let file = directory
        .open_read(Path::new(name))
        .map_err(|error| match error {
            OpenReadError::FileDoesNotExist(_) => damaged(&path, "the file is missing".to_owned()),
            OpenReadError::IoError { io_error, .. } => {
                IndexError::io(&path)(io::Error::new(io_error.kind(), io_error.to_string()))
            }
            OpenReadError::IncompatibleIndex(_) => damaged(&path, error.to_string()),
        })?;
    file.read_bytes().map_err(IndexError::io(&path))
}

/// Drops the segments of a space whose rows are not the ones that were written, and returns what was found.
pub(in crate::index) fn verify(index: &Path, space: &Space, stop: &AtomicBool) -> Vec<String> {
    let mut damage = Vec::new();
    for member in space.members().iter() {
        let Some(file) = &member.file else { continue };
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let tail = blake3::hash(&member.segment.bytes()[member.segment.layout.tail()]);
        if tail.to_hex().as_str() != file.tail {
            let path = folder(index).join(&file.name);
            damage.push(damaged(&path, CHANGED.to_owned()).to_string());
            space.drop_segment(&member.segment);
        }
    }
    damage
}

fn damaged(file: &Path, what: String) -> IndexError {
    IndexError::Damaged {
        file: file.to_owned(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Batch;
    use super::*;
    use crate::catalog::AssetId;
    use crate::index::SpaceVectors;

    type Spaces = HashMap<String, Arc<Space>>;

    fn put(space: &Space, asset: &AssetId) {
        let mut batch = Batch::default();
        let of = SpaceVectors {
            space: "s@1".to_owned(),
            shots: vec![(0, 5), (5, 9), (9, 20)],
            vectors: vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]],
        };
        batch.add(asset, &of);
        space.apply(&batch).unwrap();
    }

    fn spaces() -> (Spaces, AssetId) {
        let (space, asset) = (Space::new(2), AssetId::new());
        put(&space, &asset);
        (HashMap::from([("s@1".to_owned(), Arc::new(space))]), asset)
    }

    fn at(seq: i64) -> Position {
        Position {
            seq,
            mark: seq.to_string(),
        }
    }

    fn saved(folder: &Path, spaces: &Spaces, seq: i64) {
        save(folder, spaces, &at(seq), &SetAside::new(), true).unwrap();
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder.join("vectors")).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX));
        paths.sort();
        paths
    }

    #[test]
    fn a_state_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (spaces, asset) = spaces();
        let aside = SetAside::from([(AssetId::new(), "why".to_owned())]);
        save(folder.path(), &spaces, &at(7), &aside, true).unwrap();
        let loaded = load(folder.path()).unwrap();
        assert_eq!((loaded.position, loaded.set_aside), (at(7), aside));
        let found = loaded.spaces["s@1"].nearest(&[0.6, 0.8], 2, None).0;
        assert_eq!((found[0].shot.start, found[0].shot.end), (9, 20));
        assert_eq!((&found[0].shot.asset, found[0].ordinal), (&asset, 2));
    }

    #[test]
    fn publishing_writes_what_is_new_and_remembers_what_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (spaces, first) = spaces();
        saved(folder.path(), &spaces, 1);
        let before = files(folder.path());
        let second = AssetId::new();
        put(&spaces["s@1"], &second);
        saved(folder.path(), &spaces, 2);
        let after = files(folder.path());
        assert!(after.len() == 2 && before.iter().all(|file| after.contains(file)));
        let mut removal = Batch::default();
        removal.remove(&second);
        spaces["s@1"].apply(&removal).unwrap();
        saved(folder.path(), &spaces, 3);
        assert_eq!(files(folder.path()), before);
        put(&spaces["s@1"], &first);
        saved(folder.path(), &spaces, 4);
        // The rows that `first` had before are in a file of their own, which is gone.
        assert_ne!(files(folder.path()), before);
        let found = load(folder.path()).unwrap().spaces["s@1"]
            .nearest(&[1.0, 0.0], 9, None)
            .0;
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn files_of_a_size_are_joined_and_what_died_meanwhile_stays_dead() {
        let folder = tempfile::tempdir().unwrap();
        let (spaces, _) = spaces();
        let space = &spaces["s@1"];
        let assets: Vec<AssetId> = (0..12)
            .map(|seq| {
                let asset = AssetId::new();
                put(space, &asset);
                saved(folder.path(), &spaces, seq);
                asset
            })
            .collect();
        let due = space.due();
        assert_eq!(due.len(), 12);
        let mut removal = Batch::default();
        removal.remove(&assets[4]);
        space.apply(&removal).unwrap();
        let root = super::folder(folder.path());
        space
            .join(&due, |width, rows| {
                store(&root, width, rows, &AtomicBool::new(false))
            })
            .unwrap();
        assert!(!compact(folder.path(), space, &AtomicBool::new(false)).unwrap());
        saved(folder.path(), &spaces, 13);
        assert_eq!(files(folder.path()).len(), 1);
        let loaded = load(folder.path()).unwrap();
        assert!(!loaded.spaces["s@1"].holds(&assets[4]));
        assert_eq!(loaded.spaces["s@1"].len(), 3 * 12);
    }

    #[test]
    fn a_graph_finds_what_a_scan_finds_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let space = Arc::new(Space::new(16));
        let vector = |seed: usize| -> Vec<f32> {
            let wave = |n: usize| ((seed * 7 + 1) as f32 * (n as f32 + 0.5) * 0.37).sin() / 3.0;
            (0..16).map(wave).collect()
        };
        let mut batch = Batch::default();
        let of = SpaceVectors {
            space: "s@1".to_owned(),
            shots: (0..3000).map(|n| (n, n + 1)).collect(),
            vectors: (0..3000).map(vector).collect(),
        };
        batch.add(&AssetId::new(), &of);
        space.apply(&batch).unwrap();
        let spaces = HashMap::from([("s@1".to_owned(), Arc::clone(&space))]);
        saved(folder.path(), &spaces, 1);
        let root = super::folder(folder.path());
        let stop = AtomicBool::new(false);
        assert!(!link(&root, &space, 3001, &stop).unwrap());
        assert!(link(&root, &space, 3000, &stop).unwrap());
        assert!(!link(&root, &space, 3000, &stop).unwrap());
        saved(folder.path(), &spaces, 2);

        let near = |space: &Space, query: &[f32]| -> Vec<u64> {
            let (found, _) = space.nearest(query, 10, None);
            found.into_iter().map(|near| near.shot.start).collect()
        };
        let loaded = load(folder.path()).unwrap();
        let scanned = &loaded.spaces["s@1"];
        let walked = load(folder.path()).unwrap();
        let walked = &walked.spaces["s@1"];
        let member = walked.members()[0].clone();
        let stored = member.file.unwrap();
        let graph = Graph::load(&root, stem(&stored.name), &member.segment).unwrap();
        let walk = Walk::wide(graph, 400);
        walked.set_walk(&member.segment, Some(walk), stored.graph.as_ref().unwrap());
        let mut same = 0;
        for seed in 0..20 {
            let query = vector(seed * 31 + 5000);
            let (scanned, walked) = (near(scanned, &query), near(walked, &query));
            same += scanned.iter().filter(|shot| walked.contains(shot)).count();
        }
        assert!(same >= 198, "{same} of 200");
        assert_eq!(walked.nearest(&vector(1), 5, None).1.walked, 3000);

        // A damaged graph is left out.
        let file = stored.graph.unwrap().files.into_keys().next().unwrap();
        fs::write(root.join(file), b"damage").unwrap();
        load_graphs(folder.path(), scanned, &stop);
        assert_eq!(scanned.nearest(&vector(1), 5, None).1.walked, 0);
    }

    #[test]
    fn a_damaged_segment_is_left_out_and_the_rest_serves() {
        let folder = tempfile::tempdir().unwrap();
        let (spaces, first) = spaces();
        saved(folder.path(), &spaces, 1);
        let whole = files(folder.path()).remove(0);
        let second = AssetId::new();
        put(&spaces["s@1"], &second);
        saved(folder.path(), &spaces, 2);
        let bytes = fs::read(&whole).unwrap();
        let loaded = |damage: &[u8]| {
            // A rename, as the old bytes are mapped.
            fs::remove_file(&whole).unwrap();
            fs::write(&whole, damage).unwrap();
            load(folder.path()).unwrap()
        };
        for cut in [0, 100, bytes.len() - 1] {
            let loaded = loaded(&bytes[..cut]);
            assert_eq!(loaded.damage.len(), 1, "{cut}");
            assert!(!loaded.spaces["s@1"].holds(&first));
            assert!(loaded.spaces["s@1"].holds(&second));
        }
        for zeroed in [0, 200, bytes.len() - 4] {
            let mut damage = bytes.clone();
            damage[zeroed..].fill(0);
            if damage == bytes {
                continue;
            }
            let loaded = loaded(&damage);
            let space = &loaded.spaces["s@1"];
            let found =
                loaded.damage.len() + verify(folder.path(), space, &AtomicBool::new(false)).len();
            assert_eq!(found, 1, "{zeroed}");
            assert!(!space.holds(&first) && space.holds(&second));
        }
        let loaded = loaded(&bytes);
        assert!(loaded.damage.is_empty());
        assert!(
            verify(
                folder.path(),
                &loaded.spaces["s@1"],
                &AtomicBool::new(false)
            )
            .is_empty()
        );
    }

    #[test]
    fn an_index_of_another_version_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("vectors");
        fs::create_dir(&root).unwrap();
        for list in [&b"{"[..], br#"{"format": 2, "folder": "7-01J"}"#] {
            fs::write(root.join(CURRENT), list).unwrap();
            assert!(load(folder.path()).unwrap_err().is_damage());
        }
    }
}
