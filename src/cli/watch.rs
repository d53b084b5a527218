//! `rushes watch`.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rushes_models::with_causes;
use serde::Serialize;

use super::{models, output, work};
use crate::app::{App, Engine, EngineParts, check_fit};
use crate::catalog::runs::RunState;
use crate::catalog::{AssetId, JobId, assets, jobs, shots};
use crate::features::{self, Settings};
use crate::ingest::{FolderWatch, FoundVideo, Sight, WatchOptions, file_name, submit_unasked};

/// Shortest pause between two looks at the jobs.
const LOOK: Duration = Duration::from_millis(500);
/// With very many jobs a look takes long. The pause is then this many times as long as a look.
const LOOK_SHARE: u32 = 20;

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file is taken when its size and time of change (in S3 its ETag) have not changed for --settle seconds. Hidden and
temporary files (.part, .crdownload, .tmp, ~ …) are left out. Subtitle files count as for `rushes ingest`; one that
comes later is added to its video, and one that is removed no longer counts.
Nothing is deleted when a video disappears: it stays in the catalogue until `rushes delete`. A video that was deleted
from the catalogue is ingested again at the next start if its file is still there.
What was refused is tried again when the file changes, or with `rushes ingest` or `rushes jobs --retry`.
If `rushes serve` or `rushes work` runs on the same data folder, it does the work; otherwise this command does it.

Examples:
  rushes watch ~/shoots                               until Ctrl-C
  rushes watch /mnt/nas/in s3://archive/videos/ --rescan 60 --json
  rushes watch ~/shoots --ignore '*_proxy.*' --ignore cache
  rushes watch ~/shoots --once                        one pass, for cron; fails if anything was refused")]
pub(super) struct Args {
    /// Folders and `s3://bucket/prefix/` to watch, with everything below them
    #[arg(required = true, value_name = "DIR|URL")]
    places: Vec<String>,
    /// Title for all these videos [default: each file's name]
    #[arg(long)]
    title: Option<String>,
    /// Leave out names that match, e.g. '*.tmp'; with a slash, the pattern is for the path below DIR
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// Seconds without a change after which a file is complete
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    settle: u32,
    /// Seconds between two listings of S3
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,
    /// Seconds between two readings of the folders, because network folders send no events
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    rescan: u32,
    /// Take what is complete, wait until it is ingested, and end
    #[arg(long)]
    once: bool,
    /// Print one JSON object per event and line
    #[arg(long)]
    json: bool,
}

