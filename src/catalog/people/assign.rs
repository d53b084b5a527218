//! Says whose face each is: of new faces at once, and of all on request.

use std::collections::HashMap;

use rushes_models::FaceDescriptor;
use serde::Serialize;
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::cluster::{Group, joined};
use super::{consent, faces};
use crate::catalog::{Catalog, CatalogError, FaceId, PersonId, RunId, now_ms};

/// What a clustering of all faces did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Clustered {
    /// Faces that were compared.
    pub faces: usize,
    /// People that there are now.
    pub people: usize,
    /// Faces that belong to another person than before.
    pub moved: usize,
}

/// A face as clustering sees it.
struct Placed {
    id: FaceId,
    descriptor: FaceDescriptor,
    person: Option<PersonId>,
    is_pinned: bool,
}

async fn all(db: &mut SqliteConnection) -> Result<Vec<Placed>, CatalogError> {
    let rows: Vec<(FaceId, Vec<u8>, Option<PersonId>, bool)> =
        sqlx::query_as("SELECT id, descriptor, person_id, is_pinned FROM faces ORDER BY rowid")
            .fetch_all(db)
            .await?;
    rows.into_iter()
        .map(|(id, bytes, person, is_pinned)| {
            Ok(Placed {
                id,
                descriptor: faces::descriptor(&bytes)?,
                person,
                is_pinned,
            })
        })
        .collect()
}

/// Gives each new face of a run to the person whose faces are nearest, or to a new one if none is near.
pub(super) async fn assign_new(db: &mut SqliteConnection, run: &RunId) -> Result<(), CatalogError> {
    let own: Vec<FaceId> =
        sqlx::query_scalar("SELECT id FROM faces WHERE run_id = ? AND person_id IS NULL")
            .bind(run)
            .fetch_all(&mut *db)
            .await?;
    if own.is_empty() {
        return Ok(());
    }
    let all = all(db).await?;
    let mut people: Vec<(PersonId, Group)> = Vec::new();
    let mut known: HashMap<PersonId, usize> = HashMap::new();
    for (at, face) in all.iter().enumerate() {
        if let Some(person) = &face.person {
            let place = *known.entry(person.clone()).or_insert_with(|| {
                people.push((person.clone(), Group::new(None)));
                people.len() - 1
            });
            people[place].1.add(at, &face.descriptor);
        }
    }
    for (at, face) in all.iter().enumerate() {
        if face.person.is_some() || !own.contains(&face.id) {
            continue;
        }
        let alone = Group::of(at, &face.descriptor);
        let near = people.iter().enumerate();
        let near = near.filter_map(|(place, (_, group))| Some((alone.nearness(group)?, place)));
        let nearest = near.min_by(|a, b| a.0.total_cmp(&b.0));
        let place = match nearest {
            Some((_, place)) => place,
            None => {
                people.push((create(db).await?, Group::new(None)));
                people.len() - 1
            }
        };
        people[place].1.add(at, &face.descriptor);
        give(db, &face.id, &people[place].0).await?;
    }
    Ok(())
}

/// Clusters all faces again. Faces that a user gave to somebody stay where they are, and people who have such faces are
/// never joined. Other people keep their ids where most of their faces stay together.
///
/// # Errors
/// [`CatalogError::PeopleOff`], or if the database fails.
pub async fn cluster_all(catalog: &Catalog) -> Result<Clustered, CatalogError> {
    let mut tx = catalog.begin().await?;
    consent::require(&mut tx).await?;
    let all = all(&mut tx).await?;
    let mut decided: Vec<PersonId> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<PersonId, usize> = HashMap::new();
    for (at, face) in all.iter().enumerate() {
        match &face.person {
            Some(person) if face.is_pinned => {
                let place = *places.entry(person.clone()).or_insert_with(|| {
                    groups.push(Group::new(Some(decided.len())));
                    decided.push(person.clone());
                    groups.len() - 1
                });
                groups[place].add(at, &face.descriptor);
            }
            Some(_) | None => groups.push(Group::of(at, &face.descriptor)),
        }
    }
    let found = tokio::task::spawn_blocking(move || joined(groups)).await;
    let mut found = found.map_err(|_died| CatalogError::Corrupt {
        what: "faces that cannot be compared",
    })?;
    // The largest groups choose first which person they are.
    found.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    let mut taken: Vec<PersonId> = decided.clone();
    let mut moved = 0;
    for group in &found {
        let person = match group.decided {
            Some(at) => decided[at].clone(),
            None => match most_common(&all, group, &taken) {
                Some(person) => person,
                None => create(&mut tx).await?,
            },
        };
        for &at in &group.members {
            if all[at].person.as_ref() != Some(&person) {
                give(&mut tx, &all[at].id, &person).await?;
                moved += 1;
            }
        }
        taken.push(person);
    }
    tx.commit().await?;
    Ok(Clustered {
        faces: all.len(),
        people: found.len(),
        moved,
    })
}

/// The person to whom most faces of a group belong, unless another group is that person.
fn most_common(all: &[Placed], group: &Group, taken: &[PersonId]) -> Option<PersonId> {
    let mut counts: HashMap<&PersonId, usize> = HashMap::new();
    for person in group
        .members
        .iter()
        .filter_map(|&at| all[at].person.as_ref())
    {
        if !taken.contains(person) {
            *counts.entry(person).or_default() += 1;
        }
    }
    let most = counts
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
    most.map(|(person, _)| person.clone())
}

pub(super) async fn create(db: &mut SqliteConnection) -> Result<PersonId, CatalogError> {
    let id = PersonId::new();
    sqlx::query("INSERT INTO people (id, created_at) VALUES (?, ?)")
        .bind(&id)
        .bind(now_ms())
        .execute(db)
        .await?;
    Ok(id)
}

async fn give(
    db: &mut SqliteConnection,
    face: &FaceId,
    person: &PersonId,
) -> Result<(), CatalogError> {
    sqlx::query("UPDATE faces SET person_id = ? WHERE id = ?")
        .bind(person)
        .bind(face)
        .execute(db)
        .await?;
    Ok(())
}
