//! `rushes bin`.

use std::process::ExitCode;

use anyhow::bail;

use super::output;
use super::picks::PickArgs;
use crate::app::App;
use crate::catalog::bins::{self, BinItemChange};
use crate::catalog::{BinItemId, CatalogError};
use crate::ingest::file_name;
use crate::views::{BinSummary, BinView};

/// Arguments of `bin`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes bin create Trailer
  rushes bin add Trailer 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76 --note \"opening\"
  rushes bin add Trailer --search \"a car exploding\" -n 5
  rushes bin show Trailer
  rushes bin trim Trailer ITEM --start 34 --end 70
  rushes bin move Trailer ITEM 0
  rushes export --bin Trailer -f otio")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make an empty bin
    Create {
        /// What to call it
        name: String,
    },
    /// List the bins
    List,
    /// Show what is in a bin
    Show {
        /// Id or name
        bin: String,
    },
    /// Add shots at the end of a bin, made if there is none of this name
    Add {
        /// Id or name
        bin: String,
        #[command(flatten)]
        picks: PickArgs,
        /// A note on each of them
        #[arg(long)]
        note: Option<String>,
    },
    /// Trim an item to the frame
    Trim {
        /// Id or name
        bin: String,
        /// Id of the item
        item: BinItemId,
        /// First frame
        #[arg(long, required_unless_present = "end")]
        start: Option<u64>,
        /// One past the last frame
        #[arg(long)]
        end: Option<u64>,
    },
    /// Note something on an item; empty text removes the note
    Note {
        /// Id or name
        bin: String,
        /// Id of the item
        item: BinItemId,
        /// The note
        text: String,
    },
    /// Move an item to another place
    Move {
        /// Id or name
        bin: String,
        /// Id of the item
        item: BinItemId,
        /// Its new place, from 0
        position: usize,
    },
    /// Take items out of a bin
    Remove {
        /// Id or name
        bin: String,
        /// Ids of the items
        #[arg(required = true)]
        items: Vec<BinItemId>,
    },
    /// Rename a bin
    Rename {
        /// Id or name
        bin: String,
        /// Its new name
        name: String,
    },
    /// Delete a bin; the videos stay
    Delete {
        /// Id or name
        bin: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let bin = match args.command {
        Command::List => return list(app, args.json).await,
        Command::Delete { bin } => return delete(app, &bin, args.json).await,
        Command::Show { bin } => bin,
        Command::Create { name } => {
            let mut tx = app.catalog.begin().await?;
            let bin = bins::create(&mut tx, &name, None).await?;
            tx.commit().await?;
            bin.id.to_string()
        }
        Command::Add { bin, picks, note } => add(app, bin, &picks, note.as_deref()).await?,
        Command::Trim {
            bin,
            item,
            start,
            end,
        } => {
            let change = BinItemChange {
                start,
                end,
                ..BinItemChange::default()
            };
            change_item(app, bin, &item, &change).await?
        }
        Command::Note { bin, item, text } => {
            let change = BinItemChange {
                note: Some(text),
                ..BinItemChange::default()
            };
            change_item(app, bin, &item, &change).await?
        }
        Command::Move {
            bin,
            item,
            position,
        } => {
            let change = BinItemChange {
                position: Some(position),
                ..BinItemChange::default()
            };
            change_item(app, bin, &item, &change).await?
        }
        Command::Remove { bin, items } => {
            let mut tx = app.catalog.begin().await?;
            let found = bins::find(&mut tx, &bin, None).await?;
            for item in items {
                bins::remove(&mut tx, &found.id, &item).await?;
            }
            tx.commit().await?;
            bin
        }
        Command::Rename { bin, name } => {
            let mut tx = app.catalog.begin().await?;
            let found = bins::find(&mut tx, &bin, None).await?;
            bins::rename(&mut tx, &found.id, &name).await?;
            tx.commit().await?;
            found.id.to_string()
        }
    };
    show(app, &bin, args.json).await
}

async fn add(
    app: &App,
    bin: String,
    picks: &PickArgs,
    note: Option<&str>,
) -> anyhow::Result<String> {
    if picks.is_empty() {
        bail!("name shots, or give --search WORDS");
    }
    // A search may take a while; the catalogue is not held meanwhile.
    let mut found = picks.selections(app).await?;
    if found.is_empty() {
        bail!("the search found nothing; the bin was left as it is");
    }
    for selection in &mut found {
        selection.note = note.map(str::to_owned);
    }
    let mut tx = app.catalog.begin().await?;
    let known = match bins::find(&mut tx, &bin, None).await {
        Err(CatalogError::NotFound { .. }) => bins::create(&mut tx, &bin, None).await?,
        known => known?,
    };
    bins::append(&mut tx, &known, &found).await?;
    tx.commit().await?;
    Ok(bin)
}

async fn change_item(
    app: &App,
    bin: String,
    item: &BinItemId,
    change: &BinItemChange,
) -> anyhow::Result<String> {
    let mut tx = app.catalog.begin().await?;
    let found = bins::find(&mut tx, &bin, None).await?;
    bins::change(&mut tx, &found.id, item, change).await?;
    tx.commit().await?;
    Ok(bin)
}

async fn delete(app: &App, bin: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut tx = app.catalog.begin().await?;
    let bin = bins::find(&mut tx, bin, None).await?;
    bins::delete(&mut tx, &bin.id).await?;
    tx.commit().await?;
    if json {
        output::json(&serde_json::json!({ "deleted": bin.id }))?;
    } else {
        output::line(&format!("deleted {}", bin.name));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App, json: bool) -> anyhow::Result<ExitCode> {
    let mut db = app.catalog.read().await?;
    let bins = bins::list(&mut db, None).await?;
    if json {
        let bins: Vec<BinSummary> = bins.into_iter().map(BinSummary::from).collect();
        output::json(&serde_json::json!({ "bins": bins }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = bins.into_iter().map(|bin| {
        vec![
            bin.name,
            bin.items.to_string(),
            bin.owner.unwrap_or_default(),
            bin.id.to_string(),
        ]
    });
    output::table(&["bin", "items", "owner", "id"], rows.collect());
    Ok(ExitCode::SUCCESS)
}

async fn show(app: &App, bin: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut db = app.catalog.snapshot().await?;
    let bin = bins::find(&mut db, bin, None).await?;
    let items = bins::items(&mut db, &bin.id).await?;
    drop(db);
    let view = BinView::new(bin, items)?;
    if json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "{} ({})",
        view.bin.name,
        output::count(view.bin.items, "item")
    ));
    let rows = (0..).zip(view.picks).map(|(at, pick)| {
        vec![
            i32::to_string(&at),
            pick.title,
            file_name(&pick.asset.uri),
            pick.start.smpte,
            pick.end.smpte,
            number(pick.similarity, 3),
            number(pick.score, 4),
            pick.note.or(pick.query).unwrap_or_default(),
            pick.id.to_string(),
        ]
    });
    output::table(
        &[
            "#",
            "title",
            "file",
            "in",
            "out",
            "similarity",
            "score",
            "note",
            "item",
        ],
        rows.collect(),
    );
    Ok(ExitCode::SUCCESS)
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}
