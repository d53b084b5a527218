//! `/v1/shots/{id}/match-cuts`.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problems::{NotFound, Refused, TooManySearches};
use super::search::searching;
use super::{Api, ApiError};
use crate::catalog::{Caller, ShotId};
use crate::search::{MatchCuts, MatchCutsRequest, Query as ShotQuery, Scope, SearchError};

/// Hits if the request does not say.
const LIMIT: usize = 20;

/// Which match cuts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchCutsParams {
    /// Only among the shots that fulfil these filters, as in a search box. `other:titles` leaves out the title of the shot,
    /// and `other:assets` its asset.
    #[param(example = "other:titles len:>1s")]
    q: Option<String>,
    /// Hits, 1 to 200; 20 if absent.
    limit: Option<usize>,
}

/// Shots whose first frame continues the last frame of this shot, in composition and in motion.
#[utoipa::path(get, operation_id = "list_match_cuts", path = "/v1/shots/{id}/match-cuts", tag = "search",
    params(("id" = String, Path), MatchCutsParams),
    responses((status = 200, description = "Success", body = MatchCuts), NotFound, TooManySearches,
              Refused))]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Query(params): Query<MatchCutsParams>,
) -> Result<Json<MatchCuts>, ApiError> {
    let _place = searching(&api)?;
    let shot: ShotId = id.parse()?;
    let query = ShotQuery::parse(params.q.as_deref().unwrap_or_default());
    let query = query.map_err(SearchError::from)?;
    let mut db = api.catalog.read().await?;
    caller.check_shot(&mut db, &shot).await?;
    let mut scope = Scope::default();
    scope.restrict_to(&mut db, &caller).await?;
    drop(db);
    let request = MatchCutsRequest {
        shot,
        query,
        scope,
        limit: params.limit.unwrap_or(LIMIT),
    };
    Ok(Json(api.searcher.match_cuts(&request).await?))
}
