//! `rushes index`.

use std::process::ExitCode;

use super::output;
use crate::app::App;
use crate::index::Follower;

/// Arguments of `index`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Rebuild the index from the catalogue; no other process may use the data folder meanwhile
    Rebuild {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let Command::Rebuild { json } = args.command;
    let mut follower = Follower::open(&app.config.index_folder(), app.catalog.clone())?;
    follower.rebuild().await?;
    let index = follower.index();
    if json {
        output::json(&serde_json::json!({ "vectors": index.vectors(), "seq": index.seq() }))?;
    } else {
        output::line(&format!("index rebuilt with {} vectors", index.vectors()));
    }
    Ok(ExitCode::SUCCESS)
}
