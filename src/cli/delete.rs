//! `rushes delete`.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use rushes_models::with_causes;

use super::output;
use crate::app::{App, collect_garbage};
use crate::catalog::database::Connection;
use crate::catalog::{AssetId, TitleId, assets, titles};

/// Arguments of `delete`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes delete \"Rushes day 3\"              asks before it deletes a title
  rushes delete \"Rushes day 3\" --yes        does not ask, for scripts
  rushes delete 01KAX7Q0Z3ABCDEFGHJKMNPQRS   an asset")]
pub(super) struct Args {
    /// Titles (id or name) or assets (id)
    #[arg(required = true, value_name = "TITLE|ASSET")]
    what: Vec<String>,
    /// Delete titles without asking
    #[arg(long, short = 'y')]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is to be deleted.
#[derive(Debug, PartialEq, Eq)]
struct Doomed {
    assets: Vec<AssetId>,
    titles: Vec<TitleId>,
}

impl Doomed {
    async fn of(db: &mut Connection, names: &[String]) -> anyhow::Result<Self> {
        let (mut doomed, mut emptied) = (Vec::new(), Vec::new());
        for what in names {
            let asset = match what.parse::<AssetId>() {
                Ok(id) => assets::get(db, &id).await.ok(),
                Err(_not_an_id) => None,
            };
            if let Some(asset) = asset {
                doomed.push(asset.id);
            } else {
                let title = titles::find(db, what, None).await?;
                doomed.extend(assets::list(db, Some(&title)).await?);
                emptied.push(title);
            }
        }
        doomed.sort();
        doomed.dedup();
        emptied.sort();
        emptied.dedup();
        Ok(Self {
            assets: doomed,
            titles: emptied,
        })
    }

    /// In words: `1 title with 12 files`.
    fn described(&self) -> String {
        let files = output::count(self.assets.len() as u64, "file");
        match (self.titles.len() as u64, self.assets.len()) {
            (0, _) => files,
            (titles, 0) => output::count(titles, "empty title"),
            (titles, _) => format!("{} with {files}", output::count(titles, "title")),
        }
    }
}

/// Whether the user agrees. A name stands for all files of a title, and no deletion can be undone.
fn agreed(doomed: &Doomed) -> anyhow::Result<bool> {
    let what = doomed.described();
    ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "this deletes {what} with all computed results, and nobody can be asked here; give --yes to delete it all the same"
    );
    output::ask(&format!(
        "delete {what} with all computed results? The videos stay where they are. [y/N] "
    ))
    .context("the answer cannot be read; give --yes to delete without being asked")
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let mut db = app.catalog.snapshot().await?;
    let known = Doomed::of(&mut db, &args.what).await?;
    drop(db);
    if !known.titles.is_empty() && !args.yes && !agreed(&known)? {
        output::line("deleted nothing");
        return Ok(ExitCode::FAILURE);
    }
    let mut tx = app.catalog.begin().await?;
    let found = Doomed::of(&mut tx, &args.what).await?;
    ensure!(
        args.yes || found == known,
        "something was added or deleted meanwhile, so nothing was deleted; run the command again"
    );
    let described = found.described();
    let Doomed {
        assets: doomed,
        titles: emptied,
    } = found;
    for asset in &doomed {
        assets::remove(&mut tx, asset).await?;
    }
    for title in &emptied {
        // One that was made by hand outlives its files otherwise.
        titles::remove(&mut tx, title).await?;
    }
    tx.commit().await?;
    if let Err(error) = app.catalog.finish_scrub().await {
        let error = with_causes(&error);
        output::complain(&format!(
            "bytes of deleted faces may still be in the catalogue: {error}"
        ));
    }
    // Apply the deletion to the index now, unless a running server does.
    drop(app.index().await?);
    let collected = collect_garbage(app).await;
    if args.json {
        output::json(&serde_json::json!({ "deleted": doomed, "titles": emptied }))?;
    } else {
        let rest = match &collected {
            _ if doomed.is_empty() => "",
            Ok(true) => ", with all computed results",
            Ok(false) => "; the running server deletes the computed results",
            Err(_) => "",
        };
        output::line(&format!("deleted {described} from the catalogue{rest}"));
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
