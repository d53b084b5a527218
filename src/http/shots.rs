//! `/v1/shots/{id}`.

use axum::Json;
use axum::extract::{Path, State};

use super::problems::NotFound;
use super::{Api, ApiError};
use crate::catalog::{Caller, ShotId};
use crate::views::ShotDetail;

/// One shot with all there is to say of it.
#[utoipa::path(get, operation_id = "get_shot", path = "/v1/shots/{id}", tag = "shots",
    params(("id" = String, Path)),
    responses((status = 200, description = "Success", body = ShotDetail), NotFound))]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ShotDetail>, ApiError> {
    let id: ShotId = id.parse()?;
    let mut db = api.catalog.read().await?;
    caller.check_shot(&mut db, &id).await?;
    drop(db);
    let detail = ShotDetail::load(&api.catalog, &id).await?;
    if let Some(history) = &api.history {
        history.note_opened(&api.catalog, &caller, &id).await;
    }
    Ok(Json(detail))
}
