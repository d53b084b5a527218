//! Ranged reads of one object, for decoders on plain threads.

use std::io;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::runtime::Handle;

use super::Locator;
use crate::source::ByteSource;

/// An object that is read by ranges. Only the requested bytes are transferred.
///
/// Reads block the calling thread while the request runs on the runtime in which this was made, so they must
/// not be called from an async task.
#[derive(Debug)]
pub struct RangedObject {
    store: Arc<dyn ObjectStore>,
    key: Path,
    locator: Locator,
    runtime: Handle,
}

impl RangedObject {
    pub(super) fn new(store: Arc<dyn ObjectStore>, key: Path, locator: Locator) -> Self {
        Self {
            store,
            key,
            locator,
            runtime: Handle::current(),
        }
    }
}

impl ByteSource for RangedObject {
    fn len(&self) -> u64 {
        self.locator.size
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let end = (offset + buffer.len() as u64).min(self.locator.size);
        if offset >= end {
            return Ok(0);
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(offset..end)),
            // A video replaced during decoding would be decoded as a mixture of two.
            if_match: self.locator.version.clone(),
            ..GetOptions::default()
        };
        let bytes = self
            .runtime
            .block_on(async { self.store.get_opts(&self.key, options).await?.bytes().await })
            .map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}
