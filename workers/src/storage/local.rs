//! Local files and folders.

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::{Listing, Locator, StorageError};

/// Finds one regular file that is readable.
pub(super) fn locate(path: &Path) -> Result<Locator, StorageError> {
    let name = path.display().to_string();
    let wrap = |source| StorageError::io(&name, source);
    // Check before opening: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(wrap)?;
    if !metadata.is_file() {
        return Err(StorageError::NotAFile(name));
    }
    // Open it, so that an unreadable file is refused when it is named.
    drop(fs::File::open(path).map_err(wrap)?);
    let path = path.canonicalize().map_err(wrap)?;
    let uri = url::Url::from_file_path(&path)
        .map_err(|()| StorageError::Scheme(name.clone()))?
        .to_string();
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Locator {
        uri,
        version: modified.map(|time| time.as_nanos().to_string()),
        size: metadata.len(),
    })
}

/// Opens the file at `path`, which had no links when it was located. A folder that was replaced by a link since
/// then is not followed. Otherwise a file outside the media roots could be read by a name inside them.
pub(super) fn open(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => Ok(file.into()),
        // Linux before 5.6, or a container that blocks the call.
        Err(Errno::NOSYS | Errno::PERM) => fs::File::open(path),
        Err(error) => Err(error.into()),
    }
}

/// The file itself, or all files below a folder.
pub(super) fn list(path: &Path) -> Result<Listing, StorageError> {
    let wrap = |source| StorageError::io(&path.display().to_string(), source);
    let mut listing = Listing::default();
    if fs::metadata(path).map_err(wrap)?.is_dir() {
        // The named folder must be readable; folders below it need not be.
        fs::read_dir(path).map_err(wrap)?;
        walk(path, &mut listing);
        listing.files.sort_by(|a, b| a.uri.cmp(&b.uri));
    } else {
        listing.files.push(locate(path)?);
    }
    Ok(listing)
}

/// The files beside `path` whose names satisfy `wanted`, possibly including itself.
pub(super) fn siblings(
    path: &Path,
    wanted: fn(&str) -> bool,
) -> Result<Vec<Locator>, StorageError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let wrap = |source| StorageError::io(&folder.display().to_string(), source);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if wanted(&name) {
            // An unreadable file is of no use as a sibling.
            found.extend(locate(&path));
        }
    }
    Ok(found)
}

fn walk(folder: &Path, listing: &mut Listing) {
    let refuse = |source| StorageError::io(&folder.display().to_string(), source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => {
            listing.refused.push(refuse(source));
            return;
        }
    };
    for entry in entries {
        let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok(found) => found,
            Err(source) => {
                listing.refused.push(refuse(source));
                continue;
            }
        };
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if kind.is_dir() {
            walk(&path, listing);
        } else if kind.is_file() {
            match locate(&path) {
                Ok(file) => listing.files.push(file),
                Err(error) => listing.refused.push(error),
            }
        }
    }
}
