//! `rushes jobs`.

use std::process::ExitCode;
use std::time::SystemTime;

use super::{output, work};
use crate::app::App;
use crate::catalog::jobs::{self, Job, JobFilter};
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, JobId, assets, titles};
use crate::features;
use crate::views::{JobList, JobView};

/// Arguments of `jobs`.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
#[command(after_help = "\
Examples:
  rushes jobs                         the newest jobs, with the reasons of failures
  rushes jobs --state failed --since 2d --feature dialogue
  rushes jobs 01KAX7Q0Z3…             one job, stage by stage
  rushes jobs 01KAX7Q0Z3… --cancel
  rushes jobs 01KAX7Q0Z3… --retry     retry failed stages at the next ingest, serve or work")]
pub(super) struct Args {
    /// Id of a job
    job: Option<JobId>,
    /// Cancel its runs that have not finished
    #[arg(long, requires = "job", conflicts_with = "retry")]
    cancel: bool,
    /// Queue its failed runs again
    #[arg(long, requires = "job")]
    retry: bool,
    #[command(flatten)]
    list: ListArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which jobs to list.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those in this state: pending, running, ready, failed or cancelled
    #[arg(long, value_parser = state, conflicts_with = "job")]
    state: Option<RunState>,
    /// Only those of this asset
    #[arg(long, value_name = "ID", conflicts_with = "job")]
    asset: Option<AssetId>,
    /// Only those of assets of this title (id or name)
    #[arg(long, conflicts_with = "job")]
    title: Option<String>,
    /// Only those with a stage of this feature, such as dialogue or embeddings
    #[arg(long, conflicts_with = "job")]
    feature: Option<String>,
    /// Only those requested at this time or later: 2026-11-27T10:00:00Z, or how long ago, such as 2h or 3d
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "job")]
    since: Option<i64>,
    /// Only those requested before this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "job")]
    until: Option<i64>,
    /// How many jobs to list
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// `next` of the page before
    #[arg(long, conflicts_with = "job")]
    page: Option<i64>,
}

fn state(name: &str) -> Result<RunState, String> {
    let mut states = RunState::ALL.into_iter();
    states.find(|state| state.as_str() == name).ok_or_else(|| {
        let names = RunState::ALL.map(RunState::as_str).join(", ");
        format!("the states are {names}")
    })
}

/// A time in Unix milliseconds.
fn time(text: &str) -> Result<i64, String> {
    let at = match humantime::parse_duration(text) {
        Ok(ago) => SystemTime::now().checked_sub(ago),
        Err(_not_a_duration) => humantime::parse_rfc3339_weak(text).ok(),
    };
    let since = at.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    since
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .ok_or_else(|| {
            "use a time such as 2026-11-27T10:00:00Z, or how long ago: 2h, 3d".to_owned()
        })
}

async fn list(app: &App, args: ListArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut db = app.catalog.snapshot().await?;
    let titles = match &args.title {
        Some(name) => Some(vec![titles::find(&mut db, name, None).await?]),
        None => None,
    };
    let asset = match &args.asset {
        Some(id) => Some(assets::get(&mut db, id).await?.id),
        None => None,
    };
    let filter = JobFilter {
        titles,
        asset,
        state: args.state,
        feature: args.feature,
        since: args.since,
        until: args.until,
        before: args.page,
    };
    let limit = args.limit as usize;
    let mut found = jobs::list(&mut db, &filter, args.limit.saturating_add(1)).await?;
    let is_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| is_more).map(|(rank, _)| *rank);
    let mut rows = Vec::new();
    if !json {
        for (_, job) in &found {
            let uri = assets::get(&mut db, &job.asset_id).await?.uri;
            let view = JobView::from(job);
            let why = view.reasons.join("; ");
            rows.push(vec![view.id.to_string(), view.state.to_string(), uri, why]);
        }
    }
    drop(db);
    if json {
        let jobs = found.iter().map(|(_, job)| JobView::from(job)).collect();
        let next = next.map(|rank| rank.to_string());
        output::json(&JobList { jobs, next })?;
        return Ok(ExitCode::SUCCESS);
    }
    output::table(&["job", "state", "file", "why"], rows);
    if let Some(next) = next {
        output::line(&format!("there are more: add --page {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    // A killed process could not return its work.
    features::bury_the_dead(&app.config.data, &app.catalog, &app.member).await?;
    let Some(id) = &args.job else {
        return list(app, args.list, args.json).await;
    };
    let mut tx = app.catalog.begin().await?;
    let job: Job = if args.cancel {
        jobs::cancel(&mut tx, id).await?
    } else if args.retry {
        let job = jobs::get(&mut tx, id).await?;
        features::retry(&mut tx, &job, &app.settings()?).await?
    } else {
        jobs::get(&mut tx, id).await?
    };
    tx.commit().await?;
    let view = JobView::from(&job);
    if args.json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = view.stages.into_iter().map(|stage| {
        vec![
            stage.feature,
            stage.state.to_string(),
            stage
                .total
                .map_or_else(String::new, |total| format!("{}/{total}", stage.done)),
            stage.reason.unwrap_or_default(),
        ]
    });
    output::table(&["stage", "state", "done", "why"], rows.collect());
    if !job.state().is_final() {
        work::say_who_works(app).await?;
    }
    Ok(ExitCode::SUCCESS)
}
