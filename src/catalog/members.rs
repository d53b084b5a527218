//! The processes that work on a catalogue beside each other, and what one of them at a time does.
//!
//! A *member* renews its row; when it does not, it is dead by the database's clock, and what it had under way is others'. A
//! *role* is held by one member, and each time another takes it a new *term* begins. Terms begin and end under the lock of
//! [`Catalog::begin`](super::Catalog::begin), so a transaction of that kind that finds its term unchanged is alone with it
//! until it ends. A catalogue in a file has no members: there a lock in the data folder is enough.

use std::collections::BTreeMap;

use sqlx::FromRow;

use super::database::{self, Connection};
use super::redactions::upkeep;
use super::{CatalogError, idempotency, now_ms, queue, uploads};

/// What one member at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Deletes what nothing refers to and what is old, and computes the vectors of added models.
    Upkeep,
    /// Looks up the inputs of redactions and clears away.
    Redactions,
    /// Watches places for videos.
    Watches,
    /// Posts events to webhooks.
    Webhooks,
}

impl Role {
    /// The name as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upkeep => "upkeep",
            Self::Redactions => "redactions",
            Self::Watches => "watches",
            Self::Webhooks => "webhooks",
        }
    }
}

/// The right to a role, until another takes it. [`Catalog::under`](super::Catalog::under) writes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleTerm {
    role: Role,
    /// None where a lock in the data folder is enough.
    number: Option<i64>,
}

impl RoleTerm {
    /// A term of a catalogue in a file, which lasts as long as the lock of the engine.
    #[must_use]
    pub const fn of_file(role: Role) -> Self {
        Self { role, number: None }
    }

    /// The role.
    #[must_use]
    pub const fn role(self) -> Role {
        self.role
    }

    /// Checks that nobody took the role since. In a transaction that others cannot write beside, it stays so to its end.
    ///
    /// # Errors
    /// [`CatalogError::RoleLost`] if somebody did.
    pub async fn check(self, db: &mut Connection) -> Result<(), CatalogError> {
        let Some(number) = self.number else {
            return Ok(());
        };
        let holds: bool = database::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM roles WHERE name = $1 AND term = $2)",
        )
        .bind(self.role.as_str())
        .bind(number)
        .fetch_one(db)
        .await?;
        if holds {
            Ok(())
        } else {
            Err(CatalogError::RoleLost(self.role.as_str()))
        }
    }
}

/// A process that works on the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StoredMember {
    /// Its name in leases.
    pub name: String,
    /// Its models with their revisions, as JSON.
    pub models: String,
    /// Whether it renews its row.
    pub is_alive: bool,
}

/// A name for a process that works on the catalogue.
#[must_use]
pub fn fresh_name() -> String {
    format!("local-{}", ulid::Ulid::generate())
}

async fn clock(db: &mut Connection) -> Result<i64, CatalogError> {
    Ok(queue::clock(db).await?.unwrap_or_else(now_ms))
}

/// Who else there was when a member joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nobody, and nobody died without being noticed.
    None,
    /// Only such as are dead, or were cut off for as long as a lease.
    Silent,
    /// Others that live.
    Living,
}

/// Joins, or joins again, for `lease_ms`.
///
/// # Errors
/// If the database fails.
pub async fn join(
    db: &mut Connection,
    (name, models): (&str, &str),
    lease_ms: i64,
) -> Result<Company, CatalogError> {
    let now = clock(db).await?;
    let others = all(db).await?.into_iter();
    let company = others
        .filter(|other| other.name != name)
        .map(|other| {
            if other.is_alive {
                Company::Living
            } else {
                Company::Silent
            }
        })
        .fold(Company::None, |company, other| match (company, other) {
            (Company::Living, _) | (_, Company::Living) => Company::Living,
            (Company::Silent, _) | (_, Company::Silent) => Company::Silent,
            (Company::None, Company::None) => Company::None,
        });
    database::query(
        "INSERT INTO members (name, until, judges, models) VALUES ($1, $2, $2, $3)
         ON CONFLICT (name) DO UPDATE SET until = excluded.until, judges = excluded.judges, models = excluded.models",
    )
    .bind(name)
    .bind(now + lease_ms)
    .bind(models)
    .execute(db)
    .await?;
    Ok(company)
}

