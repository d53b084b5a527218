//! The edges between modules, which Cargo does not enforce, and other rules of the whole workspace.

mod errors;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use self::source::{Code, code, rust_files};

/// The modules of a crate, each after all that it may use, so that there are no cycles.
struct Layers {
    folder: &'static str,
    may_use: &'static [(&'static str, &'static [&'static str])],
}

/// Every module must be listed here.
const LAYERS: [Layers; 3] = [
    Layers {
        folder: "models/src",
        may_use: MODELS,
    },
    Layers {
        folder: "workers/src",
        may_use: WORKERS,
    },
    Layers {
        folder: "src",
        may_use: PRODUCT,
    },
];

const MODELS: &[(&str, &[&str])] = &[
    ("kind", &[]),
    ("causes", &[]),
    ("class", &[]),
    ("digest", &[]),
    ("vector", &[]),
    ("onnx", &[]),
    ("boundary", &[]),
    ("torch_legacy", &["kind"]),
    ("preprocess", &["kind"]),
    ("manifest", &["class", "digest", "kind"]),
    ("store", &["causes", "digest", "kind", "manifest"]),
    ("runtime", &["causes", "kind", "manifest", "store"]),
    (
        "error",
        &[
            "causes",
            "digest",
            "kind",
            "manifest",
            "preprocess",
            "runtime",
            "store",
            "torch_legacy",
        ],
    ),
    ("backend", &["causes", "error", "runtime", "store"]),
    ("encoder", &["error", "manifest", "preprocess", "store"]),
    (
        "device",
        &["causes", "encoder", "error", "kind", "preprocess"],
    ),
    (
        "detect",
        &[
            "class",
            "digest",
            "error",
            "manifest",
            "onnx",
            "preprocess",
            "runtime",
            "store",
        ],
    ),
    (
        "faces",
        &[
            "detect",
            "error",
            "manifest",
            "onnx",
            "preprocess",
            "runtime",
            "store",
        ],
    ),
    (
        "ocr",
        &["error", "manifest", "preprocess", "runtime", "store"],
    ),
    ("speech", &["error", "manifest", "onnx", "runtime", "store"]),
    ("tagger", &["error", "manifest", "onnx", "runtime", "store"]),
    ("text", &["encoder", "error", "manifest", "store", "vector"]),
    (
        "lite",
        &[
            "causes",
            "digest",
            "encoder",
            "error",
            "manifest",
            "onnx",
            "preprocess",
            "runtime",
            "store",
            "text",
            "torch_legacy",
            "vector",
        ],
    ),
    (
        "dual",
        &[
            "backend",
            "encoder",
            "error",
            "manifest",
            "onnx",
            "preprocess",
            "runtime",
            "store",
            "vector",
        ],
    ),
    ("pull", &["causes", "digest", "error", "manifest", "store"]),
    (
        "open",
        &[
            "backend", "dual", "encoder", "error", "lite", "manifest", "store", "text",
        ],
    ),
    ("verify", &["backend", "error", "manifest", "open", "store"]),
    (
        "adopt",
        &[
            "backend", "digest", "dual", "error", "manifest", "open", "pull", "store",
        ],
    ),
];

const WORKERS: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("time", &[]),
    ("orientation", &[]),
    ("watch", &[]),
    ("dialogue", &[]),
    ("edges", &[]),
    ("acoustics", &[]),
    ("storage", &["source"]),
    (
        "media",
        &[
            "acoustics",
            "dialogue",
            "edges",
            "orientation",
            "source",
            "time",
        ],
    ),
    ("segment", &["media", "source", "time"]),
    ("error", &["dialogue", "media", "storage"]),
    ("proxy_name", &["error"]),
    ("sandbox", &["media", "source"]),
    (
        "redact",
        &[
            "media",
            "orientation",
            "sandbox",
            "segment",
            "source",
            "storage",
            "time",
        ],
    ),
    (
        "child",
        &[
            "acoustics",
            "dialogue",
            "media",
            "redact",
            "sandbox",
            "segment",
            "source",
            "time",
        ],
    ),
    (
        "embed",
        &["error", "media", "proxy_name", "storage", "watch"],
    ),
    (
        "stages",
        &[
            "acoustics",
            "dialogue",
            "edges",
            "embed",
            "error",
            "media",
            "proxy_name",
            "sandbox",
            "segment",
            "source",
            "storage",
            "time",
            "watch",
        ],
    ),
    ("coordinator", &["stages", "watch"]),
    ("worker", &["coordinator", "error", "stages", "watch"]),
];

const PRODUCT: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("disk", &[]),
    ("telemetry", &[]),
    ("catalog", &[]),
    ("fleet", &["catalog"]),
    ("features", &["catalog", "telemetry"]),
    ("index", &["catalog", "telemetry"]),
    ("ingest", &["catalog", "features", "fleet"]),
    ("redactions", &["catalog", "features", "fleet", "telemetry"]),
    ("views", &["catalog"]),
    ("sheet", &[]),
    ("export", &["catalog", "sheet"]),
    ("webhooks", &["catalog", "fleet"]),
    (
        "search",
        &["catalog", "features", "index", "telemetry", "views"],
    ),
    (
        "app",
        &[
            "catalog",
            "config",
            "export",
            "features",
            "fleet",
            "index",
            "redactions",
            "search",
        ],
    ),
    ("mcp", &["app", "catalog", "export", "search", "views"]),
    (
        "http",
        &[
            "catalog",
            "disk",
            "export",
            "features",
            "ingest",
            "mcp",
            "redactions",
            "search",
            "telemetry",
            "views",
            "webhooks",
        ],
    ),
    (
        "cli",
        &[
            "app", "catalog", "config", "disk", "export", "features", "fleet", "http", "index",
            "ingest", "mcp", "search", "sheet", "views", "webhooks",
        ],
    ),
];

