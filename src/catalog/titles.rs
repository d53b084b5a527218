//! Titles: making, renaming, merging, deleting.

use futures::TryStreamExt as _;
use sqlx::FromRow;

use super::database::{self, Connection};
use super::metadata::Metadata;
use super::{AssetId, CatalogError, TitleId, assets, note_change, now_ms, plain_name};

/// Longest name in characters.
const MAX_NAME: usize = 500;
/// Most names that are suggested instead of one that there is not.
const MOST_NEAREST: usize = 3;

/// A title and what people added to it.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct TitleRow {
    /// Id.
    pub id: TitleId,
    /// What a viewer would call it. Unique.
    pub name: String,
    /// Metadata.
    #[sqlx(try_from = "String")]
    pub metadata: Metadata,
    /// Assets in it.
    pub assets: i64,
    /// Shots that can be found.
    pub shots: i64,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
}

/// The title with this id.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is none.
pub async fn get(db: &mut Connection, id: &TitleId) -> Result<TitleRow, CatalogError> {
    database::query_as(
        "SELECT t.id, t.name, t.metadata, t.created_at, COUNT(a.id) AS assets, CAST(COALESCE(SUM(a.shots), 0) AS BIGINT) AS shots
           FROM titles t LEFT JOIN assets a ON a.title_id = t.id WHERE t.id = $1 GROUP BY t.id",
    )
    .bind(id)
    .fetch_optional(db)
    .await?
    .ok_or_else(|| CatalogError::NotFound {
        what: "title",
        id: id.to_string(),
    })
}

/// The title with this id or name, if it is one of `within`.
///
/// # Errors
/// [`CatalogError::NoTitle`] with the names among these that are most like it, or if the database fails.
pub async fn find(
    db: &mut Connection,
    id_or_name: &str,
    within: Option<&[TitleId]>,
) -> Result<TitleId, CatalogError> {
    match assets::find_title(db, id_or_name).await {
        Ok(title) if within.is_none_or(|within| within.contains(&title)) => Ok(title),
        Ok(_) | Err(CatalogError::NotFound { .. }) => Err(missing(db, id_or_name, within).await?),
        Err(error) => Err(error),
    }
}

/// The error for a title that there is not, or that is not one of `within`.
pub(super) async fn missing(
    db: &mut Connection,
    name: &str,
    within: Option<&[TitleId]>,
) -> Result<CatalogError, CatalogError> {
    let mut rows = database::query_as::<(TitleId, String)>("SELECT id, name FROM titles").fetch(db);
    let mut near: Vec<(usize, String)> = Vec::new();
    while let Some((id, known)) = rows.try_next().await? {
        let is_seen = within.is_none_or(|within| within.contains(&id));
        if let Some(distance) = distance(name, &known).filter(|_| is_seen) {
            near.push((distance, known));
            near.sort();
            near.truncate(MOST_NEAREST);
        }
    }
    Ok(CatalogError::NoTitle {
        name: name.to_owned(),
        nearest: near.into_iter().map(|(_, name)| name).collect(),
    })
}

/// Letters of the longest name that is compared with those that are known.
const LONGEST_MISSPELT: usize = 200;

/// How far a name is from one that is known; `None` if they have nothing to do with each other.
fn distance(name: &str, known: &str) -> Option<usize> {
    let (name, known) = (name.trim().to_lowercase(), known.to_lowercase());
    let letters = name.chars().count();
    // What is longer than any name is none that is misspelt.
    if !(2..=LONGEST_MISSPELT).contains(&letters) {
        return None;
    }
    // Of what begins with the name, or has it as a word, the shortest is the nearest.
    let is_part = known
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| !word.is_empty() && (word.starts_with(&name) || *word == name))
        || (letters > 3 && known.contains(&name));
    if is_part {
        return Some(known.chars().count() - letters.min(known.chars().count()));
    }
    if known.chars().count().abs_diff(letters) > letters / 3 {
        return None;
    }
    let typing_errors = strsim::osa_distance(&name, &known);
    (typing_errors <= letters / 3).then_some(typing_errors)
}

