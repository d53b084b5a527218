//! `/v1/search`.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use rushes_models::ErrorKind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::access::Caller;
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
    caller: Caller,
    body: Result<Json<SearchBody>, JsonRejection>,
) -> Result<Json<Answer>, ApiError> {
    let Json(body) = body.map_err(|rejection| ApiError::unreadable(&rejection))?;
    Ok(Json(answer(&api, &caller, body).await?))
}

/// Answers a search, if not too many are under way.
pub(super) async fn answer(
    api: &Api,
    caller: &Caller,
    body: SearchBody,
) -> Result<Answer, ApiError> {
    let mut request = body.request()?;
    let mut db = api.catalog.read().await?;
    if let Subject::Shot(shot) = &request.subject {
        caller.check_shot(&mut db, shot).await?;
    }
    request.scope = caller.scope(&mut db, request.scope).await?;
    drop(db);
    // A search takes a thread and, for a text, the encoder with all cores: more at once only make all of them late.
    let _place = api.searching.try_acquire().map_err(|_all_taken| {
        let detail = "too many searches at once; ask again in a moment";
        ApiError::new(ErrorKind::Overloaded, "too-many-searches", detail)
    })?;
    Ok(api.searcher.search(&request).await?)
}

impl SearchBody {
    /// The text that is looked for, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The search that it asks for.
    ///
    /// # Errors
    /// If it asks for nothing, for two things, or has an id that is none.
    fn request(self) -> Result<SearchRequest, ApiError> {
        let subject = match (self.text, self.shot) {
            (Some(text), None) => Subject::Text(text),
            (None, Some(shot)) => Subject::Shot(shot.parse::<ShotId>()?),
            (None, None) | (Some(_), Some(_)) => {
                return Err(bad("give either `text` or `shot`".to_owned()));
            }
        };
        let assets = self
            .assets
            .iter()
            .map(|id| id.parse::<AssetId>())
            .collect::<Result<_, _>>()?;
        Ok(SearchRequest {
            subject,
            modalities: self.modalities,
            scope: Scope {
                titles: self.titles,
                assets,
                within: None,
            },
            limit: self.limit.unwrap_or(LIMIT),
            page: self.page,
        })
    }
}

fn bad(detail: String) -> ApiError {
    ApiError::new(ErrorKind::InvalidInput, "bad-request", detail)
}
