//! Joins those who work on a catalogue, stays among them, and leaves.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rushes_models::with_causes;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::HeldRole;
use crate::catalog::database::Connection;
use crate::catalog::members::{self, Company};
use crate::catalog::{Catalog, CatalogError, Role, RoleTerm, queue};

/// A member renews its row so many times in a lease.
const RENEWALS: u32 = 5;

/// How long a process that ends waits for the catalogue.
const PARTING: Duration = Duration::from_secs(5);

/// Who joins, and for how long it counts as alive without a word.
#[derive(Debug, Clone)]
pub struct MembershipOptions {
    /// Its name in leases.
    pub name: String,
    /// Its models with their revisions, by setting, as JSON. They must be those of the others.
    pub models: String,
    /// How long others wait for a sign of life.
    pub lease: Duration,
}

/// The membership of this process, until it leaves.
#[derive(Debug)]
pub struct Membership {
    /// None where the lock of the engine is enough.
    inner: Option<Arc<Inner>>,
    company: Company,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct Inner {
    catalog: Catalog,
    options: MembershipOptions,
    /// The change that the index has followed; negative without an index.
    followed: AtomicI64,
    wanted: Mutex<BTreeSet<Role>>,
    pub(super) standing: watch::Sender<Standing>,
    /// Ask for the terms now.
    renew: Notify,
    stop: CancellationToken,
}

/// What the database said last.
#[derive(Debug, Default)]
pub(super) struct Standing {
    terms: Vec<RoleTerm>,
    /// Others may take this process for dead from then on. Counted from before the question was sent, by this machine's
    /// clock: the database counts from later.
    pub(super) until: Option<Instant>,
}

impl Standing {
    pub(super) fn term(&self, role: Role) -> Option<RoleTerm> {
        self.terms.iter().copied().find(|term| term.role() == role)
    }
}

impl Inner {
    fn lease_ms(&self) -> i64 {
        i64::try_from(self.options.lease.as_millis()).unwrap_or(i64::MAX)
    }

    fn want(&self, role: Role) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.insert(role);
    }

    fn missing(&self) -> Vec<Role> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = self.standing.borrow();
        let missing = wanted.iter().copied();
        missing
            .filter(|role| standing.term(*role).is_none())
            .collect()
    }

    /// Takes a role if no living member holds it.
    async fn seek(&self, role: Role) -> Result<bool, CatalogError> {
        let mut db = self.catalog.read().await?;
        let is_free = members::is_free(&mut db, role).await?;
        drop(db);
        if !is_free {
            return Ok(false);
        }
        let mut tx = self.catalog.begin().await?;
        let taken = members::take(&mut tx, role, &self.options.name).await?;
        tx.commit().await?;
        Ok(taken.is_some())
    }

    /// Renews the row once.
    async fn renew(&self, db: &mut Connection) -> Result<(), CatalogError> {
        let followed = Some(self.followed.load(Ordering::Relaxed)).filter(|seq| *seq >= 0);
        let sent = Instant::now();
        let renewed = members::renew(db, &self.options.name, self.lease_ms(), followed).await?;
        let terms = match renewed {
            Some(terms) => terms,
            None => {
                tracing::warn!(
                    "other processes took this one for dead, because the catalogue heard nothing of it for {} s; what it \
                     had under way is theirs",
                    self.options.lease.as_secs()
                );
                let who = (self.options.name.as_str(), self.options.models.as_str());
                // Others with other models may have joined meanwhile. Then this process takes no work.
                members::check_models(db, who.0, who.1).await?;
                members::join(db, who, self.lease_ms()).await?;
                Vec::new()
            }
        };
        self.standing.send_replace(Standing {
            terms,
            until: Some(sent + self.options.lease),
        });
        Ok(())
    }

    /// Renews the row until the end.
    async fn stay(&self) {
        let mut own: Option<Connection> = None;
        let mut is_silent = false;
        loop {
            let renewed = tokio::time::timeout(self.options.lease / 2, async {
                let mut db = match own.take() {
                    Some(db) => db,
                    None => self.catalog.connection_of_its_own().await?,
                };
                self.renew(&mut db).await?;
                Ok::<_, CatalogError>(db)
            });
            let renewed = tokio::select! {
                renewed = renewed => renewed,
                () = self.stop.cancelled() => return,
            };
            let trouble = match renewed {
                Ok(Ok(db)) => {
                    own = Some(db);
                    None
                }
                Ok(Err(error)) => Some(with_causes(&error)),
                Err(_elapsed) => Some("the catalogue does not answer in time".to_owned()),
            };
            if let Some(error) = trouble.as_ref().filter(|_| !is_silent) {
                tracing::warn!(error, "cannot say that this process is alive; tried again");
            }
            is_silent = trouble.is_some();
            tokio::select! {
                () = tokio::time::sleep(self.options.lease / RENEWALS) => {}
                () = self.renew.notified() => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Takes roles that become free, until the end.
    async fn look_for_roles(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.options.lease / RENEWALS) => {}
                () = self.stop.cancelled() => return,
            }
            for role in self.missing() {
                let Some(sought) = self.stop.run_until_cancelled(self.seek(role)).await else {
                    return;
                };
                match sought {
                    Ok(true) => self.renew.notify_one(),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::debug!(error = %with_causes(&error), "cannot look for a free role");
                    }
                }
            }
        }
    }
}

