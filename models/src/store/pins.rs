//! `lock.toml`: the digests of files whose manifests have none, from their first pull.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{StoreError, write_whole};
use crate::digest::Digest;
use crate::manifest::Manifest;

const FILE_NAME: &str = "lock.toml";

/// Digests by `id@revision`, then by file name.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Pins {
    by_model: BTreeMap<String, BTreeMap<String, Digest>>,
}

impl Pins {
    /// The pins of a store; empty if it has no lock file.
    pub(crate) fn read(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(FILE_NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|e| StoreError::Pins {
                path,
                message: e.message().to_owned(),
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(StoreError::io("read", &path, e)),
        }
    }

    /// The pinned digest of a file.
    pub(crate) fn get(&self, manifest: &Manifest, name: &str) -> Option<Digest> {
        self.by_model.get(&manifest.full_name())?.get(name).copied()
    }

    /// Pins a digest and writes the lock file. The caller holds the store's write lock.
    pub(crate) fn insert(
        &mut self,
        root: &Path,
        manifest: &Manifest,
        name: &str,
        digest: Digest,
    ) -> Result<(), StoreError> {
        self.by_model
            .entry(manifest.full_name())
            .or_default()
            .insert(name.to_owned(), digest);
        let text = toml::to_string(self).expect("maps of text are TOML");
        write_whole(&root.join(FILE_NAME), text.as_bytes())
    }
}
