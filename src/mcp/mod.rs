//! The tools of an assistant, through the Model Context Protocol on standard input and output.
//!
//! One file per group of tools. A tool is added with an implementation of `AssistantTool` and a line in `tools`.

mod bins;
mod error;
mod exports;
mod folder;
mod library;
mod search;
mod shots;
mod titles;
mod tool;

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{QuitReason, RequestContext, RoleServer, ServerInitializeError};
use rmcp::transport::stdio;
use rmcp::{ServerHandler, ServiceExt as _};

use crate::app::App;
use library::Library;
use tool::{AssistantTool as _, Effect, Route};

const INSTRUCTIONS: &str = "\
Find shots in a library of videos, by what is seen and by what is said, and collect them in bins for an editing \
program. A shot id is ASSET.START-END, with frames of the video; END is exclusive. Searches rank, so the last hits of \
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
    let server = Server {
        routes: tools(options.write)?,
        write: options.write,
        library: Arc::new(Library::new(app, options.exports)?),
    };
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

/// All tools; those that change something only if `write`.
fn tools(write: bool) -> anyhow::Result<Vec<Route>> {
    let mut routes = vec![
        search::Search::route()?,
        search::Similar::route()?,
        shots::ShowShot::route()?,
        titles::ListTitles::route()?,
        bins::ListBins::route()?,
        bins::ShowBin::route()?,
        bins::AddToBin::route()?,
        exports::ExportBin::route()?,
    ];
    routes.retain(|route| write || route.effect != Effect::Catalogue);
    Ok(routes)
}

struct Server {
    routes: Vec<Route>,
    write: bool,
    library: Arc<Library>,
}

impl Server {
    fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.tool.name == name)
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("rushes", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.routes.iter().map(|route| route.tool.clone());
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.route(name).map(|route| route.tool.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(route) = self.route(&request.name) else {
            let hint = if self.write {
                "`tools/list` lists the tools"
            } else {
                "tools that change something need `rushes mcp --write`"
            };
            let detail = format!("there is no tool {:?}; {hint}", request.name);
            return Err(ErrorData::invalid_params(detail, None));
        };
        let arguments = request.arguments.unwrap_or_default();
        let answer = (route.call)(Arc::clone(&self.library), arguments).await;
        let result = answer.unwrap_or_else(|error| error.into_result(&request.name));
        Ok(CallToolResponse::Complete(result))
    }
}
