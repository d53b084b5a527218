//! Reads derived objects in pieces, and finds them by key prefix.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};

use super::{S3Options, Storage, StorageError, key_path};

/// A piece of one derived object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The requested bytes; fewer only at the end of the object.
    pub bytes: Bytes,
    /// Size of the whole object in bytes.
    pub size: u64,
    /// Version of the object, if the store states one.
    pub version: Option<String>,
}

impl Storage {
    /// A feature store on an existing client. Videos are found as with [`Storage::open`] without S3 settings.
    #[must_use]
    pub fn over(features: Arc<dyn ObjectStore>) -> Self {
        Self {
            features,
            folder: None,
            s3: S3Options::default(),
            buckets: Arc::default(),
        }
    }

    /// One derived object, or its bytes in `range`, as a stream. Nothing is buffered in memory.
    ///
    /// # Errors
    /// If it is missing, ends before the range starts, or the store does not answer.
    pub async fn stream(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<impl futures::Stream<Item = std::io::Result<Bytes>> + Send + 'static, StorageError>
    {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = self
            .features
            .get_opts(&key_path(key)?, options)
            .await
            .map_err(|source| StorageError::store(key, source))?;
        Ok(found.into_stream().map_err(std::io::Error::other))
    }

    /// Size of one derived object in bytes.
    ///
    /// # Errors
    /// If it is missing or the store does not answer.
    pub async fn size(&self, key: &str) -> Result<u64, StorageError> {
        let meta = self.features.head(&key_path(key)?).await;
        Ok(meta
            .map_err(|source| StorageError::store(key, source))?
            .size)
    }

    /// Reads at most `length` bytes of one derived object from `start` on; of the same `version` as another
    /// part, if given.
    ///
    /// # Errors
    /// If it is missing, ends before `start`, is another version, or the store does not answer.
    pub async fn part(
        &self,
        key: &str,
        start: u64,
        length: u64,
        version: Option<String>,
    ) -> Result<Part, StorageError> {
        let wrap = |source| StorageError::store(key, source);
        let options = GetOptions {
            range: Some(GetRange::Bounded(start..start.saturating_add(length))),
            if_match: version,
            ..GetOptions::default()
        };
        let found = self
            .features
            .get_opts(&key_path(key)?, options)
            .await
            .map_err(wrap)?;
        let (size, version) = (found.meta.size, found.meta.e_tag.clone());
        Ok(Part {
            bytes: found.bytes().await.map_err(wrap)?,
            size,
            version,
        })
    }

    /// Deletes every object whose key lies under `prefix`, and returns their number. No object is not an error.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64, StorageError> {
        let listed = self.features.list(Some(&key_path(prefix)?));
        // Uses bulk deletion where the store supports it.
        let mut deleted = self
            .features
            .delete_stream(listed.map_ok(|meta| meta.location).boxed());
        let mut count = 0;
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) => count += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(StorageError::store(prefix, source)),
            }
        }
        drop(deleted);
        // A folder may hold the partial object of a killed writer, which is never listed.
        if let Some(folder) = self.folder.as_ref().filter(|_| !prefix.is_empty()) {
            match std::fs::remove_dir_all(folder.join(key_path(prefix)?.as_ref())) {
                Ok(()) => count += 1,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
                Err(error) => return Err(StorageError::io(prefix, error)),
            }
        }
        Ok(count)
    }

    /// The keys of the derived objects under `prefix`, sorted.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn keys_under(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let mut keys: Vec<String> = self
            .features
            .list(Some(&key_path(prefix)?))
            .map_ok(|meta| meta.location.to_string())
            .try_collect()
            .await
            .map_err(|source| StorageError::store(prefix, source))?;
        keys.sort();
        Ok(keys)
    }
}
