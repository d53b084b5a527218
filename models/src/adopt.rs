//! Imports a dual encoder from this machine, such as one that was fine-tuned and exported here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::backend::{Backend, EncoderOptions};
use crate::digest::Digest;
use crate::dual;
use crate::error::ModelError;
use crate::manifest::{
    DualParameters, FileSource, Kind, Manifest, ManifestError, ManifestFile, ManifestSet,
    Parameters, Source,
};
use crate::open::{open_image_encoder, open_text_encoder};
use crate::pull::{PullOptions, PullProgress, pull};
use crate::store::{ModelStore, StoreError, write_whole};

/// The files of a model's folder that an encoder reads, besides its weights.
const READ: [&str; 5] = [
    "config.json",
    "open_clip_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Imports a model from an exported folder (the hub's layout: `config.json` or `open_clip_config.json`,
/// `tokenizer.json`, one `*.safetensors`) into the store as `id`, replacing an earlier one with that name, and
/// opens it once.
///
/// Its revision is the start of a digest of all its files, so any change that affects vectors makes another
/// space.
///
/// # Errors
///
/// The id belongs to a built-in model; the folder cannot be read, lacks a file, or has an unknown architecture;
/// the store cannot be written. Nothing remains of a model that cannot be opened.
pub fn adopt(
    store: &mut ModelStore,
    id: &str,
    folder: &Path,
    progress: &dyn PullProgress,
) -> Result<(), ModelError> {
    if ManifestSet::built_in().get(id).is_ok() {
        let problem = "is the id of a built-in model; choose another".to_owned();
        return Err(invalid(id, problem));
    }
    let folder = fs::canonicalize(folder).map_err(|e| StoreError::io("read", folder, e))?;
    let weights = weights(&folder)?;
    let mut names: Vec<String> = READ
        .iter()
        .filter(|name| folder.join(name).is_file())
        .map(|&name| name.to_owned())
        .collect();
    if !names.iter().any(|name| name == "tokenizer.json") {
        let problem = "there is no tokenizer.json, which text search needs".to_owned();
        return Err(invalid(&folder.display().to_string(), problem));
    }
    names.push(weights);
    let mut files = Vec::with_capacity(names.len());
    let mut digests = String::new();
    for name in names {
        let path = folder.join(&name);
        let (sha256, bytes) =
            Digest::of_file(&path).map_err(|e| StoreError::io("read", &path, e))?;
        digests += &format!("{name} {sha256}\n");
        files.push(ManifestFile {
            name,
            sha256: Some(sha256),
            bytes: Some(bytes),
            sources: vec![Source::File(FileSource { path })],
        });
    }
    let manifest = Manifest {
        id: id.to_owned(),
        revision: Digest::of_bytes(digests.as_bytes()).to_string()[..12].to_owned(),
        kind: Kind::TextToShot,
        licence: "unknown".to_owned(),
        description: format!("imported from {}", folder.display()),
        homepage: None,
        requires: Vec::new(),
        files,
        goldens: Vec::new(),
        parameters: Parameters::DualEncoder(DualParameters {
            dims: dual::dims(id, &folder)?,
        }),
    };
    let text = toml::to_string(&manifest).map_err(|e| invalid(id, e.to_string()))?;
    // Parse it again, so that a name that could leave the store is refused as in any manifest.
    let manifest = Manifest::parse(id, &text)?;
    let mut tried = store.clone();
    tried.add(manifest.clone());
    let taken = pull(&tried, id, &PullOptions::default(), progress).and_then(|()| {
        let options = EncoderOptions {
            backend: Some(Backend::Candle),
            ..EncoderOptions::threads(1)
        };
        open_image_encoder(&tried, id, &options)?;
        open_text_encoder(&tried, id, &options)?;
        Ok(())
    });
    if let Err(error) = taken {
        tried.discard(&manifest);
        return Err(error);
    }
    write_whole(
        &store.manifest_folder().join(format!("{id}.toml")),
        text.as_bytes(),
    )?;
    *store = tried;
    Ok(())
}

fn invalid(name: &str, problem: String) -> ModelError {
    ManifestError::Invalid {
        name: name.to_owned(),
        problem,
    }
    .into()
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
        (name, _) => {
            let count = found.len() + usize::from(name.is_some());
            let problem = format!(
                "expected one file of weights (*.safetensors), found {count}; merge shards first"
            );
            Err(invalid(&folder.display().to_string(), problem))
        }
    }
}
