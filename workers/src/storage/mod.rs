//! Videos and derived objects in local folders and S3 buckets, behind one interface.
//!
//! Videos are named by [`Locator`]s (`file://`, `s3://`, or `store:` for uploads). Everything that rushes
//! derives is kept in the *feature store*, a local folder or an S3 prefix, under keys that start with the run
//! that made it.

mod copying;
mod error;
mod identity;
mod local;
mod object;
mod options;
mod part;
mod queue;
mod uri;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

pub use copying::{ObjectOutcome, StoredObject};
pub use error::StorageError;
pub use object::RangedObject;
pub use options::S3Options;
pub use part::Part;
pub use queue::{Message, MessageQueue, QueueError};
pub use uri::Uri;

use crate::source::ByteSource;

/// Smallest part of an upload in bytes; S3 requires at least 5 MiB.
const MIN_PART: usize = 8 * 1024 * 1024;

/// The bytes of an asset: their location, version and size.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Locator {
    /// `file:///…`, `s3://bucket/key`, or `store:key` for an uploaded video.
    pub uri: String,
    /// `ETag`, or for a local file its modification time in nanoseconds.
    pub version: Option<String>,
    /// Size in bytes.
    pub size: u64,
}

impl Locator {
    /// The last part of the name, for display: `video.mp4`.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.uri.rsplit(['/', ':']).next().unwrap_or(&self.uri)
    }
}

/// The files that a name refers to.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files, sorted by name.
    pub files: Vec<Locator>,
    /// Files or folders that could not be read.
    pub refused: Vec<StorageError>,
}

/// The feature store and the video sources.
#[derive(Debug, Clone)]
pub struct Storage {
    features: Arc<dyn ObjectStore>,
    /// The folder of the feature store, if it is in a folder.
    folder: Option<PathBuf>,
    s3: S3Options,
    buckets: Arc<Mutex<HashMap<String, Arc<dyn ObjectStore>>>>,
}

