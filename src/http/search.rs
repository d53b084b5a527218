//! `/v1/search`.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use rushes_models::ErrorKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::problems::{Refused, TooManySearches};
use super::{Api, ApiError};
use crate::catalog::{AssetId, ShotId};
use crate::search::{Answer, Modality, Scope, SearchRequest, Subject};

/// Hits on a page if the request does not say.
const LIMIT: usize = 20;

/// A search: `text` or `shot`, not both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchBody {
    /// What is to be seen or said.
    #[schema(example = "a man riding a bicycle")]
    text: Option<String>,
    /// Shots like this one, by id.
    shot: Option<String>,
    /// By which senses; all if absent.
    #[serde(default)]
    modalities: Vec<Modality>,
    /// Only in these titles, by id or name.
    #[serde(default)]
    titles: Vec<String>,
    /// Only in these assets.
    #[serde(default)]
    assets: Vec<String>,
    /// Hits on a page, 1 to 200; 20 if absent.
    limit: Option<usize>,
    /// `next` of the answer before.
    page: Option<String>,
}

/// Find shots.
#[utoipa::path(post, operation_id = "search", path = "/v1/search", tag = "search", request_body = SearchBody,
    responses((status = 200, description = "Success", body = Answer), TooManySearches, Refused))]
pub(super) async fn search(
    State(api): State<Api>,
    body: Result<Json<SearchBody>, JsonRejection>,
) -> Result<Json<Answer>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    let subject = match (body.text, body.shot) {
        (Some(text), None) => Subject::Text(text),
        (None, Some(shot)) => Subject::Shot(shot.parse::<ShotId>()?),
        (None, None) | (Some(_), Some(_)) => {
            return Err(bad("give either `text` or `shot`".to_owned()));
        }
    };
    let assets = body
        .assets
        .iter()
        .map(|id| id.parse::<AssetId>())
        .collect::<Result<_, _>>()?;
    let request = SearchRequest {
        subject,
        modalities: body.modalities,
        scope: Scope {
            titles: body.titles,
            assets,
        },
        limit: body.limit.unwrap_or(LIMIT),
        page: body.page,
    };
    // A search takes a thread and, for a text, the encoder with all cores: more at once only make all of them late.
    let _place = api.searching.try_acquire().map_err(|_all_taken| {
        let detail = "too many searches at once; ask again in a moment";
        ApiError::new(ErrorKind::Overloaded, "too-many-searches", detail)
    })?;
    Ok(Json(api.searcher.search(&request).await?))
}

fn bad(detail: String) -> ApiError {
    ApiError::new(ErrorKind::InvalidInput, "bad-request", detail)
}
