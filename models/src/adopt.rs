//! Taking in a dual encoder that is on this machine, such as one that was fine-tuned and exported here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::dual;
use crate::error::ModelError;
use crate::manifest::{
    DualParameters, FileSource, Kind, Manifest, ManifestError, ManifestFile, Parameters, Source,
};
use crate::store::{ModelStore, StoreError, write_whole};

/// Files of a model's folder that an encoder reads, besides its weights.
const READ: [&str; 5] = [
    "config.json",
    "open_clip_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Makes a model of an exported folder (the hub's layout: `config.json` or `open_clip_config.json`,
/// `tokenizer.json`, one `*.safetensors`) known to the store as `id`; [`crate::pull()`] then copies its files.
///
/// Its revision is the beginning of the weights' digest, so that other weights make another space.
///
/// # Errors
///
/// The folder cannot be read, lacks a file, or is of no known architecture; the store cannot be written.
pub fn adopt(store: &mut ModelStore, id: &str, folder: &Path) -> Result<(), ModelError> {
    let folder = fs::canonicalize(folder).map_err(|e| StoreError::io("read", folder, e))?;
    let weights = weights(&folder)?;
    let mut names: Vec<String> = READ
        .iter()
        .filter(|name| folder.join(name).is_file())
        .map(|&name| name.to_owned())
        .collect();
    names.push(weights.clone());
    let mut files = Vec::with_capacity(names.len());
    let mut revision = String::new();
    for name in names {
        let path = folder.join(&name);
        let (sha256, bytes) =
            Digest::of_file(&path).map_err(|e| StoreError::io("read", &path, e))?;
        if name == weights {
            revision = sha256.to_string()[..12].to_owned();
        }
        files.push(ManifestFile {
            name,
            sha256: Some(sha256),
            bytes: Some(bytes),
            sources: vec![Source::File(FileSource { path })],
        });
    }
    let manifest = Manifest {
        id: id.to_owned(),
        revision,
        kind: Kind::TextToShot,
        licence: "unknown".to_owned(),
        description: format!("taken in from {}", folder.display()),
        homepage: None,
        requires: Vec::new(),
        files,
        goldens: Vec::new(),
        parameters: Parameters::DualEncoder(DualParameters {
            dims: dual::dims(id, &folder)?,
        }),
    };
    let text = toml::to_string(&manifest).map_err(|e| ManifestError::Invalid {
        name: id.to_owned(),
        problem: e.to_string(),
    })?;
    // Parsed again, so that a name that could leave the store is refused as in any manifest.
    let manifest = Manifest::parse(id, &text)?;
    write_whole(
        &store.manifest_folder().join(format!("{id}.toml")),
        text.as_bytes(),
    )?;
    store.add(manifest);
    Ok(())
}

fn weights(folder: &Path) -> Result<String, ModelError> {
    let listed: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|e| StoreError::io("read", folder, e))?;
    let mut found: Vec<String> = listed
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(name), true) => Ok(name),
        (name, _) => Err(ManifestError::Invalid {
            name: folder.display().to_string(),
            problem: format!(
                "there must be one file of weights (*.safetensors) and there are {}; join shards before",
                found.len() + usize::from(name.is_some())
            ),
        }
        .into()),
    }
}
