//! A file on this machine.

use std::fs::File;
use std::path::Path;

use super::SourceError;
use super::transfer::Transfer;

/// Copies a file.
pub(super) fn fetch(path: &Path, transfer: &Transfer<'_>) -> Result<(), SourceError> {
    let failed = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let from = File::open(path).map_err(failed)?;
    transfer.copy(from, transfer.create()?, 0, failed)
}
