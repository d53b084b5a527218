//! `rushes delete`.

use std::process::ExitCode;

use super::output;
use crate::app::App;
use crate::catalog::{AssetId, assets};

/// Arguments of `delete`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes delete \"Rushes day 3\"
  rushes delete 01KAX7Q0Z3ABCDEFGHJKMNPQRS")]
pub(super) struct Args {
    /// Titles (id or name) or assets (id)
    #[arg(required = true, value_name = "TITLE|ASSET")]
    what: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let mut tx = app.catalog.begin().await?;
    let mut doomed: Vec<AssetId> = Vec::new();
    for what in &args.what {
        let asset = match what.parse::<AssetId>() {
            Ok(id) => assets::get(&mut tx, &id).await.ok(),
            Err(_not_an_id) => None,
        };
        if let Some(asset) = asset {
            doomed.push(asset.id);
        } else {
            let title = assets::find_title(&mut tx, what).await?;
            doomed.extend(assets::list(&mut tx, Some(&title)).await?);
        }
    }
    doomed.sort();
    doomed.dedup();
    for asset in &doomed {
        assets::remove(&mut tx, asset).await?;
    }
    tx.commit().await?;
    // Takes the deletion into the index now, unless a running server does.
    drop(app.index().await?);
    if args.json {
        output::json(&serde_json::json!({ "deleted": doomed }))?;
    } else {
        output::line(&format!(
            "deleted {} file(s) from the catalogue",
            doomed.len()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
