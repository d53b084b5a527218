//! `/mcp`: the tools of assistants, by the streamable HTTP transport of the Model Context Protocol.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use rushes_models::{ErrorKind, with_causes};

use super::error::{self, RequestId};
use super::{Api, ApiError, MAX_JSON};
use crate::catalog::audit::{self, AuditedRequest};
use crate::catalog::{Caller, Catalog, CatalogError};
use crate::mcp::{Assistants, AssistantsParts, ToolChange, ToolOutcome, Visitor};

/// Where the tools are.
pub(super) const MCP: &str = "/mcp";

/// What the handler needs.
#[derive(Clone)]
struct Desk {
    assistants: Assistants,
    catalog: Catalog,
}

/// The one route. Nothing is sent but answers, so there is no stream to `GET` and no session to `DELETE`.
pub(super) fn routes(api: &Api) -> anyhow::Result<Router> {
    let assistants = Assistants::new(AssistantsParts {
        catalog: api.catalog.clone(),
        storage: api.storage.clone(),
        exports: api.exports.clone(),
        searcher: api.searcher.clone(),
        searching: Arc::clone(&api.searching),
        max_body: MAX_JSON,
        stop: api.stop.clone(),
    })?;
    let desk = Desk {
        assistants,
        catalog: api.catalog.clone(),
    };
    Ok(Router::new().route(MCP, post(answer)).with_state(desk))
}

async fn answer(
    State(desk): State<Desk>,
    caller: Caller,
    id: Option<Extension<RequestId>>,
    mut request: Request,
) -> Response {
    let visitor = Visitor::new(caller.clone());
    request.extensions_mut().insert(visitor.clone());
    // Without a task of its own, a change would stay unlogged when its client disconnects.
    let answered = tokio::spawn(async move {
        let response = desk.assistants.answer(request).await;
        if let Some(change) = visitor.change() {
            let id = id.as_ref().map_or("", |Extension(RequestId(id))| id);
            let noted = note(&desk.catalog, &caller, id, &change).await;
            if let Err(error) = noted {
                tracing::warn!(error = %with_causes(&error), tool = change.tool,
                               "a change is not in the audit log");
            }
        }
        refusal_as_text(response.map(Body::new))
    });
    answered.await.unwrap_or_else(|died| {
        let detail = format!("a request died: {died}");
        ApiError::new(ErrorKind::Internal, "internal", detail).into_response()
    })
}

/// Refusals of the transport are text, but do not say so. What is text becomes problem details.
fn refusal_as_text(mut response: Response) -> Response {
    if response.status().is_client_error() {
        let kind = response.headers_mut().entry(header::CONTENT_TYPE);
        kind.or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}

/// Notes a call of a tool that changed something, or tried to, with the status that it has as a route.
async fn note(
    catalog: &Catalog,
    caller: &Caller,
    request_id: &str,
    change: &ToolChange,
) -> Result<(), CatalogError> {
    let status = match change.outcome {
        ToolOutcome::Done => StatusCode::OK,
        ToolOutcome::Forbidden => StatusCode::FORBIDDEN,
        ToolOutcome::Failed(kind) => error::status(kind),
    };
    let mut tx = catalog.begin().await?;
    let noted = AuditedRequest {
        key: caller.key(),
        method: "POST",
        path: &format!("{MCP}/{}", change.tool),
        status: status.as_u16(),
        request_id,
        note: None,
    };
    audit::note(&mut tx, noted).await?;
    tx.commit().await?;
    Ok(())
}
