//! `rushes learnt`.

use std::process::ExitCode;

use super::output;
use crate::app::App;
use crate::catalog::search_log;

/// Arguments of `learnt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes learnt                      which words people tried after others
  rushes learnt --least 1            also what was seen too seldom to be used
  rushes learnt --forget bike        delete the searches for \"bike\", and what was learnt from them
  rushes learnt --forget-all         delete all searches

Searches over HTTP are logged if `search.learn` is true in the settings; see docs/search.md for what is
kept. A search for the first words then looks for the second ones too, with little weight, once
they were tried `search.learn_after` times.")]
pub(super) struct Args {
    /// Show what was seen so many times [default: `search.learn_after`]
    #[arg(long, value_name = "COUNT")]
    least: Option<u32>,
    /// Delete the logged searches for these words
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["forget_all", "least"])]
    forget: Option<String>,
    /// Delete all logged searches
    #[arg(long, conflicts_with = "least")]
    forget_all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    if args.forget.is_some() || args.forget_all {
        let mut tx = app.catalog.begin().await?;
        let deleted = search_log::forget(&mut tx, args.forget.as_deref()).await?;
        tx.commit().await?;
        if args.json {
            output::json(&serde_json::json!({ "deleted": deleted }))?;
        } else {
            let searches = if deleted == 1 { "search" } else { "searches" };
            output::line(&format!("deleted {deleted} logged {searches}"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let least = args.least.unwrap_or(app.config.search.learn_after).max(1);
    let mut db = app.catalog.snapshot().await?;
    let learnt = search_log::reformulations(&mut db, least).await?;
    let logged = search_log::count(&mut db).await?;
    drop(db);
    let learns = app.config.search.learn;
    if args.json {
        let answer = serde_json::json!({
            "learns": learns,
            "logged": logged,
            "reformulations": learnt,
        });
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = learnt
        .into_iter()
        .map(|pair| vec![pair.from, pair.to, pair.count.to_string()]);
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        let times = if least == 1 { "once" } else { "often enough" };
        output::line(&format!(
            "nothing was tried {times} after a search that led to no shot"
        ));
    } else {
        output::table(&["searched for", "then for", "times"], rows);
    }
    let searches = if logged == 1 {
        "search is"
    } else {
        "searches are"
    };
    output::line(&format!("{logged} {searches} logged"));
    if !learns {
        output::line("searches are not logged: set `search.learn` in the settings to true");
    }
    Ok(ExitCode::SUCCESS)
}
