//! The sum of the descriptors of each person's faces, which is all that a new face is compared with. The catalogue keeps
//! it; triggers drop it where faces are moved or deleted, and it is made again here.

#[cfg(test)]
mod tests;

use rushes_models::DESCRIPTOR;
use sqlx::FromRow;

use super::cluster::Group;
use super::faces;
use crate::catalog::database::{self, Connection};
use crate::catalog::{CatalogError, PersonId};

#[derive(FromRow)]
struct SumRow {
    person_id: PersonId,
    #[sqlx(try_from = "i64")]
    faces: u32,
    sum: Vec<u8>,
    squares: f64,
}

/// Everybody who has a face, in the order of their numbers, as a group without members.
pub(super) async fn all(db: &mut Connection) -> Result<Vec<(PersonId, Group)>, CatalogError> {
    make_missing(db).await?;
    let rows: Vec<SumRow> = database::query_as(
        "SELECT s.person_id, s.faces, s.sum, s.squares FROM face_sums s JOIN people p ON p.id = s.person_id
          ORDER BY p.number",
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (numbers, rest) = row.sum.as_chunks::<8>();
            let sum: Vec<f64> = numbers
                .iter()
                .map(|eight| f64::from_le_bytes(*eight))
                .collect();
            if sum.len() != DESCRIPTOR || !rest.is_empty() || row.faces == 0 {
                return Err(CatalogError::Corrupt {
                    what: "the sum of a person's faces",
                });
            }
            Ok((row.person_id, Group::summed(row.faces, sum, row.squares)))
        })
        .collect()
}

/// Adds up the faces of people whose sum is not known.
async fn make_missing(db: &mut Connection) -> Result<(), CatalogError> {
    let missing: Vec<PersonId> = database::query_scalar(
        "SELECT p.id FROM people p WHERE NOT EXISTS (SELECT 1 FROM face_sums s WHERE s.person_id = p.id)
            AND EXISTS (SELECT 1 FROM faces f WHERE f.person_id = p.id)",
    )
    .fetch_all(&mut *db)
    .await?;
    for person in missing {
        let descriptors: Vec<Vec<u8>> = database::query_scalar(
            "SELECT descriptor FROM faces WHERE person_id = $1 ORDER BY rowid",
        )
        .bind(&person)
        .fetch_all(&mut *db)
        .await?;
        let mut group = Group::new(None);
        for (at, bytes) in descriptors.iter().enumerate() {
            group.add(at, &faces::descriptor(bytes)?);
        }
        keep(db, &person, &group).await?;
    }
    Ok(())
}

/// Keeps the sum of a person's faces.
pub(super) async fn keep(
    db: &mut Connection,
    person: &PersonId,
    group: &Group,
) -> Result<(), CatalogError> {
    let (faces, sum, squares) = group.sums();
    let sum: Vec<u8> = sum.iter().flat_map(|number| number.to_le_bytes()).collect();
    database::query("INSERT INTO face_sums (person_id, faces, sum, squares) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person_id) DO UPDATE SET faces = excluded.faces, sum = excluded.sum, squares = excluded.squares")
        .bind(person)
        .bind(faces)
        .bind(sum)
        .bind(squares)
        .execute(db)
        .await?;
    Ok(())
}
