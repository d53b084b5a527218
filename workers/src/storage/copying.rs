//! Copies derived objects to another store, and compares them there.

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};

use super::{MIN_PART, Storage, StorageError, key_path};

/// Objects up to this size are copied in one piece.
const ONE_PIECE: u64 = MIN_PART as u64;
/// Parts of an upload that are in memory at once, with the one that is filled.
const PARTS: u64 = 5;

/// A derived object in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
}

impl StoredObject {
    /// The memory in bytes that copying it takes, at most.
    #[must_use]
    pub fn memory(&self) -> u64 {
        if self.size <= ONE_PIECE {
            self.size
        } else {
            PARTS * ONE_PIECE.max(self.size / 9_000)
        }
    }
}

/// What became of an object that was to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectOutcome {
    /// It was copied and read back.
    Copied,
    /// The other store had it already, with the same bytes.
    Same,
    /// It was deleted meanwhile.
    Gone,
}

impl Storage {
    /// The derived objects under `prefix`, in the order of the store.
    ///
    /// # Errors
    /// If the prefix is no key.
    pub fn objects_under(
        &self,
        prefix: &str,
    ) -> Result<impl Stream<Item = Result<StoredObject, StorageError>> + Send + 'static, StorageError>
    {
        let name = prefix.to_owned();
        let listed = self.features.list(Some(&key_path(prefix)?));
        Ok(listed.map(move |meta| match meta {
            Ok(meta) => Ok(StoredObject {
                key: meta.location.to_string(),
                size: meta.size,
            }),
            Err(source) => Err(StorageError::store(&name, source)),
        }))
    }

    /// Copies one derived object to another store under the same key. One that is there with the same size is read in both
    /// stores and left alone if its BLAKE3 is the same. What was written is read back and compared.
    ///
    /// # Errors
    /// If one of the stores fails, the object changes meanwhile, or reads otherwise than it was written.
    pub async fn copy_object(
        &self,
        object: &StoredObject,
        target: &Self,
    ) -> Result<ObjectOutcome, StorageError> {
        let key = &object.key;
        match target.size(key).await {
            Ok(size) if size == object.size => {
                let (ours, theirs) = tokio::join!(self.digest(key), target.digest(key));
                match ours {
                    Ok(ours) if ours == theirs? => return Ok(ObjectOutcome::Same),
                    Ok(_) => {}
                    Err(StorageError::NotFound(_)) => return Ok(ObjectOutcome::Gone),
                    Err(error) => return Err(error),
                }
            }
            Ok(_) | Err(StorageError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let written = match self.write_to(object, target).await {
            Ok(written) => written,
            Err(StorageError::NotFound(name)) => {
                // Of the two, only the source is read.
                return match self.size(key).await {
                    Err(StorageError::NotFound(_)) => Ok(ObjectOutcome::Gone),
                    Ok(_) => Err(StorageError::NotFound(name)),
                    Err(error) => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        if target.digest(key).await? == written {
            Ok(ObjectOutcome::Copied)
        } else {
            Err(StorageError::Garbled(key.clone()))
        }
    }

    /// Copies an object, and returns the digest of the bytes that were read.
    async fn write_to(
        &self,
        object: &StoredObject,
        target: &Self,
    ) -> Result<blake3::Hash, StorageError> {
        let key = &object.key;
        if object.size <= ONE_PIECE {
            let bytes = self.get(key).await?;
            let digest = blake3::hash(&bytes);
            target.put(key, bytes).await?;
            return Ok(digest);
        }
        let mut hasher = blake3::Hasher::new();
        let source = self.stream(key, None).await?;
        let bytes = source.inspect_ok(|bytes: &Bytes| {
            hasher.update(bytes);
        });
        // An object that grows meanwhile is refused.
        let written = target.put_stream(key, bytes, object.size).await?;
        if written == object.size {
            Ok(hasher.finalize())
        } else {
            Err(StorageError::Changed(key.clone()))
        }
    }

    /// BLAKE3 of one derived object, which is read in pieces.
    async fn digest(&self, key: &str) -> Result<blake3::Hash, StorageError> {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = std::pin::pin!(self.stream(key, None).await?);
        while let Some(bytes) = bytes
            .try_next()
            .await
            .map_err(|source| StorageError::io(key, source))?
        {
            hasher.update(&bytes);
        }
        Ok(hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::S3Options;

    fn store(folder: &tempfile::TempDir) -> Storage {
        Storage::open(folder.path().to_str().unwrap(), S3Options::default()).unwrap()
    }

    async fn objects(storage: &Storage) -> Vec<StoredObject> {
        let listed = storage.objects_under("runs").unwrap();
        let mut objects: Vec<StoredObject> = listed.try_collect().await.unwrap();
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        objects
    }

    #[tokio::test]
    async fn objects_of_all_sizes_are_copied_once() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (source, target) = (store(&folders[0]), store(&folders[1]));
        let sizes = [0, 1, MIN_PART, MIN_PART + 1, 3 * MIN_PART + 5];
        for (at, size) in sizes.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            let key = format!("runs/r ü/{at}~.bin");
            source.put(&key, bytes.into()).await.unwrap();
        }
        let listed = objects(&source).await;
        assert_eq!(listed.len(), sizes.len());
        for object in &listed {
            let copied = source.copy_object(object, &target).await.unwrap();
            assert_eq!(copied, ObjectOutcome::Copied);
            let again = source.copy_object(object, &target).await.unwrap();
            assert_eq!(again, ObjectOutcome::Same);
            assert_eq!(
                source.get(&object.key).await.unwrap(),
                target.get(&object.key).await.unwrap()
            );
        }
        assert_eq!(objects(&target).await, listed);
    }

    #[tokio::test]
    async fn other_bytes_of_the_same_size_are_replaced_and_what_is_deleted_is_left_out() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (source, target) = (store(&folders[0]), store(&folders[1]));
        source.put("runs/a", Bytes::from("new")).await.unwrap();
        target.put("runs/a", Bytes::from("old")).await.unwrap();
        let object = objects(&source).await.remove(0);
        let copied = source.copy_object(&object, &target).await.unwrap();
        assert_eq!(copied, ObjectOutcome::Copied);
        assert_eq!(target.get("runs/a").await.unwrap(), "new");
        source.delete("runs/a").await.unwrap();
        let gone = source.copy_object(&object, &target).await.unwrap();
        assert_eq!(gone, ObjectOutcome::Gone);
        target.delete("runs/a").await.unwrap();
        let gone = source.copy_object(&object, &target).await.unwrap();
        assert_eq!(gone, ObjectOutcome::Gone);
        assert_eq!(objects(&target).await, []);
    }
}
