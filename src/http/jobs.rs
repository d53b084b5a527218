//! `/v1/jobs`.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::moment::Moment;
use super::paging::{checked_limit, read_token, token};
use super::problems::NotFound;
use super::{Api, ApiError};
use crate::catalog::jobs::{self, JobFilter};
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, Caller, CatalogError, JobId};
use crate::views::{JobList, JobView};

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only those in this state: `pending`, `running`, `ready`, `failed` or `cancelled`.
    #[param(value_type = Option<String>)]
    state: Option<RunState>,
    /// Only those of this asset.
    asset: Option<String>,
    /// Only those of assets of this title, by id or name.
    title: Option<String>,
    /// Only those with a stage of this feature, such as `dialogue`; `embeddings` stands for those of any model.
    feature: Option<String>,
    /// Only those requested at this time or later: as in RFC 3339, or Unix milliseconds.
    #[param(value_type = Option<String>, example = "2026-11-27T10:00:00Z")]
    since: Option<Moment>,
    /// Only those requested before this time: as in RFC 3339, or Unix milliseconds.
    #[param(value_type = Option<String>, example = "2026-11-28T10:00:00+01:00")]
    until: Option<Moment>,
    /// How many, 1 to 200; 20 if absent.
    limit: Option<u32>,
    /// `next` of the page before.
    page: Option<String>,
}

/// Jobs, newest first, page by page.
#[utoipa::path(get, operation_id = "list_jobs", path = "/v1/jobs", tag = "jobs", params(ListQuery),
    responses((status = 200, description = "Success", body = JobList), NotFound))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<JobList>, ApiError> {
    let limit = checked_limit(query.limit, 20, 200)?;
    let asked = query.asset.as_deref().map(str::parse::<AssetId>);
    let asked = asked.transpose()?;
    let before = query.page.as_deref().map(read_token).transpose()?;
    let mut db = api.catalog.snapshot().await?;
    let asset = match asked {
        Some(id) => Some(caller.asset(&mut db, &id).await?.id),
        None => None,
    };
    let titles = match &query.title {
        Some(name) => Some(vec![caller.title(&mut db, name).await?]),
        None => caller.titles().map(<[_]>::to_vec),
    };
    let filter = JobFilter {
        titles,
        asset,
        state: query.state,
        feature: query.feature,
        since: query.since.map(|Moment(ms)| ms),
        until: query.until.map(|Moment(ms)| ms),
        before,
    };
    let mut found = jobs::list(&mut db, &filter, limit + 1).await?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found
        .last()
        .filter(|_| is_more)
        .map(|(rank, _)| token(*rank));
    let jobs = found.iter().map(|(_, job)| JobView::from(job)).collect();
    Ok(Json(JobList { jobs, next }))
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
