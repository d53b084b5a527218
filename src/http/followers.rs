//! Places of clients that follow events: they keep their connections, of which there are not many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rushes_models::{ErrorKind, with_causes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ApiError;
use crate::catalog::keys::{self, Key};
use crate::catalog::{Catalog, KeyId};

/// Followers at the same time.
const MOST_FOLLOWERS: usize = 64;
/// Followers of one key at the same time.
const MOST_OF_A_KEY: usize = 8;

/// The places. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Followers {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<KeyId, usize>>>,
}

impl Default for Followers {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
            taken: Arc::default(),
        }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct FollowerPlace {
    _one: OwnedSemaphorePermit,
    key: Option<Key>,
    taken: Arc<Mutex<HashMap<KeyId, usize>>>,
}

impl Followers {
    /// A place for a client with this key; clients of this machine without one share all places.
    pub(super) fn place(&self, key: Option<&Key>) -> Result<FollowerPlace, ApiError> {
        let full =
            |detail: &str| ApiError::new(ErrorKind::Overloaded, "too-many-followers", detail);
        let one = Arc::clone(&self.all)
            .try_acquire_owned()
            .map_err(|_all_taken| {
                full(&format!(
                    "the limit of {MOST_FOLLOWERS} event streams is reached; try again later"
                ))
            })?;
        if let Some(key) = key {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let of_key = taken.entry(key.id.clone()).or_default();
            if *of_key >= MOST_OF_A_KEY {
                return Err(full(&format!(
                    "this key has {MOST_OF_A_KEY} event streams, which is the limit; end one of its streams, or use \
                     another key"
                )));
            }
            *of_key += 1;
        }
        Ok(FollowerPlace {
            _one: one,
            key: key.cloned(),
            taken: Arc::clone(&self.taken),
        })
    }
}

impl FollowerPlace {
    /// Whether its key is still valid. If the key cannot be looked up, the answer is no.
    pub(super) async fn is_allowed(&self, catalog: &Catalog) -> bool {
        let Some(key) = &self.key else { return true };
        let looked_up = async {
            let mut db = catalog.read().await?;
            keys::is_valid(&mut db, key).await
        };
        match looked_up.await {
            Ok(opens) => opens,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "cannot check a key; its event stream ends");
                false
            }
        }
    }
}

impl Drop for FollowerPlace {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_key) = taken.get_mut(&key.id) {
            *of_key -= 1;
            if *of_key == 0 {
                taken.remove(&key.id);
            }
        }
    }
}
