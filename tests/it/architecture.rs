//! The edges between modules, which Cargo does not enforce.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which modules of `src` each may use. What is not listed here has no place yet.
const MAY_USE: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("catalog", &[]),
    ("features", &["catalog"]),
    ("index", &["catalog"]),
    ("ingest", &["catalog", "features"]),
    ("redactions", &["catalog"]),
    ("views", &["catalog"]),
    ("search", &["catalog", "features", "index", "views"]),
    (
        "http",
        &[
            "catalog",
            "features",
            "ingest",
            "redactions",
            "search",
            "views",
        ],
    ),
    (
        "app",
        &[
            "catalog",
            "config",
            "features",
            "index",
            "redactions",
            "search",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "catalog",
            "config",
            "features",
            "http",
            "index",
            "ingest",
            "redactions",
            "search",
            "views",
        ],
    ),
];

/// What every module may use; it uses none itself.
const ALL_MAY_USE: &str = "telemetry";

/// Longest file in lines.
const LONGEST: usize = 500;

/// Asked when the tests run: clones of the repository may share one build.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo runs the tests")
        .into()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules named after `crate::` in a file.
fn used(text: &str) -> BTreeSet<String> {
    text.match_indices("crate::")
        .map(|(at, prefix)| &text[at + prefix.len()..])
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_USE {
        for file in rust_files(&root().join("src").join(module)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for other in used(&text) {
                if other != *module && other != ALL_MAY_USE && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{} uses {other}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_has_its_place() {
    let mut found: Vec<String> = std::fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut listed: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn only_media_knows_ffmpeg_and_only_config_reads_the_environment() {
    let mut wrong = Vec::new();
    for folder in ["src", "workers/src", "models/src"] {
        for file in rust_files(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            if text.contains("ffmpeg_next") && !path.starts_with("workers/src/media/") {
                wrong.push(format!("{path} uses FFmpeg"));
            }
            if text.contains("env::var")
                && !path.starts_with("src/config/")
                && !text.contains("#[cfg(test)]")
                && !path.contains("test")
            {
                wrong.push(format!("{path} reads the environment"));
            }
            let lines = text.lines().count();
            if lines > LONGEST {
                wrong.push(format!("{path} has {lines} lines"));
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
