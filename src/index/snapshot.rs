//! The vector spaces on disk.
//!
//! `vectors/CURRENT.json` names the published snapshot folder. A rename replaces it, so a reader always finds
//! one complete snapshot. A snapshot holds, for each space, the graph with its vectors (written by `hnsw_rs`)
//! and the row table.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hnsw_rs::api::AnnT as _;
use hnsw_rs::hnswio::HnswIo;
use serde::{Deserialize, Serialize};

use super::distance::UnitDot;
use super::space::{Graph, Row, Rows, Space};
use super::{IndexError, Position, SetAside};
use crate::catalog::AssetId;

/// Version of this layout. A snapshot of another version is not read but rebuilt.
const FORMAT: u32 = 2;
const CURRENT: &str = "CURRENT.json";
const GRAPH: &str = "graph";
const ROWS: &str = "rows.bin";
const ROW_BYTES: usize = 21;

#[derive(Debug, Serialize, Deserialize)]
struct Current {
    format: u32,
    position: Position,
    folder: String,
    spaces: Vec<SpaceMeta>,
    /// Assets whose vectors could not be indexed, with the reasons.
    set_aside: SetAside,
}

#[derive(Debug, Serialize, Deserialize)]
struct SpaceMeta {
    name: String,
    folder: String,
    dims: usize,
    rows: usize,
    assets: Vec<AssetId>,
    /// BLAKE3 of each file in hex. After a power cut a file may have its length but not its contents.
    files: BTreeMap<String, String>,
}

/// Writes all spaces, makes them the published snapshot and removes older ones.
pub(super) fn save(
    index: &Path,
    spaces: &HashMap<String, Arc<Space>>,
    position: &Position,
    set_aside: &SetAside,
) -> Result<(), IndexError> {
    let root = folder(index);
    fs::create_dir_all(&root).map_err(IndexError::io(&root))?;
    let name = format!("{}-{}", position.seq, ulid::Ulid::generate());
    let snapshot = root.join(&name);
    let written = write(&snapshot, spaces).and_then(|spaces| {
        let current = Current {
            format: FORMAT,
            position: position.clone(),
            folder: name.clone(),
            spaces,
            set_aside: set_aside.clone(),
        };
        write_aside(&root, CURRENT, &current)
    });
    if let Err(error) = written {
        // The partial snapshot is useless and takes space, and space may be what is missing.
        fs::remove_dir_all(&snapshot).ok();
        return Err(error);
    }
    remove_others(&root, &name)
}

fn write(
    snapshot: &Path,
    spaces: &HashMap<String, Arc<Space>>,
) -> Result<Vec<SpaceMeta>, IndexError> {
    fs::create_dir(snapshot).map_err(IndexError::io(snapshot))?;
    let mut metas = Vec::new();
    for (at, (name, space)) in spaces.iter().enumerate() {
        let sub = at.to_string();
        let target = snapshot.join(&sub);
        fs::create_dir(&target).map_err(IndexError::io(&target))?;
        let mut meta = space.with_parts(|rows, graph| {
            save_space(&target, rows, graph)?;
            Ok::<_, IndexError>(SpaceMeta {
                name: name.clone(),
                folder: sub,
                dims: space.dims(),
                rows: rows.rows.len(),
                assets: rows.assets.clone(),
                files: BTreeMap::new(),
            })
        })?;
        meta.files = flush(&target)?;
        metas.push(meta);
    }
    sync(snapshot)?;
    Ok(metas)
}

