//! The tools of an assistant, through the Model Context Protocol: on standard input and output, and over HTTP.
//!
//! One file per group of tools. A tool is added with an implementation of `AssistantTool` and a line in `tools`.

mod bins;
mod error;
mod exports;
mod folder;
mod library;
mod remote;
mod search;
mod shots;
mod titles;
mod tool;

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Extensions, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{QuitReason, RequestContext, RoleServer, ServerInitializeError};
use rmcp::transport::stdio;
use rmcp::{ServerHandler, ServiceExt as _};
use rushes_models::ErrorKind;
use tokio::sync::{Mutex, Semaphore};

pub use remote::{Assistants, AssistantsParts, ToolChange, ToolOutcome, Visitor};

use crate::app::App;
use crate::catalog::Caller;
use crate::catalog::keys::KeyScope;
use error::ToolError;
use folder::ExportsFolder;
use library::{Library, SearchedIndex, Visit};
use tool::{AssistantTool as _, Effect, Route};

/// Searches at once, as over HTTP.
const MOST_SEARCHES: usize = 64;

const INSTRUCTIONS: &str = "\
Find shots in a library of videos, by what is seen, said or written in them, and collect them in bins for an \
editing program. A shot id is ASSET.START-END, with frames of the video; END is exclusive. Searches rank, so the last hits of \
an answer may not fit: look at the evidence of each hit, and at its thumbnail with `show_shot`. Every answer of a \
search has a `coverage_note`: tell the user if it does not cover everything.";

/// What an assistant may do beyond reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McpOptions {
    /// Whether tools that change the catalogue are offered.
    pub write: bool,
    /// The folder below which exports may be written; none may be if `None`.
    pub exports: Option<PathBuf>,
}

/// Serves one client on standard input and output, until it closes standard input.
///
/// # Errors
/// If the folder of exports cannot be used, or the client does not speak the protocol.
pub async fn serve(app: App, options: McpOptions) -> anyhow::Result<()> {
    let exports = options.exports.as_deref().map(ExportsFolder::open);
    let library = Library {
        catalog: app.catalog.clone(),
        storage: app.storage.clone(),
        sources: app.export_sources(),
        exports: exports.transpose()?,
        index: SearchedIndex::Foreign {
            app: Box::new(app),
            newest: Mutex::new(None),
        },
        searching: Arc::new(Semaphore::new(MOST_SEARCHES)),
    };
    let write = options.write;
    let server = ToolServer::new(library, Clientele::User { write })?;
    let running = match server.serve(stdio()).await {
        Ok(running) => running,
        // It went away before it asked for anything.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    match running.waiting().await? {
        QuitReason::JoinError(error) => Err(error.into()),
        QuitReason::Cancelled | QuitReason::Closed | _ => Ok(()),
    }
}

/// All tools.
fn tools() -> anyhow::Result<Vec<Route>> {
    Ok(vec![
        search::Search::route()?,
        search::Similar::route()?,
        shots::ShowShot::route()?,
        titles::ListTitles::route()?,
        bins::ListBins::route()?,
        bins::ShowBin::route()?,
        bins::AddToBin::route()?,
        exports::ExportBin::route()?,
    ])
}

/// Whom a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clientele {
    /// The user who started it.
    User {
        /// Whether tools may change the catalogue.
        write: bool,
    },
    /// Those who sent the requests, each of which has a [`Visitor`].
    Visitors,
}

/// The tools, as the protocol's SDK calls them.
#[derive(Clone)]
struct ToolServer {
    routes: Arc<[Route]>,
    library: Arc<Library>,
    clientele: Clientele,
}

impl ToolServer {
    fn new(library: Library, clientele: Clientele) -> anyhow::Result<Self> {
        Ok(Self {
            routes: tools()?.into(),
            library: Arc::new(library),
            clientele,
        })
    }

    fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.tool.name == name)
    }

    /// Whether a request may change the catalogue, and who sent it.
    fn sender(&self, extensions: &Extensions) -> (bool, Option<Visitor>) {
        match self.clientele {
            Clientele::User { write } => (write, None),
            Clientele::Visitors => {
                let visitor = extensions
                    .get::<Parts>()
                    .and_then(|parts| parts.extensions.get::<Visitor>())
                    .cloned()
                    .unwrap_or_else(|| Visitor::new(Caller::nobody()));
                (visitor.caller().holds(KeyScope::Write), Some(visitor))
            }
        }
    }

    /// Calls a tool that there is.
    async fn call(&self, route: &Route, request: CallToolRequestParams, caller: Caller) -> Called {
        let visit = Visit {
            library: Arc::clone(&self.library),
            caller,
        };
        let arguments = request.arguments.unwrap_or_default();
        // A call that panics must be answered too, and a change must not stop half-way.
        let answer = tokio::spawn((route.call)(visit, arguments)).await;
        answer.unwrap_or_else(|died| {
            let detail = format!("the call died: {died}");
            Err(ToolError::new(ErrorKind::Internal, "internal", detail))
        })
    }
}

type Called = Result<CallToolResult, ToolError>;

impl ServerHandler for ToolServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("rushes", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (write, _) = self.sender(&context.extensions);
        let offered = self.routes.iter().filter(|route| write || !route.changes());
        let tools = offered.map(|route| route.tool.clone());
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.route(name).map(|route| route.tool.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (write, visitor) = self.sender(&context.extensions);
        let offered = |route: &&Route| write || visitor.is_some() || !route.changes();
        let Some(route) = self.route(&request.name).filter(offered) else {
            let hint = if write || visitor.is_some() {
                "`tools/list` lists the tools"
            } else {
                "tools that change something need `rushes mcp --write`"
            };
            let detail = format!("there is no tool {:?}; {hint}", request.name);
            return Err(ErrorData::invalid_params(detail, None));
        };
        let caller = visitor.as_ref().map(Visitor::caller).cloned();
        let (outcome, answer) = if write || !route.changes() {
            let answer = self.call(route, request, caller.unwrap_or_default()).await;
            let outcome = match &answer {
                Ok(_) => ToolOutcome::Done,
                Err(error) => ToolOutcome::Failed(error.kind()),
            };
            (outcome, answer)
        } else {
            let detail = KeyScope::Write.how_to_get();
            let refusal = ToolError::new(ErrorKind::InvalidInput, "missing-scope", detail);
            (ToolOutcome::Forbidden, Err(refusal))
        };
        if let Some(visitor) = visitor.filter(|_| route.changes()) {
            visitor.note(route.name, outcome);
        }
        let result = answer.unwrap_or_else(|error| error.into_result(route.name));
        Ok(CallToolResponse::Complete(result))
    }
}

impl Route {
    /// Whether the tool changes the catalogue.
    fn changes(&self) -> bool {
        self.effect == Effect::Catalogue
    }
}
