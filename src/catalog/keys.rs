//! Keys for programs that reach the server from elsewhere. Only hashes are kept.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::database::{self, Connection};
use super::{CatalogError, KeyId, TitleId, now_ms, titles};

/// What every secret begins with, so that people and scanners of leaked secrets know one.
const PREFIX: &str = "rk_";
/// Random bytes of a secret: 192 bits.
const BYTES: usize = 24;
/// Longest name of a key.
const MAX_NAME: usize = 64;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How old the time of the last use may grow before it is written again: a worker asks every second.
const USED_MS: i64 = 60_000;

/// What a key is good for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum KeyScope {
    /// Searching, listing, watching and exporting.
    Read,
    /// Also registering, changing and deleting.
    Write,
    /// Redacting pictures and videos.
    Redact,
    /// Leasing work and handing in results.
    Work,
    /// Everything.
    Admin,
}

impl KeyScope {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::Redact,
        Self::Work,
        Self::Admin,
    ];

    /// The name, as stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Redact => "redact",
            Self::Work => "work",
            Self::Admin => "admin",
        }
    }

    /// What is missing without it, and how to get it.
    #[must_use]
    pub fn how_to_get(self) -> String {
        format!(
            "this needs a key with the scope {}; `rushes key create NAME --scope {0}` makes one",
            self.as_str()
        )
    }

    /// Whether a key with this scope may do what needs `needed`.
    #[must_use]
    pub const fn includes(self, needed: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Write => matches!(needed, Self::Read | Self::Write),
            Self::Read => matches!(needed, Self::Read),
            Self::Redact => matches!(needed, Self::Redact),
            Self::Work => matches!(needed, Self::Work),
        }
    }
}

/// Scopes as stored: names separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeyScopes(Vec<KeyScope>);

impl KeyScopes {
    /// Whether one of them is enough for what needs `needed`.
    #[must_use]
    pub fn include(&self, needed: KeyScope) -> bool {
        self.0.iter().any(|scope| scope.includes(needed))
    }

    /// Whether this very scope was granted.
    #[must_use]
    pub fn names(&self, scope: KeyScope) -> bool {
        self.0.contains(&scope)
    }

    fn stored(scopes: &[KeyScope]) -> String {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        names.join(",")
    }
}

impl fmt::Display for KeyScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::stored(&self.0))
    }
}

impl From<String> for KeyScopes {
    /// A name that this version does not know grants nothing.
    fn from(stored: String) -> Self {
        let known = |name: &str| {
            KeyScope::ALL
                .into_iter()
                .find(|scope| scope.as_str() == name)
        };
        Self(stored.split(',').filter_map(known).collect())
    }
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Key {
    /// Id.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it is good for.
    #[serde(rename = "scopes")]
    #[sqlx(try_from = "String")]
    pub scope: KeyScopes,
    /// Whether it sees all titles.
    pub all_titles: bool,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it ceases to work by itself.
    pub expires_at: Option<i64>,
    /// BLAKE3 of the secret, in hex.
    #[serde(skip)]
    hash: String,
}

/// What a new key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What it is good for.
    pub scopes: Vec<KeyScope>,
    /// The titles it sees; all if `None`.
    pub titles: Option<Vec<TitleId>>,
    /// When it ceases to work by itself, Unix milliseconds.
    pub expires_at: Option<i64>,
}

impl Grant {
    /// For these titles, by id or name, or for all if none is named; for so many days, or without an expiry.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] if there is no such title.
    pub async fn for_titles(
        db: &mut Connection,
        scopes: Vec<KeyScope>,
        names: &[String],
        days: Option<u32>,
    ) -> Result<Self, CatalogError> {
        let mut titles = Vec::with_capacity(names.len());
        for name in names {
            titles.push(titles::find(db, name, None).await?);
        }
        Ok(Self {
            scopes,
            titles: (!titles.is_empty()).then_some(titles),
            expires_at: days.map(|days| now_ms() + i64::from(days) * DAY_MS),
        })
    }

    /// For one scope, over all titles, without an expiry.
    #[must_use]
    pub fn of(scope: KeyScope) -> Self {
        Self {
            scopes: vec![scope],
            titles: None,
            expires_at: None,
        }
    }
}

/// A new secret, to be shown once.
fn new_secret() -> Result<SecretString, CatalogError> {
    let mut random = [0_u8; BYTES];
    getrandom::fill(&mut random).map_err(|error| CatalogError::Random(error.to_string()))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{digits}").into())
}

/// Whether `name` can name a key or a worker: letters, digits, `.`, `_` and `-`, at most 64.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(plain)
}

