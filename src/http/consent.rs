//! `/v1/people/consent`: whether the sense of people is on, and on what grounds.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::AuditNote;
use super::problems::Refused;
use super::{Api, ApiError};
use crate::catalog::people::{self, Consent};
use crate::catalog::{Caller, CatalogError};
use crate::features::look_for_people;

/// Whether the sense of people is on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentView {
    /// Whether faces are looked at, and people can be searched for.
    is_on: bool,
    /// Whether the model that tells faces apart is installed.
    is_installed: bool,
    /// Who turned it on or off last, and on what grounds it was on; null if it never was, or for keys without `admin`.
    consent: Option<Consent>,
}

/// On what grounds faces may be looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Grounds {
    /// Such as the consent of those who are shown; kept, and noted in the audit log.
    #[schema(
        example = "written consent of the cast, file 2026-117",
        min_length = 1,
        max_length = 1000
    )]
    because: String,
}

/// What was deleted with the sense.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Forgotten {
    /// Faces that there were.
    faces: i64,
}

async fn view(api: &Api, caller: &Caller) -> Result<ConsentView, ApiError> {
    let mut db = api.catalog.read().await?;
    let consent = people::consent(&mut db).await?;
    Ok(ConsentView {
        is_on: consent.as_ref().is_some_and(|consent| consent.is_on),
        is_installed: api.settings.faces.is_some(),
        consent: consent.filter(|_| caller.holds(crate::catalog::keys::KeyScope::Admin)),
    })
}

/// Whether the sense of people is on.
#[utoipa::path(get, operation_id = "get_consent", path = "/v1/people/consent", tag = "people",
    responses((status = 200, description = "Success", body = ConsentView)))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<ConsentView>, ApiError> {
    Ok(Json(view(&api, &caller).await?))
}

/// Turn the sense of people on: the faces of all videos are looked at, with a job for each. Descriptors of faces are
/// biometric data, for which many laws ask the consent of those who are shown.
#[utoipa::path(put, operation_id = "give_consent", path = "/v1/people/consent", tag = "people", request_body = Grounds,
    responses((status = 200, description = "It is on", body = ConsentView), Refused))]
pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<Grounds>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    caller.sees_everything()?;
    if api.settings.faces.is_none() {
        let detail = "the model that tells faces apart is not installed; run `rushes models pull faces`, then start the server again";
        let code = "model-not-installed";
        return Err(ApiError::new(ErrorKind::Unsupported, code, detail));
    }
    let mut tx = api.catalog.begin().await?;
    people::turn_on(&mut tx, &body.because, caller.key()).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    look_for_people(&api.catalog, &api.settings).await?;
    let note = AuditNote(body.because);
    Ok((Extension(note), Json(view(&api, &caller).await?)))
}

/// Turn the sense of people off, and delete every person, descriptor and picture of a face, so that no file of the catalogue
/// holds a byte of them.
#[utoipa::path(delete, operation_id = "withdraw_consent", path = "/v1/people/consent", tag = "people",
    responses((status = 200, description = "It is off", body = Forgotten)))]
pub(super) async fn withdraw(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Json<Forgotten>, ApiError> {
    caller.sees_everything()?;
    let mut tx = api.catalog.begin().await?;
    let faces = people::turn_off(&mut tx, caller.key()).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    api.searcher.forget_people().await?;
    Ok(Json(Forgotten { faces }))
}
