//! Copies the store of derived objects to another one, and lets another one take its place.

use std::collections::HashSet;

use futures::{StreamExt as _, TryStreamExt as _};
use rushes_workers::storage::{ObjectOutcome, Storage, StorageError, StoredObject};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::catalog::{CatalogError, members, stored};

/// What the objects of a store lie below: results, uploads, and redactions. The identity of a store is its own.
const PREFIXES: [&str; 3] = ["runs", "uploads", "redactions"];
/// Objects that are copied at once.
const AT_ONCE: usize = 16;
/// Memory for objects that are being copied, in MiB.
const MEMORY_MIB: u32 = 256;
const MIB: u64 = 1024 * 1024;
/// Names of missing objects that are kept.
const NAMED: usize = 5;

/// How far a store is copied, or what was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StoreCopy {
    /// Objects that were copied and read back.
    pub copied: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Objects that were there already, with the same size and BLAKE3.
    pub same: u64,
    /// Objects that were deleted meanwhile.
    pub gone: u64,
    /// Objects that were stored meanwhile and are not in the copy yet.
    pub late: u64,
    /// Objects that the catalogue refers to and that are in neither store.
    pub missing: u64,
    /// The first few of them.
    pub missing_keys: Vec<String>,
    /// Whether it was stopped before it was complete.
    pub is_stopped: bool,
}

/// A store that could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum StoreCopyError {
    /// An object cannot be copied.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The catalogue failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A store is not adopted while others may use another one.
    #[error(
        "other processes work on the catalogue; stop them all. One that was killed, or that is in a restored backup, counts for \
         catalog.lease_s seconds more: try again then"
    )]
    InUse,
}

/// Copies everything in the store to `target`. Objects that are there already are compared and left alone, so a copy that
/// was stopped is resumed. With `stop`, objects under way are finished and no more are begun.
///
/// # Errors
/// If one of the stores fails for an object, which is named. Objects under way are finished first.
pub async fn copy_store(
    app: &App,
    target: &Storage,
    stop: &CancellationToken,
    report: &mut (dyn FnMut(&StoreCopy) + Send),
) -> Result<StoreCopy, StoreCopyError> {
    let mut done = StoreCopy::default();
    let is_quiet = is_quiet(app).await?;
    for prefix in PREFIXES {
        copy_prefix(app, target, (prefix, stop), (&mut done, report)).await?;
    }
    if !stop.is_cancelled() {
        look_for_missing(app, target, stop, &mut done).await?;
    }
    done.is_stopped = stop.is_cancelled();
    if is_quiet && !done.is_stopped && (done.late, done.missing) == (0, 0) {
        note_copy(app, target).await?;
    }
    Ok(done)
}

/// Whether nobody works on a catalogue that machines share, and may store something.
async fn is_quiet(app: &App) -> Result<bool, CatalogError> {
    let mut db = app.catalog.read().await?;
    let members = members::all(&mut db).await?;
    Ok(!members.iter().any(|member| member.is_alive))
}

/// Notes the complete copy in a catalogue that machines share, which refuses stores that it does not know.
async fn note_copy(app: &App, target: &Storage) -> Result<(), StoreCopyError> {
    if app.catalog.database().is_none() || !is_quiet(app).await? {
        return Ok(());
    }
    let id = target.identity(ulid::Ulid::generate().to_string()).await?;
    let mut tx = app.catalog.begin().await?;
    members::note_copy(&mut tx, &id).await?;
    Ok(tx.commit().await.map_err(CatalogError::from)?)
}

/// Makes the store of the settings the one of the catalogue, unless it lacks objects and `is_sure` is false. Names some of
/// these: `copied` and `same` are 0.
///
/// # Errors
/// [`StoreCopyError::InUse`] if another process works on the catalogue, or if the store or the catalogue fails.
pub async fn adopt_store(app: &App, is_sure: bool) -> Result<StoreCopy, StoreCopyError> {
    let mut done = StoreCopy::default();
    look_for_missing(app, &app.storage, &CancellationToken::new(), &mut done).await?;
    if app.catalog.database().is_none() {
        return Ok(done);
    }
    if !is_quiet(app).await? {
        return Err(StoreCopyError::InUse);
    }
    if done.missing > 0 && !is_sure {
        return Ok(done);
    }
    let id = ulid::Ulid::generate().to_string();
    let id = app.storage.identity(id).await?;
    let mut tx = app.catalog.begin().await?;
    if !members::adopt_store(&mut tx, &id).await? {
        return Err(StoreCopyError::InUse);
    }
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(done)
}

