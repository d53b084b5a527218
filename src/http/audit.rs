//! `/v1/audit`.

#![expect(
    unused_qualifications,
    reason = "the macro that describes a handler repeats the type of its query"
)]

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::checked_limit;
use super::{Api, ApiError};
use crate::catalog::audit::{self, AuditEntry};

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// How many, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// Only those before the entry of this id.
    before: Option<i64>,
}

/// Entries of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditLog {
    /// Newest first.
    entries: Vec<AuditEntry>,
}

/// Requests that changed something, or tried to, newest first.
#[utoipa::path(get, operation_id = "list_audit_entries", path = "/v1/audit", tag = "admin", params(AuditQuery),
    responses((status = 200, description = "Success", body = AuditLog)))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditLog>, ApiError> {
    let limit = checked_limit(query.limit, 100, 1000)?;
    let mut db = api.catalog.read().await?;
    let entries = audit::recent(&mut db, limit, query.before).await?;
    Ok(Json(AuditLog { entries }))
}
