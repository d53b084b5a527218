//! `/v1/jobs`.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::Caller;
use super::paging::checked_limit;
use super::problems::NotFound;
use super::{Api, ApiError};
use crate::catalog::{CatalogError, JobId, jobs};
use crate::views::{JobList, JobView};

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// How many, 1 to 200; 20 if absent.
    limit: Option<u32>,
}

/// The newest jobs.
#[utoipa::path(get, operation_id = "list_jobs", path = "/v1/jobs", tag = "jobs", params(ListQuery),
    responses((status = 200, description = "Success", body = JobList)))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<JobList>, ApiError> {
    let mut db = api.catalog.read().await?;
    let limit = checked_limit(query.limit, 20, 200)?;
    let jobs = jobs::recent(&mut db, limit, caller.titles()).await?;
    Ok(Json(JobList {
        jobs: jobs.iter().map(JobView::from).collect(),
    }))
}

/// One job, stage by stage.
#[utoipa::path(get, operation_id = "get_job", path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = JobView), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, ApiError> {
    let id: JobId = id.parse()?;
    let mut db = api.catalog.read().await?;
    let job = caller.job(&mut db, &id).await?;
    Ok(Json(JobView::from(&job)))
}

/// Cancel what is still under way of a job. What can be found already stays.
#[utoipa::path(delete, operation_id = "cancel_job", path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = JobView), NotFound))]
pub(super) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, ApiError> {
    let id: JobId = id.parse()?;
    let mut tx = api.catalog.begin().await?;
    caller.job(&mut tx, &id).await?;
    let job = jobs::cancel(&mut tx, &id).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    Ok(Json(JobView::from(&job)))
}
