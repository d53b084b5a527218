//! `rushes ingest`.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rushes_models::{ErrorKind, with_causes};
use serde::Serialize;

use super::progress::Progress;
use super::{models, output, work};
use crate::app::{App, Engine, EngineParts, check_fit};
use crate::catalog::jobs::Job;
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, CatalogError, JobId, assets, jobs};
use crate::features;
use crate::ingest::{FoundVideo, Submitted, file_name, find, submit};

/// Shortest pause between two looks at the progress.
const LOOK: Duration = Duration::from_millis(200);
/// With very many videos a look takes long. The pause is then this many times as long as a look.
const LOOK_SHARE: u32 = 20;
/// Longest pause. A look takes long as well when the catalogue does not answer for a while.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// Arguments of `ingest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Subtitle files beside a video (video.srt, video.en.vtt, video.mp4.ass), text subtitles in it and closed captions become
searchable dialogue.
If it was interrupted or killed, the same command resumes where it stopped.

Examples:
  rushes ingest video.mp4
  rushes ingest ~/shoots/day3 --title \"Rushes day 3\"
  rushes ingest s3://archive/videos/ --json")]
pub(super) struct Args {
    /// Files, folders, `s3://bucket/key` or `s3://bucket/prefix/`
    #[arg(required = true, value_name = "FILE|DIR|URL")]
    inputs: Vec<String>,
    /// Title for all these videos [default: each file's name]
    #[arg(long)]
    title: Option<String>,
    /// Print JSON at the end
    #[arg(long)]
    json: bool,
    /// Only queue the work, for a running `serve` or `work`
    #[arg(long)]
    queue_only: bool,
}

/// The state of a video that was deleted while it was being followed.
const DELETED: &str = "deleted";

/// The result for one video.
#[derive(Debug, Serialize)]
struct Outcome {
    job: JobId,
    asset: AssetId,
    uri: String,
    title: String,
    new: bool,
    /// The state of the job, or `deleted` if the video was deleted meanwhile.
    state: &'static str,
    shots: usize,
    reasons: Vec<String>,
    /// Problems that did not stop the ingest.
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
    check_fit(app).await?;
    models::require(&app.models, &app.active_model().await?)?;
    let (videos, refusals) = find(&app.storage, &args.inputs).await;
    let settings = app.settings()?;
    // Settle the runs of dead processes first, so that a new request starts them again.
    features::bury_the_dead(&app.config.data, &app.catalog, &app.member).await?;
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
        let mut outcome = outcome(app, &video, title, submitted).await?;
        outcome.explain_title(args.title.as_deref());
        outcomes.push(outcome);
    }
    let refused: Vec<Refused> = refusals
        .into_iter()
        .map(|refusal| Refused {
            input: refusal.input,
            reason: with_causes(&refusal.error),
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
        if !summary.videos.is_empty() && app.lacks_speech() {
            output::line(
                "speech was not recognised: `rushes models pull whisper-base`, then ingest again, \
                 makes searchable what is said in videos without subtitles",
            );
        }
        if !finished {
            output::line("interrupted; run the same command again to continue");
        }
        if args.queue_only && summary.videos.iter().any(Outcome::waits) {
            work::say_who_works(app).await?;
        }
    }
    Ok(if failed || !finished {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Waits until all jobs have ended, and does the work unless another process does. Returns `false` if the user
/// interrupted.
async fn follow(app: &App, ids: &[JobId], quiet: bool) -> anyhow::Result<bool> {
    let parts = EngineParts {
        media: app.config.media_workers(),
        embed: app.config.work.embed.max(1),
        // Pending pictures do not belong to this command.
        redact: 0,
    };
    let mut engine = Engine::start(app, parts).await?;
    let mut progress = Progress::new(quiet);
    let finished = follow_until_ended(app, ids, parts, (&mut engine, &mut progress)).await;
    progress.finish();
    // In every case, return unfinished runs and write the index.
    if let Some(engine) = engine {
        engine.stop().await;
    }
    finished
}

async fn read(app: &App, ids: &[JobId]) -> Result<Vec<Job>, CatalogError> {
    let mut db = app.catalog.snapshot().await?;
    jobs::get_many(&mut db, ids).await
}

async fn follow_until_ended(
    app: &App,
    ids: &[JobId],
    parts: EngineParts,
    (engine, progress): (&mut Option<Engine>, &mut Progress),
) -> anyhow::Result<bool> {
    let interrupted = work::interrupted();
    tokio::pin!(interrupted);
    // Jobs that have ended or were deleted are not read again.
    let (mut open, mut ended) = (ids.to_vec(), Vec::new());
    loop {
        let began = Instant::now();
        let read = match read(app, &open).await {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(error = %with_causes(&error), "cannot see how far the work is; looking again");
                tokio::select! {
                    () = tokio::time::sleep(LOOK * LOOK_SHARE) => continue,
                    pressed = &mut interrupted => {
                        pressed?;
                        return Ok(false);
                    }
                }
            }
            Err(error) => return Err(error.into()),
        };
        let (through, under_way): (Vec<Job>, Vec<Job>) =
            read.into_iter().partition(|job| job.state().is_final());
        ended.extend(through);
        open = under_way.iter().map(|job| job.id.clone()).collect();
        progress.show(&ended.iter().chain(&under_way));
        if open.is_empty() {
            return Ok(true);
        }
        if engine.is_none() {
            // The process that did the work may have ended; then this one takes over.
            *engine = Engine::start(app, parts).await?;
        }
        tokio::select! {
            () = tokio::time::sleep((began.elapsed() * LOOK_SHARE).clamp(LOOK, LONGEST_LOOK)) => {}
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
    // Read one snapshot: the video may be deleted between two reads.
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
        // A file with the bytes of a known asset becomes that asset.
        new: submitted.new && asset.id == submitted.asset,
        asset: asset.id,
        uri: asset.uri,
        title: asset.title,
        shots,
    })
}

impl Outcome {
    /// Says so if the title that was asked for is not that of the asset: the bytes were known under another one.
    fn explain_title(&mut self, asked: Option<&str>) {
        let Some(asked) = asked.filter(|asked| *asked != self.title) else {
            return;
        };
        self.warnings.push(format!(
            "{}: these bytes are asset {} of the title {:?}, so the title {asked:?} was not applied; to move the asset: \
             rushes titles --move {1} --to {asked:?}",
            file_name(&self.uri),
            self.asset,
            self.title,
        ));
    }

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
