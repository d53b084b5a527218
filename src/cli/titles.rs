//! `rushes titles`.

use std::process::ExitCode;

use super::output;
use crate::app::App;
use crate::catalog::assets;

/// Arguments of `titles`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let mut db = app.catalog.read().await?;
    let titles = assets::titles(&mut db).await?;
    if args.json {
        output::json(&titles)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = titles.into_iter().map(|title| {
        vec![
            title.name,
            title.assets.to_string(),
            title.shots.to_string(),
            title.id.to_string(),
        ]
    });
    output::table(&["title", "files", "shots", "id"], rows.collect());
    Ok(ExitCode::SUCCESS)
}
