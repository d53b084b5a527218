//! Outputs: whole or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rushes_models::Digest;
use serde::Deserialize;

use super::super::record::{FileRecord, Record, SCHEMA, Tool};
use super::super::still::Redactor;
use super::super::video::VideoRecord;
use super::{RECORD_SUFFIX, RedactError};

/// Names of files that are being written begin so.
const ASIDE: &str = ".rushes-part-";

/// Where the record of an output is.
pub(in crate::redact) fn beside(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(RECORD_SUFFIX);
    output.with_file_name(name)
}

/// Writes a picture, if there is one, and its record.
pub(super) fn put(
    output: &Path,
    record_path: &Path,
    picture: Option<&[u8]>,
    record: &Record,
) -> Result<(), RedactError> {
    let written = picture.map(|bytes| Aside::of(output, bytes)).transpose()?;
    let json = serde_json::to_vec_pretty(record);
    finish(output, record_path, written, json)
}

/// As [`put`], for a video that was written aside. The record of a video is long: it has no spaces.
pub(in crate::redact) fn put_video(
    output: &Path,
    record_path: &Path,
    video: Option<Aside>,
    record: &VideoRecord,
) -> Result<(), RedactError> {
    finish(output, record_path, video, serde_json::to_vec(record))
}

/// Both are complete on the disk before either gets its name, and the record gets it first: an output is never without
/// its record.
fn finish(
    output: &Path,
    record_path: &Path,
    written: Option<Aside>,
    record: serde_json::Result<Vec<u8>>,
) -> Result<(), RedactError> {
    let mut json = record.map_err(|e| RedactError::io("write", record_path)(e.into()))?;
    json.push(b'\n');
    let record = Aside::of(record_path, &json)?;
    record.keep()?;
    if let Some(written) = written {
        written.keep()?;
    }
    // The names themselves are on the disk only with their folder.
    let folder = output.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(RedactError::io("flush the folder", folder))
}

/// A file that is being written, without a name of its own; gone if it is dropped.
pub(in crate::redact) struct Aside {
    file: tempfile::NamedTempFile,
    target: PathBuf,
}

impl Aside {
    /// An empty one in the folder of its future name.
    pub(in crate::redact) fn new(target: &Path) -> Result<Self, RedactError> {
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(RedactError::io("make the folder", folder))?;
        let make = || -> std::io::Result<tempfile::NamedTempFile> {
            let file = tempfile::Builder::new().prefix(ASIDE).tempfile_in(folder)?;
            file.as_file().lock()?;
            Ok(file)
        };
        let file = make().map_err(RedactError::io("write", target))?;
        Ok(Self {
            file,
            target: target.to_owned(),
        })
    }

    /// These bytes, on the disk.
    fn of(target: &Path, bytes: &[u8]) -> Result<Self, RedactError> {
        let aside = Self::new(target)?;
        let write = || -> std::io::Result<()> {
            aside.file().write_all(bytes)?;
            aside.file().sync_all()?;
            readable(aside.file())
        };
        write().map_err(RedactError::io("write", target))?;
        Ok(aside)
    }

    /// Gives it its name.
    fn keep(self) -> Result<(), RedactError> {
        self.file
            .persist(&self.target)
            .map(drop)
            .map_err(|e| RedactError::io("write", &self.target)(e.error))
    }

    /// Where to write.
    pub(in crate::redact) fn file(&self) -> &fs::File {
        self.file.as_file()
    }

    /// Brings it to the disk; its digest and length.
    pub(in crate::redact) fn sealed(&self) -> Result<(Digest, u64), RedactError> {
        let seal = || -> std::io::Result<(Digest, u64)> {
            self.file.as_file().sync_all()?;
            readable(self.file.as_file())?;
            Digest::of_file(self.file.path())
        };
        seal().map_err(RedactError::io("write", &self.target))
    }
}

/// Temporary files are for their owner alone; what we hand out is an ordinary file.
fn readable(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Which names are taken: those of the originals, which are never written over, and those of outputs.
pub(in crate::redact) struct Claims {
    originals: BTreeSet<PathBuf>,
    outputs: Mutex<BTreeSet<PathBuf>>,
}

impl Claims {
    pub(super) fn new<'a>(originals: impl Iterator<Item = &'a Path>) -> Self {
        Self {
            originals: originals
                .filter_map(|path| path.canonicalize().ok())
                .collect(),
            outputs: Mutex::default(),
        }
    }

    /// Takes a name for an output.
    ///
    /// # Errors
    /// It is that of an original, or of another output.
    pub(in crate::redact) fn claim(&self, output: &Path) -> Result<(), RedactError> {
        let real = output.canonicalize();
        if real.is_ok_and(|real| self.originals.contains(&real)) {
            return Err(RedactError::Settings(format!(
                "its output would be written over the original {}; choose another output folder",
                output.display()
            )));
        }
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        if outputs.insert(output.to_owned()) {
            Ok(())
        } else {
            Err(RedactError::Settings(format!(
                "its output would be {}, which is that of another file; redact them into two folders",
                output.display()
            )))
        }
    }
}

/// Takes away what an earlier run wrote.
///
/// # Errors
/// There is a file without a record of ours beside it: somebody else made it. Or it cannot be removed.
pub(in crate::redact) fn discard(output: &Path, record_path: &Path) -> Result<(), RedactError> {
    let is_there = output
        .try_exists()
        .map_err(RedactError::io("look for", output))?;
    if is_there && made_from(record_path).is_none() {
        return Err(RedactError::Settings(format!(
            "{} is there already and was not made by a redaction; move it, or choose another output folder",
            output.display()
        )));
    }
    for path in [output, record_path] {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(RedactError::io("replace", path)(error)),
        }
    }
    Ok(())
}

/// The name of the input that a record of ours speaks of.
pub(in crate::redact) fn made_from(record_path: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        tool: Tool,
        input: FileRecord,
    }
    let head: Head = serde_json::from_slice(&fs::read(record_path).ok()?).ok()?;
    (head.tool.name == Tool::this().name).then_some(head.input.name)
}

/// The record of an earlier run, if that run made what this one would make, and its output is still there.
pub(super) fn finished(
    redactor: &Redactor,
    input: &[u8],
    output: &Path,
    record_path: &Path,
) -> Option<Record> {
    let record: Record = serde_json::from_slice(&fs::read(record_path).ok()?).ok()?;
    let same = record.schema == SCHEMA
        && record.tool == Tool::this()
        && record.input.bytes == input.len() as u64
        && redactor.is_asked(&record.settings, &record.detectors)
        && record.input.sha256 == Digest::of_bytes(input)
        && record.regions.iter().all(|region| region.is_automatic());
    let whole = record.output.as_ref().is_none_or(|file| file.is_of(output));
    (same && whole).then_some(record)
}

/// Takes away what killed runs left aside, below a folder. What a living run writes is locked by it.
pub(super) fn sweep(folder: &Path) {
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
