//! `rushes shots`: prints the shots of videos; no catalogue, no server.

mod names;
mod report;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use rushes_models::with_causes;
use rushes_workers::media::StillsJob;
use rushes_workers::sandbox::{Observer, Sandbox};
use rushes_workers::segment::{DetectorKind, SegmentParams};
use rushes_workers::source::ByteSource;
use rushes_workers::storage::{S3Options, Storage};
use tokio::runtime::Handle;

use super::progress::FrameProgress;
use super::sheet::{MAX_SHOTS, PICTURE, ShotSheets, folder_of};
use super::{output, work};
use crate::app;
use crate::config::Config;

use report::{Form, Report};
pub(super) use report::{ShotView, VideoView};

/// Arguments of `shots`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shots and frames are counted from 0, and ends are exclusive. Half of a dissolve or fade belongs to the
outgoing shot. `same_as` names an earlier shot that looks nearly the same.

Only the sheets are kept. A sheet has up to 50 shots. Longer videos continue in OUT.2.png,
OUT.3.png and so on, up to 5000 shots. For several videos, the sheets are named OUT-VIDEO.png.

Examples:
  rushes shots video.mp4
  rushes shots video.mp4 --json | jq '.shots[] | [.start.smpte, .in.kind]'
  rushes shots day3/*.mov --csv > day3.csv
  rushes shots --fast video.mp4
  rushes shots s3://archive/video.mxf --sheet video.png")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are independent of each other"
)]
pub(super) struct Args {
    /// Videos: files or `s3://bucket/key`
    #[arg(required = true, value_name = "FILE|URL")]
    inputs: Vec<String>,
    /// Print JSON: an object, or for several videos an array of the readable ones
    #[arg(long)]
    json: bool,
    /// Print CSV, one line per shot
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Draw the first, middle and last frame of every shot into this PNG
    #[arg(long, value_name = "OUT.png", value_parser = names::parse_png)]
    sheet: Option<PathBuf>,
    /// Compare frames instead of using the boundary network: faster, finds no wipes and fewer dissolves
    #[arg(long)]
    fast: bool,
    /// Decoders that share the video, at most 16 [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    threads: Option<u32>,
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    if let Some(sheet) = &args.sheet {
        // Fail before hours of decoding, not after.
        let folder = folder_of(sheet);
        let there = std::fs::metadata(folder).is_ok_and(|found| found.is_dir());
        anyhow::ensure!(
            there,
            "{}: the folder {} does not exist; create it first",
            sheet.display(),
            folder.display()
        );
    }
    let stop = Arc::new(AtomicBool::new(false));
    let work = Work {
        sandbox: app::sandbox(config)?,
        storage: Storage::of_sources(S3Options::new(config.aws.settings())),
        runtime: Handle::current(),
        params: SegmentParams {
            detector: if args.fast {
                DetectorKind::Signal
            } else {
                DetectorKind::Learned
            },
            threads: args.threads.unwrap_or(0),
            ..SegmentParams::default()
        },
        quiet: args.json || args.csv || !std::io::stderr().is_terminal(),
        stop: Arc::clone(&stop),
    };
    let all = async { tokio::task::spawn_blocking(move || work.videos(&args)).await? };
    tokio::pin!(all);
    tokio::select! {
        // In this order, so that an interruption is seen before new work starts.
        biased;
        pressed = work::interrupted() => {
            pressed?;
            // This ends the child of the current video and drops its sheets.
            stop.store(true, Ordering::Relaxed);
            all.await
        }
        done = &mut all => done,
    }
}

/// What all videos share. Each video is decoded on all cores, so videos are processed one after another.
struct Work {
    sandbox: Sandbox,
    storage: Storage,
    runtime: Handle,
    params: SegmentParams,
    quiet: bool,
    stop: Arc<AtomicBool>,
}

impl Work {
    fn videos(&self, args: &Args) -> anyhow::Result<ExitCode> {
        let sheets = args
            .sheet
            .as_deref()
            .map(|sheet| names::of_sheets(sheet, &args.inputs));
        let form = match (args.json, args.csv) {
            (true, _) => Form::Json,
            (_, true) => Form::Csv,
            _ => Form::Table,
        };
        let mut report = Report::new(form, args.inputs.len() > 1);
        let mut failed = false;
        for (at, input) in args.inputs.iter().enumerate() {
            let sheet = sheets.as_ref().map(|sheets| sheets[at].as_path());
            match self.video(input, sheet) {
                Ok((video, Ok(drawn))) => report.add(video, &drawn)?,
                Ok((video, Err(error))) => {
                    // The scan took long, so its result is reported anyway.
                    failed = true;
                    report.add(video, &[])?;
                    output::complain(&with_causes(&*error));
                    if self.stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Err(error) => {
                    failed = true;
                    if self.stop.load(Ordering::Relaxed) {
                        output::complain(&format!("interrupted; {input} is not finished"));
                        break;
                    }
                    output::complain(&with_causes(&*error));
                }
            }
        }
        report.finish()?;
        Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    /// The shots of one video, and the sheets drawn of them or the error that prevented it.
    fn video(
        &self,
        input: &str,
        sheet: Option<&Path>,
    ) -> anyhow::Result<(VideoView, anyhow::Result<Vec<PathBuf>>)> {
        let locator = self.runtime.block_on(self.storage.locate(input))?;
        let mut source = self.runtime.block_on(self.storage.open_source(&locator))?;
        let mut watching = self.watching("shots");
        let scan = self
            .sandbox
            .shots(source.as_mut(), &self.params, &mut watching);
        watching.bar.finish();
        let video = VideoView::new(input, &scan.with_context(|| input.to_owned())?);
        let drawn = match sheet {
            Some(file) => self.draw(&video, source.as_mut(), file),
            None => Ok(Vec::new()),
        };
        Ok((video, drawn))
    }

    fn draw(
        &self,
        video: &VideoView,
        source: &mut dyn ByteSource,
        file: &Path,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let mut sheets = ShotSheets::new(video, file);
        let job = StillsJob {
            frames: sheets.frames(),
            max_width: PICTURE.0,
            max_height: PICTURE.1,
            threads: self.params.threads,
        };
        let mut sink = |number, picture| sheets.take(number, &picture);
        let mut watching = self.watching("sheet");
        let made = self.sandbox.stills(source, &job, &mut watching, &mut sink);
        watching.bar.finish();
        made.map_err(|ended| {
            ended.or(|error| anyhow::Error::new(error).context(video.file.clone()))
        })?;
        if video.shots.len() > MAX_SHOTS {
            let all = video.shots.len();
            output::complain(&format!(
                "{}: the sheets show the first {MAX_SHOTS} of {all} shots",
                video.file
            ));
        }
        sheets.show()
    }

    fn watching(&self, what: &'static str) -> Watching<'_> {
        Watching {
            bar: FrameProgress::new(what, self.quiet),
            stop: &self.stop,
        }
    }
}

/// Shows the progress of a child and stops it on request.
struct Watching<'a> {
    bar: FrameProgress,
    stop: &'a AtomicBool,
}

impl Observer for Watching<'_> {
    fn progress(&mut self, done: u64, total: Option<u64>) {
        self.bar.show(done, total);
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
