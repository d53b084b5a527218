//! `rushes delete`.

use std::process::ExitCode;

use rushes_models::with_causes;

use super::output;
use crate::app::{App, collect_garbage};
use crate::catalog::{AssetId, TitleId, assets, titles};

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
    let mut emptied: Vec<TitleId> = Vec::new();
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
            emptied.push(title);
        }
    }
    doomed.sort();
    doomed.dedup();
    for asset in &doomed {
        assets::remove(&mut tx, asset).await?;
    }
    emptied.sort();
    emptied.dedup();
    for title in &emptied {
        // One that was made by hand outlives its files otherwise.
        titles::remove(&mut tx, title).await?;
    }
    tx.commit().await?;
    // Apply the deletion to the index now, unless a running server does.
    drop(app.index().await?);
    let collected = collect_garbage(app).await;
    if args.json {
        output::json(&serde_json::json!({ "deleted": doomed, "titles": emptied }))?;
    } else {
        let files = output::count(doomed.len(), "file");
        let what = match (emptied.len(), doomed.len()) {
            (0, _) => files,
            (titles, 0) => output::count(titles, "empty title"),
            (titles, _) => format!("{} with {files}", output::count(titles, "title")),
        };
        let rest = match &collected {
            _ if doomed.is_empty() => "",
            Ok(true) => ", with all computed results",
            Ok(false) => "; the running server deletes the computed results",
            Err(_) => "",
        };
        output::line(&format!("deleted {what} from the catalogue{rest}"));
    }
    if let Err(error) = collected {
        output::complain(&format!(
            "deleted from the catalogue, but stored objects could not be deleted: {}; the next `rushes delete`, \
             `rushes ingest` or `rushes serve` retries",
            with_causes(&*error)
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
