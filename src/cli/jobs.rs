//! `rushes jobs`.

use std::process::ExitCode;

use super::{output, work};
use crate::app::App;
use crate::catalog::jobs::Job;
use crate::catalog::{JobId, assets, jobs};
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
    /// How many jobs to list
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    // A killed process could not return its work.
    features::bury_the_dead(&app.config.data, &app.catalog).await?;
    let Some(id) = &args.job else {
        let mut db = app.catalog.read().await?;
        let mut views = Vec::new();
        for job in jobs::recent(&mut db, args.limit, None).await? {
            let uri = assets::get(&mut db, &job.asset_id).await?.uri;
            views.push((JobView::from(&job), uri));
        }
        if args.json {
            let jobs = views.into_iter().map(|(view, _)| view).collect();
            output::json(&JobList { jobs })?;
        } else {
            let rows = views.into_iter().map(|(job, uri)| {
                vec![
                    job.id.to_string(),
                    job.state.to_string(),
                    uri,
                    job.reasons.join("; "),
                ]
            });
            output::table(&["job", "state", "file", "why"], rows.collect());
        }
        return Ok(ExitCode::SUCCESS);
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
        work::say_who_works(app);
    }
    Ok(ExitCode::SUCCESS)
}
