//! A role as seen by the process that may hold it.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::membership::Inner;
use crate::catalog::{Role, RoleTerm};

/// A role that this process holds from time to time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HeldRole {
    role: Role,
    /// None where this process holds it for as long as it runs.
    member: Option<Arc<Inner>>,
}

impl HeldRole {
    /// The role of a process that has the lock of the engine of a catalogue in a file.
    #[must_use]
    pub const fn of_file(role: Role) -> Self {
        Self { role, member: None }
    }

    pub(super) const fn of(role: Role, member: Arc<Inner>) -> Self {
        Self {
            role,
            member: Some(member),
        }
    }

    /// Its term, if this process holds it now. After a silence as long as a lease it does not, whatever the database says:
    /// another may have taken it.
    #[must_use]
    pub fn held(&self) -> Option<RoleTerm> {
        let Some(member) = &self.member else {
            return Some(RoleTerm::of_file(self.role));
        };
        let standing = member.standing.borrow();
        let term = standing.term(self.role);
        term.filter(|_| standing.until.is_some_and(|until| until > Instant::now()))
    }

    /// Waits until this process holds it.
    pub async fn taken(&self) -> RoleTerm {
        loop {
            // Subscribe before looking, so that no change is missed in between.
            let changed = self
                .member
                .as_ref()
                .map(|member| member.standing.subscribe());
            if let Some(term) = self.held() {
                return term;
            }
            match changed {
                Some(mut changed) => drop(changed.changed().await),
                None => std::future::pending().await,
            }
        }
    }

    /// Waits until `term` has ended, or this process was silent for so long that it may have.
    pub async fn lost(&self, term: RoleTerm) {
        let Some(member) = &self.member else {
            return std::future::pending().await;
        };
        let mut changed = member.standing.subscribe();
        while self.held() == Some(term) {
            let until = changed.borrow_and_update().until;
            let until = until.unwrap_or_else(Instant::now);
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                _ = changed.changed() => {}
            }
        }
    }

    /// Does `work` whenever this process holds the role, until `stop`. The work is dropped when the term has ended.
    pub async fn while_held<W: Future<Output = ()>>(
        &self,
        stop: &CancellationToken,
        work: impl Fn(RoleTerm) -> W,
    ) {
        let works = async {
            loop {
                let term = self.taken().await;
                tracing::debug!(role = self.role.as_str(), "has taken a role");
                tokio::select! {
                    () = work(term) => return,
                    () = self.lost(term) => {
                        tracing::warn!(role = self.role.as_str(), "has lost a role to another process, or the database");
                    }
                }
            }
        };
        stop.run_until_cancelled(works).await;
    }
}
