//! The store of pulled files, `<root>/<id>/<revision>/<name>`, and their state.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::causes::with_causes;
use crate::digest::Digest;
use crate::kind::ErrorKind;
use crate::manifest::{DERIVED, Manifest, ManifestError, ManifestFile, ManifestSet};

/// The revision of a manifest whose author could not download the files.
const UNVERIFIED: &str = "unverified";

mod pins;

pub(crate) use pins::Pins;

/// The folder of pulled models, and the manifests that describe them.
///
/// Invariants:
/// - a file under its final name is complete: it was written to a temporary file, synced, checked and renamed;
/// - a file whose manifest has no digest has one in `<root>/lock.toml`, written at the first pull.
#[derive(Debug, Clone)]
pub struct ModelStore {
    root: PathBuf,
    manifests: ManifestSet,
}

/// Whether a model is installed, by names and lengths only; [`ModelStore::verify`] reads the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// None of its files.
    Missing,
    /// Some of its files, or files of another length.
    Partial,
    /// All of its files.
    Installed,
}

/// The result of re-hashing a model's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// One finding per file, in the manifest's order.
    pub files: Vec<VerifiedFile>,
}

/// One file of a [`VerifyReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Name in the manifest.
    pub name: String,
    /// The finding.
    pub finding: Finding,
}

/// The result of re-hashing one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The digest is the expected one.
    Sound,
    /// The file does not exist.
    Missing,
    /// The digest is another one.
    Corrupt {
        /// From the manifest or the lock file.
        expected: Digest,
        /// The actual digest.
        actual: Digest,
    },
    /// Nothing to compare with: neither the manifest nor the lock file has a digest.
    Unpinned,
}

impl VerifyReport {
    /// Whether every file exists and has the expected digest.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.files.iter().all(|file| file.finding == Finding::Sound)
    }
}

/// Errors of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file of a model is not in the store.
    #[error("model file {} is missing; run `rushes models pull {model}`", path.display())]
    Missing {
        /// Id of the model.
        model: String,
        /// The expected place of the file.
        path: PathBuf,
    },
    /// The manifest lists no such file.
    #[error("model {model} has no file {name:?} in its manifest")]
    NotListed {
        /// Id of the model.
        model: String,
        /// The requested name.
        name: String,
    },
    /// A file or folder of the store cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The attempted action.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The lock file is damaged.
    #[error("{} is damaged: {message}; delete it and pull again", path.display())]
    Pins {
        /// The lock file.
        path: PathBuf,
        /// The error from the TOML parser.
        message: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            // Not `NotFound`: the named model exists, but this machine does not have its files yet.
            Self::Missing { .. } => ErrorKind::Unsupported,
            Self::NotListed { .. } => ErrorKind::NotFound,
            Self::Io { source, .. } if is_full(source) => ErrorKind::Limit,
            Self::Io { .. } => ErrorKind::Unavailable,
            Self::Pins { .. } => ErrorKind::Corrupt,
        }
    }
}

/// Holds the store's write lock. Dropping it lets the next pull start.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _file: File,
}

