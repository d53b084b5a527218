//! What users say of people: who they are, and whose face it is.

use std::collections::HashSet;

use super::assign::create;
use super::{Person, find};
use crate::catalog::database::{self, Connection};
use crate::catalog::{CatalogError, FaceId, PersonId};

/// Longest name, in characters.
const MAX_NAME: usize = 200;
/// Words that paths of the API have in the place of a person.
const RESERVED: [&str; 2] = ["consent", "cluster"];
/// What people without a name are called, before their number.
const NUMBERED: &str = "person ";

/// Gives a person a name, or takes it away. From then on the faces that the person has are known to be theirs.
///
/// # Errors
/// If the name is not allowed, or somebody else has it.
pub async fn name(
    db: &mut Connection,
    person: &Person,
    name: Option<&str>,
) -> Result<(), CatalogError> {
    if let Some(name) = name {
        set_name(db, &person.id, name).await?;
    } else {
        database::query("UPDATE people SET name = NULL WHERE id = $1")
            .bind(&person.id)
            .execute(&mut *db)
            .await?;
    }
    pin(db, &person.id).await
}

async fn set_name(db: &mut Connection, person: &PersonId, name: &str) -> Result<(), CatalogError> {
    let name = name.trim();
    let folded = name.to_lowercase();
    let is_number = folded
        .strip_prefix(NUMBERED)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let is_long = name.chars().count() > MAX_NAME;
    // These mean something else where a person is named.
    let is_taken = RESERVED.contains(&folded.as_str()) || name.parse::<PersonId>().is_ok();
    let is_bad = name.is_empty() || is_long || is_number || is_taken;
    if is_bad || name.chars().any(char::is_control) {
        return Err(CatalogError::BadPersonName(name.to_owned()));
    }
    let other: Option<PersonId> =
        database::query_scalar("SELECT id FROM people WHERE lower(name) = $1 AND id <> $2")
            .bind(name.to_ascii_lowercase())
            .bind(person)
            .fetch_optional(&mut *db)
            .await?;
    if other.is_some() {
        return Err(CatalogError::PersonNameInUse(name.to_owned()));
    }
    database::query("UPDATE people SET name = $1 WHERE id = $2")
        .bind(name)
        .bind(person)
        .execute(db)
        .await?;
    Ok(())
}

/// Leaves a person out of lists, counts and searches, or takes them in again.
///
/// # Errors
/// If the database fails.
pub async fn hide(
    db: &mut Connection,
    person: &Person,
    is_hidden: bool,
) -> Result<(), CatalogError> {
    database::query("UPDATE people SET is_hidden = $1 WHERE id = $2")
        .bind(is_hidden)
        .bind(&person.id)
        .execute(&mut *db)
        .await?;
    pin(db, &person.id).await
}

/// Makes `others`, by ids, names or numbers, the same person as `into`. If only one of them has a name, it stays; of
/// several, `name` says which, or gives another.
///
/// # Errors
/// If one of them does not exist, they have different names and none is given, or as [`name`].
pub async fn merge(
    db: &mut Connection,
    into: &Person,
    others: &[String],
    name: Option<&str>,
) -> Result<(), CatalogError> {
    let mut from: Vec<Person> = Vec::new();
    for other in others {
        let other = find(db, other, None).await?;
        if other.id != into.id && from.iter().all(|known| known.id != other.id) {
            from.push(other);
        }
    }
    let mut names = from.iter().chain([into]).filter_map(|one| one.name.clone());
    let kept = names.next();
    let other = names.next();
    if let (None, Some(one), Some(other)) = (name, &kept, other) {
        return Err(CatalogError::TwoNames(one.clone(), other));
    }
    for other in &from {
        database::query("UPDATE faces SET person_id = $1 WHERE person_id = $2")
            .bind(&into.id)
            .bind(&other.id)
            .execute(&mut *db)
            .await?;
        database::query("DELETE FROM people WHERE id = $1")
            .bind(&other.id)
            .execute(&mut *db)
            .await?;
    }
    if let Some(name) = name.or(kept.as_deref()) {
        set_name(db, &into.id, name).await?;
    }
    pin(db, &into.id).await
}

/// Makes some faces of a person those of somebody else, who may get a name, and returns that person.
///
/// # Errors
/// If the faces are none or all of theirs, or as [`name`].
pub async fn split(
    db: &mut Connection,
    person: &Person,
    faces: &[FaceId],
    name: Option<&str>,
) -> Result<PersonId, CatalogError> {
    let own: HashSet<FaceId> = database::query_scalar("SELECT id FROM faces WHERE person_id = $1")
        .bind(&person.id)
        .fetch_all(&mut *db)
        .await?
        .into_iter()
        .collect();
    let parted: HashSet<&FaceId> = faces.iter().collect();
    if let Some(foreign) = parted.iter().find(|face| !own.contains(**face)) {
        return Err(CatalogError::NotFound {
            what: "face",
            id: foreign.to_string(),
        });
    }
    if parted.is_empty() || parted.len() == own.len() {
        return Err(CatalogError::NothingToSplit);
    }
    pin(db, &person.id).await?;
    let other = create(db).await?;
    if let Some(name) = name {
        set_name(db, &other, name).await?;
    }
    database::query(
        "UPDATE faces SET person_id = $1 WHERE id IN (SELECT value FROM json_each($2))",
    )
    .bind(&other)
    .bind(serde_json::json!(parted).to_string())
    .execute(db)
    .await?;
    Ok(other)
}

/// Deletes a person with all their faces, and notes where these were seen, so that they are not described again when the
/// same files are looked at again. Nothing is kept by which the person could be recognised, so other files that show them
/// will. [`Catalog::scrub`](crate::catalog::Catalog::scrub) then removes what is left in the files.
///
/// # Errors
/// If the database fails.
pub async fn delete(db: &mut Connection, person: &Person) -> Result<(), CatalogError> {
    for statement in [
        "INSERT INTO untouched_faces (asset_id, blake3, start_frame, end_frame, path)
         SELECT r.asset_id, COALESCE(a.blake3, ''), s.start_frame, s.end_frame, f.path
           FROM faces f JOIN runs r ON r.id = f.run_id JOIN assets a ON a.id = r.asset_id
           JOIN run_inputs i ON i.run_id = r.id
           JOIN shots s ON s.run_id = i.input_id AND s.ordinal = f.shot
          WHERE f.person_id = $1",
        "DELETE FROM faces WHERE person_id = $1",
        "DELETE FROM people WHERE id = $1",
    ] {
        database::query(statement)
            .bind(&person.id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Faces that a person has are known to be theirs.
async fn pin(db: &mut Connection, person: &PersonId) -> Result<(), CatalogError> {
    database::query("UPDATE faces SET is_pinned = TRUE WHERE person_id = $1")
        .bind(person)
        .execute(db)
        .await?;
    Ok(())
}
