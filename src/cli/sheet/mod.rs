//! Contact sheets in files.

mod hits;
mod shots;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use image::RgbImage;
use tempfile::NamedTempFile;

pub(super) use hits::draw;
pub(super) use shots::{MAX_SHOTS, PICTURE, ShotSheets};

/// The folder that contains a file.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A sheet in a temporary file. Dropping it deletes the file.
struct UnfinishedSheet {
    aside: NamedTempFile,
    file: PathBuf,
}

impl UnfinishedSheet {
    /// Writes the PNG to a temporary file beside `file`.
    fn write(sheet: &RgbImage, file: &Path) -> anyhow::Result<Self> {
        let failed = || format!("cannot write the contact sheet {}", file.display());
        let aside = tempfile::Builder::new()
            .prefix(".sheet-")
            // As for any new file; the umask applies.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder_of(file))
            .with_context(failed)?;
        sheet
            .save_with_format(aside.path(), image::ImageFormat::Png)
            .with_context(failed)?;
        Ok(Self {
            aside,
            file: file.to_owned(),
        })
    }

    /// Renames it to its final name and replaces an older file.
    fn show(self) -> anyhow::Result<PathBuf> {
        let Self { aside, file } = self;
        aside
            .persist(&file)
            .with_context(|| format!("cannot write the contact sheet {}", file.display()))?;
        Ok(file)
    }
}