impl Storage {
    /// Opens the feature store at `url`: a local folder (created if missing) or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// If the folder cannot be created or the S3 settings conflict. No network is used.
    pub fn open(url: &str, s3: S3Options) -> Result<Self, StorageError> {
        let mut place = None;
        let features: Arc<dyn ObjectStore> = if let Some(rest) = url.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let bucket = s3.bucket(bucket)?;
            Arc::new(PrefixStore::new(
                bucket,
                key_path(prefix.trim_matches('/'))?,
            ))
        } else {
            let folder = local_path(url)?.ok_or_else(|| StorageError::Scheme(url.to_owned()))?;
            let folder = folder.as_path();
            std::fs::create_dir_all(folder).map_err(|source| StorageError::io(url, source))?;
            let store = object_store::local::LocalFileSystem::new_with_prefix(folder)
                .map_err(|source| StorageError::store(url, source))?;
            place = Some(folder.to_owned());
            Arc::new(store.with_automatic_cleanup(true).with_fsync(true))
        };
        Ok(Self {
            features,
            folder: place,
            s3,
            buckets: Arc::default(),
        })
    }

    /// For reading videos only: stored objects stay in memory, and no folder is created.
    #[must_use]
    pub fn of_sources(s3: S3Options) -> Self {
        Self {
            features: Arc::new(InMemory::new()),
            folder: None,
            s3,
            buckets: Arc::default(),
        }
    }

    /// The file of a stored object, if the feature store is a folder.
    #[must_use]
    pub fn file_of(&self, key: &str) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(key))
    }

    /// Finds one file by URI or path, without reading its content.
    ///
    /// # Errors
    /// If the file does not exist or is unreadable, or its store does not answer.
    pub async fn locate(&self, uri: &str) -> Result<Locator, StorageError> {
        if let Some(path) = local_path(uri)? {
            return off_the_runtime(move || local::locate(&path)).await;
        }
        let (store, key) = self.resolve(uri)?;
        let meta = store
            .head(&key)
            .await
            .map_err(|source| StorageError::store(uri, source))?;
        Ok(Locator {
            uri: uri.to_owned(),
            version: meta.e_tag.or(meta.version),
            size: meta.size,
        })
    }

    /// All files below a folder or an `s3://bucket/prefix`, sorted by name, or the file itself if `uri` names
    /// one. Unreadable files below a folder are returned separately.
    ///
    /// # Errors
    /// The same as for [`Storage::locate`].
    pub async fn list(&self, uri: &str) -> Result<Listing, StorageError> {
        if let Some(path) = local_path(uri)? {
            return off_the_runtime(move || local::list(&path)).await;
        }
        let (store, prefix) = self.resolve(uri)?;
        if !uri.ends_with('/') {
            match store.head(&prefix).await {
                Ok(_) => {
                    return Ok(Listing {
                        files: vec![self.locate(uri).await?],
                        refused: Vec::new(),
                    });
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(StorageError::store(uri, source)),
            }
        }
        let bucket = uri
            .strip_prefix("s3://")
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        let mut found: Vec<Locator> = store
            .list(Some(&prefix))
            .map_ok(|meta| Locator {
                uri: format!("s3://{bucket}/{}", meta.location),
                version: meta.e_tag.or(meta.version),
                size: meta.size,
            })
            .try_collect()
            .await
            .map_err(|source| StorageError::store(uri, source))?;
        if found.is_empty() {
            return Err(StorageError::NotFound(uri.to_owned()));
        }
        found.sort_by(|a, b| a.uri.cmp(&b.uri));
        Ok(Listing {
            files: found,
            refused: Vec::new(),
        })
    }

    /// The files in the same folder as `uri` whose names satisfy `wanted`, without those in subfolders.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub async fn siblings(
        &self,
        uri: &str,
        wanted: fn(&str) -> bool,
    ) -> Result<Vec<Locator>, StorageError> {
        if let Some(path) = local_path(uri)? {
            return off_the_runtime(move || local::siblings(&path, wanted)).await;
        }
        let (store, key) = self.resolve(uri)?;
        let root = uri.strip_suffix(key.as_ref()).unwrap_or_default();
        let folder = key
            .as_ref()
            .rsplit_once('/')
            .map(|(folder, _)| key_path(folder))
            .transpose()?;
        let listed = store
            .list_with_delimiter(folder.as_ref())
            .await
            .map_err(|source| StorageError::store(uri, source))?;
        Ok(listed
            .objects
            .into_iter()
            .filter(|meta| meta.location.filename().is_some_and(wanted))
            .map(|meta| Locator {
                uri: format!("{root}{}", meta.location),
                version: meta.e_tag.or(meta.version),
                size: meta.size,
            })
            .collect())
    }

    /// Opens a video for ranged reads. Call it within a Tokio runtime, and read outside of it.
    ///
    /// # Errors
    /// If it is gone, or differs from the registered version.
    pub async fn open_source(
        &self,
        locator: &Locator,
    ) -> Result<Box<dyn ByteSource>, StorageError> {
        let now = self.locate(&locator.uri).await?;
        if now.version != locator.version || now.size != locator.size {
            return Err(StorageError::Changed(locator.uri.clone()));
        }
        if let Some(path) = local_path(&locator.uri)? {
            // A located name has no links. A different name therefore belongs to another file, behind a link.
            if now.uri != locator.uri {
                return Err(StorageError::Changed(locator.uri.clone()));
            }
            let file =
                local::open(&path).map_err(|source| StorageError::io(&locator.uri, source))?;
            return Ok(Box::new(file));
        }
        let (store, key) = self.resolve(&locator.uri)?;
        Ok(Box::new(RangedObject::new(store, key, now)))
    }

    /// Writes, reads and deletes a small object to check that the feature store works.
    ///
    /// # Errors
    /// If any of the three fails, or other bytes are read than were written.
    pub async fn check(&self) -> Result<(), StorageError> {
        // A name of its own: others may check the same store.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanoseconds = since.unwrap_or_default().as_nanos();
        let key = format!("doctor/{}-{nanoseconds}", std::process::id());
        let written = Bytes::from_static(b"rushes");
        self.put(&key, written.clone()).await?;
        let read = self.get(&key).await;
        self.delete(&key).await?;
        if read? == written {
            Ok(())
        } else {
            Err(StorageError::Garbled(key))
        }
    }

    /// Stores one derived object. Readers see it completely or not at all.
    ///
    /// # Errors
    /// If the store refuses or is full.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.features
            .put(&key_path(key)?, PutPayload::from_bytes(bytes))
            .await
            .map_err(|source| StorageError::store(key, source))?;
        Ok(())
    }

    /// Stores one derived object unless the name exists; `false` in that case.
    ///
    /// # Errors
    /// The same as for [`Storage::put`].
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<bool, StorageError> {
        let payload = PutPayload::from_bytes(bytes);
        let created = self
            .features
            .put_opts(&key_path(key)?, payload, PutMode::Create.into())
            .await;
        match created {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(StorageError::store(key, source)),
        }
    }

    /// Deletes one derived object. A missing object is not an error.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self.features.delete(&key_path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(StorageError::store(key, source)),
        }
    }

    /// Streams an upload into the feature store, in parts. Nothing remains if it fails.
    ///
    /// # Errors
    /// If the stream is cut off or exceeds `limit` bytes, or the store refuses.
    pub async fn put_stream<S>(&self, key: &str, stream: S, limit: u64) -> Result<u64, StorageError>
    where
        S: futures::Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let path = key_path(key)?;
        let upload = self
            .features
            .put_multipart(&path)
            .await
            .map_err(|source| StorageError::store(key, source))?;
        // S3 allows at most 10,000 parts per object.
        let part = usize::try_from(limit / 9_000).unwrap_or(usize::MAX);
        let mut writer =
            object_store::WriteMultipart::new_with_chunk_size(upload, part.max(MIN_PART));
        let mut total = 0_u64;
        let mut stream = std::pin::pin!(stream);
        loop {
            let failure = match stream.try_next().await {
                Ok(Some(chunk)) => {
                    total += chunk.len() as u64;
                    if total <= limit {
                        writer.put(chunk);
                        match writer.wait_for_capacity(4).await {
                            Ok(()) => continue,
                            Err(source) => StorageError::store(key, source),
                        }
                    } else {
                        StorageError::TooLarge {
                            name: key.to_owned(),
                            limit,
                        }
                    }
                }
                Ok(None) => break,
                Err(source) => StorageError::io(key, source),
            };
            writer
                .abort()
                .await
                .map_err(|source| StorageError::store(key, source))?;
            return Err(failure);
        }
        writer
            .finish()
            .await
            .map_err(|source| StorageError::store(key, source))?;
        Ok(total)
    }

    /// Reads one derived object completely.
    ///
    /// # Errors
    /// If it is missing or the store does not answer.
    pub async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        let wrap = |source| StorageError::store(key, source);
        self.features
            .get(&key_path(key)?)
            .await
            .map_err(wrap)?
            .bytes()
            .await
            .map_err(wrap)
    }

    fn resolve(&self, uri: &str) -> Result<(Arc<dyn ObjectStore>, Path), StorageError> {
        let (bucket, key) = match uri.parse()? {
            Uri::Store(key) => return Ok((Arc::clone(&self.features), key_path(&key)?)),
            Uri::S3 { bucket, key } => (bucket, key_path(key.trim_end_matches('/'))?),
            Uri::File(_) => return Err(StorageError::Scheme(uri.to_owned())),
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = buckets.get(&bucket) {
            return Ok((Arc::clone(store), key));
        }
        let store: Arc<dyn ObjectStore> = Arc::new(self.s3.bucket(&bucket)?);
        buckets.insert(bucket, Arc::clone(&store));
        drop(buckets);
        Ok((store, key))
    }
}

/// A key as stores know it: exactly as in the API and the records. `Path::from` would percent-encode most
/// characters, and the object could not be found by its name.
fn key_path(key: &str) -> Result<Path, StorageError> {
    Path::parse(key).map_err(|source| StorageError::store(key, source.into()))
}

/// The path in a `file://` URI or a bare path; `None` for other locations.
fn local_path(uri: &str) -> Result<Option<PathBuf>, StorageError> {
    match uri.parse()? {
        Uri::File(path) => Ok(Some(path)),
        Uri::S3 { .. } | Uri::Store(_) => Ok(None),
    }
}

/// Runs blocking file access on a blocking thread.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|died| Err(StorageError::io("file access", std::io::Error::other(died))))
}

#[cfg(test)]
mod tests;