/// Longest file in lines.
const LONGEST: usize = 500;

/// Read at run time: clones of the repository may share one build.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo runs the tests")
        .into()
}

/// The module of a file below the root of a crate; `None` for the root itself.
fn module_of(file: &Code, folder: &Path) -> Option<String> {
    let inside = file.path.strip_prefix(folder).unwrap();
    let first = inside.components().next().unwrap().as_os_str();
    let name = Path::new(first).file_stem().unwrap().to_string_lossy();
    (name != "lib" && name != "main").then(|| name.into_owned())
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for layers in &LAYERS {
        let folder = root().join(layers.folder);
        let may_use: BTreeMap<_, _> = layers.may_use.iter().copied().collect();
        let mut unused: BTreeSet<(String, String)> = may_use
            .iter()
            .flat_map(|(module, allowed)| {
                allowed
                    .iter()
                    .map(|other| ((*module).to_owned(), (*other).to_owned()))
            })
            .collect();
        for file in code(&folder) {
            let Some(module) = module_of(&file, &folder) else {
                continue;
            };
            let Some(allowed) = may_use.get(module.as_str()) else {
                wrong.push(format!("{} has no row in LAYERS", file.path.display()));
                continue;
            };
            for other in file.used(&folder) {
                unused.remove(&(module.clone(), other.clone()));
                if other != module && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{} uses {other}", file.path.display()));
                }
            }
        }
        for (module, other) in unused {
            wrong.push(format!(
                "{}: {module} does not use {other}: take the edge out of LAYERS",
                layers.folder
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_are_no_circles() {
    for layers in &LAYERS {
        let mut below = BTreeSet::new();
        for (module, allowed) in layers.may_use {
            for other in *allowed {
                assert!(
                    below.contains(other),
                    "{}: {other} is not above {module} in the table",
                    layers.folder
                );
            }
            assert!(below.insert(*module), "{module} is listed twice");
        }
    }
}

#[test]
fn every_row_has_its_module() {
    for layers in &LAYERS {
        let folder = root().join(layers.folder);
        for (module, _) in layers.may_use {
            let is_there =
                folder.join(module).is_dir() || folder.join(module).with_extension("rs").is_file();
            assert!(is_there, "{} has no module {module}", layers.folder);
        }
    }
}

#[test]
fn only_media_knows_ffmpeg_and_only_config_reads_the_environment() {
    let mut wrong = Vec::new();
    for layers in &LAYERS {
        for file in code(&root().join(layers.folder)) {
            let path = file
                .path
                .strip_prefix(root())
                .unwrap()
                .display()
                .to_string();
            if file.names("ffmpeg_next") && !path.starts_with("workers/src/media/") {
                wrong.push(format!("{path} uses FFmpeg"));
            }
            let reads = ["var", "var_os", "vars", "vars_os"]
                .iter()
                .any(|function| file.names(&format!("env::{function}")));
            if reads && !path.starts_with("src/config/") {
                wrong.push(format!("{path} reads the environment"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_long() {
    let mut wrong = Vec::new();
    for folder in ["benches", "fuzz", "models", "src", "tests", "workers"] {
        for file in rust_files(&root().join(folder)) {
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            if lines > LONGEST {
                wrong.push(format!("{} has {lines} lines", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_leaves_know_nothing_of_the_product() {
    for (manifest, foreign) in [
        (
            "models/Cargo.toml",
            &[
                "rushes-workers",
                "ffmpeg",
                "sqlx",
                "axum",
                "tantivy",
                "hnsw",
                "object_store",
            ][..],
        ),
        ("workers/Cargo.toml", &["sqlx", "axum", "tantivy", "hnsw"]),
    ] {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        for name in foreign {
            assert!(
                !text.contains(&format!("\n{name}")),
                "{manifest} names {name}"
            );
        }
    }
}

/// Public types that share their name. The list may only shrink: rename the type instead of adding a row.
const HOMONYMS: [&str; 3] = [
    // The camera of a picture, and the choice of one in a request, as the API names it.
    "Camera",
    // The module says whether a redactor's or a feature's settings are meant.
    "Settings", // A shot as it is found, and as the catalogue holds it.
    "Shot",
];

#[test]
fn public_types_have_names_of_their_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for layers in &LAYERS {
        for file in code(&root().join(layers.folder)) {
            let path = file
                .path
                .strip_prefix(root())
                .unwrap()
                .display()
                .to_string();
            for name in file.public_types() {
                places.entry(name).or_default().push(path.clone());
            }
        }
    }
    places.retain(|_, paths| paths.len() > 1);
    let shared: Vec<&str> = places.keys().map(String::as_str).collect();
    assert_eq!(shared, HOMONYMS, "{places:#?}");
}
