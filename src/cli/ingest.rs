//! `rushes ingest`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::progress::Progress;
use super::{models, output, work};
use crate::app::{App, Engine, EngineParts};
use crate::catalog::jobs::Job;
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, JobId, assets, jobs};
use crate::features;
use crate::ingest::{FoundVideo, Submitted, file_name, find, submit};

/// How often progress is looked at …
const LOOK: Duration = Duration::from_millis(200);
/// … or, where very many videos are followed, this many times as rarely as a look takes.
const LOOK_SHARE: u32 = 20;

/// Arguments of `ingest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Subtitles beside a video (video.srt, video.en.vtt, video.mp4.ass), text subtitles in it and closed captions become
searchable dialogue.
Interrupted or killed, the same command continues where it stopped.

Examples:
  rushes ingest video.mp4
  rushes ingest ~/shoots/day3 --title \"Rushes day 3\"
  rushes ingest s3://archive/videos/ --json")]
pub(super) struct Args {
    /// Files, folders, `s3://bucket/key` or `s3://bucket/prefix/`
    #[arg(required = true, value_name = "FILE|DIR|URL")]
    inputs: Vec<String>,
    /// Title of all these videos [default: each file's name]
    #[arg(long)]
    title: Option<String>,
    /// Print JSON at the end
    #[arg(long)]
    json: bool,
    /// Only queue the work; a running `serve` or `work` does it
    #[arg(long)]
    queue_only: bool,
}

/// The state of a video that somebody deleted while it was followed.
const DELETED: &str = "deleted";

