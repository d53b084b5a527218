//! Outputs in a folder of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::super::RedactError;
use super::{Sink, SinkOutput, Staged};
use crate::source::ByteSource;

/// Names of files that are being written begin so.
const ASIDE: &str = ".rushes-part-";

/// A folder. An output appears under its name only when it is complete: it is written aside, flushed to the disk, and
/// renamed.
#[derive(Debug)]
pub struct FolderSink {
    folder: PathBuf,
    /// Files that are never written over, whatever lies beside them.
    originals: BTreeSet<PathBuf>,
    /// Names of the outputs of this run.
    claimed: Mutex<BTreeSet<PathBuf>>,
}

impl FolderSink {
    /// Makes the folder, and removes what killed runs left aside in it. `originals` are what this run reads.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open<'a>(
        folder: &Path,
        originals: impl Iterator<Item = &'a Path>,
    ) -> Result<Self, RedactError> {
        fs::create_dir_all(folder).map_err(RedactError::io("make the folder", folder))?;
        sweep(folder);
        Ok(Self {
            folder: folder.to_owned(),
            originals: originals
                .filter_map(|path| path.canonicalize().ok())
                .collect(),
            claimed: Mutex::default(),
        })
    }

    /// Refuses the name of an original.
    fn spare_originals(&self, path: &Path) -> Result<(), RedactError> {
        let real = path.canonicalize();
        if real.is_ok_and(|real| self.originals.contains(&real)) {
            return Err(RedactError::Settings(format!(
                "its output would be written over the original {}; choose another output folder",
                path.display()
            )));
        }
        Ok(())
    }
}

impl Sink for FolderSink {
    fn place(&self, name: &Path) -> String {
        self.folder.join(name).display().to_string()
    }

    fn claim(&self, name: &Path) -> Result<(), RedactError> {
        let path = self.folder.join(name);
        self.spare_originals(&path)?;
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.insert(name.to_owned()) {
            Ok(())
        } else {
            Err(RedactError::Settings(format!(
                "its output would be {}, which is that of another file; redact them into two folders",
                path.display()
            )))
        }
    }

    fn size(&self, name: &Path) -> Result<Option<u64>, RedactError> {
        let path = self.folder.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RedactError::io("look for", path)(error)),
        }
    }

    fn open(&self, name: &Path) -> Result<Option<Box<dyn ByteSource>>, RedactError> {
        let path = self.folder.join(name);
        match fs::File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RedactError::io("read", path)(error)),
        }
    }

    fn remove(&self, name: &Path) -> Result<(), RedactError> {
        let path = self.folder.join(name);
        self.spare_originals(&path)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(RedactError::io("replace", path)(error)),
        }
    }

    /// In the folder of its future name. It is locked, so that [`sweep`] can tell that its writer lives.
    fn stage(&self, name: &Path) -> Result<Staged, RedactError> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(RedactError::io("make the folder", folder))?;
        let make = || -> std::io::Result<Staged> {
            let file = tempfile::Builder::new().prefix(ASIDE).tempfile_in(folder)?;
            file.as_file().lock()?;
            let (file, path) = file.into_parts();
            Ok(Staged {
                file,
                path: Some(path),
            })
        };
        make().map_err(RedactError::io("write", path))
    }

    fn prepare(&self, name: &Path, output: SinkOutput) -> Result<SinkOutput, RedactError> {
        let staged = match output {
            SinkOutput::Bytes(bytes) => {
                let staged = self.stage(name)?;
                (&staged.file)
                    .write_all(&bytes)
                    .map_err(RedactError::io("write", self.folder.join(name)))?;
                staged
            }
            SinkOutput::Staged(staged) => staged,
        };
        // Temporary files are for their owner alone; what we hand out is an ordinary file.
        let finish = || -> std::io::Result<()> {
            let readable = fs::Permissions::from_mode(0o644);
            staged.file.set_permissions(readable)?;
            staged.file.sync_all()
        };
        finish().map_err(RedactError::io("write", self.folder.join(name)))?;
        Ok(SinkOutput::Staged(staged))
    }

    fn create(&self, name: &Path, output: SinkOutput) -> Result<bool, RedactError> {
        let path = self.folder.join(name);
        let SinkOutput::Staged(Staged {
            file,
            path: Some(aside),
        }) = self.prepare(name, output)?
        else {
            return Err(RedactError::Defect);
        };
        let created = match aside.persist_noclobber(&path) {
            Ok(()) => Ok(true),
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(failed) => Err(RedactError::io("write", path)(failed.error)),
        };
        // The lock is held until it has its name.
        drop(file);
        created
    }

    fn flush(&self, name: &Path) -> Result<(), RedactError> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(RedactError::io("flush the folder", folder))
    }
}

/// Removes what killed runs left aside, below a folder. What a living run writes is locked by it.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep(&entry.path());
        } else if entry.file_name().to_string_lossy().starts_with(ASIDE) {
            let abandoned = fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if abandoned {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}
