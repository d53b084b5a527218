//! `/v1/people` and `/v1/faces`: who is seen, if the sense of people is on.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::AuditNote;
use super::paging::checked_limit;
use super::problems::{NotFound, PeopleOff, Refused};
use super::{Api, ApiError};
use crate::catalog::database;
use crate::catalog::people::{self, CatalogFace, Clustered, PeopleCoverage, PeopleFilter, Person};
use crate::catalog::{Caller, CatalogError, FaceId, PersonId};

/// Most people or faces of an answer.
const MOST: u32 = 1000;
/// What concerns people is kept by nobody on the way, nor among the answers to repeated requests.
const UNKEPT: AppendHeaders<[(header::HeaderName, &str); 1]> =
    AppendHeaders([(header::CACHE_CONTROL, "no-store")]);

/// Which people to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleQuery {
    /// How many, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// How many of the first ones to leave out: `next` of the answer before.
    #[serde(default)]
    from: u32,
    /// Only people with a name.
    #[serde(default)]
    named: bool,
    /// Hidden people too.
    #[serde(default)]
    hidden: bool,
}

/// People.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PeopleList {
    /// Those in the most shots first.
    people: Vec<Person>,
    /// Where the next page begins; null on the last one.
    next: Option<u32>,
    /// How many of the videos that the caller sees were looked at.
    coverage: PeopleCoverage,
}

/// Which faces to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FacesQuery {
    /// How many, 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// Faces of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FaceList {
    /// The largest first.
    faces: Vec<CatalogFace>,
}

/// What changes of a person; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonChange {
    /// The name; an empty one takes it away.
    #[schema(example = "Anna")]
    name: Option<String>,
    /// Whether to leave the person out of lists, counts and searches.
    is_hidden: Option<bool>,
}

/// Who is the same person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergePeople {
    /// Ids, names or numbers.
    people: Vec<String>,
    /// The name from then on; needed if several of them have one.
    #[schema(example = "Anna")]
    name: Option<String>,
}

/// Faces that are somebody else's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitPerson {
    /// Ids of faces.
    #[schema(value_type = Vec<String>)]
    faces: Vec<FaceId>,
    /// Name of the other person.
    name: Option<String>,
}

/// The person with this id, name or number, for a caller who may change people.
async fn changeable(
    db: &mut database::Connection,
    caller: &Caller,
    who: &str,
) -> Result<Person, ApiError> {
    // People are seen in all titles.
    caller.sees_everything()?;
    Ok(people::find(db, who, None).await?)
}

/// Whom a change was about, for the audit log.
fn about(id: &PersonId) -> Extension<AuditNote> {
    Extension(AuditNote(format!("person {id}")))
}

async fn shown(db: &mut database::Connection, id: &PersonId) -> Result<Json<Person>, ApiError> {
    Ok(Json(people::find(db, id.as_str(), None).await?))
}

/// The people that are seen in what the caller sees.
#[utoipa::path(get, operation_id = "list_people", path = "/v1/people", tag = "people", params(PeopleQuery),
    responses((status = 200, description = "Success", body = PeopleList), PeopleOff))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<PeopleQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let limit = checked_limit(query.limit, 100, MOST)?;
    let filter = PeopleFilter {
        within: caller.titles(),
        hidden: query.hidden,
        named: query.named,
    };
    let mut db = api.catalog.snapshot().await?;
    let coverage = people::looked_at(&mut db, filter.within).await?;
    let mut people = people::list(&mut db, filter, (query.from, limit + 1)).await?;
    let is_more = people.len() > limit as usize;
    people.truncate(limit as usize);
    let next = is_more.then(|| query.from.saturating_add(limit));
    let list = PeopleList {
        people,
        next,
        coverage,
    };
    Ok((UNKEPT, Json(list)))
}

/// One person.
#[utoipa::path(get, operation_id = "get_person", path = "/v1/people/{person}", tag = "people",
    params(("person" = String, Path, description = "Id, name, or number such as `Person 3`")),
    responses((status = 200, description = "Success", body = Person), NotFound, PeopleOff))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(who): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let mut db = api.catalog.read().await?;
    let person = people::find(&mut db, &who, caller.titles()).await?;
    Ok((UNKEPT, Json(person)))
}

/// Name a person, take the name away, hide them or show them again.
#[utoipa::path(patch, operation_id = "change_person", path = "/v1/people/{person}", tag = "people",
    request_body = PersonChange,
    params(("person" = String, Path, description = "Id, name, or number such as `Person 3`")),
    responses((status = 200, description = "The person as they are now", body = Person), NotFound, PeopleOff, Refused))]
