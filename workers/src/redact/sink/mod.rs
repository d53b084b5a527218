//! Where redacted files go, each with its record beside it: a folder, or a prefix of an object store.
//!
//! Originals may lie there as well. So nothing is replaced or removed but what an earlier redaction of the same input
//! wrote, which its record shows, and no output is there without its record.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rushes_models::Digest;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tempfile::TempPath;

use super::RedactError;
use super::record::{FileRecord, Tool};
use crate::source::ByteSource;

mod folder;
mod object;
#[cfg(test)]
mod tests;

pub use folder::FolderSink;
pub use object::ObjectSink;

/// Added to a file's name for the record beside it.
pub const RECORD_SUFFIX: &str = ".redaction.json";

/// No record is longer, in bytes.
const LONGEST_RECORD: u64 = 256 << 20;

/// Bytes that are read at once to digest a file.
const DIGEST_BLOCK: usize = 4 << 20;

/// An output that is to be stored.
#[derive(Debug)]
pub enum SinkOutput {
    /// In memory.
    Bytes(Vec<u8>),
    /// In a file of [`Sink::stage`].
    Staged(Staged),
}

/// Stores outputs and their records. Names are relative, and of outputs; [`record_name`] is the record's.
///
/// Calls block, and must not be made on an async thread.
pub trait Sink: fmt::Debug + Send + Sync {
    /// What people call the place of this name.
    fn place(&self, name: &Path) -> String;

    /// Reserves a name for one output of this run.
    ///
    /// # Errors
    /// It is that of an original, or of another output.
    fn claim(&self, _name: &Path) -> Result<(), RedactError> {
        Ok(())
    }

    /// Size of what has this name; `None` if nothing has.
    ///
    /// # Errors
    /// The place does not answer.
    fn size(&self, name: &Path) -> Result<Option<u64>, RedactError>;

    /// Opens what has this name; `None` if nothing has.
    ///
    /// # Errors
    /// It cannot be read.
    fn open(&self, name: &Path) -> Result<Option<Box<dyn ByteSource>>, RedactError>;

    /// Removes what has this name. That nothing has it is no error.
    ///
    /// # Errors
    /// It cannot be removed, or is an original.
    fn remove(&self, name: &Path) -> Result<(), RedactError>;

    /// An empty file for the output of this name, which vanishes unless it is put.
    ///
    /// # Errors
    /// It cannot be made.
    fn stage(&self, name: &Path) -> Result<Staged, RedactError>;

    /// Does what can fail of storing an output before anything of it can be seen.
    ///
    /// # Errors
    /// There is no room.
    fn prepare(&self, _name: &Path, output: SinkOutput) -> Result<SinkOutput, RedactError> {
        Ok(output)
    }

    /// Stores something whole under a name that nothing has; `false` if something has it.
    ///
    /// # Errors
    /// It cannot be written. Nothing of it is left then.
    fn create(&self, name: &Path, output: SinkOutput) -> Result<bool, RedactError>;

    /// Brings names that were created to the disk.
    ///
    /// # Errors
    /// The disk fails.
    fn flush(&self, _name: &Path) -> Result<(), RedactError> {
        Ok(())
    }

    /// The record beside an output; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is too long for a record.
    fn record(&self, name: &Path) -> Result<Option<Vec<u8>>, RedactError> {
        let beside = record_name(name);
        let Some(mut source) = self.open(&beside)? else {
            return Ok(None);
        };
        if source.len() > LONGEST_RECORD {
            return Err(self.taken(&beside));
        }
        let mut bytes = vec![0; usize::try_from(source.len()).unwrap_or_default()];
        let filled = source
            .read_full_at(0, &mut bytes)
            .map_err(RedactError::io("read", self.place(&beside)))?;
        bytes.truncate(filled);
        Ok(Some(bytes))
    }

    /// Whether an output is still what its record says.
    ///
    /// # Errors
    /// It cannot be read.
    fn holds(&self, name: &Path, file: &FileRecord) -> Result<bool, RedactError> {
        let Some(mut source) = self.open(name)? else {
            return Ok(false);
        };
        if source.len() != file.bytes {
            return Ok(false);
        }
        let found = digest(&mut *source, &|| false);
        let (found, _length) = found.map_err(RedactError::io("read", self.place(name)))?;
        Ok(found == file.sha256)
    }