/// Says that a member lives for another `lease_ms`, and which change its index has followed; the answer is the terms of the
/// roles that it holds, or `None` if others took it for dead.
///
/// # Errors
/// If the database fails.
pub async fn renew(
    db: &mut Connection,
    name: &str,
    lease_ms: i64,
    followed: Option<i64>,
) -> Result<Option<Vec<RoleTerm>>, CatalogError> {
    let now = clock(db).await?;
    // Whoever was silent for a lease, because the database was away perhaps, knows nothing of the others.
    let renewed = database::query(
        "UPDATE members SET until = $1, followed = $2, judges = CASE WHEN until <= $4 THEN $1 ELSE judges END
          WHERE name = $3",
    )
    .bind(now + lease_ms)
    .bind(followed)
    .bind(name)
    .bind(now)
    .execute(&mut *db)
    .await?;
    if renewed.rows_affected() == 0 {
        return Ok(None);
    }
    let held: Vec<(String, i64)> =
        database::query_as("SELECT name, term FROM roles WHERE holder = $1")
            .bind(name)
            .fetch_all(db)
            .await?;
    let roles = [
        Role::Upkeep,
        Role::Redactions,
        Role::Watches,
        Role::Webhooks,
    ];
    let terms = held.into_iter().filter_map(|(stored, number)| {
        let role = roles.into_iter().find(|role| role.as_str() == stored)?;
        Some(RoleTerm {
            role,
            number: Some(number),
        })
    });
    Ok(Some(terms.collect()))
}

/// All members, dead ones that nobody buried included.
///
/// # Errors
/// If the database fails.
pub async fn all(db: &mut Connection) -> Result<Vec<StoredMember>, CatalogError> {
    let now = clock(db).await?;
    Ok(
        database::query_as(
            "SELECT name, models, until > $1 AS is_alive FROM members ORDER BY name",
        )
        .bind(now)
        .fetch_all(db)
        .await?,
    )
}

/// Whether a member renews its row.
///
/// # Errors
/// If the database fails.
pub async fn is_alive(db: &mut Connection, name: &str) -> Result<bool, CatalogError> {
    let now = clock(db).await?;
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM members WHERE name = $1 AND until > $2)",
    )
    .bind(name)
    .bind(now)
    .fetch_one(db)
    .await?)
}

/// Whether a member may take others for dead: it lives, and has for a whole lease.
///
/// # Errors
/// If the database fails.
pub async fn may_judge(db: &mut Connection, name: &str) -> Result<bool, CatalogError> {
    let now = clock(db).await?;
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM members WHERE name = $1 AND until > $2 AND judges <= $2)",
    )
    .bind(name)
    .bind(now)
    .fetch_one(db)
    .await?)
}

/// The change that the indexes of all living members have followed; `None` if none has an index.
///
/// # Errors
/// If the database fails.
pub async fn least_followed(db: &mut Connection) -> Result<Option<i64>, CatalogError> {
    let now = clock(db).await?;
    Ok(
        database::query_scalar("SELECT MIN(followed) FROM members WHERE until > $1")
            .bind(now)
            .fetch_one(db)
            .await?,
    )
}

/// Whether no living member holds a role.
///
/// # Errors
/// If the database fails.
pub async fn is_free(db: &mut Connection, role: Role) -> Result<bool, CatalogError> {
    let now = clock(db).await?;
    let is_held: bool = database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM roles r JOIN members m ON m.name = r.holder
                         WHERE r.name = $1 AND m.until > $2)",
    )
    .bind(role.as_str())
    .bind(now)
    .fetch_one(db)
    .await?;
    Ok(!is_held)
}

/// Takes a role for a living member, unless another living one holds it. Call it in a transaction that others cannot write
/// beside: terms begin in no other.
///
/// # Errors
/// If the database fails.
pub async fn take(
    db: &mut Connection,
    role: Role,
    name: &str,
) -> Result<Option<RoleTerm>, CatalogError> {
    if !is_free(db, role).await? || !is_alive(db, name).await? {
        return Ok(None);
    }
    let number = database::query_scalar(
        "INSERT INTO roles (name, holder, term) VALUES ($1, $2, 1)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, term = roles.term + 1
         RETURNING term",
    )
    .bind(role.as_str())
    .bind(name)
    .fetch_one(db)
    .await?;
    Ok(Some(RoleTerm {
        role,
        number: Some(number),
    }))
}