pub(super) async fn change(
    State(api): State<Api>,
    caller: Caller,
    Path(who): Path<String>,
    body: Result<Json<PersonChange>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let mut tx = api.catalog.begin().await?;
    let person = changeable(&mut tx, &caller, &who).await?;
    if let Some(name) = &body.name {
        let name = Some(name.as_str()).filter(|name| !name.trim().is_empty());
        people::name(&mut tx, &person, name).await?;
    }
    if let Some(is_hidden) = body.is_hidden {
        people::hide(&mut tx, &person, is_hidden).await?;
    }
    let changed = shown(&mut tx, &person.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((UNKEPT, about(&person.id), changed))
}

/// Delete a person with all their faces, so that no file holds a byte of them. Where they were seen is noted, so that the
/// same files do not bring them back.
#[utoipa::path(delete, operation_id = "delete_person", path = "/v1/people/{person}", tag = "people",
    params(("person" = String, Path, description = "Id, name, or number such as `Person 3`")),
    responses((status = 204, description = "Deleted"), NotFound, PeopleOff))]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Path(who): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let mut tx = api.catalog.begin().await?;
    let person = changeable(&mut tx, &caller, &who).await?;
    people::delete(&mut tx, &person).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    api.searcher.forget_people().await?;
    Ok((StatusCode::NO_CONTENT, about(&person.id)))
}

/// Make several people one. If only one of them has a name, it stays; of several, `name` says which.
#[utoipa::path(post, operation_id = "merge_people", path = "/v1/people/{person}/merge", tag = "people",
    request_body = MergePeople,
    params(("person" = String, Path, description = "Who they all are: id, name, or number")),
    responses((status = 200, description = "The person who has all faces now", body = Person), NotFound, PeopleOff, Refused))]
pub(super) async fn merge(
    State(api): State<Api>,
    caller: Caller,
    Path(who): Path<String>,
    body: Result<Json<MergePeople>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let mut tx = api.catalog.begin().await?;
    let person = changeable(&mut tx, &caller, &who).await?;
    people::merge(&mut tx, &person, &body.people, body.name.as_deref()).await?;
    let changed = shown(&mut tx, &person.id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((UNKEPT, about(&person.id), changed))
}

/// Say that some faces of a person are somebody else's.
#[utoipa::path(post, operation_id = "split_person", path = "/v1/people/{person}/split", tag = "people",
    request_body = SplitPerson,
    params(("person" = String, Path, description = "Id, name, or number such as `Person 3`")),
    responses((status = 200, description = "The other person", body = Person), NotFound, PeopleOff, Refused))]
pub(super) async fn split(
    State(api): State<Api>,
    caller: Caller,
    Path(who): Path<String>,
    body: Result<Json<SplitPerson>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let mut tx = api.catalog.begin().await?;
    let person = changeable(&mut tx, &caller, &who).await?;
    let other = people::split(&mut tx, &person, &body.faces, body.name.as_deref()).await?;
    let other = shown(&mut tx, &other).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok((UNKEPT, about(&person.id), other))
}

/// Cluster all faces again. What users said of people stays.
#[utoipa::path(post, operation_id = "cluster_people", path = "/v1/people/cluster", tag = "people",
    responses((status = 200, description = "What was done", body = Clustered), PeopleOff))]
pub(super) async fn cluster(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Clustered>, ApiError> {
    caller.sees_everything()?;
    Ok(Json(people::cluster_all(&api.catalog).await?))
}

/// The faces of a person.
#[utoipa::path(get, operation_id = "list_faces", path = "/v1/people/{person}/faces", tag = "people",
    params(("person" = String, Path, description = "Id, name, or number such as `Person 3`"), FacesQuery),
    responses((status = 200, description = "Success", body = FaceList), NotFound, PeopleOff))]
pub(super) async fn faces(
    State(api): State<Api>,
    caller: Caller,
    Path(who): Path<String>,
    Query(query): Query<FacesQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let limit = checked_limit(query.limit, 100, MOST)?;
    let mut db = api.catalog.read().await?;
    let person = people::find(&mut db, &who, caller.titles()).await?;
    let faces = people::faces_of(&mut db, &person.id, caller.titles(), limit).await?;
    // It lists their shots, as a search for them does.
    let note = AuditNote(format!("people {}", person.id));
    Ok((Extension(note), UNKEPT, Json(FaceList { faces })))
}

/// The picture of a face.
#[utoipa::path(get, operation_id = "get_face_picture", path = "/v1/faces/{id}/crop.jpg", tag = "people",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", content_type = "image/jpeg"), NotFound, PeopleOff))]
pub(super) async fn crop(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let id: FaceId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let crop = people::crop(&mut db, &id, caller.titles()).await?;
    Ok((UNKEPT, [(header::CONTENT_TYPE, "image/jpeg")], crop))
}