async fn copy_prefix(
    app: &App,
    target: &Storage,
    (prefix, stop): (&str, &CancellationToken),
    (done, report): (&mut StoreCopy, &mut (dyn FnMut(&StoreCopy) + Send)),
) -> Result<(), StorageError> {
    let memory = Semaphore::new(MEMORY_MIB as usize);
    let memory = &memory;
    let objects = app.storage.objects_under(prefix)?;
    let failed = CancellationToken::new();
    let ended = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = failed.cancelled() => {}
        }
    };
    // What is under way when it ends is finished, so that no half of an upload is left.
    let mut copies = objects
        .take_until(Box::pin(ended))
        .map(|object| copy_one(app, target, memory, object))
        .buffer_unordered(AT_ONCE)
        .boxed();
    let mut failure = None;
    while let Some(copied) = copies.next().await {
        match copied {
            Ok((object, ObjectOutcome::Copied)) => {
                done.copied += 1;
                done.bytes += object.size;
            }
            Ok((_, ObjectOutcome::Same)) => done.same += 1,
            Ok((_, ObjectOutcome::Gone)) => done.gone += 1,
            Err(error) => {
                failed.cancel();
                failure.get_or_insert(error);
            }
        }
        report(done);
    }
    failure.map_or(Ok(()), Err)
}

async fn copy_one(
    app: &App,
    target: &Storage,
    memory: &Semaphore,
    object: Result<StoredObject, StorageError>,
) -> Result<(StoredObject, ObjectOutcome), StorageError> {
    let object = object?;
    let needed = u32::try_from(object.memory() / MIB + 1).unwrap_or(MEMORY_MIB);
    // It is never closed.
    let _memory = memory.acquire_many(needed.min(MEMORY_MIB)).await.ok();
    let outcome = app.storage.copy_object(&object, target).await?;
    Ok((object, outcome))
}

/// Looks for objects that the catalogue refers to and that are not in the copy.
async fn look_for_missing(
    app: &App,
    target: &Storage,
    stop: &CancellationToken,
    done: &mut StoreCopy,
) -> Result<(), StoreCopyError> {
    let lacking = lacking(app, target, stop).await?;
    if lacking.is_empty() {
        return Ok(());
    }
    // What was deleted meanwhile is not missing, and what was stored meanwhile only has to be copied.
    let mut db = app.catalog.snapshot().await?;
    let mut keys = stored::keys(&mut db).take_until(Box::pin(stop.cancelled()));
    let mut known = HashSet::new();
    while let Some(key) = keys.try_next().await? {
        if !lacking.contains(&key) || !known.insert(key.clone()) {
            continue;
        }
        match app.storage.size(&key).await {
            Ok(_) => done.late += 1,
            Err(StorageError::NotFound(_)) => {
                done.missing += 1;
                if done.missing_keys.len() < NAMED {
                    done.missing_keys.push(key);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The keys that the catalogue refers to and that a store lacks.
async fn lacking(
    app: &App,
    target: &Storage,
    stop: &CancellationToken,
) -> Result<HashSet<String>, StoreCopyError> {
    let mut db = app.catalog.snapshot().await?;
    let mut looks = stored::keys(&mut db)
        .take_until(Box::pin(stop.cancelled()))
        .map_err(StoreCopyError::from)
        .map_ok(|key| async move {
            match target.size(&key).await {
                Ok(_) => Ok(None),
                Err(StorageError::NotFound(_)) => Ok(Some(key)),
                Err(error) => Err(StoreCopyError::from(error)),
            }
        })
        .try_buffer_unordered(2 * AT_ONCE);
    let mut lacking = HashSet::new();
    while let Some(looked) = looks.try_next().await? {
        lacking.extend(looked);
    }
    Ok(lacking)
}
