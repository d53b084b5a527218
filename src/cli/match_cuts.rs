//! `rushes match-cuts`.

use std::process::ExitCode;

use super::output;
use super::search::Elsewhere;
use crate::app::App;
use crate::catalog::{AssetId, ShotId};
use crate::ingest::file_name;
use crate::search::{MatchCutsRequest, Query, Scope};

/// Arguments of `match-cuts`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes match-cuts 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76
  rushes match-cuts 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76 --other-titles -n 30
  rushes match-cuts 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76 'tag:hero len:>1s' --json

A shot is found if its first frame continues the last frame of the shot: things are at the
same places (composition), and move the same way (motion). Fields of filters: see `rushes
search --help`. Files that were ingested before this version need another `rushes ingest`.")]
pub(super) struct Args {
    /// The shot to cut from
    #[arg(value_name = "SHOT")]
    shot: ShotId,
    /// Only among the shots that fulfil these filters, as of `rushes search`
    #[arg(value_name = "FILTERS")]
    filters: Vec<String>,
    /// Only in this title (id or name); repeatable
    #[arg(long, value_name = "TITLE")]
    title: Vec<String>,
    /// Only in this asset; repeatable
    #[arg(long, value_name = "ID")]
    asset: Vec<AssetId>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Most hits
    #[arg(long, short = 'n', default_value_t = 12)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let mut query = Query::parse(&args.filters.join(" "))?;
    query.other = args.elsewhere.only().or(query.other);
    let request = MatchCutsRequest {
        shot: args.shot,
        query,
        scope: Scope {
            titles: args.title,
            assets: args.asset,
            within: None,
        },
        limit: args.limit,
    };
    let found = app
        .searcher(app.index().await?)
        .match_cuts(&request)
        .await?;
    if args.json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = found.hits.iter().enumerate().map(|(at, hit)| {
        vec![
            (at + 1).to_string(),
            hit.place.title.clone(),
            file_name(&hit.place.asset.uri),
            hit.place.start.smpte.clone(),
            hit.place.end.smpte.clone(),
            format!("{:.2}", hit.score),
            format!("{:.2}", hit.evidence.composition),
            format!("{:.2}", hit.evidence.motion),
            hit.place.shot.to_string(),
        ]
    });
    if found.hits.is_empty() {
        output::line("no shot continues this one");
    } else {
        let header = [
            "#",
            "title",
            "file",
            "in",
            "out",
            "score",
            "composition",
            "motion",
            "shot",
        ];
        output::table(&header, rows.collect());
    }
    let missing = found.coverage.total - found.coverage.ready;
    if missing > 0 {
        output::line(&format!(
            "{} not compared yet; see `rushes jobs`, or ingest them again",
            output::count(missing.unsigned_abs(), "file")
        ));
    }
    Ok(ExitCode::SUCCESS)
}
