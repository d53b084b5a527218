//! `/v1/duplicates`.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::{Refused, TooManySearches};
use super::search::searching;
use super::{Api, ApiError};
use crate::catalog::Caller;
use crate::search::{DuplicatesPage, DuplicatesRequest, Query as ShotQuery, Scope};

/// Groups on a page if the request does not say.
const LIMIT: usize = 20;

/// Which near-duplicates to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DuplicatesParams {
    /// Only among the shots that fulfil these filters, as in a search box.
    #[param(example = "title:\"Day 3\" len:>1s")]
    q: Option<String>,
    /// The least cosine similarity, above 0 and up to 1; 0.95 if absent.
    similar: Option<f32>,
    /// Groups on a page, 1 to 200; 20 if absent.
    limit: Option<usize>,
    /// `next` of the page before, with the same query.
    page: Option<String>,
}

/// Near-duplicate shots across the catalogue, in groups.
///
/// Every shot that has an earlier near-duplicate is in the group of its earliest one. A page may have fewer groups than
/// asked for and not be the last: follow `next` until it is null.
#[utoipa::path(get, operation_id = "list_duplicates", path = "/v1/duplicates", tag = "search", params(DuplicatesParams),
    responses((status = 200, description = "Success", body = DuplicatesPage), TooManySearches, Refused))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(params): Query<DuplicatesParams>,
) -> Result<Json<DuplicatesPage>, ApiError> {
    let _place = searching(&api)?;
    let query = ShotQuery::parse(params.q.as_deref().unwrap_or_default());
    let query = query.map_err(crate::search::SearchError::from)?;
    let mut db = api.catalog.read().await?;
    let mut scope = Scope::default();
    scope.restrict_to(&mut db, &caller).await?;
    drop(db);
    let request = DuplicatesRequest {
        query,
        scope,
        similar: params.similar,
        limit: params.limit.unwrap_or(LIMIT),
        page: params.page,
    };
    Ok(Json(api.searcher.duplicates(&request).await?))
}
