//! A watched place, and the files below a folder.

use std::io;
use std::path::{Path, PathBuf};

use rushes_models::with_causes;
use rushes_workers::storage::{StorageError, Uri};
use walkdir::WalkDir;

use super::WatchError;
use super::names::NameFilter;

/// A folder or a prefix in S3.
#[derive(Debug)]
pub(super) struct WatchedPlace {
    /// Its URI, with `/` at the end.
    pub(super) uri: String,
    /// The folder, without links in its name; `None` for S3.
    pub(super) folder: Option<PathBuf>,
    /// Why the last look at it failed.
    pub(super) failure: Option<String>,
}

impl WatchedPlace {
    /// Opens a place that is outside of the folders `own`.
    pub(super) fn open(name: &str, own: &[String]) -> Result<Self, WatchError> {
        let (uri, folder) = match name.parse()? {
            Uri::File(path) => {
                let folder = path
                    .canonicalize()
                    .map_err(|error| unreadable(&path, error))?;
                if !folder.is_dir() {
                    return Err(WatchError::NotAFolder(name.to_owned()));
                }
                // It must be readable now. Later failures are reported, and watching continues.
                std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))?;
                (folder_of(&uri_of(&folder)), Some(folder))
            }
            place @ Uri::S3 { .. } => (folder_of(&place.to_string()), None),
            Uri::Store(_) => return Err(WatchError::Unwatchable(name.to_owned())),
        };
        if is_own(&uri, own) {
            return Err(WatchError::Own(name.to_owned()));
        }
        Ok(Self {
            uri,
            folder,
            failure: None,
        })
    }

    /// The name of a path below the folder; `None` for the folder itself.
    pub(super) fn name_of(&self, path: &Path) -> Option<String> {
        name_below(self.folder.as_deref()?, path)
    }
}

/// Checks that no place is part of another, because each forgets what it does not see.
pub(super) fn disjoint(places: &[WatchedPlace]) -> Result<(), WatchError> {
    for (at, inner) in places.iter().enumerate() {
        let mut others = places.iter().enumerate().filter(|(other, _)| *other != at);
        if let Some((_, outer)) = others.find(|(_, outer)| inner.uri.starts_with(&outer.uri)) {
            return Err(WatchError::Nested {
                inner: inner.uri.clone(),
                outer: outer.uri.clone(),
            });
        }
    }
    Ok(())
}

fn name_below(root: &Path, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(root).ok()?;
    (!rest.as_os_str().is_empty()).then(|| rest.to_string_lossy().into_owned())
}

fn unreadable(path: &Path, error: io::Error) -> StorageError {
    let name = path.display().to_string();
    if matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) {
        return StorageError::NotFound(name);
    }
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let source = error.into();
    if is_denied {
        StorageError::Denied { name, source }
    } else {
        StorageError::Unavailable { name, source }
    }
}

/// The URI of an absolute path.
pub(super) fn uri_of(path: &Path) -> String {
    Uri::File(path.to_owned()).to_string()
}

/// A path, URI or prefix as a URI with `/` at the end.
pub(super) fn folder_of(name: &str) -> String {
    let uri = match name.parse() {
        Ok(Uri::File(path)) => uri_of(&path.canonicalize().unwrap_or(path)),
        Ok(uri) => uri.to_string(),
        Err(_) => name.to_owned(),
    };
    if uri.ends_with('/') {
        uri
    } else {
        format!("{uri}/")
    }
}

/// Whether a file or folder is in one of the folders `own`.
pub(super) fn is_own(uri: &str, own: &[String]) -> bool {
    own.iter()
        .any(|own| uri.starts_with(own) || *own == format!("{uri}/"))
}

/// How to walk through the folders of a place.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) root: PathBuf,
    pub(super) names: NameFilter,
    pub(super) own: Vec<String>,
}

/// What a walk came across.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Files that count by their name.
    pub(super) files: Vec<PathBuf>,
    /// Folders that cannot be read, with the reason.
    pub(super) refused: Vec<(PathBuf, String)>,
}

impl Walk {
    /// Walks through `folder`, off the runtime.
    ///
    /// # Errors
    /// If `folder` itself cannot be read.
    pub(super) async fn below(self, folder: PathBuf) -> Result<Walked, StorageError> {
        let name = folder.display().to_string();
        tokio::task::spawn_blocking(move || self.walk(&folder))
            .await
            .unwrap_or_else(|died| {
                Err(StorageError::Unavailable {
                    name,
                    source: died.into(),
                })
            })
    }

    fn walk(&self, folder: &Path) -> Result<Walked, StorageError> {
        let mut walked = Walked::default();
        let entries = WalkDir::new(folder).into_iter().filter_entry(|entry| {
            entry.depth() == 0
                || name_below(&self.root, entry.path()).is_some_and(|name| self.names.enters(&name))
                    && !(entry.file_type().is_dir() && is_own(&uri_of(entry.path()), &self.own))
        });
        for entry in entries {
            match entry {
                Ok(entry) => {
                    let name = name_below(&self.root, entry.path());
                    if entry.file_type().is_file()
                        && name.is_some_and(|name| self.names.takes(&name))
                    {
                        walked.files.push(entry.into_path());
                    }
                }
                Err(error) => {
                    let depth = error.depth();
                    let path = error.path().unwrap_or(folder).to_owned();
                    let error = unreadable(&path, error.into());
                    if depth == 0 {
                        return Err(error);
                    }
                    // What is not found was there a moment ago.
                    if !matches!(error, StorageError::NotFound(_)) {
                        walked.refused.push((path, with_causes(&error)));
                    }
                }
            }
        }
        Ok(walked)
    }
}
