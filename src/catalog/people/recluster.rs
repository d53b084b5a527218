//! Clusters all faces again: on a copy of what is known of them, while others may write, and then applies what was found
//! in a short transaction. If faces were moved, pinned or deleted meanwhile, it is all done again.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use rushes_models::FaceDescriptor;
use serde::Serialize;
use utoipa::ToSchema;

use super::assign::{create, give};
use super::cluster::{Group, joined};
use super::{consent, faces};
use crate::catalog::database::{self, Connection};
use crate::catalog::{Catalog, CatalogError, FaceId, PersonId};

/// How often it is done again before it is given up.
const MOST_TRIES: u32 = 8;

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

/// All faces at one moment.
struct Faces {
    version: i64,
    all: Vec<Placed>,
}

/// Clusters all faces again. Faces that a user gave to somebody stay where they are, and people who have such faces are
/// never joined. Other people keep their ids where most of their faces stay together. Others can write meanwhile; new
/// faces are left with whom they were given to.
///
/// # Errors
/// [`CatalogError::PeopleOff`], [`CatalogError::PeopleBusy`] if people are changed all the time, or if the database fails.
pub async fn cluster_all(catalog: &Catalog) -> Result<Clustered, CatalogError> {
    cluster_by(catalog, joined).await
}

/// The same with another way to join groups, which may block.
pub(super) async fn cluster_by(
    catalog: &Catalog,
    join: impl Fn(Vec<Group>) -> Vec<Group> + Clone + Send + 'static,
) -> Result<Clustered, CatalogError> {
    for _ in 0..MOST_TRIES {
        let mut db = catalog.snapshot().await?;
        let known = read(&mut db).await?;
        // A snapshot that stays open keeps the write-ahead log from being emptied.
        drop(db);
        let (groups, decided) = begun(&known.all);
        let join = join.clone();
        let found = tokio::task::spawn_blocking(move || join(groups)).await;
        let found = found.map_err(|_died| CatalogError::Corrupt {
            what: "faces that cannot be compared",
        })?;
        if let Some(done) = apply(catalog, &known, found, decided).await? {
            return Ok(done);
        }
    }
    Err(CatalogError::PeopleBusy)
}

async fn read(db: &mut Connection) -> Result<Faces, CatalogError> {
    let version = version(db).await?;
    let rows: Vec<(FaceId, Vec<u8>, Option<PersonId>, bool)> =
        database::query_as("SELECT id, descriptor, person_id, is_pinned FROM faces ORDER BY rowid")
            .fetch_all(db)
            .await?;
    let all = rows.into_iter().map(|(id, bytes, person, is_pinned)| {
        Ok(Placed {
            id,
            descriptor: faces::descriptor(&bytes)?,
            person,
            is_pinned,
        })
    });
    Ok(Faces {
        version,
        all: all.collect::<Result<_, CatalogError>>()?,
    })
}

/// Which state of the faces it is.
async fn version(db: &mut Connection) -> Result<i64, CatalogError> {
    consent::require(db).await?;
    Ok(
        database::query_scalar("SELECT faces_version FROM people_consent")
            .fetch_one(db)
            .await?,
    )
}

/// The groups to begin with: the faces that users gave to each person, and each other face by itself. Also these people.
fn begun(all: &[Placed]) -> (Vec<Group>, Vec<PersonId>) {
    let mut decided: Vec<PersonId> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<&PersonId, usize> = HashMap::new();
    for (at, face) in all.iter().enumerate() {
        match &face.person {
            Some(person) if face.is_pinned => {
                let place = *places.entry(person).or_insert_with(|| {
                    groups.push(Group::new(Some(decided.len())));
                    decided.push(person.clone());
                    groups.len() - 1
                });
                groups[place].add(at, &face.descriptor);
            }
            Some(_) | None => groups.push(Group::of(at, &face.descriptor)),
        }
    }
    (groups, decided)
}

/// Moves the faces to the people that were found; `None` if what was read is no longer so.
async fn apply(
    catalog: &Catalog,
    known: &Faces,
    mut found: Vec<Group>,
    decided: Vec<PersonId>,
) -> Result<Option<Clustered>, CatalogError> {
    let all = &known.all;
    let mut tx = catalog.begin().await?;
    if version(&mut tx).await? != known.version {
        return Ok(None);
    }
    // The largest groups choose first which person they are.
    found.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    let mut taken: HashSet<PersonId> = decided.iter().cloned().collect();
    let mut moved = 0;
    for group in &found {
        let person = match group.decided {
            Some(at) => decided[at].clone(),
            None => match most_common(all, group, &taken) {
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
        taken.insert(person);
    }
    tx.commit().await?;
    Ok(Some(Clustered {
        faces: all.len(),
        people: found.len(),
        moved,
    }))
}

/// The person to whom most faces of a group belong, unless another group is that person.
fn most_common(all: &[Placed], group: &Group, taken: &HashSet<PersonId>) -> Option<PersonId> {
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