/// Flushes the files in `folder` to disk and returns their digests by name.
fn flush(folder: &Path) -> Result<BTreeMap<String, String>, IndexError> {
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(IndexError::io(folder))? {
        let path = entry.map_err(IndexError::io(folder))?.path();
        let file = File::open(&path).map_err(IndexError::io(&path))?;
        file.sync_all().map_err(IndexError::io(&path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        digests.insert(name.into_owned(), digest(&path, file)?);
    }
    sync(folder)?;
    Ok(digests)
}

fn digest(path: &Path, file: File) -> Result<String, IndexError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(IndexError::io(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Flushes the names in `folder` to disk.
fn sync(folder: &Path) -> Result<(), IndexError> {
    let open = File::open(folder).map_err(IndexError::io(folder))?;
    open.sync_all().map_err(IndexError::io(folder))
}

/// Refuses a folder whose files are not the ones that were written.
fn verify(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), IndexError> {
    for (name, expected) in files {
        let path = folder.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(damaged(&path, "the file is missing".to_owned()));
            }
            Err(error) => return Err(IndexError::io(&path)(error)),
        };
        if digest(&path, file)? != *expected {
            return Err(damaged(
                &path,
                "the contents are not those that were written".to_owned(),
            ));
        }
    }
    Ok(())
}

fn save_space(folder: &Path, rows: &Rows, graph: &Graph) -> Result<(), IndexError> {
    if rows.rows.is_empty() {
        return Ok(());
    }
    // Nothing is damaged; usually the disk is full.
    graph.file_dump(folder, GRAPH).map_err(|error| {
        let cause = format!("cannot write the graph: {error}");
        IndexError::io(folder)(std::io::Error::other(cause))
    })?;
    let mut bytes = Vec::with_capacity(rows.rows.len() * ROW_BYTES);
    for row in &rows.rows {
        bytes.extend_from_slice(&row.asset.to_le_bytes());
        bytes.extend_from_slice(&row.start.to_le_bytes());
        bytes.extend_from_slice(&row.end.to_le_bytes());
        bytes.push(row.live.into());
    }
    let file = folder.join(ROWS);
    fs::write(&file, bytes).map_err(IndexError::io(&file))
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

fn remove_others(root: &Path, keep: &str) -> Result<(), IndexError> {
    for entry in fs::read_dir(root).map_err(IndexError::io(root))? {
        let entry = entry.map_err(IndexError::io(root))?;
        let name = entry.file_name();
        if name != keep && name != CURRENT {
            let path = entry.path();
            // A reader in another process may still be loading the old snapshot; it then loads the new one.
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(IndexError::io(&path))?;
        }
    }
    Ok(())
}

/// The folder of an index's snapshots.
pub(super) fn folder(index: &Path) -> PathBuf {
    index.join("vectors")
}

/// A snapshot in memory.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) spaces: HashMap<String, Arc<Space>>,
    pub(super) position: Position,
    pub(super) set_aside: SetAside,
}

/// Loads the published snapshot; an empty one at change 0 if there is none.
///
/// A writer may publish the next snapshot and remove this one during the load. The next one is then loaded.
pub(super) fn load(index: &Path) -> Result<Loaded, IndexError> {
    let root = folder(index);
    let mut current = published(&root)?;
    loop {
        let Some(snapshot) = current else {
            return Ok(Loaded::default());
        };
        let tried = snapshot.folder.clone();
        let failure = match load_spaces(&root, snapshot) {
            Ok(loaded) => return Ok(loaded),
            Err(failure) => failure,
        };
        current = published(&root)?;
        if current.as_ref().is_none_or(|now| now.folder == tried) {
            return Err(failure);
        }
    }
}

fn published(root: &Path) -> Result<Option<Current>, IndexError> {
    let file = root.join(CURRENT);
    let json = match fs::read(&file) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IndexError::io(&file)(error)),
    };
    let current: Current =
        serde_json::from_slice(&json).map_err(|error| damaged(&file, error.to_string()))?;
    if current.format != FORMAT {
        return Err(damaged(
            &file,
            format!("format {}, not {FORMAT}", current.format),
        ));
    }
    Ok(Some(current))
}

fn load_spaces(root: &Path, current: Current) -> Result<Loaded, IndexError> {
    let mut spaces = HashMap::new();
    for meta in current.spaces {
        let folder = root.join(&current.folder).join(&meta.folder);
        let name = meta.name.clone();
        spaces.insert(name, Arc::new(load_space(&folder, meta)?));
    }
    Ok(Loaded {
        spaces,
        position: current.position,
        set_aside: current.set_aside,
    })
}

fn load_space(folder: &Path, meta: SpaceMeta) -> Result<Space, IndexError> {
    if meta.rows == 0 {
        return Ok(Space::new(meta.dims));
    }
    verify(folder, &meta.files)?;
    let file = folder.join(ROWS);
    let bytes = fs::read(&file).map_err(IndexError::io(&file))?;
    let (chunks, rest) = bytes.as_chunks::<ROW_BYTES>();
    if !rest.is_empty() || chunks.len() != meta.rows {
        return Err(damaged(
            &file,
            format!("{} bytes for {} rows", bytes.len(), meta.rows),
        ));
    }
    let rows: Vec<Row> = chunks.iter().map(read_row).collect();
    if rows
        .iter()
        .any(|row| row.asset as usize >= meta.assets.len())
    {
        return Err(damaged(
            &file,
            "a row refers to an unknown asset".to_owned(),
        ));
    }
    // By its type, the loaded graph borrows from its reader, although it keeps nothing of it when the vectors
    // are not memory-mapped. The few bytes of the reader are leaked.
    let reader: &'static HnswIo = Box::leak(Box::new(HnswIo::new(folder, GRAPH)));
    // hnsw_rs panics on some damaged files.
    let graph: Graph = std::panic::catch_unwind(|| reader.load_hnsw_with_dist(UnitDot))
        .map_err(|_panic| damaged(folder, "the graph cannot be read".to_owned()))?
        .map_err(|error| damaged(folder, error.to_string()))?;
    if graph.get_nb_point() != rows.len() {
        return Err(damaged(
            folder,
            "the graph and its row table differ in size".to_owned(),
        ));
    }
    let mut vectors = vec![0.0; rows.len() * meta.dims];
    for point in graph.get_point_indexation() {
        let at = point.get_origin_id() * meta.dims;
        let Some(place) = vectors.get_mut(at..at + meta.dims) else {
            return Err(damaged(
                folder,
                "a node refers to an unknown row".to_owned(),
            ));
        };
        if point.get_v().len() != meta.dims {
            return Err(damaged(
                folder,
                "a vector has the wrong dimension".to_owned(),
            ));
        }
        place.copy_from_slice(point.get_v());
    }
    Ok(Space::from_parts(
        meta.dims,
        Rows::new(meta.assets, rows, vectors),
        graph,
    ))
}

