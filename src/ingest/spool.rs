//! The spool: a folder in which uploads grow until they are complete.
//!
//! What counts of a file is noted in the catalogue after it was flushed to the disk. Bytes beyond that, as a kill or a
//! power cut leaves them, are cut off before more is written.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::catalog::UploadId;

/// How long a request that sends bytes may take to give way to another.
const GIVES_WAY: Duration = Duration::from_secs(10);
/// What the name of the file with the folder's identity, which is beside the folder, has more than that.
const IDENTITY: &str = "identity";
/// Bytes that are taken at once.
const SAFE_EVERY: u64 = 64 << 20;

/// A folder of growing files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    identity: Arc<str>,
    busy: Arc<Mutex<HashMap<UploadId, Holder>>>,
}

/// Who writes a file.
#[derive(Debug, Clone, Default)]
struct Holder {
    /// Asks to take no more bytes.
    give_way: CancellationToken,
    /// Whether the file is free again.
    released: CancellationToken,
}

/// The right to write one file, until it is dropped.
#[derive(Debug)]
pub struct SpoolClaim {
    id: UploadId,
    holder: Holder,
    busy: Arc<Mutex<HashMap<UploadId, Holder>>>,
}

impl Drop for SpoolClaim {
    fn drop(&mut self) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.id);
        drop(busy);
        self.holder.released.cancel();
    }
}

/// Why bytes were not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// More bytes than were announced.
    #[error("there are more bytes than the upload's length")]
    TooLong,
    /// The bytes are not those whose checksum was sent.
    #[error("the bytes do not have this checksum; send them again")]
    Checksum,
    /// The file has fewer bytes than counted, as after a restored backup.
    #[error("only {0} bytes of the upload are left; continue from there")]
    Lost(u64),
    /// The file cannot be written.
    #[error("the upload cannot be written to the disk")]
    Write(#[source] std::io::Error),
}

/// What an attempt to add bytes came to.
#[derive(Debug)]
pub struct Appended {
    /// Bytes that are safe on the disk now.
    pub received: u64,
    /// The error with which the client's bytes ended, if they broke off.
    pub broken: Option<std::io::Error>,
    /// Whether all bytes were taken that the client sent.
    pub is_over: bool,
}

/// A checksum of the bytes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-1.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// The running digest for a checksum.
enum Hasher {
    Sha1(sha1::Sha1),
    Sha256(Sha256),
}

impl Checksum {
    fn hasher(&self) -> Hasher {
        match self {
            Self::Sha1(_) => Hasher::Sha1(sha1::Sha1::new()),
            Self::Sha256(_) => Hasher::Sha256(Sha256::new()),
        }
    }
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Checksum {
        match self {
            Self::Sha1(hasher) => Checksum::Sha1(hasher.finalize().into()),
            Self::Sha256(hasher) => Checksum::Sha256(hasher.finalize().into()),
        }
    }
}