impl ModelStore {
    /// A store at `root`, which need not exist yet, with the built-in manifests.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self::with_manifests(root, ManifestSet::built_in())
    }

    /// A store at `root` with the built-in manifests and those in its folder `manifests`, which take
    /// precedence.
    ///
    /// # Errors
    ///
    /// A file in that folder is not a manifest.
    pub fn open(root: PathBuf) -> Result<Self, ManifestError> {
        let mut store = Self::new(root);
        let folder = store.manifest_folder();
        if folder.is_dir() {
            store.manifests.add_folder(&folder)?;
        }
        Ok(store)
    }

    /// Digest of the installed weights of an unverified manifest, once they were pulled.
    ///
    /// # Errors
    ///
    /// The lock file cannot be read.
    pub(crate) fn pinned_weights(&self, manifest: &Manifest) -> Result<Option<Digest>, StoreError> {
        if manifest.revision != UNVERIFIED {
            return Ok(None);
        }
        let mut names = manifest.files.iter().map(|file| file.name.as_str());
        let Some(weights) = names.find(|name| name.ends_with(".safetensors")) else {
            return Ok(None);
        };
        Ok(Pins::read(&self.root)?.get(manifest, weights))
    }

    /// The folder of additional manifests.
    #[must_use]
    pub(crate) fn manifest_folder(&self) -> PathBuf {
        self.root.join("manifests")
    }

    /// Removes the files of a model at its revision.
    pub(crate) fn discard(&self, manifest: &Manifest) {
        let folder = self.path_of(manifest, "");
        if let Err(error) = fs::remove_dir_all(&folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(error = %with_causes(&error), folder = %folder.display(), "cannot remove files of a model");
        }
    }

    /// Adds a manifest, and replaces one with the same id.
    pub(crate) fn add(&mut self, manifest: Manifest) {
        self.manifests.insert(manifest);
    }

    /// A store at `root` with other manifests.
    #[must_use]
    pub fn with_manifests(root: PathBuf, manifests: ManifestSet) -> Self {
        Self { root, manifests }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The manifests.
    #[must_use]
    pub fn manifests(&self) -> &ManifestSet {
        &self.manifests
    }

    /// Whether a model is installed, not counting its requirements.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn status(&self, manifest: &Manifest) -> Result<Status, StoreError> {
        let mut sound = 0;
        let mut present = 0;
        for file in &manifest.files {
            if let Some(length) = self.length_of(manifest, file)? {
                present += 1;
                sound += usize::from(file.bytes.is_none_or(|bytes| bytes == length));
            }
        }
        Ok(match (present, sound) {
            (_, sound) if sound == manifest.files.len() => Status::Installed,
            (0, _) => Status::Missing,
            _ => Status::Partial,
        })
    }

    /// Re-hashes all files of a model, not counting its requirements.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or the lock file is damaged.
    pub fn verify(&self, manifest: &Manifest) -> Result<VerifyReport, StoreError> {
        let pins = Pins::read(&self.root)?;
        let files = manifest
            .files
            .iter()
            .map(|file| {
                let expected = file.sha256.or_else(|| pins.get(manifest, &file.name));
                let finding = match (self.length_of(manifest, file)?, expected) {
                    (None, _) => Finding::Missing,
                    (Some(_), None) => Finding::Unpinned,
                    (Some(_), Some(expected)) => {
                        let path = self.path_of(manifest, &file.name);
                        let (actual, _) =
                            Digest::of_file(&path).map_err(|e| StoreError::io("read", &path, e))?;
                        if actual == expected {
                            Finding::Sound
                        } else {
                            Finding::Corrupt { expected, actual }
                        }
                    }
                };
                Ok(VerifiedFile {
                    name: file.name.clone(),
                    finding,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(VerifyReport { files })
    }

    /// Path of an installed file of a model.
    ///
    /// # Errors
    ///
    /// The manifest does not list it, or it is not installed; the error names the pull.
    pub fn file(&self, manifest: &Manifest, name: &str) -> Result<PathBuf, StoreError> {
        let Some(file) = manifest.files.iter().find(|file| file.name == name) else {
            return Err(StoreError::NotListed {
                model: manifest.id.clone(),
                name: name.to_owned(),
            });
        };
        let path = self.path_of(manifest, name);
        match self.length_of(manifest, file)? {
            Some(_) => Ok(path),
            None => Err(StoreError::Missing {
                model: manifest.id.clone(),
                path,
            }),
        }
    }

    /// The place of a file of a model, whether it exists or not.
    pub(crate) fn path_of(&self, manifest: &Manifest, name: &str) -> PathBuf {
        self.folder_of(manifest).join(name)
    }

    /// The place of a file computed from a model's files, whether it exists or not.
    pub(crate) fn derived_path(&self, manifest: &Manifest, name: &str) -> PathBuf {
        self.folder_of(manifest).join(DERIVED).join(name)
    }

    /// Waits for other writers of this store, in this process or another, and locks them out.
    pub(crate) fn lock_for_writing(&self) -> Result<WriteLock, StoreError> {
        create_folder(&self.root)?;
        let path = self.root.join(".writer");
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .and_then(|file| file.lock().map(|()| WriteLock { _file: file }))
            .map_err(|e| StoreError::io("lock", &path, e))
    }

    fn folder_of(&self, manifest: &Manifest) -> PathBuf {
        self.root.join(&manifest.id).join(&manifest.revision)
    }

    fn length_of(
        &self,
        manifest: &Manifest,
        file: &ManifestFile,
    ) -> Result<Option<u64>, StoreError> {
        let path = self.path_of(manifest, &file.name);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(StoreError::io("look at", &path, e)),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(|e| StoreError::io("create", path, e))
}

/// The folder of a path in this store.
pub(crate) fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Gives a finished file its final name. It is synced first, so that a crash leaves either the old file or the
/// new one.
pub(crate) fn put_in_place(aside: &Path, path: &Path) -> Result<(), StoreError> {
    File::open(aside)
        .and_then(|file| file.sync_all())
        .map_err(|e| StoreError::io("sync", aside, e))?;
    fs::rename(aside, path).map_err(|e| StoreError::io("rename to", path, e))?;
    let folder = parent_of(path);
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|e| StoreError::io("sync", folder, e))
}

/// Writes a whole file to a temporary file, then renames it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let folder = parent_of(path);
    create_folder(folder)?;
    let mut aside = tempfile::NamedTempFile::new_in(folder)
        .map_err(|e| StoreError::io("write in", folder, e))?;
    aside
        .write_all(bytes)
        .map_err(|e| StoreError::io("write", aside.path(), e))?;
    put_in_place(aside.path(), path)
}

#[cfg(test)]
mod tests;
