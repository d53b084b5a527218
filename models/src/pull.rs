//! Pulls models: tries each of a file's sources in turn, checks the file, and never executes it.
//!
//! Everything here blocks. Call it from a blocking thread, never from an async task.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::causes::with_causes;
use crate::digest::Digest;
use crate::error::{Attempt, ModelError, PullError, SourceError};
use crate::manifest::{Manifest, ManifestFile, Source};
use crate::store::{ModelStore, Pins, StoreError, create_folder, parent_of, put_in_place};

mod embedded;
mod http;
mod hub;
mod local;
mod npm;
mod pypi;
mod transfer;

use hub::Announced;
use transfer::Transfer;

/// The sources and tools of a pull.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// The Python whose pip downloads wheels.
    pub python: PathBuf,
    /// The npm that downloads packages of Node.
    pub npm: PathBuf,
    /// Address of the Hugging Face Hub or of a mirror.
    pub hf_endpoint: String,
    /// A folder laid out as `<owner>/<name>/<path>`, read instead of the Hub.
    pub offline_dir: Option<PathBuf>,
    /// Token for gated repositories of the Hub.
    pub token: Option<SecretString>,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            python: PathBuf::from("python3"),
            npm: PathBuf::from("npm"),
            hf_endpoint: "https://huggingface.co".to_owned(),
            offline_dir: None,
            token: None,
        }
    }
}

/// Follows the progress of a pull.
pub trait PullProgress {
    /// `done` of `total` bytes of a file (`model/name`) have arrived; called often.
    fn advance(&self, file: &str, done: u64, total: Option<u64>);

    /// A source failed and the next one is tried. If all fail, the error includes this failure.
    fn source_failed(&self, file: &str, error: &SourceError);
}

impl PullProgress for () {
    fn advance(&self, _file: &str, _done: u64, _total: Option<u64>) {}

    fn source_failed(&self, _file: &str, _error: &SourceError) {}
}

/// Pulls a model and everything it requires, requirements first. Valid installed files are kept.
///
/// Two pulls into one store wait for each other, even across processes.
///
/// # Errors
///
/// The model is unknown, the store cannot be written, or no source provided a file. In the last case the error
/// lists every attempt, and which file to install by hand.
pub fn pull(
    store: &ModelStore,
    id: &str,
    options: &PullOptions,
    progress: &dyn PullProgress,
) -> Result<(), ModelError> {
    let manifests = store.manifests().with_requirements(id)?;
    let _lock = store.lock_for_writing()?;
    let mut pull = Pull {
        store,
        options,
        progress,
        pins: Pins::read(store.root())?,
        wheels: pypi::Wheels::new(),
        packages: npm::Packages::new(),
        commits: HashMap::new(),
    };
    for manifest in manifests {
        for file in &manifest.files {
            pull.file(manifest, file)?;
        }
    }
    Ok(())
}

struct Pull<'a> {
    store: &'a ModelStore,
    options: &'a PullOptions,
    progress: &'a dyn PullProgress,
    pins: Pins,
    wheels: pypi::Wheels,
    packages: npm::Packages,
    /// Commits by repository and revision, so that no model is assembled from two commits.
    commits: HashMap<(String, String), String>,
}

impl Pull<'_> {
    fn file(&mut self, manifest: &Manifest, file: &ManifestFile) -> Result<(), ModelError> {
        let place = self.store.path_of(manifest, &file.name);
        let pinned = file.sha256.or_else(|| self.pins.get(manifest, &file.name));
        if is_sound(&place, pinned)? {
            return Ok(());
        }
        create_folder(parent_of(&place))?;
        let label = format!("{}/{}", manifest.id, file.name);
        let mut attempts = Vec::new();
        for source in &file.sources {
            let announced = self.announced(source);
            // The digest comes from the hub. Once it is pinned, the hub cannot change it.
            let expected = pinned.or(announced.sha256);
            let transfer = Transfer {
                label: &label,
                aside: aside_path(&place, source),
                // A file without a digest must not be assembled from two downloads.
                may_resume: expected.is_some(),
                bytes: file.bytes.or(announced.bytes),
                progress: self.progress,
            };
            match self
                .fetch(source, &announced, &transfer)
                .and_then(|()| transfer.check(expected))
            {
                Ok(digest) => {
                    put_in_place(&transfer.aside, &place)?;
                    if pinned.is_none() {
                        self.pins
                            .insert(self.store.root(), manifest, &file.name, digest)?;
                    }
                    return Ok(());
                }
                Err(error) => {
                    self.progress.source_failed(&label, &error);
                    attempts.push(Attempt {
                        source: source.to_string(),
                        error,
                    });
                }
            }
        }
        // It was installed by hand, as the error below suggests. Without a digest to check, it is accepted.
        if pinned.is_none()
            && let Some(digest) = digest_of(&place)?
        {
            self.pins
                .insert(self.store.root(), manifest, &file.name, digest)?;
            return Ok(());
        }
        Err(Box::new(PullError {
            model: manifest.id.clone(),
            file: file.name.clone(),
            others: manifest
                .files
                .iter()
                .map(|file| file.name.clone())
                .collect(),
            attempts,
            sha256: pinned,
            place,
        })
        .into())
    }

    /// The hub's metadata of a file, at the commit of the first file of the repository in this pull.
    fn announced(&mut self, source: &Source) -> Announced {
        let Source::Hf(source) = source else {
            return Announced::default();
        };
        let key = (source.repo.clone(), source.revision.clone());
        let mut at = source.clone();
        if let Some(commit) = self.commits.get(&key) {
            at.revision.clone_from(commit);
        }
        let announced = hub::announced(&at, self.options);
        if let Some(commit) = &announced.commit {
            self.commits.entry(key).or_insert_with(|| commit.clone());
        }
        announced
    }

    fn fetch(
        &mut self,
        source: &Source,
        announced: &Announced,
        transfer: &Transfer<'_>,
    ) -> Result<(), SourceError> {
        match source {
            Source::Pypi(source) => {
                self.wheels
                    .fetch(source, self.options, self.store.root(), transfer)
            }
            Source::Npm(source) => {
                self.packages
                    .fetch(source, self.options, self.store.root(), transfer)
            }
            Source::Https(source) => http::fetch(&source.url, None, transfer),
            Source::Hf(source) => hub::fetch(source, self.options, announced, transfer),
            Source::File(source) => local::fetch(&source.path, transfer),
            Source::Embedded(source) => embedded::fetch(&source.name, transfer),
        }
    }
}

/// Whether a file exists with the expected digest. Without an expected digest, no file counts as valid.
fn is_sound(path: &Path, expected: Option<Digest>) -> Result<bool, StoreError> {
    match expected {
        Some(expected) => Ok(digest_of(path)? == Some(expected)),
        None => Ok(false),
    }
}

/// The digest of a file, if it exists.
fn digest_of(path: &Path) -> Result<Option<Digest>, StoreError> {
    match Digest::of_file(path) {
        Ok((digest, _)) => Ok(Some(digest)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StoreError::io("read", path, e)),
    }
}

/// The partial file for a download from one source: beside the final place and named by the source, so that
/// bytes of two sources are never mixed.
fn aside_path(place: &Path, source: &Source) -> PathBuf {
    let key = Digest::of_bytes(source.to_string().as_bytes()).to_string();
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", &key[..12]));
    place.with_file_name(name)
}

/// Removes a file if it exists. A failure to do so is only logged.
fn discard(path: &Path) {
    if let Err(e) = fs::remove_file(path)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), error = %with_causes(&e), "cannot remove a partial download");
    }
}

#[cfg(test)]
mod tests;
