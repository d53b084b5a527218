//! Export files on disk.

use std::io::Write as _;
use std::path::Path;

use super::ExportFile;

/// Writes an export to `path`. It is written beside its name first, so that nobody finds half of it.
///
/// # Errors
/// If the disk fails; [`std::io::ErrorKind::AlreadyExists`] if there is a file already and `replace` is false.
pub fn save(file: ExportFile, path: &Path, replace: bool) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut aside = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    match file {
        ExportFile::Text(text) => aside.write_all(&text)?,
        ExportFile::Media(mut archive) => {
            std::io::copy(&mut archive, &mut aside)?;
        }
    }
    show(&aside)?;
    if replace {
        aside.persist(path)?;
    } else {
        aside.persist_noclobber(path)?;
    }
    Ok(())
}

/// Makes the file readable for everyone who may read the folder. Temporary files are for their owner alone.
fn show(aside: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    aside
        .as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}