impl Spool {
    /// Uses `folder`, which is made if it is missing, and gets an identity.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let file = folder.with_extension(IDENTITY);
        let identity = match std::fs::read_to_string(&file) {
            Ok(identity) if !identity.is_empty() => identity,
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            // A power cut may leave the name without the contents.
            Ok(_) | Err(_) => {
                let identity = ulid::Ulid::generate().to_string();
                std::fs::write(&file, &identity)?;
                identity
            }
        };
        Ok(Self {
            folder,
            identity: identity.into(),
            busy: Arc::default(),
        })
    }

    /// What tells this folder from those of other servers on the same catalogue.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The folder; uploads and what is computed share its disk.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of an upload.
    #[must_use]
    pub fn file(&self, id: &UploadId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// The right to write an upload's file; `None` while somebody else has it.
    #[must_use]
    pub fn claim(&self, id: &UploadId) -> Option<SpoolClaim> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Vacant(place) = busy.entry(id.clone()) else {
            return None;
        };
        let holder = place.insert(Holder::default()).clone();
        Some(SpoolClaim {
            id: id.clone(),
            holder,
            busy: Arc::clone(&self.busy),
        })
    }

    /// The right to write an upload's file, also if somebody else has it and only waits for bytes. A line may break
    /// without a word: its request then waits for bytes that the client sends by another one. `None` if the other one
    /// does something that must not be cut short, such as storing a complete upload.
    pub async fn take_over(&self, id: &UploadId) -> Option<SpoolClaim> {
        let taken = async {
            loop {
                if let Some(claim) = self.claim(id) {
                    return claim;
                }
                if let Some(holder) = self.holder(id) {
                    holder.give_way.cancel();
                    holder.released.cancelled().await;
                }
            }
        };
        tokio::time::timeout(GIVES_WAY, taken).await.ok()
    }

    fn holder(&self, id: &UploadId) -> Option<Holder> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.get(id).cloned()
    }

    /// Adds bytes to a file of which `received` bytes count, up to `length` in all. Bytes that came before the client
    /// broke off are kept, unless a checksum was to be checked. Without one, only some of the bytes are taken, so that
    /// they can be counted and a kill costs little; call it again until the answer is that they are over.
    ///
    /// # Errors
    /// [`SpoolError`]; the file then has what it had before.
    pub async fn append(
        &self,
        claim: &SpoolClaim,
        (received, length): (u64, u64),
        bytes: &mut (impl Stream<Item = std::io::Result<Bytes>> + Unpin),
        checksum: Option<&Checksum>,
    ) -> Result<Appended, SpoolError> {
        let path = self.file(&claim.id);
        let give_way = &claim.holder.give_way;
        let added = grow((&path, give_way), (received, length), bytes, checksum).await;
        if added.is_err() {
            // What cannot be cut off now is cut off before the next bytes.
            drop(truncate(&path, received).await);
        }
        added
    }

    /// Deletes the files of uploads that are not `known` any more.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub async fn sweep(&self, known: &HashSet<UploadId>) -> std::io::Result<()> {
        let mut entries = match tokio::fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            let id: Option<UploadId> = name.to_str().and_then(|name| name.parse().ok());
            if let Some(id) = id.filter(|id| !known.contains(id)) {
                self.remove(&id).await?;
            }
        }
        Ok(())
    }

    /// Deletes an upload's file.
    ///
    /// # Errors
    /// If it is there and cannot be deleted.
    pub async fn remove(&self, id: &UploadId) -> std::io::Result<()> {
        match tokio::fs::remove_file(self.file(id)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Cuts a file off at `length`; a shorter one stays as it is.
async fn truncate(path: &Path, length: u64) -> std::io::Result<()> {
    let file = File::options().write(true).open(path).await?;
    if file.metadata().await?.len() > length {
        file.set_len(length).await?;
    }
    Ok(())
}

async fn grow(
    (path, give_way): (&Path, &CancellationToken),
    (received, length): (u64, u64),
    bytes: &mut (impl Stream<Item = std::io::Result<Bytes>> + Unpin),
    checksum: Option<&Checksum>,
) -> Result<Appended, SpoolError> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(SpoolError::Write)?;
    }
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .await
        .map_err(SpoolError::Write)?;
    let there = file.metadata().await.map_err(SpoolError::Write)?.len();
    if there < received {
        // Never filled up with zeros.
        return Err(SpoolError::Lost(there));
    }
    file.set_len(received).await.map_err(SpoolError::Write)?;
    file.seek(SeekFrom::Start(received))
        .await
        .map_err(SpoolError::Write)?;
    let (mut total, mut is_over) = (received, true);
    let (mut hasher, mut broken) = (checksum.map(Checksum::hasher), None);
    loop {
        let next = tokio::select! {
            () = give_way.cancelled() => Some(Err(ErrorKind::ConnectionAborted.into())),
            next = bytes.next() => next,
        };
        let Some(chunk) = next else { break };
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                broken = Some(error);
                break;
            }
        };
        total += chunk.len() as u64;
        if total > length {
            return Err(SpoolError::TooLong);
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&chunk);
        }
        file.write_all(&chunk).await.map_err(SpoolError::Write)?;
        if checksum.is_none() && total - received >= SAFE_EVERY {
            is_over = false;
            break;
        }
    }
    if let Some(expected) = checksum
        && (broken.is_some() || hasher.map(Hasher::finish).as_ref() != Some(expected))
    {
        return match broken {
            // Half of the bytes have no checksum.
            Some(error) => {
                file.set_len(received).await.map_err(SpoolError::Write)?;
                Ok(Appended {
                    received,
                    broken: Some(error),
                    is_over,
                })
            }
            None => Err(SpoolError::Checksum),
        };
    }
    file.flush().await.map_err(SpoolError::Write)?;
    file.sync_data().await.map_err(SpoolError::Write)?;
    Ok(Appended {
        received: total,
        broken,
        is_over,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(parts: &[&'static [u8]]) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| Ok(Bytes::from_static(part)))
            .collect();
        futures::stream::iter(parts)
    }

    #[tokio::test]
    async fn only_what_counts_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let id = UploadId::new();
        let claim = spool.claim(&id).unwrap();
        assert!(spool.claim(&id).is_none());
        let read = || std::fs::read(spool.file(&id)).unwrap();
        let added = spool
            .append(&claim, (0, 8), &mut chunks(&[b"ab", b"cd"]), None)
            .await
            .unwrap();
        assert_eq!((added.received, added.broken.is_none()), (4, true));
        // The catalogue knows of three bytes only, as after a power cut.
        let added = spool
            .append(&claim, (3, 8), &mut chunks(&[b"D"]), None)
            .await
            .unwrap();
        assert_eq!((added.received, read()), (4, b"abcD".to_vec()));
        let long = spool
            .append(&claim, (4, 8), &mut chunks(&[b"efgh", b"i"]), None)
            .await;
        assert!(matches!(long, Err(SpoolError::TooLong)) && read() == b"abcD");
        // The line breaks.
        let parts = [
            Ok(Bytes::from_static(b"ef")),
            Err(ErrorKind::ConnectionReset.into()),
        ];
        let added = spool
            .append(&claim, (4, 8), &mut futures::stream::iter(parts), None)
            .await
            .unwrap();
        assert_eq!((added.received, added.broken.is_some()), (6, true));
        // A checksum that lies, and one that does not.
        let lie = Checksum::Sha1([0; 20]);
        let refused = spool
            .append(&claim, (6, 8), &mut chunks(&[b"gh"]), Some(&lie))
            .await;
        assert!(matches!(refused, Err(SpoolError::Checksum)) && read() == b"abcDef");
        let truth = Checksum::Sha256(Sha256::digest(b"gh").into());
        let added = spool
            .append(&claim, (6, 8), &mut chunks(&[b"g", b"h"]), Some(&truth))
            .await
            .unwrap();
        assert_eq!((added.received, read()), (8, b"abcDefgh".to_vec()));
        // A backup was restored: the file has less than is counted.
        let lost = spool
            .append(&claim, (9, 12), &mut chunks(&[b"i"]), None)
            .await;
        assert!(matches!(lost, Err(SpoolError::Lost(8))) && read() == b"abcDefgh");
        drop(claim);
        spool.sweep(&HashSet::from([id.clone()])).await.unwrap();
        assert_eq!(read(), b"abcDefgh");
        spool.sweep(&HashSet::new()).await.unwrap();
        assert!(!spool.file(&id).try_exists().unwrap());
        let claim = spool.claim(&id).unwrap();
        drop(claim);
        assert!(spool.claim(&id).is_some());
        spool.remove(&id).await.unwrap();
        spool.remove(&id).await.unwrap();
        assert!(!spool.file(&id).try_exists().unwrap());
    }

    #[tokio::test]
    async fn who_waits_for_bytes_gives_way_and_what_came_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let id = UploadId::new();
        let claim = spool.claim(&id).unwrap();
        let (other, own) = (spool.clone(), id.clone());
        let waits = tokio::spawn(async move {
            let mut bytes = Box::pin(chunks(&[b"abc"]).chain(futures::stream::pending()));
            other.append(&claim, (0, 8), &mut bytes, None).await
        });
        let claim = spool.take_over(&own).await.unwrap();
        let added = waits.await.unwrap().unwrap();
        // It may have been asked before it took anything.
        assert!(added.broken.is_some() && [0, 3].contains(&added.received));
        assert!(spool.claim(&id).is_none());
        let mut rest = chunks(&[b"abcdefgh"]);
        let added = spool.append(&claim, (0, 8), &mut rest, None).await.unwrap();
        assert_eq!(added.received, 8);
        drop(claim);
        assert!(spool.claim(&id).is_some());
    }
}
