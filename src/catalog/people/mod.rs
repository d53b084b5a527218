//! People: whose faces are seen, in which shots.
//!
//! A face is one person's through one shot. Faces that are alike belong to one person (`cluster.rs`), who has a number and
//! may get a name. The sense is off until somebody turns it on (`consent.rs`), because descriptors of faces are biometric
//! data; while it is off there are none. A new face is compared with people (`assign.rs`, `sums.rs`), and all faces with each
//! other on request only (`recluster.rs`). What users decide, such as a name or whose face it is, outlasts every clustering.

mod assign;
mod cluster;
mod consent;
mod edit;
mod faces;
mod recluster;
mod sums;
#[cfg(test)]
mod tests;

use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{AssetId, CatalogError, FaceId, PersonId, TitleId};
use crate::catalog::database::{self, Connection};

pub use consent::{Consent, consent, is_on, require, turn_off, turn_on};
pub use edit::{delete, hide, merge, name, split};
pub use faces::{CatalogFace, NewFace, PersonInShot, crop, faces_of, seen_in, store, untouched};
pub use recluster::{Clustered, cluster_all};

/// The feature whose runs describe faces.
const FEATURE: &str = "people";

/// A person as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, ToSchema)]
pub struct Person {
    /// Id.
    #[schema(value_type = String)]
    pub id: PersonId,
    /// What the person is called: the name, or a number such as `Person 12`.
    #[schema(example = "Anna")]
    pub label: String,
    /// The name, if somebody gave one.
    pub name: Option<String>,
    /// Whether the person is left out of lists, counts and searches.
    pub is_hidden: bool,
    /// Shots in which the person is seen.
    pub shots: i64,
    /// Titles in which the person is seen.
    pub titles: i64,
    /// The face that shows the person best; null if no face is left.
    #[schema(value_type = Option<String>)]
    pub face: Option<FaceId>,
}

/// How many videos were looked at for faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PeopleCoverage {
    /// Videos whose faces are known.
    pub ready: i64,
    /// Videos for which it failed, or whose shots could not be found; the reasons are in their jobs.
    pub failed: i64,
    /// All videos.
    pub total: i64,
}

/// How people are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeopleFilter<'a> {
    /// The titles that may be seen; all if `None`. Who is not seen in them is not listed.
    pub within: Option<&'a [TitleId]>,
    /// With those who are hidden.
    pub hidden: bool,
    /// Only those with a name.
    pub named: bool,
}

const LISTED: &str = "SELECT p.id, COALESCE(p.name, 'Person ' || p.number) AS label, p.name, p.is_hidden,
        COUNT(DISTINCT f.run_id || '.' || f.shot) AS shots, COUNT(DISTINCT a.title_id) AS titles,
        (SELECT b.id FROM faces b JOIN published q ON q.run_id = b.run_id JOIN assets c ON c.id = q.asset_id
          WHERE b.person_id = p.id AND ($1 IS NULL OR c.title_id IN (SELECT value FROM json_each($1)))
          ORDER BY b.size * b.score DESC, b.id LIMIT 1) AS face
   FROM people p
   LEFT JOIN (faces f JOIN published d ON d.run_id = f.run_id
              JOIN assets a ON a.id = d.asset_id AND ($1 IS NULL OR a.title_id IN (SELECT value FROM json_each($1))))
     ON f.person_id = p.id";

fn in_json(titles: Option<&[TitleId]>) -> Option<String> {
    titles.map(|titles| serde_json::json!(titles).to_string())
}

/// People, those with the most shots first; up to `most` of them from the place `from` on.
///
/// # Errors
/// [`CatalogError::PeopleOff`], or if the database fails.
pub async fn list(
    db: &mut Connection,
    filter: PeopleFilter<'_>,
    (from, most): (u32, u32),
) -> Result<Vec<Person>, CatalogError> {
    require(db).await?;
    let sql = format!(
        "{LISTED} WHERE ($2 OR NOT p.is_hidden) AND (NOT $3 OR p.name IS NOT NULL)
          GROUP BY p.number HAVING COUNT(f.id) > 0 OR ($1 IS NULL AND p.name IS NOT NULL)
          ORDER BY COUNT(DISTINCT f.run_id || '.' || f.shot) DESC, p.number LIMIT $4 OFFSET $5"
    );
    Ok(database::query_as(sqlx::AssertSqlSafe(sql))
        .bind(in_json(filter.within))
        .bind(filter.hidden)
        .bind(filter.named)
        .bind(most)
        .bind(from)
        .fetch_all(db)
        .await?)
}

/// The person with this id, name or number such as `Person 12`; hidden ones too.
///
/// # Errors
/// [`CatalogError::PeopleOff`], [`CatalogError::NotFound`] if there is none or none that is seen in the titles `within`.
pub async fn find(
    db: &mut Connection,
    who: &str,
    within: Option<&[TitleId]>,
) -> Result<Person, CatalogError> {
    require(db).await?;
    let sql = format!(
        "{LISTED} WHERE p.id = $2 OR lower(COALESCE(p.name, 'Person ' || p.number)) = $3
          GROUP BY p.number HAVING COUNT(f.id) > 0 OR $1 IS NULL"
    );
    let found: Option<Person> = database::query_as(sqlx::AssertSqlSafe(sql))
        .bind(in_json(within))
        .bind(who.trim())
        .bind(who.trim().to_ascii_lowercase())
        .fetch_optional(db)
        .await?;
    found.ok_or_else(|| CatalogError::NotFound {
        what: "person",
        id: who.to_owned(),
    })
}

/// How many of the videos in the titles `within` were looked at.
///
/// # Errors
/// [`CatalogError::PeopleOff`], or if the database fails.
pub async fn looked_at(
    db: &mut Connection,
    within: Option<&[TitleId]>,
) -> Result<PeopleCoverage, CatalogError> {
    require(db).await?;
    let mut scope: Option<Vec<AssetId>> = None;
    for title in within.unwrap_or_default() {
        let assets = super::assets::list(db, Some(title)).await?;
        scope.get_or_insert_default().extend(assets);
    }
    if within.is_some() {
        scope.get_or_insert_default();
    }
    let (ready, total) = super::coverage(db, FEATURE, i64::MAX, scope.as_ref()).await?;
    Ok(PeopleCoverage {
        ready,
        failed: super::given_up(db, FEATURE, scope.as_ref()).await?,
        total,
    })
}
