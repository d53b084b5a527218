//! Whether the sense of people is on. It is a setting of the catalogue, with the grounds and who turned it on.

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::FEATURE;
use crate::catalog::database::{self, Connection};
use crate::catalog::results::drop_superseded;
use crate::catalog::{AssetId, CatalogError, KeyId, note_change, now_ms};

/// Longest grounds, in characters.
const MAX_BECAUSE: usize = 1000;

/// Whether the sense of people is on, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Consent {
    /// Whether it is on.
    pub is_on: bool,
    /// On what grounds it was last turned on.
    #[schema(example = "written consent of the cast, file 2026-117")]
    pub because: String,
    /// Name of the key that turned it on or off; null if this machine's user did.
    pub key_name: Option<String>,
    /// When, Unix milliseconds.
    pub at: i64,
}

/// Whether the sense of people is on; `None` if nobody ever turned it on.
///
/// # Errors
/// If the database fails.
pub async fn consent(db: &mut Connection) -> Result<Option<Consent>, CatalogError> {
    Ok(
        database::query_as("SELECT is_on, because, key_name, at FROM people_consent")
            .fetch_optional(db)
            .await?,
    )
}

/// Whether the sense of people is on.
///
/// # Errors
/// If the database fails.
pub async fn is_on(db: &mut Connection) -> Result<bool, CatalogError> {
    Ok(consent(db).await?.is_some_and(|consent| consent.is_on))
}

/// Refuses what needs the sense of people while it is off.
///
/// # Errors
/// [`CatalogError::PeopleOff`], or if the database fails.
pub async fn require(db: &mut Connection) -> Result<(), CatalogError> {
    if is_on(db).await? {
        Ok(())
    } else {
        Err(CatalogError::PeopleOff)
    }
}

/// Turns the sense on, on these grounds. `key` is the one of who does it.
///
/// # Errors
/// [`CatalogError::NoGrounds`] if none are given, or if the database fails.
pub async fn turn_on(
    db: &mut Connection,
    because: &str,
    key: Option<(&KeyId, &str)>,
) -> Result<(), CatalogError> {
    let because = because.trim();
    if because.is_empty() || because.chars().count() > MAX_BECAUSE {
        return Err(CatalogError::NoGrounds);
    }
    database::query(
        "INSERT INTO people_consent (id, is_on, because, key_id, key_name, at) VALUES (1, TRUE, $1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET is_on = TRUE, because = excluded.because, key_id = excluded.key_id,
                                        key_name = excluded.key_name, at = excluded.at",
    )
    .bind(because)
    .bind(key.map(|(id, _)| id))
    .bind(key.map(|(_, name)| name))
    .bind(now_ms())
    .execute(db)
    .await?;
    Ok(())
}

/// Turns the sense off, and deletes every person, descriptor and picture of a face. Returns how many faces there were.
/// [`Catalog::scrub`](crate::catalog::Catalog::scrub) then removes what is left of them in the files.
///
/// # Errors
/// If the database fails.
pub async fn turn_off(
    db: &mut Connection,
    key: Option<(&KeyId, &str)>,
) -> Result<i64, CatalogError> {
    database::query("UPDATE people_consent SET is_on = FALSE, key_id = $1, key_name = $2, at = $3")
        .bind(key.map(|(id, _)| id))
        .bind(key.map(|(_, name)| name))
        .bind(now_ms())
        .execute(&mut *db)
        .await?;
    let faces: i64 = database::query_scalar("SELECT COUNT(*) FROM faces")
        .fetch_one(&mut *db)
        .await?;
    let assets: Vec<AssetId> =
        database::query_scalar("SELECT DISTINCT asset_id FROM runs WHERE feature = $1")
            .bind(FEATURE)
            .fetch_all(&mut *db)
            .await?;
    for statement in [
        "DELETE FROM published WHERE feature = $1",
        "DELETE FROM wanted WHERE feature = $1",
        // With their faces. A worker that has such a run gets to know at its next report.
        "DELETE FROM runs WHERE feature = $1",
    ] {
        database::query(statement)
            .bind(FEATURE)
            .execute(&mut *db)
            .await?;
    }
    for statement in ["DELETE FROM faces", "DELETE FROM people"] {
        database::query(statement).execute(&mut *db).await?;
    }
    for asset in &assets {
        drop_superseded(db, asset).await?;
        note_change(db, asset).await?;
    }
    Ok(faces)
}
