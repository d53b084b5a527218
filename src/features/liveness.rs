//! Detects dead workers on this machine immediately, without a clock.
//!
//! A worker process holds a lock on a file named after it. The system releases the lock when the process ends,
//! however it ends. Whoever can take the lock therefore knows that the worker is dead.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::coordinator;
use crate::catalog::{Catalog, CatalogError, queue};

/// Held while this process works.
#[derive(Debug)]
pub struct WorkerLock {
    name: String,
    file: PathBuf,
    _lock: File,
}

impl WorkerLock {
    /// Registers this process as a worker of the data folder `data`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn new(data: &Path) -> io::Result<Self> {
        let folder = folder(data);
        std::fs::create_dir_all(&folder)?;
        let name = format!("local-{}", ulid::Ulid::generate());
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

/// Takes over the runs of dead workers. A run that several workers died with is given up. This is for the engine and for
/// what works beside it: no other data folder has workers then, so one without a file is dead.
///
/// # Errors
/// If the database fails.
pub async fn bury_the_dead(data: &Path, catalog: &Catalog) -> Result<(), CatalogError> {
    bury(data, catalog, true).await
}

/// As [`bury_the_dead`], for programs that may share the database with an engine elsewhere: a worker that has no file here
/// may be one of its own.
///
/// # Errors
/// If the database fails.
pub async fn bury_the_dead_here(data: &Path, catalog: &Catalog) -> Result<(), CatalogError> {
    bury(data, catalog, catalog.database().is_none()).await
}

async fn bury(data: &Path, catalog: &Catalog, are_all_here: bool) -> Result<(), CatalogError> {
    let mut db = catalog.read().await?;
    let holders = queue::local_holders(&mut db).await?;
    drop(db);
    for worker in holders {
        let file = folder(data).join(&worker);
        if !is_dead(&file) || !(are_all_here || file.symlink_metadata().is_ok()) {
            continue;
        }
        let mut tx = catalog.begin().await?;
        let given_up = queue::bury(&mut tx, &worker).await?;
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
        let lock = WorkerLock::new(data.path()).unwrap();
        let file = lock.file.clone();
        assert!(!is_dead(&file));
        assert!(is_anyone_at_work(data.path()));
        drop(lock);
        assert!(is_dead(&file));
        assert!(!is_anyone_at_work(data.path()));
    }
}
