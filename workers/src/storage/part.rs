//! Derived objects read piece by piece, and found by the beginning of their keys.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use super::{S3Options, Storage, StorageError};

/// A piece of one derived object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The bytes asked for, fewer only where the object ends.
    pub bytes: Bytes,
    /// Size of the whole object in bytes.
    pub size: u64,
    /// Which version of the object this is, where the store says.
    pub version: Option<String>,
}

impl Storage {
    /// A feature store over a client that is there already; films are found as with
    /// [`Storage::open`] and no S3 settings.
    #[must_use]
    pub fn over(features: Arc<dyn ObjectStore>) -> Self {
        Self {
            features,
            s3: S3Options::default(),
            buckets: Arc::default(),
        }
    }

    /// Reads at most `length` bytes of one derived object from `start` on; of the same `version` as
    /// another part, if that is given.
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
            .get_opts(&Path::from(key), options)
            .await
            .map_err(wrap)?;
        let (size, version) = (found.meta.size, found.meta.e_tag.clone());
        Ok(Part {
            bytes: found.bytes().await.map_err(wrap)?,
            size,
            version,
        })
    }

    /// The keys of the derived objects under `prefix`, sorted.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn keys_under(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let mut keys: Vec<String> = self
            .features
            .list(Some(&Path::from(prefix)))
            .map_ok(|meta| meta.location.to_string())
            .try_collect()
            .await
            .map_err(|source| StorageError::store(prefix, source))?;
        keys.sort();
        Ok(keys)
    }
}
