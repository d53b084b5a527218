//! The identity of a store, by which two machines can check that they use the same one.

use bytes::Bytes;

use super::{Storage, StorageError};

/// Name of the object with the store's identity.
const IDENTITY: &str = "rushes-store";

impl Storage {
    /// The identity of this store, by which two machines can check that they use the same one. If the store has
    /// none yet, `fresh` becomes its identity, which must be unique.
    ///
    /// # Errors
    /// If the store does not answer or refuses.
    pub async fn identity(&self, fresh: String) -> Result<String, StorageError> {
        if let Some(known) = self.known_identity().await? {
            return Ok(known);
        }
        // Another process may have been first; then its value counts.
        self.create(IDENTITY, Bytes::from(fresh)).await?;
        let known = self.known_identity().await?;
        known.ok_or_else(|| StorageError::NotFound(IDENTITY.to_owned()))
    }

    /// Like [`Storage::identity`], but only reads: `None` if there is no identity.
    ///
    /// # Errors
    /// If the store does not answer or refuses.
    pub async fn known_identity(&self) -> Result<Option<String>, StorageError> {
        match self.get(IDENTITY).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::S3Options;

    #[tokio::test]
    async fn the_first_identity_stays() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().to_str().unwrap();
        let storage = Storage::open(url, S3Options::default()).unwrap();
        assert_eq!(storage.known_identity().await.unwrap(), None);
        assert_eq!(storage.identity("one".to_owned()).await.unwrap(), "one");
        assert_eq!(storage.identity("two".to_owned()).await.unwrap(), "one");
        assert_eq!(storage.known_identity().await.unwrap().unwrap(), "one");
    }
}
