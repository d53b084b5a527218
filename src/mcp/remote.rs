//! The tools over streamable HTTP, for clients of `rushes serve`.
//!
//! Every request stands for itself: there are no sessions, so that a key is looked at with every call, nothing is held
//! for clients that went away, and a restart of the server is not noticed.

use std::sync::{Arc, OnceLock};

use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rushes_models::ErrorKind;
use rushes_workers::storage::Storage;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::library::{Library, SearchedIndex};
use super::{Clientele, ToolServer};
use crate::catalog::{Caller, Catalog};
use crate::export::ExportSources;
use crate::search::Searcher;

/// What the tools of a server need.
#[derive(Debug)]
pub struct AssistantsParts {
    /// The catalogue.
    pub catalog: Catalog,
    /// Videos and derived objects.
    pub storage: Storage,
    /// What exports with pictures are made from.
    pub exports: ExportSources,
    /// Answers searches.
    pub searcher: Searcher,
    /// Searches that may be under way at the same time.
    pub searching: Arc<Semaphore>,
    /// Largest request in bytes.
    pub max_body: usize,
    /// Ends calls under way when the server shuts down.
    pub stop: CancellationToken,
}

/// The tools for clients on other machines.
#[derive(Clone)]
pub struct Assistants(StreamableHttpService<ToolServer, NeverSessionManager>);

/// Who sent a request, and what became of it. It must be among the extensions of the request.
#[derive(Debug, Clone)]
pub struct Visitor {
    caller: Caller,
    change: Arc<OnceLock<ToolChange>>,
}

/// A call of a tool that changes the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolChange {
    /// Name of the tool.
    pub tool: &'static str,
    /// What became of it.
    pub outcome: ToolOutcome,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolOutcome {
    /// It was carried out.
    Done,
    /// The caller has no scope for it.
    Forbidden,
    /// It failed.
    Failed(ErrorKind),
}

impl std::fmt::Debug for Assistants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Assistants")
    }
}

impl Assistants {
    /// The tools over the library of a server.
    ///
    /// # Errors
    /// If the arguments of a tool have no schema.
    pub fn new(parts: AssistantsParts) -> anyhow::Result<Self> {
        let library = Library {
            catalog: parts.catalog,
            storage: parts.storage,
            sources: parts.exports,
            exports: None,
            index: SearchedIndex::Own(parts.searcher),
            searching: parts.searching,
        };
        let server = ToolServer::new(library, Clientele::Visitors)?;
        // The server in front of this one knows by which names and for which pages it answers.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(parts.max_body)
            .with_cancellation_token(parts.stop);
        Ok(Self(StreamableHttpService::new(
            move || Ok(server.clone()),
            Arc::new(NeverSessionManager::default()),
            config,
        )))
    }

    /// Answers one request, which must have a [`Visitor`].
    pub async fn answer(
        &self,
        request: Request<axum::body::Body>,
    ) -> Response<BoxBody<Bytes, std::convert::Infallible>> {
        self.0.handle(request).await
    }
}

impl Visitor {
    /// A request of `caller`.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self {
            caller,
            change: Arc::default(),
        }
    }

    /// What the request changed, or tried to.
    #[must_use]
    pub fn change(&self) -> Option<ToolChange> {
        self.change.get().copied()
    }

    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Keeps what became of the call. A request has one.
    pub(super) fn note(&self, tool: &'static str, outcome: ToolOutcome) {
        self.change.get_or_init(|| ToolChange { tool, outcome });
    }
}
