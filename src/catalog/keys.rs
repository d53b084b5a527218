//! Keys for programs that reach the server from elsewhere. Only hashes are kept.

use std::fmt;

use serde::Serialize;
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::{CatalogError, KeyId, now_ms};

/// What every secret begins with, so that people and scanners of leaked secrets know one.
const PREFIX: &str = "rk_";
/// Random bytes of a secret: 192 bits.
const BYTES: usize = 24;
/// Longest name of a key.
const MAX_NAME: usize = 64;
/// How old the time of the last use may grow before it is written again: a worker asks every second.
const USED_MS: i64 = 60_000;

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "kebab-case")]
#[sqlx(rename_all = "kebab-case")]
pub enum KeyScope {
    /// Leasing work and handing in results.
    Work,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Key {
    /// Id.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it is good for.
    pub scope: KeyScope,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

/// A secret on its way to the one who asked for the key. It prints itself nowhere.
pub struct Secret(String);

impl Secret {
    fn new() -> Result<Self, CatalogError> {
        let mut random = [0_u8; BYTES];
        getrandom::fill(&mut random).map_err(|error| CatalogError::Random(error.to_string()))?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(format!("{PREFIX}{digits}")))
    }

    /// The secret in plain text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
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
/// If the name is not plain or is in use, or the database fails.
pub async fn create(
    db: &mut SqliteConnection,
    name: &str,
    scope: KeyScope,
) -> Result<(Key, Secret), CatalogError> {
    if !is_plain_name(name) {
        return Err(CatalogError::BadName(name.to_owned()));
    }
    if in_use(db, name).await?.is_some() {
        return Err(CatalogError::NameInUse(name.to_owned()));
    }
    let secret = Secret::new()?;
    let key = sqlx::query_as(
        "INSERT INTO keys (id, name, scope, hash, created_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
    )
    .bind(KeyId::new())
    .bind(name)
    .bind(scope)
    .bind(hash(secret.reveal()))
    .bind(now_ms())
    .fetch_one(db)
    .await?;
    Ok((key, secret))
}

/// All keys, revoked ones too, newest first.
///
/// # Errors
/// If the database fails.
pub async fn list(db: &mut SqliteConnection) -> Result<Vec<Key>, CatalogError> {
    Ok(sqlx::query_as("SELECT * FROM keys ORDER BY id DESC")
        .fetch_all(db)
        .await?)
}

/// Revokes the key of this name: from now on nobody gets in with it.
///
/// # Errors
/// If no key of this name is in use, or the database fails.
pub async fn revoke(db: &mut SqliteConnection, name: &str) -> Result<Key, CatalogError> {
    let revoked = sqlx::query_as(
        "UPDATE keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL RETURNING *",
    )
    .bind(now_ms())
    .bind(name)
    .fetch_optional(db)
    .await?;
    revoked.ok_or_else(|| CatalogError::NotFound {
        what: "key",
        id: name.to_owned(),
    })
}

/// The key that this secret opens, if it is in use and good for `scope`.
///
/// The lookup is by hash. How long it takes says something of the hash at most, from which nobody
/// gets nearer to a secret that fits.
///
/// # Errors
/// If the database fails.
pub async fn find(
    db: &mut SqliteConnection,
    secret: &str,
    scope: KeyScope,
) -> Result<Option<Key>, CatalogError> {
    Ok(
        sqlx::query_as("SELECT * FROM keys WHERE hash = ? AND scope = ? AND revoked_at IS NULL")
            .bind(hash(secret))
            .bind(scope)
            .fetch_optional(db)
            .await?,
    )
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
pub async fn note_use(db: &mut SqliteConnection, key: &KeyId) -> Result<(), CatalogError> {
    sqlx::query("UPDATE keys SET last_used_at = ? WHERE id = ?")
        .bind(now_ms())
        .bind(key)
        .execute(db)
        .await?;
    Ok(())
}

async fn in_use(db: &mut SqliteConnection, name: &str) -> Result<Option<KeyId>, CatalogError> {
    Ok(
        sqlx::query_scalar("SELECT id FROM keys WHERE name = ? AND revoked_at IS NULL")
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
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    async fn catalog(folder: &std::path::Path) -> Catalog {
        Catalog::open(&folder.join("catalog.db")).await.unwrap()
    }

    #[tokio::test]
    async fn a_secret_opens_its_key_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path()).await;
        let mut tx = catalog.begin().await.unwrap();
        let (key, secret) = create(&mut tx, "gpu-1", KeyScope::Work).await.unwrap();
        let secret = secret.reveal();
        assert!(secret.starts_with("rk_") && secret.len() == 3 + 2 * BYTES);
        let found = find(&mut tx, secret, KeyScope::Work)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found, key);
        assert!(is_use_to_be_noted(&found));
        note_use(&mut tx, &key.id).await.unwrap();
        let found = find(&mut tx, secret, KeyScope::Work)
            .await
            .unwrap()
            .unwrap();
        assert!(!is_use_to_be_noted(&found));
        let nearly = &secret[..secret.len() - 1];
        assert_eq!(find(&mut tx, nearly, KeyScope::Work).await.unwrap(), None);
        assert_eq!(find(&mut tx, "", KeyScope::Work).await.unwrap(), None);
        revoke(&mut tx, "gpu-1").await.unwrap();
        assert_eq!(find(&mut tx, secret, KeyScope::Work).await.unwrap(), None);
        assert!(revoke(&mut tx, "gpu-1").await.is_err());
        // The name is free again, for another secret.
        let (_, other) = create(&mut tx, "gpu-1", KeyScope::Work).await.unwrap();
        assert_ne!(other.reveal(), secret);
        assert_eq!(list(&mut tx).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn names_are_plain_and_used_once() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path()).await;
        let mut tx = catalog.begin().await.unwrap();
        for bad in ["", "a/b", "a b", "é", &"x".repeat(65)] {
            let error = create(&mut tx, bad, KeyScope::Work).await.unwrap_err();
            assert!(matches!(error, CatalogError::BadName(_)), "{error}");
        }
        create(&mut tx, "a", KeyScope::Work).await.unwrap();
        let error = create(&mut tx, "a", KeyScope::Work).await.unwrap_err();
        assert!(error.to_string().contains("rushes key revoke a"), "{error}");
    }

    #[tokio::test]
    async fn the_secret_is_neither_kept_nor_printed() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = catalog(folder.path()).await;
        let mut tx = catalog.begin().await.unwrap();
        let made = create(&mut tx, "a", KeyScope::Work).await.unwrap();
        assert!(!format!("{made:?}").contains("rk_"));
        tx.commit().await.unwrap();
        catalog.close().await;
        let file = std::fs::read(folder.path().join("catalog.db")).unwrap();
        let secret = made.1.reveal().as_bytes();
        assert!(!file.windows(secret.len()).any(|window| window == secret));
    }
}
