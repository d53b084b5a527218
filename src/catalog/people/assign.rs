//! Says whose face each new one is, by comparing it with people and not with all faces.

use rushes_models::FaceDescriptor;

use super::cluster::Group;
use super::{faces, sums};
use crate::catalog::database::{self, Connection};
use crate::catalog::{CatalogError, FaceId, PersonId, RunId, now_ms};

/// Gives each new face of a run to the person whose faces are nearest, or to a new one if none is near.
pub(super) async fn assign_new(db: &mut Connection, run: &RunId) -> Result<(), CatalogError> {
    let own: Vec<(FaceId, Vec<u8>)> = database::query_as(
        "SELECT id, descriptor FROM faces WHERE run_id = $1 AND person_id IS NULL ORDER BY rowid",
    )
    .bind(run)
    .fetch_all(&mut *db)
    .await?;
    if own.is_empty() {
        return Ok(());
    }
    let mut people = sums::all(db).await?;
    let mut grown = Vec::new();
    for (at, (id, bytes)) in own.iter().enumerate() {
        let descriptor: FaceDescriptor = faces::descriptor(bytes)?;
        let alone = Group::of(at, &descriptor);
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
        people[place].1.add(at, &descriptor);
        give(db, id, &people[place].0).await?;
        grown.push(place);
    }
    grown.sort_unstable();
    grown.dedup();
    for place in grown {
        let (person, group) = &people[place];
        sums::keep(db, person, group).await?;
    }
    Ok(())
}

pub(super) async fn create(db: &mut Connection) -> Result<PersonId, CatalogError> {
    let id = PersonId::new();
    database::query("INSERT INTO people (id, created_at) VALUES ($1, $2)")
        .bind(&id)
        .bind(now_ms())
        .execute(db)
        .await?;
    Ok(id)
}

pub(super) async fn give(
    db: &mut Connection,
    face: &FaceId,
    person: &PersonId,
) -> Result<(), CatalogError> {
    database::query("UPDATE faces SET person_id = $1 WHERE id = $2")
        .bind(person)
        .bind(face)
        .execute(db)
        .await?;
    Ok(())
}
