//! Tests of `store`.

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

/// Acts on a space, and returns how much damage was reported.
fn worked<T>(folder: &Path, space: &Space, act: impl FnOnce(&Work<'_>) -> T) -> (T, usize) {
    let found = std::sync::atomic::AtomicUsize::new(0);
    let done = act(&Work {
        index: folder,
        space,
        stop: &AtomicBool::new(false),
        damaged: &|_, drop| {
            found.fetch_add(1, Ordering::Relaxed);
            drop();
        },
    });
    (done, found.into_inner())
}

fn verified(folder: &Path, space: &Space) -> usize {
    worked(folder, space, verify).1
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
    let due = space.due(usize::MAX);
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
    let compacted = worked(folder.path(), space, |work| compact(work, usize::MAX));
    assert!(!compacted.0.unwrap());
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
    let linked = |least| {
        let build = |work: &Work<'_>| link(&root, work, least, usize::MAX);
        worked(folder.path(), &space, build).0.unwrap()
    };
    assert!(!linked(3001));
    assert!(linked(3000));
    assert!(!linked(3000));
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
    walked.set_walk(&member.segment, Some(walk), stored.graph.clone());
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
    worked(folder.path(), scanned, load_graphs);
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
        let found = loaded.damage.len() + verified(folder.path(), space);
        assert_eq!(found, 1, "{zeroed}");
        assert!(!space.holds(&first) && space.holds(&second));
    }
    let loaded = loaded(&bytes);
    assert!(loaded.damage.is_empty());
    assert_eq!(verified(folder.path(), &loaded.spaces["s@1"]), 0);
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