/// Makes a title without assets, which stays until somebody deletes it.
///
/// # Errors
/// If the name is no name or is in use, or the database fails.
pub async fn create(db: &mut Connection, name: &str) -> Result<TitleId, CatalogError> {
    let name = checked(db, name, None).await?;
    let id = TitleId::new();
    database::query("INSERT INTO titles (id, name, created_at, kept) VALUES ($1, $2, $3, TRUE)")
        .bind(&id)
        .bind(name)
        .bind(now_ms())
        .execute(db)
        .await?;
    Ok(id)
}

/// Gives a title another name.
///
/// # Errors
/// If the name is no name or is in use, or the database fails.
pub async fn rename(db: &mut Connection, id: &TitleId, name: &str) -> Result<(), CatalogError> {
    let name = checked(db, name, Some(id)).await?;
    database::query("UPDATE titles SET name = $1 WHERE id = $2")
        .bind(name)
        .bind(id)
        .execute(&mut *db)
        .await?;
    for asset in assets::list(db, Some(id)).await? {
        note_change(db, &asset).await?;
    }
    Ok(())
}

/// Moves an asset to a title; the one it was in goes with its last asset.
///
/// # Errors
/// If the database fails.
pub async fn move_asset(
    db: &mut Connection,
    asset: &AssetId,
    title: &TitleId,
) -> Result<(), CatalogError> {
    let before = assets::get(db, asset).await?.title_id;
    if before == *title {
        return Ok(());
    }
    database::query("UPDATE assets SET title_id = $1 WHERE id = $2")
        .bind(title)
        .bind(asset)
        .execute(&mut *db)
        .await?;
    remove_if_empty(db, &before).await?;
    note_change(db, asset).await
}

/// Moves all assets of a title to another one, and deletes it.
///
/// # Errors
/// If the database fails.
pub async fn merge(
    db: &mut Connection,
    from: &TitleId,
    into: &TitleId,
) -> Result<(), CatalogError> {
    if from == into {
        return Ok(());
    }
    for asset in assets::list(db, Some(from)).await? {
        move_asset(db, &asset, into).await?;
    }
    remove(db, from).await
}

/// Deletes a title with its assets and all that was computed of them.
///
/// # Errors
/// If the database fails.
pub async fn remove(db: &mut Connection, id: &TitleId) -> Result<(), CatalogError> {
    for asset in assets::list(db, Some(id)).await? {
        assets::remove(db, &asset).await?;
    }
    database::query("DELETE FROM titles WHERE id = $1")
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes a title that has no asset, unless it was made by hand.
///
/// # Errors
/// If the database fails.
pub(super) async fn remove_if_empty(db: &mut Connection, id: &TitleId) -> Result<(), CatalogError> {
    database::query(
        "DELETE FROM titles
          WHERE id = $1 AND NOT kept AND NOT EXISTS (SELECT 1 FROM assets WHERE title_id = $1)",
    )
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

/// A name for a title, without spaces around it.
///
/// # Errors
/// [`CatalogError::BadTitle`] if it cannot be one.
pub fn trimmed(name: &str) -> Result<&str, CatalogError> {
    plain_name(name, MAX_NAME).ok_or_else(|| CatalogError::BadTitle(name.to_owned()))
}

async fn checked<'a>(
    db: &mut Connection,
    name: &'a str,
    of: Option<&TitleId>,
) -> Result<&'a str, CatalogError> {
    let trimmed = trimmed(name)?;
    let taken: Option<TitleId> = database::query_scalar("SELECT id FROM titles WHERE name = $1")
        .bind(trimmed)
        .fetch_optional(db)
        .await?;
    match taken {
        Some(other) if Some(&other) != of => Err(CatalogError::TitleInUse(trimmed.to_owned())),
        Some(_) | None => Ok(trimmed),
    }
}
