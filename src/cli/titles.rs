//! `rushes titles`.

use std::process::ExitCode;

use super::output;
use crate::app::App;
use crate::catalog::{AssetId, CatalogError, assets, titles};

/// Arguments of `titles`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes titles
  rushes titles --move 01KAX7Q0Z3ABCDEFGHJKMNPQRS --to \"Rushes day 3\"")]
pub(super) struct Args {
    /// Move this asset to another title
    #[arg(long = "move", value_name = "ASSET", requires = "to")]
    asset: Option<AssetId>,
    /// The title to move it to (id or name), made if there is none of this name
    #[arg(long, value_name = "TITLE", requires = "asset")]
    to: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    if let (Some(asset), Some(title)) = (&args.asset, &args.to) {
        move_asset(app, asset, title).await?;
    }
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

async fn move_asset(app: &App, asset: &AssetId, title: &str) -> anyhow::Result<()> {
    let mut tx = app.catalog.begin().await?;
    let asset = assets::get(&mut tx, asset).await?.id;
    let title = match assets::find_title(&mut tx, title).await {
        Err(CatalogError::NotFound { .. }) => titles::create(&mut tx, title).await?,
        found => found?,
    };
    titles::move_asset(&mut tx, &asset, &title).await?;
    tx.commit().await?;
    // Apply it to the index now, unless a running server does.
    drop(app.index().await?);
    Ok(())
}
