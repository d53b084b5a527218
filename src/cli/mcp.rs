//! `rushes mcp`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::App;
use crate::mcp::{self, McpOptions};

/// Arguments of `mcp`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The assistant's program starts rushes itself. Its configuration is usually:

  {
    \"mcpServers\": {
      \"rushes\": {
        \"command\": \"rushes\",
        \"args\": [\"mcp\"],
        \"env\": { \"RUSHES_DATA\": \"/path/to/data\" }
      }
    }
  }

Leave RUSHES_DATA out to use the default data folder. To let the assistant do more, add to the
args, such as [\"mcp\", \"--write\", \"--exports\", \"/path/to/exports\"]. Only messages of the protocol
are written to standard output; the log goes to standard error.")]
pub(super) struct Args {
    /// Offer the tools that change the catalogue too: without it, it is only read
    #[arg(long)]
    write: bool,
    /// Folder below which exports may be written; without it, exports are only returned as text
    #[arg(long, value_name = "DIR")]
    exports: Option<PathBuf>,
}

pub(super) async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let catalog = app.catalog.clone();
    let options = McpOptions {
        write: args.write,
        exports: args.exports,
    };
    mcp::serve(app, options).await?;
    catalog.close().await;
    Ok(ExitCode::SUCCESS)
}