fn read_row(bytes: &[u8; ROW_BYTES]) -> Row {
    let [a0, a1, a2, a3, frames @ .., live] = *bytes;
    let (frames, _) = frames.as_chunks::<8>();
    Row {
        asset: u32::from_le_bytes([a0, a1, a2, a3]),
        start: u64::from_le_bytes(frames[0]),
        end: u64::from_le_bytes(frames[1]),
        live: live != 0,
    }
}

fn damaged(file: &Path, what: String) -> IndexError {
    IndexError::Damaged {
        file: file.to_owned(),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaces() -> (HashMap<String, Arc<Space>>, AssetId) {
        let space = Space::new(2);
        let asset = AssetId::new();
        let vectors = [vec![1.0, 0.0], vec![0.0, 1.0], vec![0.6, 0.8]];
        space
            .replace(&asset, &[(0, 5), (5, 9), (9, 20)], &vectors)
            .unwrap();
        (HashMap::from([("s@1".to_owned(), Arc::new(space))]), asset)
    }

    #[test]
    fn a_snapshot_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (spaces, asset) = spaces();
        let aside = SetAside::from([(asset.clone(), "why".to_owned())]);
        save(folder.path(), &spaces, &at(6), &SetAside::new()).unwrap();
        save(folder.path(), &spaces, &at(7), &aside).unwrap();
        let loaded = load(folder.path()).unwrap();
        assert_eq!((loaded.position, loaded.set_aside), (at(7), aside));
        let found = loaded.spaces["s@1"].nearest(&[0.6, 0.8], 2, None).0;
        assert_eq!((found[0].0.start, found[0].0.end), (9, 20));
        assert_eq!(found[0].0.asset, asset);
        // Only the published snapshot and its pointer remain.
        assert_eq!(
            fs::read_dir(folder.path().join("vectors")).unwrap().count(),
            2
        );
    }

    fn at(seq: i64) -> Position {
        Position {
            seq,
            mark: seq.to_string(),
        }
    }

    fn published_folder(root: &Path) -> PathBuf {
        fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.is_dir())
            .unwrap()
    }

    #[test]
    fn files_whose_contents_a_power_cut_took_are_told() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &spaces().0, &at(7), &SetAside::new()).unwrap();
        let space = published_folder(&folder.path().join("vectors")).join("0");
        let mut zeroed = 0;
        for entry in fs::read_dir(space).unwrap() {
            let path = entry.unwrap().path();
            let whole = fs::read(&path).unwrap();
            // As after a power cut: the length is right, but the last page is missing.
            let mut cut = whole.clone();
            let from = cut.len() - 4;
            cut[from..].fill(0);
            if cut == whole {
                continue;
            }
            fs::write(&path, cut).unwrap();
            assert!(load(folder.path()).unwrap_err().is_damage(), "{path:?}");
            fs::write(&path, whole).unwrap();
            zeroed += 1;
        }
        assert!(zeroed >= 2, "{zeroed} files");
        load(folder.path()).unwrap();
    }

    #[test]
    fn a_damaged_snapshot_is_a_typed_error() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &spaces().0, &at(7), &SetAside::new()).unwrap();
        let root = folder.path().join("vectors");
        let snapshot = published_folder(&root);
        fs::write(snapshot.join("0").join(ROWS), [0; 20]).unwrap();
        assert!(matches!(
            load(folder.path()),
            Err(IndexError::Damaged { .. })
        ));
        fs::write(root.join(CURRENT), b"{").unwrap();
        assert!(matches!(
            load(folder.path()),
            Err(IndexError::Damaged { .. })
        ));
    }
}