    /// Name of the input from which an earlier run made the output of this name; `None` if none did.
    ///
    /// # Errors
    /// The place does not answer.
    fn made_from(&self, name: &Path) -> Result<Option<String>, RedactError> {
        match self.mark(name) {
            Ok(mark) => Ok(mark.map(|mark| mark.input.name)),
            Err(RedactError::Taken(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the record beside an output says; `None` if there is no record.
    ///
    /// # Errors
    /// [`RedactError::Taken`] if it is not one of ours.
    fn mark(&self, name: &Path) -> Result<Option<Mark>, RedactError> {
        let Some(bytes) = self.record(name)? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Mark>(&bytes) {
            Ok(mark) if mark.tool.name == Tool::this().name => Ok(Some(mark)),
            Ok(_) | Err(_) => Err(self.taken(&record_name(name))),
        }
    }

    /// Removes what an earlier run wrote under this name of the same input.
    ///
    /// # Errors
    /// [`RedactError::Taken`] if something else has the name or that of its record.
    fn clear(&self, name: &Path, input: &str) -> Result<(), RedactError> {
        let mark = self.mark(name)?;
        match &mark {
            Some(mark) if mark.input.name != input => return Err(self.taken(name)),
            Some(mark) if mark.output.is_some() => self.remove(name)?,
            // Only a report was asked for then, so an output is not ours.
            Some(_) | None if self.size(name)?.is_some() => return Err(self.taken(name)),
            Some(_) | None => {}
        }
        // Last: an output without its record would be nobody's.
        if mark.is_some() {
            self.remove(&record_name(name))?;
        }
        Ok(())
    }

    /// Stores the record, and then the output: none is there without its record.
    ///
    /// # Errors
    /// [`RedactError::Taken`] if something came there since [`Sink::clear`]. Nothing is left of either then.
    fn put(
        &self,
        name: &Path,
        record: Vec<u8>,
        output: Option<SinkOutput>,
    ) -> Result<(), RedactError> {
        let beside = record_name(name);
        let output = output
            .map(|output| self.prepare(name, output))
            .transpose()?;
        if !self.create(&beside, SinkOutput::Bytes(record))? {
            return Err(self.taken(&beside));
        }
        let created = output.map_or(Ok(true), |output| self.create(name, output));
        if matches!(created, Ok(true)) {
            return self.flush(name);
        }
        // Whoever took over may have written a record already: it is not ours to remove.
        if !matches!(created, Err(RedactError::Cancelled)) {
            // Beside our record, what is there would pass for ours.
            self.remove(&beside)?;
        }
        created.and(Err(self.taken(name)))
    }

    /// The error of a name that something else has.
    fn taken(&self, name: &Path) -> RedactError {
        RedactError::Taken(self.place(name))
    }
}

/// What shows whether a record is ours, and of which input.
#[derive(Debug, Deserialize)]
pub struct Mark {
    tool: MarkTool,
    input: MarkInput,
    /// `None` if only a report was asked for.
    output: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct MarkTool {
    name: String,
}

#[derive(Debug, Deserialize)]
struct MarkInput {
    name: String,
}

/// Name of the record beside the output `name`.
#[must_use]
pub fn record_name(name: &Path) -> PathBuf {
    let mut beside = name.as_os_str().to_owned();
    beside.push(RECORD_SUFFIX);
    beside.into()
}

/// A file that is being written and is not an output yet; gone if it is dropped or the process ends.
#[derive(Debug)]
pub struct Staged {
    file: File,
    /// Where it is, if it is to be renamed.
    path: Option<TempPath>,
}

impl Staged {
    /// Where to write.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Brings it to the disk; its digest and length.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sealed(&mut self) -> std::io::Result<(Digest, u64)> {
        self.file.sync_all()?;
        digest(&mut self.file, &|| false)
    }
}

/// Digest and length of a source. Ends with an error when it is stopped.
pub(super) fn digest(
    source: &mut dyn ByteSource,
    is_stopped: &dyn Fn() -> bool,
) -> std::io::Result<(Digest, u64)> {
    struct Reader<'a>(&'a mut dyn ByteSource, u64, &'a dyn Fn() -> bool);
    impl Read for Reader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if (self.2)() {
                return Err(std::io::Error::other("stopped"));
            }
            let count = self.0.read_at(self.1, buffer)?;
            self.1 += count as u64;
            Ok(count)
        }
    }
    // Each read of an object is a request.
    let reader = Reader(source, 0, is_stopped);
    Digest::of_reader(std::io::BufReader::with_capacity(DIGEST_BLOCK, reader))
}
