//! A set of manifests, and the order in which they must be pulled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Manifest, ManifestError, display_name};

/// Compiles a manifest in, by its id.
macro_rules! manifests {
    ($($id:literal),* $(,)?) => {
        [$(($id, include_str!(concat!("../../manifests/", $id, ".toml")))),*]
    };
}

/// The manifests compiled into this crate.
const BUILT_IN: [(&str, &str); 25] = manifests![
    "onnxruntime",
    "minilm",
    "lite",
    "scenes",
    "centerface",
    "yunet",
    "ultra-light",
    "lpd-yunet",
    "onnxruntime-openvino",
    "clip-vit-b32",
    "clip-vit-b16",
    "clip-vit-l14",
    "clip-vit-b32-datacomp",
    "siglip-b16",
    "siglip2-b16",
    "siglip2-b16-256",
    "siglip2-so400m",
    "pe-core-b16",
    "pe-core-l14",
    "whisper-base",
    "silero-vad",
    "ppocr-v5",
    "faces",
    "plates",
    "yamnet",
];

/// Manifests by id.
#[derive(Debug, Clone, PartialEq)]
pub struct ManifestSet {
    by_id: BTreeMap<String, Manifest>,
}

impl ManifestSet {
    /// The built-in manifests.
    #[must_use]
    pub fn built_in() -> Self {
        let by_id = BUILT_IN
            .iter()
            .map(|(name, text)| {
                Manifest::parse(name, text).expect("a test parses every built-in manifest")
            })
            .map(|manifest| (manifest.id.clone(), manifest))
            .collect();
        Self { by_id }
    }

    /// Adds every `*.toml` file in a folder. A manifest replaces an existing one with the same id, so a site
    /// can point `lite` at its own mirror.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or a file in it is not a manifest.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), ManifestError> {
        let io_error = |path: &Path, source| ManifestError::Io {
            path: path.to_owned(),
            source,
        };
        let mut paths = fs::read_dir(folder)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<Result<Vec<_>, _>>()
            })
            .map_err(|e| io_error(folder, e))?;
        paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(&path).map_err(|e| io_error(&path, e))?;
            self.insert(Manifest::parse(&display_name(&path), &text)?);
        }
        Ok(())
    }

    /// Adds one manifest, and replaces one with the same id.
    pub fn insert(&mut self, manifest: Manifest) {
        self.by_id.insert(manifest.id.clone(), manifest);
    }

    /// The manifest with this id.
    ///
    /// # Errors
    ///
    /// It does not exist; the error lists the known ids.
    pub fn get(&self, id: &str) -> Result<&Manifest, ManifestError> {
        self.by_id.get(id).ok_or_else(|| ManifestError::Unknown {
            id: id.to_owned(),
            known: self
                .by_id
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// All manifests, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.by_id.values()
    }

    /// The manifest and everything it requires, without duplicates, requirements first.
    ///
    /// # Errors
    ///
    /// One of them does not exist, or they require each other in a cycle.
    pub fn with_requirements(&self, id: &str) -> Result<Vec<&Manifest>, ManifestError> {
        let mut order = Vec::new();
        self.visit(id, &mut Vec::new(), &mut order)?;
        Ok(order)
    }

    fn visit<'a>(
        &'a self,
        id: &str,
        path: &mut Vec<String>,
        order: &mut Vec<&'a Manifest>,
    ) -> Result<(), ManifestError> {
        if order.iter().any(|done| done.id == id) {
            return Ok(());
        }
        let manifest = self.get(id)?;
        if path.iter().any(|open| open == id) {
            return Err(ManifestError::Invalid {
                name: id.to_owned(),
                problem: format!("it requires itself through {}", path.join(" -> ")),
            });
        }
        path.push(id.to_owned());
        for required in &manifest.requires {
            self.visit(required, path, order)?;
        }
        path.pop();
        order.push(manifest);
        Ok(())
    }
}

impl Default for ManifestSet {
    fn default() -> Self {
        Self::built_in()
    }
}
