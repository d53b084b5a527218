//! `/v1/search`.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use rushes_models::ErrorKind;
use serde::Deserialize;
use tokio::sync::SemaphorePermit;
use utoipa::IntoParams;

use super::problems::{Refused, TooManySearches};
use super::{Api, ApiError};
use crate::catalog::Caller;
use crate::search::{Answer, SearchBody, SearchRequest};

/// A search in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchParams {
    /// The query as text, as in a search box.
    #[param(example = "car -night tag:hero len:<4s")]
    q: String,
    /// Hits on a page, 1 to 200; 20 if absent.
    limit: Option<usize>,
    /// `next` of the answer before, with the same query.
    page: Option<String>,
    /// Whether the answer says how it came about.
    explain: Option<bool>,
}

/// Find shots.
#[utoipa::path(post, operation_id = "search", path = "/v1/search", tag = "search", request_body = SearchBody,
    responses((status = 200, description = "Success", body = Answer), TooManySearches, Refused))]
pub(super) async fn search(
    State(api): State<Api>,
    caller: Caller,
    body: Result<Json<SearchBody>, JsonRejection>,
) -> Result<Json<Answer>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    Ok(Json(logged(&api, &caller, body).await?))
}

/// Find shots by a query in the address.
#[utoipa::path(get, operation_id = "search_by_text", path = "/v1/search", tag = "search", params(SearchParams),
    responses((status = 200, description = "Success", body = Answer), TooManySearches, Refused))]
pub(super) async fn search_by_text(
    State(api): State<Api>,
    caller: Caller,
    Query(params): Query<SearchParams>,
) -> Result<Json<Answer>, ApiError> {
    let body = SearchBody {
        q: Some(params.q),
        limit: params.limit,
        page: params.page,
        explain: params.explain.unwrap_or(false),
        ..SearchBody::default()
    };
    Ok(Json(logged(&api, &caller, body).await?))
}

/// Answers a search of a person, which is logged if the settings ask for it.
async fn logged(api: &Api, caller: &Caller, body: SearchBody) -> Result<Answer, ApiError> {
    let (request, answer) = answer(api, caller, body).await?;
    if let Some(history) = &api.history {
        history
            .note_search(&api.catalog, caller, &request, &answer)
            .await;
    }
    Ok(answer)
}

/// A place among the searches that are under way.
///
/// A search takes a thread, the memory of its pictures and, for a text, the encoder with all cores: more at once only make
/// all of them late.
pub(super) fn searching(api: &Api) -> Result<SemaphorePermit<'_>, ApiError> {
    api.searching.try_acquire().map_err(|_all_taken| {
        let detail = "too many searches at once; ask again in a moment";
        ApiError::new(ErrorKind::Overloaded, "too-many-searches", detail)
    })
}

/// Answers a search, if not too many are under way.
pub(super) async fn answer(
    api: &Api,
    caller: &Caller,
    body: SearchBody,
) -> Result<(SearchRequest, Answer), ApiError> {
    let _place = searching(api)?;
    let mut request = body.into_request().await?;
    let mut db = api.catalog.read().await?;
    request.restrict_to(&mut db, caller).await?;
    drop(db);
    let answer = api.searcher.search(&request).await?;
    Ok((request, answer))
}
