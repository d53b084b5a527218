//! Detects dead workers of this data folder immediately, without a clock, and those of other data folders by the clock of the
//! database that they share.
//!
//! A worker process holds a lock on a file named after it. The system releases the lock when the process ends,
//! however it ends. A process that can take the lock therefore knows that the worker is dead. Workers of other data folders are
//! members of the catalogue, and dead when they do not say that they live.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::coordinator;
use crate::catalog::{Catalog, CatalogError, members, queue};

/// Held while this process works.
#[derive(Debug)]
pub struct WorkerLock {
    name: String,
    file: PathBuf,
    _lock: File,
}

impl WorkerLock {
    /// Registers this process as the worker `name` of the data folder `data`; see [`members::fresh_name`].
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn new(data: &Path, name: String) -> io::Result<Self> {
        let folder = folder(data);
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(&name);
        let lock = File::create(&file)?;
        lock.lock()?;
        Ok(Self {
            name,
            file,
            _lock: lock,
        })
    }

    /// The worker's name in leases.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for WorkerLock {
    fn drop(&mut self) {
        // The next process finds a leftover file unlocked and removes it.
        std::fs::remove_file(&self.file).ok();
    }
}

/// Takes over what dead workers had under way. A run that several workers died with is given up.
///
/// Of this data folder those are dead whose lock is free. Where other data folders have workers on the same catalogue, those
/// of theirs are dead that are no living members; only a member that has lived for a whole lease says so, and `me` may be
/// one. Otherwise all are of this folder, so one without a file is dead as well.
///
/// # Errors
/// If the database fails.
pub async fn bury_the_dead(data: &Path, catalog: &Catalog, me: &str) -> Result<(), CatalogError> {
    let is_shared = catalog.database().is_some();
    let mut db = catalog.read().await?;
    let mut suspects: BTreeMap<String, bool> = BTreeMap::new();
    for holder in queue::local_holders(&mut db).await? {
        suspects.insert(holder, false);
    }
    let judges = is_shared && members::may_judge(&mut db, me).await?;
    if judges {
        for member in members::all(&mut db).await? {
            suspects.insert(member.name, member.is_alive);
        }
    }
    drop(db);
    for (worker, is_alive) in suspects {
        let file = folder(data).join(&worker);
        let is_of_others = is_shared && file.symlink_metadata().is_err();
        let is_dead = if is_of_others {
            judges && !is_alive
        } else {
            is_dead(&file)
        };
        if !is_dead {
            continue;
        }
        let mut tx = catalog.begin().await?;
        // It may have joined, or joined again, since.
        if is_of_others
            && (!members::may_judge(&mut tx, me).await?
                || members::is_alive(&mut tx, &worker).await?)
        {
            continue;
        }
        let given_up = queue::bury(&mut tx, &worker).await?;
        members::forget(&mut tx, &worker).await?;
        coordinator::settle(&mut tx, &given_up).await?;
        tx.commit().await?;
        tracing::info!(worker, "took over from a worker that died");
        std::fs::remove_file(file).ok();
    }
    Ok(())
}

/// Whether a process on this machine works on the data folder `data`.
#[must_use]
pub fn is_anyone_at_work(data: &Path) -> bool {
    let workers = std::fs::read_dir(folder(data)).into_iter().flatten();
    workers.flatten().any(|worker| !is_dead(&worker.path()))
}

fn folder(data: &Path) -> PathBuf {
    data.join("workers")
}

fn is_dead(file: &Path) -> bool {
    match File::open(file) {
        Ok(file) => match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_alive_while_its_lock_is_held() {
        let data = tempfile::tempdir().unwrap();
        let lock = WorkerLock::new(data.path(), members::fresh_name()).unwrap();
        let file = lock.file.clone();
        assert!(!is_dead(&file));
        assert!(is_anyone_at_work(data.path()));
        drop(lock);
        assert!(is_dead(&file));
        assert!(!is_anyone_at_work(data.path()));
    }
}