/// What became of one video.
#[derive(Debug, Serialize)]
struct Outcome {
    job: JobId,
    asset: AssetId,
    uri: String,
    title: String,
    new: bool,
    /// That of the job, or `deleted` if the video was deleted meanwhile.
    state: &'static str,
    shots: usize,
    reasons: Vec<String>,
    /// What was wrong but stopped nothing.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Refused {
    input: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Summary {
    videos: Vec<Outcome>,
    refused: Vec<Refused>,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    models::require(&app.models, &app.config.models.text_to_shot)?;
    let (videos, refusals) = find(&app.storage, &args.inputs).await;
    let settings = app.settings()?;
    // What died with an earlier process is settled first, so that asking again begins it anew.
    features::bury_the_dead(&app.config.data, &app.catalog).await?;
    let mut submitted = Vec::with_capacity(videos.len());
    for video in videos {
        let title = args.title.clone().unwrap_or_else(|| video.default_title());
        let job = submit(&app.catalog, &video, &title, &settings).await?;
        submitted.push((video, title, job));
    }
    let quiet = args.json || !std::io::stderr().is_terminal();
    let finished = if args.queue_only {
        true
    } else {
        let ids: Vec<JobId> = submitted
            .iter()
            .map(|(_, _, submitted)| submitted.job.clone())
            .collect();
        follow(app, &ids, quiet).await?
    };
    let mut outcomes = Vec::with_capacity(submitted.len());
    for (video, title, submitted) in submitted {
        outcomes.push(outcome(app, &video, title, submitted).await?);
    }
    let refused: Vec<Refused> = refusals
        .into_iter()
        .map(|refusal| Refused {
            input: refusal.input,
            reason: refusal.error.to_string(),
        })
        .collect();
    let failed = !refused.is_empty() || outcomes.iter().any(|video| video.has_failed());
    let summary = Summary {
        videos: outcomes,
        refused,
    };
    if args.json {
        output::json(&summary)?;
    } else {
        print(&summary);
        if !finished {
            output::line("interrupted; run the same command again to continue");
        }
        if args.queue_only && summary.videos.iter().any(Outcome::waits) {
            work::say_who_works(app);
        }
    }
    Ok(if failed || !finished {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Waits until all jobs have ended, doing the work unless another process does; `false` if the user
/// interrupted.
async fn follow(app: &App, ids: &[JobId], quiet: bool) -> anyhow::Result<bool> {
    let parts = EngineParts {
        media: app.config.media_workers(),
        embed: app.config.work.embed.max(1),
        // Pictures that wait are no part of this.
        redact: 0,
    };
    let mut engine = Engine::start(app, parts).await?;
    let mut progress = Progress::new(quiet);
    let finished = follow_until_ended(app, ids, parts, (&mut engine, &mut progress)).await;
    progress.finish();
    // Whatever happened: what is under way is given back and the index written.
    if let Some(engine) = engine {
        engine.stop().await;
    }
    finished
}

async fn follow_until_ended(
    app: &App,
    ids: &[JobId],
    parts: EngineParts,
    (engine, progress): (&mut Option<Engine>, &mut Progress),
) -> anyhow::Result<bool> {
    let interrupted = work::interrupted();
    tokio::pin!(interrupted);
    // What has ended is not read again, nor is what was deleted.
    let (mut open, mut ended) = (ids.to_vec(), Vec::new());
    loop {
        let began = Instant::now();
        let mut db = app.catalog.snapshot().await?;
        let read = jobs::get_many(&mut db, &open).await?;
        drop(db);
        let (through, under_way): (Vec<Job>, Vec<Job>) =
            read.into_iter().partition(|job| job.state().is_final());
        ended.extend(through);
        open = under_way.iter().map(|job| job.id.clone()).collect();
        progress.show(&ended.iter().chain(&under_way));
        if open.is_empty() {
            return Ok(true);
        }
        if engine.is_none() {
            // Whoever did the work may have ended; then it is ours.
            *engine = Engine::start(app, parts).await?;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK.max(began.elapsed() * LOOK_SHARE)) => {}
            pressed = &mut interrupted => {
                pressed?;
                return Ok(false);
            }
        }
    }
}

async fn outcome(
    app: &App,
    video: &FoundVideo,
    title: String,
    submitted: Submitted,
) -> anyhow::Result<Outcome> {
    // One state for all reads: it may be deleted in between.
    let mut db = app.catalog.snapshot().await?;
    let Some(job) = jobs::get_many(&mut db, std::slice::from_ref(&submitted.job))
        .await?
        .pop()
    else {
        return Ok(Outcome {
            job: submitted.job,
            asset: submitted.asset,
            uri: video.locator.uri.clone(),
            title,
            new: submitted.new,
            state: DELETED,
            shots: 0,
            reasons: Vec::new(),
            warnings: Vec::new(),
        });
    };
    let asset = assets::get(&mut db, &job.asset_id).await?;
    let shots = crate::catalog::shots::spans(&mut db, &asset.id)
        .await?
        .len();
    Ok(Outcome {
        state: job.state().as_str(),
        reasons: job.reasons().into_iter().map(str::to_owned).collect(),
        warnings: job.warnings(),
        job: submitted.job,
        // A file with the bytes of a known one is that one.
        new: submitted.new && asset.id == submitted.asset,
        asset: asset.id,
        uri: asset.uri,
        title: asset.title,
        shots,
    })
}

impl Outcome {
    fn waits(&self) -> bool {
        self.state == RunState::Pending.as_str()
    }

    fn has_failed(&self) -> bool {
        [RunState::Failed, RunState::Cancelled]
            .iter()
            .any(|state| self.state == state.as_str())
    }
}

fn print(summary: &Summary) {
    let rows = summary.videos.iter().map(|video| {
        vec![
            video.title.clone(),
            file_name(&video.uri),
            video.state.to_owned(),
            video.shots.to_string(),
            video.reasons.join("; "),
        ]
    });
    if !summary.videos.is_empty() {
        output::table(&["title", "file", "state", "shots", "why"], rows.collect());
    }
    for warning in summary.videos.iter().flat_map(|video| &video.warnings) {
        output::line(&format!("warning: {warning}"));
    }
    for refused in &summary.refused {
        output::line(&format!("refused: {}", refused.reason));
    }
}