/// Forgets a member that left or died: its terms end, and what it had under way is given up. Call it in a transaction that
/// others cannot write beside.
///
/// # Errors
/// If the database fails.
pub async fn forget(db: &mut Connection, name: &str) -> Result<(), CatalogError> {
    for statement in [
        "DELETE FROM members WHERE name = $1",
        "UPDATE roles SET holder = '', term = term + 1 WHERE holder = $1",
    ] {
        database::query(statement)
            .bind(name)
            .execute(&mut *db)
            .await?;
    }
    uploads::discard_of(db, name).await?;
    idempotency::forget_unfinished_of(db, name).await?;
    upkeep::discard_uploads_of(db, name).await
}

/// Gives up what nobody who lives has under way. For one that works alone.
///
/// # Errors
/// If the database fails.
pub async fn clear_away(db: &mut Connection) -> Result<(), CatalogError> {
    // A catalogue that was moved may have those of the place that it came from.
    let now = clock(db).await?;
    database::query("DELETE FROM members WHERE until <= $1")
        .bind(now)
        .execute(&mut *db)
        .await?;
    uploads::discard_ownerless(db).await?;
    idempotency::forget_unfinished(db).await?;
    upkeep::discard_uploads(db).await
}

/// What the store of the catalogue says of itself; `None` if no process that shares the catalogue has used one yet.
///
/// # Errors
/// If the database fails.
pub async fn store(db: &mut Connection) -> Result<Option<String>, CatalogError> {
    Ok(
        database::query_scalar("SELECT id FROM store_identity WHERE is_copy = 0")
            .fetch_optional(db)
            .await?,
    )
}

/// Keeps what the store says of itself, unless the catalogue has one; the answer is the one that it has now.
///
/// # Errors
/// If the database fails.
pub async fn keep_store(db: &mut Connection, id: &str) -> Result<String, CatalogError> {
    if let Some(known) = store(db).await? {
        return Ok(known);
    }
    database::query("INSERT INTO store_identity (id, is_copy) VALUES ($1, 0)")
        .bind(id)
        .execute(db)
        .await?;
    Ok(id.to_owned())
}

/// Notes a complete copy of the store, by what the copy says of itself.
///
/// # Errors
/// If the database fails.
pub async fn note_copy(db: &mut Connection, id: &str) -> Result<(), CatalogError> {
    database::query(
        "INSERT INTO store_identity (id, is_copy) VALUES ($1, 1) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// Lets a copy take the place of the store; `false` if it is none, or if a living member has the store. Call it in a
/// transaction that others cannot write beside.
///
/// # Errors
/// If the database fails.
pub async fn move_to_copy(db: &mut Connection, id: &str) -> Result<bool, CatalogError> {
    if all(db).await?.iter().any(|member| member.is_alive) {
        return Ok(false);
    }
    let moved = database::query("UPDATE store_identity SET is_copy = 0 WHERE id = $1")
        .bind(id)
        .execute(&mut *db)
        .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    database::query("DELETE FROM store_identity WHERE id <> $1")
        .bind(id)
        .execute(db)
        .await?;
    Ok(true)
}

/// Makes this store the one of the catalogue, whatever it had; `false` if a living member has that. Call it in a
/// transaction that others cannot write beside.
///
/// # Errors
/// If the database fails.
pub async fn adopt_store(db: &mut Connection, id: &str) -> Result<bool, CatalogError> {
    if all(db).await?.iter().any(|member| member.is_alive) {
        return Ok(false);
    }
    database::query("DELETE FROM store_identity")
        .execute(&mut *db)
        .await?;
    keep_store(db, id).await?;
    Ok(true)
}

/// Checks that the models of the living members are these, as JSON by setting; only settings that both have are compared.
///
/// # Errors
/// [`CatalogError::OtherModels`] if one is another.
pub async fn check_models(
    db: &mut Connection,
    name: &str,
    models: &str,
) -> Result<(), CatalogError> {
    let read =
        |json: &str| -> BTreeMap<String, String> { serde_json::from_str(json).unwrap_or_default() };
    let here = read(models);
    let members = all(db).await?.into_iter();
    for other in members.filter(|member| member.is_alive && member.name != name) {
        for (setting, there) in read(&other.models) {
            if let Some(here) = here.get(&setting).filter(|here| **here != there) {
                return Err(CatalogError::OtherModels {
                    setting,
                    here: here.clone(),
                    there,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