impl Membership {
    /// Joins, and stays a member until it leaves. With a catalogue in a file there is nothing to join: the caller holds the
    /// lock of the engine, or works beside who does.
    ///
    /// # Errors
    /// If others have other models, or the database fails.
    pub async fn join(catalog: &Catalog, options: MembershipOptions) -> Result<Self, CatalogError> {
        if catalog.database().is_none() {
            return Ok(Self {
                inner: None,
                company: Company::None,
                tasks: Vec::new(),
            });
        }
        let inner = Arc::new(Inner {
            catalog: catalog.clone(),
            options,
            followed: AtomicI64::new(-1),
            wanted: Mutex::default(),
            standing: watch::Sender::new(Standing::default()),
            renew: Notify::new(),
            stop: CancellationToken::new(),
        });
        let mut tx = catalog.begin().await?;
        let who = (inner.options.name.as_str(), inner.options.models.as_str());
        members::check_models(&mut tx, who.0, who.1).await?;
        let company = members::join(&mut tx, who, inner.lease_ms()).await?;
        if company != Company::Living {
            // Nobody was there to whom workers of other machines could have said that they live.
            queue::restart_leases(&mut tx).await?;
        }
        tx.commit().await?;
        let (stays, looks) = (Arc::clone(&inner), Arc::clone(&inner));
        let tasks = vec![
            tokio::spawn(async move { stays.stay().await }),
            tokio::spawn(async move { looks.look_for_roles().await }),
        ];
        Ok(Self {
            inner: Some(inner),
            company,
            tasks,
        })
    }

    /// Whether no other process worked on the catalogue when this one joined, so far as the database knows.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.company == Company::None
    }

    /// Says which change the index of this process has followed.
    pub fn note_followed(&self, seq: i64) {
        if let Some(inner) = &self.inner {
            inner.followed.store(seq, Ordering::Relaxed);
        }
    }

    /// A role that this process holds whenever nobody else does; at once, if it is free.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn role(&self, role: Role) -> Result<HeldRole, CatalogError> {
        let Some(inner) = &self.inner else {
            return Ok(HeldRole::of_file(role));
        };
        let held = HeldRole::of(role, Arc::clone(inner));
        let taken = inner.seek(role).await?;
        inner.want(role);
        if taken {
            inner.renew.notify_one();
            // If the database is lost meanwhile, the role is found again later.
            drop(tokio::time::timeout(inner.options.lease, held.taken()).await);
        }
        Ok(held)
    }

    /// Leaves: roles are free, and what was under way is given up.
    pub async fn leave(mut self) {
        let Some(inner) = self.inner.take() else {
            return;
        };
        inner.stop.cancel();
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(error = %with_causes(&error), "a task of the membership panicked");
            }
        }
        let left = tokio::time::timeout(PARTING, async {
            let mut tx = inner.catalog.begin().await?;
            members::forget(&mut tx, &inner.options.name).await?;
            Ok::<_, CatalogError>(tx.commit().await?)
        });
        let trouble = match left.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => with_causes(&error),
            Err(_elapsed) => "the catalogue does not answer".to_owned(),
        };
        tracing::warn!(
            error = trouble,
            "others wait for this process until its lease ends"
        );
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // Its row is renewed no longer, so others find that it is gone.
        if let Some(inner) = &self.inner {
            inner.stop.cancel();
        }
    }
}