/// Makes a key. The secret is not kept and cannot be had again.
///
/// # Errors
/// If the name is not plain or is in use, the grant contradicts itself, or the database fails.
pub async fn create(
    db: &mut Connection,
    name: &str,
    grant: &Grant,
) -> Result<(Key, SecretString), CatalogError> {
    if !is_plain_name(name) {
        return Err(CatalogError::BadName(name.to_owned()));
    }
    if in_use(db, name).await?.is_some() {
        return Err(CatalogError::NameInUse(name.to_owned()));
    }
    let beyond = |scope: &KeyScope| !matches!(scope, KeyScope::Read | KeyScope::Write);
    if grant.titles.is_some() && grant.scopes.iter().any(beyond) {
        return Err(CatalogError::WideGrant);
    }
    let secret = new_secret()?;
    let key: Key = database::query_as(
        "INSERT INTO keys (id, name, scope, hash, created_at, all_titles, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *",
    )
    .bind(KeyId::new())
    .bind(name)
    .bind(KeyScopes::stored(&grant.scopes))
    .bind(hash(secret.expose_secret()))
    .bind(now_ms())
    .bind(grant.titles.is_none())
    .bind(grant.expires_at)
    .fetch_one(&mut *db)
    .await?;
    for title in grant.titles.iter().flatten() {
        database::query(
            "INSERT INTO key_titles (key_id, title_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(&key.id)
        .bind(title)
        .execute(&mut *db)
        .await?;
    }
    Ok((key, secret))
}

/// Gives the key of this name another secret; the old one opens nothing any more.
///
/// # Errors
/// If no key of this name is in use, or the database fails.
pub async fn rotate(db: &mut Connection, name: &str) -> Result<(Key, SecretString), CatalogError> {
    let secret = new_secret()?;
    let rotated: Option<Key> = database::query_as(
        "UPDATE keys SET hash = $1 WHERE name = $2 AND revoked_at IS NULL RETURNING *",
    )
    .bind(hash(secret.expose_secret()))
    .bind(name)
    .fetch_optional(db)
    .await?;
    let key = rotated.ok_or_else(|| no_such_key(name))?;
    Ok((key, secret))
}

/// The titles that a key sees; `None` if it sees all.
///
/// # Errors
/// If the database fails.
pub async fn titles(db: &mut Connection, key: &Key) -> Result<Option<Vec<TitleId>>, CatalogError> {
    if key.all_titles {
        return Ok(None);
    }
    let titles = database::query_scalar("SELECT title_id FROM key_titles WHERE key_id = $1")
        .bind(&key.id)
        .fetch_all(db)
        .await?;
    Ok(Some(titles))
}

/// Whether some key opens anything besides the queue of work.
///
/// # Errors
/// If the database fails.
pub async fn any_for_people(db: &mut Connection) -> Result<bool, CatalogError> {
    let keys = list(db).await?;
    let opens = |key: &Key| {
        let alive = key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now_ms());
        let scopes = [KeyScope::Read, KeyScope::Write, KeyScope::Redact];
        alive && scopes.into_iter().any(|scope| key.scope.include(scope))
    };
    Ok(keys.iter().any(opens))
}

/// All keys, revoked ones too, newest first.
///
/// # Errors
/// If the database fails.
pub async fn list(db: &mut Connection) -> Result<Vec<Key>, CatalogError> {
    Ok(database::query_as("SELECT * FROM keys ORDER BY id DESC")
        .fetch_all(db)
        .await?)
}

/// Revokes the key of this name: from now on nobody gets in with it.
///
/// # Errors
/// If no key of this name is in use, or the database fails.
pub async fn revoke(db: &mut Connection, name: &str) -> Result<Key, CatalogError> {
    let revoked = database::query_as(
        "UPDATE keys SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL RETURNING *",
    )
    .bind(now_ms())
    .bind(name)
    .fetch_optional(db)
    .await?;
    revoked.ok_or_else(|| no_such_key(name))
}

fn no_such_key(name: &str) -> CatalogError {
    CatalogError::NotFound {
        what: "key",
        id: name.to_owned(),
    }
}

/// The key that this secret opens, if it is neither revoked nor expired.
///
/// The lookup is by hash. How long it takes says something of the hash at most, from which nobody
/// gets nearer to a secret that fits.
///
/// # Errors
/// If the database fails.
pub async fn find(db: &mut Connection, secret: &str) -> Result<Option<Key>, CatalogError> {
    Ok(database::query_as(
        "SELECT * FROM keys
          WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(hash(secret))
    .bind(now_ms())
    .fetch_optional(db)
    .await?)
}

/// Whether this key is still valid: it was not revoked or rotated since, and has not expired.
///
/// # Errors
/// If the database fails.
pub async fn is_valid(db: &mut Connection, key: &Key) -> Result<bool, CatalogError> {
    Ok(database::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM keys WHERE id = $1 AND hash = $2 AND revoked_at IS NULL
                           AND (expires_at IS NULL OR expires_at > $3))",
    )
    .bind(&key.id)
    .bind(&key.hash)
    .bind(now_ms())
    .fetch_one(db)
    .await?)
}

/// Whether the time of the key's last use should be written again.
#[must_use]
pub fn is_use_to_be_noted(key: &Key) -> bool {
    key.last_used_at.is_none_or(|at| at < now_ms() - USED_MS)
}

/// Notes that the key was used now.
///
/// # Errors
/// If the database fails.
pub async fn note_use(db: &mut Connection, key: &KeyId) -> Result<(), CatalogError> {
    database::query("UPDATE keys SET last_used_at = $1 WHERE id = $2")
        .bind(now_ms())
        .bind(key)
        .execute(db)
        .await?;
    Ok(())
}

async fn in_use(db: &mut Connection, name: &str) -> Result<Option<KeyId>, CatalogError> {
    Ok(
        database::query_scalar("SELECT id FROM keys WHERE name = $1 AND revoked_at IS NULL")
            .bind(name)
            .fetch_optional(db)
            .await?,
    )
}

/// One round of a fast hash is enough: slow, salted hashes protect what people think up, and these
/// 192 bits are from the system's generator, so there is nothing to guess or to look up in a table.
fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests;