/// What happened, as printed.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    /// Watching has begun.
    Watching { places: Vec<&'a str> },
    /// A video was queued.
    New(&'a Video),
    /// A known video was queued again, because of other bytes or subtitles.
    Changed(&'a Video),
    /// A video is searchable.
    Ready {
        #[serde(flatten)]
        video: &'a Video,
        shots: usize,
        warnings: Vec<String>,
    },
    /// A file was refused, when it was looked at or when it was ingested.
    Refused { uri: &'a str, reason: &'a str },
}

/// A video that was submitted.
#[derive(Debug, Serialize)]
struct Video {
    uri: String,
    title: String,
    job: JobId,
    asset: AssetId,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    check_fit(app).await?;
    models::require(&app.models, &app.active_model().await?)?;
    let watch = open(app, &args)?;
    // Settle the runs of dead processes first, so that their work is followed.
    features::bury_the_dead(&app.config.data, &app.catalog, &app.member).await?;
    let mut desk = Desk {
        app,
        settings: app.settings()?,
        args: &args,
        open: HashMap::new(),
        is_refused: false,
        passed: false,
    };
    let mut engine = None;
    let finished = desk.follow(watch, &mut engine).await;
    // In every case, return unfinished runs and write the index.
    if let Some(engine) = engine {
        engine.stop().await;
    }
    let finished = finished?;
    Ok(if args.once && (desk.is_refused || !finished) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn open(app: &App, args: &Args) -> anyhow::Result<FolderWatch> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let options = WatchOptions {
        settle: seconds(args.settle),
        interval: seconds(args.interval),
        rescan: seconds(args.rescan),
        ignore: args.ignore.clone(),
        // Otherwise the proxies of a video would be ingested, and theirs, without end.
        own: vec![
            app.config.data.display().to_string(),
            app.config.store_url(),
        ],
    };
    let storage = app.storage.clone();
    Ok(if args.once {
        FolderWatch::once(storage, &args.places, options)?
    } else {
        FolderWatch::lasting(storage, &args.places, options)?
    })
}

/// Submits what is due and follows the jobs.
struct Desk<'a> {
    app: &'a App,
    settings: Settings,
    args: &'a Args,
    /// Videos that are not ingested yet.
    open: HashMap<JobId, Video>,
    is_refused: bool,
    /// Whether the only pass is over.
    passed: bool,
}

impl Desk<'_> {
    /// Watches until the user interrupts, which returns `false`, or until the only pass is over.
    async fn follow(
        &mut self,
        mut watch: FolderWatch,
        engine: &mut Option<Engine>,
    ) -> anyhow::Result<bool> {
        let interrupted = work::interrupted();
        tokio::pin!(interrupted);
        if !self.args.once {
            self.say(&Line::Watching {
                places: watch.places().collect(),
            });
        }
        let mut limit = None;
        loop {
            let step = self.step(&mut watch, limit);
            tokio::select! {
                done = step => done?,
                pressed = &mut interrupted => {
                    pressed?;
                    return Ok(false);
                }
            }
            let began = Instant::now();
            self.poll().await?;
            limit = Some(began + LOOK.max(began.elapsed() * LOOK_SHARE));
            if self.open.is_empty() {
                if self.args.once {
                    return Ok(true);
                }
                // An idle watcher leaves the data folder to a server that may be started.
                if let Some(engine) = engine.take() {
                    engine.stop().await;
                }
                limit = None;
            } else if engine.is_none() {
                *engine = Engine::start(self.app, self.parts()).await?;
            }
        }
    }

    /// Waits for something to do, at most until `limit`, and submits what is due.
    async fn step(
        &mut self,
        watch: &mut FolderWatch,
        limit: Option<Instant>,
    ) -> anyhow::Result<()> {
        let sights = if !self.args.once {
            watch.rest(limit).await;
            watch.look().await
        } else if self.passed {
            tokio::time::sleep_until(limit.unwrap_or_else(Instant::now).into()).await;
            Vec::new()
        } else {
            self.passed = true;
            watch.pass().await
        };
        for sight in sights {
            match sight {
                Sight::Video { video, changed } => self.submit(&video, changed).await?,
                Sight::Refused { name, reason } => self.refuse(&name, &reason),
            }
        }
        Ok(())
    }

    fn parts(&self) -> EngineParts {
        EngineParts {
            media: self.app.config.media_workers(),
            embed: self.app.config.work.embed.max(1),
            // Pending pictures do not belong to this command.
            redact: 0,
        }
    }

    async fn submit(&mut self, found: &FoundVideo, changed: bool) -> anyhow::Result<()> {
        let default = || found.default_title();
        let title = self.args.title.clone().unwrap_or_else(default);
        let catalog = &self.app.catalog;
        let submitted = submit_unasked(catalog, found, &title, &self.settings).await?;
        let Some(submitted) = submitted else {
            // It was cancelled.
            return Ok(());
        };
        let video = Video {
            uri: found.locator.uri.clone(),
            title,
            job: submitted.job,
            asset: submitted.asset,
        };
        if submitted.new && !changed {
            self.say(&Line::New(&video));
        } else if submitted.queued {
            self.say(&Line::Changed(&video));
        } else {
            // Known from before. If it is ready, nothing happened.
            let mut db = catalog.read().await?;
            let job = jobs::get_many(&mut db, std::slice::from_ref(&video.job)).await?;
            if job.iter().all(|job| job.state() == RunState::Ready) {
                return Ok(());
            }
        }
        self.open.insert(video.job.clone(), video);
        Ok(())
    }

    /// Reports the jobs that have ended.
    async fn poll(&mut self) -> anyhow::Result<()> {
        let ids: Vec<JobId> = self.open.keys().cloned().collect();
        let mut db = self.app.catalog.snapshot().await?;
        let jobs = jobs::get_many(&mut db, &ids).await?;
        // The others were deleted.
        let there: Vec<&JobId> = jobs.iter().map(|job| &job.id).collect();
        self.open.retain(|id, _| there.contains(&id));
        for job in &jobs {
            if !job.state().is_final() {
                continue;
            }
            let Some(mut video) = self.open.remove(&job.id) else {
                continue;
            };
            match job.state() {
                RunState::Ready => {
                    // A file with the bytes of a known asset becomes that asset.
                    video.asset = assets::get(&mut db, &job.asset_id).await?.id;
                    self.say(&Line::Ready {
                        shots: shots::spans(&mut db, &video.asset).await?.len(),
                        warnings: job.warnings(),
                        video: &video,
                    });
                }
                RunState::Failed => self.refuse(&video.uri, &job.reasons().join("; ")),
                RunState::Cancelled | RunState::Pending | RunState::Running => {}
            }
        }
        Ok(())
    }

    fn refuse(&mut self, uri: &str, reason: &str) {
        self.is_refused = true;
        self.say(&Line::Refused { uri, reason });
    }

    fn say(&self, line: &Line<'_>) {
        if !self.args.json {
            output::line(&line.to_string());
            return;
        }
        match serde_json::to_string(line) {
            Ok(text) => output::line(&text),
            Err(error) => output::complain(&with_causes(&error)),
        }
    }
}

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Watching { places } => {
                write!(f, "watching {}; Ctrl-C to stop", places.join(", "))
            }
            Self::New(video) => write!(f, "new      {}", video.uri),
            Self::Changed(video) => write!(f, "changed  {}", video.uri),
            Self::Ready {
                video,
                shots,
                warnings,
            } => {
                let shots = output::count(*shots as u64, "shot");
                write!(f, "ready    {}: {shots}", video.uri)?;
                for warning in warnings {
                    write!(f, "\nwarning: {}: {warning}", file_name(&video.uri))?;
                }
                Ok(())
            }
            Self::Refused { uri, reason } => write!(f, "refused  {uri}: {reason}"),
        }
    }
}
