//! `rushes duplicates`.

use std::process::ExitCode;

use super::output;
use crate::app::App;
use crate::catalog::AssetId;
use crate::ingest::file_name;
use crate::search::{DuplicatesRequest, Query, Scope};

/// Arguments of `duplicates`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes duplicates
  rushes duplicates 'tag:hero len:>1s' --similar 0.98
  rushes duplicates --title \"Day 3\" --json

A page may show fewer groups than asked for and not be the last. Fields of filters: see `rushes search
--help`.")]
pub(super) struct Args {
    /// Only among the shots that fulfil these filters, as of `rushes search`
    #[arg(value_name = "FILTERS")]
    filters: Vec<String>,
    /// Only in this title (id or name); repeatable
    #[arg(long, value_name = "TITLE")]
    title: Vec<String>,
    /// Only in this asset; repeatable
    #[arg(long, value_name = "ID")]
    asset: Vec<AssetId>,
    /// The least cosine similarity, above 0 and up to 1
    #[arg(long, value_name = "NUMBER", default_value_t = 0.95)]
    similar: f32,
    /// Groups per page
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: usize,
    /// Page to show: the `next` of the previous answer
    #[arg(long, value_name = "TOKEN")]
    page: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let request = DuplicatesRequest {
        query: Query::parse(&args.filters.join(" "))?,
        scope: Scope {
            titles: args.title,
            assets: args.asset,
            within: None,
        },
        similar: Some(args.similar),
        limit: args.limit,
        page: args.page,
    };
    let page = app
        .searcher(app.index().await?)
        .duplicates(&request)
        .await?;
    if args.json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    for (at, group) in page.groups.iter().enumerate() {
        for shot in &group.shots {
            rows.push(vec![
                (at + 1).to_string(),
                shot.place.title.clone(),
                file_name(&shot.place.asset.uri),
                shot.place.start.smpte.clone(),
                shot.place.end.smpte.clone(),
                format!("{:.3}", shot.similarity),
                shot.place.shot.to_string(),
            ]);
        }
    }
    if rows.is_empty() {
        output::line("no near-duplicates found");
    } else {
        output::table(
            &["group", "title", "file", "in", "out", "similarity", "shot"],
            rows,
        );
    }
    output::line(&format!(
        "{} looked at",
        output::count(page.looked_at as u64, "shot")
    ));
    if let Some(next) = &page.next {
        output::line(&format!("more: --page {next}"));
    }
    Ok(ExitCode::SUCCESS)
}
