//! Outputs below a prefix of an object store.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rushes_models::ErrorKind;
use tokio::runtime::Handle;

use super::super::RedactError;
use super::{Sink, SinkOutput, Staged};
use crate::source::ByteSource;
use crate::storage::{Storage, StorageError, Uri};

/// Bytes of a staged file that are in memory at once.
const CHUNK: usize = 1 << 20;

/// Whether the run may still write.
type Guard = Box<dyn Fn() -> Result<(), RedactError> + Send + Sync>;

/// A prefix of an object store. An object is there whole or not at all.
pub struct ObjectSink {
    storage: Storage,
    prefix: String,
    /// The prefix, for people.
    label: String,
    /// Where outputs are written before they are sent.
    staging: PathBuf,
    runtime: Handle,
    guard: Guard,
}

impl fmt::Debug for ObjectSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectSink")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl ObjectSink {
    /// Below `prefix` of the store, which people call `label`. Videos are staged in the folder `staging`, in files
    /// without names. Must be called within a Tokio runtime, and used outside it.
    #[must_use]
    pub fn new(storage: Storage, prefix: &str, label: &str, staging: &Path) -> Self {
        Self {
            storage,
            prefix: prefix.to_owned(),
            label: label.to_owned(),
            staging: staging.to_owned(),
            runtime: Handle::current(),
            guard: Box::new(|| Ok(())),
        }
    }

    /// Asks `guard` before anything is stored.
    #[must_use]
    pub fn guarded(
        self,
        guard: impl Fn() -> Result<(), RedactError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            guard: Box::new(guard),
            ..self
        }
    }

    fn key(&self, name: &Path) -> Result<String, RedactError> {
        let name = name.to_str().ok_or_else(|| {
            let place = self.place(name);
            RedactError::Settings(format!("{place}: the name is not UTF-8; rename the file"))
        })?;
        Ok(if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.prefix)
        })
    }

    fn wait<T>(
        &self,
        what: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, RedactError> {
        Ok(self.runtime.block_on(what)?)
    }
}

/// `None` where nothing is.
fn found<T>(result: Result<T, StorageError>) -> Result<Option<T>, StorageError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Sink for ObjectSink {
    fn place(&self, name: &Path) -> String {
        format!("{}/{}", self.label, name.display())
    }

    fn size(&self, name: &Path) -> Result<Option<u64>, RedactError> {
        let key = self.key(name)?;
        self.wait(async { found(self.storage.size(&key).await) })
    }

    fn open(&self, name: &Path) -> Result<Option<Box<dyn ByteSource>>, RedactError> {
        let uri = Uri::Store(self.key(name)?).to_string();
        self.wait(async {
            let Some(locator) = found(self.storage.locate(&uri).await)? else {
                return Ok(None);
            };
            found(self.storage.open_source(&locator).await)
        })
    }

    fn remove(&self, name: &Path) -> Result<(), RedactError> {
        let key = self.key(name)?;
        self.wait(self.storage.delete(&key))
    }

    fn stage(&self, _name: &Path) -> Result<Staged, RedactError> {
        let make = || {
            std::fs::create_dir_all(&self.staging)?;
            tempfile::tempfile_in(&self.staging)
        };
        let file = make().map_err(RedactError::io("write in", &self.staging))?;
        Ok(Staged { file, path: None })
    }

    /// A staged file is sent in parts, for which stores know no condition: something that comes there while it is sent
    /// is noticed only if it came before the first part.
    fn create(&self, name: &Path, output: SinkOutput) -> Result<bool, RedactError> {
        (self.guard)()?;
        let key = self.key(name)?;
        match output {
            SinkOutput::Bytes(bytes) => self.wait(self.storage.create(&key, Bytes::from(bytes))),
            SinkOutput::Staged(staged) => {
                if self.size(name)?.is_some() {
                    return Ok(false);
                }
                let length = ByteSource::len(&staged.file);
                let sent = self.storage.put_stream(&key, chunks(staged.file), length);
                self.wait(sent).map(|_length| true)
            }
        }
    }
}

/// A file piece by piece. It is read on the thread that waits for the store.
fn chunks(file: File) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    futures::stream::try_unfold((file, 0_u64), |(mut file, offset)| async move {
        let mut chunk = vec![0; CHUNK];
        let count = file.read_full_at(offset, &mut chunk)?;
        chunk.truncate(count);
        let next = offset + count as u64;
        Ok((count > 0).then(|| (Bytes::from(chunk), (file, next))))
    })
}
