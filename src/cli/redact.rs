//! `rushes redact`: files in, files out; no catalogue, no server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rushes_models::{Class, ModelStore, Precision, with_causes};
use rushes_workers::redact::geometry::{Layout, Shape};
use rushes_workers::redact::{
    BatchObserver, BatchOptions, CameraChoice, Fill, HandRegions, Item, Outcome, Report, Settings,
    Timings, VideoOptions, redact_all, walk,
};
use serde::Serialize;

use super::{output, work};
use crate::config::Config;

mod eval;
mod parse;

use parse::{
    parse_bytes, parse_camera, parse_class, parse_layout, parse_name, parse_threshold,
    parse_weights,
};

/// Arguments of `redact`.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Everything runs on this machine; originals are never changed. Where a file cannot be processed there
is no output, and the exit code is not zero. Beside each output lies NAME.redaction.json, the record
of what was done.

Layouts: planar and whole for planar pictures; sphere, sphere-large, sphere-22, sphere-coarse and
sphere-fine for panoramas; fisheye. By default a panorama is looked at with sphere, and with
sphere-large if it is large: this has tiles of the panorama's own resolution.

A camera file, here of a fisheye lens (Kannala and Brandt 2006, as OpenCV calibrates it):
  {\"model\": \"fisheye\", \"width\": 1920, \"height\": 1280, \"f\": 560.0, \"cx\": 960.0, \"cy\": 640.0,
   \"k\": [-0.02, 0.003, 0.0, 0.0], \"max_theta\": 1.6}

Examples:
  rushes redact photo.jpg -o blurred --classes face
  rushes redact trip/ -o blurred --recursive --report blurred/report.html
  rushes redact pano.jpg -o blurred --layout sphere-fine --camera equirect
  rushes redact trip/ -o blurred --regions corrections.json
  rushes redact video.mp4 -o blurred --classes face"
)]
pub(super) struct Args {
    #[command(subcommand)]
    tool: Option<eval::Tool>,
    /// Pictures, videos and folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Folder of the outputs
    #[arg(long, short, required = true, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folders below folders as well
    #[arg(long, short)]
    recursive: bool,
    /// Leave files whose output is there, made from the same input with the same settings
    #[arg(long)]
    resume: bool,
    /// Files at once [default: one a core]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// Of a video, look at every N-th frame only; what is between is filled in [default: so many that none
    /// is shown more than 85 ms after a look, which is every other one at 24 to 30 frames a second]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    every: Option<u32>,
    /// Memory that the pictures and videos in work may take together
    #[arg(long, default_value = "4GiB", value_name = "BYTES", value_parser = parse_bytes)]
    memory: u64,
    /// Write a page that sums up the batch, with the doubtful regions to look at
    #[arg(long, value_name = "HTML")]
    report: Option<PathBuf>,
    /// Regions by hand: {"photo.jpg": {"add": [{"class": "face", "box": [x, y, w, h]}], "remove": [...]}}
    #[arg(long, value_name = "JSON")]
    regions: Option<PathBuf>,
    /// Print a line of JSON a file, and one in the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    look: Look,
}

/// What is looked for, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Look {
    /// What is looked for
    #[arg(long, value_delimiter = ',', default_value = "face,plate", value_parser = parse_class)]
    classes: Vec<Class>,
    /// Detector to use, more than one to let several look [default: the best for each class]
    #[arg(long = "detector", value_delimiter = ',', value_name = "ID")]
    detectors: Vec<String>,
    /// Weights from a file instead of pulled ones
    #[arg(long, value_name = "ID=FILE", value_parser = parse_weights)]
    weights: Vec<(String, PathBuf)>,
    /// What detectors compute with: int8 (two to three times as fast on a CPU) or f32 [default: int8 for the
    /// built-in faces and plates on a CPU with VNNI or of ARM, f32 otherwise]
    #[arg(long, value_name = "PRECISION", value_parser = parse_name::<Precision>)]
    precision: Option<Precision>,
    /// Score from which a detection counts [default: the detector's]
    #[arg(long = "threshold", value_delimiter = ',', value_name = "CLASS=SCORE", value_parser = parse_threshold)]
    thresholds: Vec<(Class, f32)>,
    /// Detectors that must see an object before it is blurred
    #[arg(long, default_value_t = 1, value_name = "N")]
    votes: usize,
    /// How the pictures were taken: auto, planar, equirect, or a file that describes the camera
    #[arg(long, default_value = "auto", value_name = "CAMERA", value_parser = parse_camera)]
    camera: CameraChoice,
    /// The views to look at: a name (see below) or a file [default: by the kind of picture]
    #[arg(long, value_name = "LAYOUT", value_parser = parse_layout)]
    layout: Option<Layout>,
    /// Added on each side of a detection, as a share of its size
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    margin: f64,
    /// Outline of regions: ellipse or box [default: ellipses around faces, boxes around plates]
    #[arg(long, value_name = "SHAPE", value_parser = parse_name::<Shape>)]
    shape: Option<Shape>,
    /// What takes a region's place: blur, solid, or none (only report)
    #[arg(long, default_value = "blur", value_name = "FILL", value_parser = parse_name::<Fill>)]
    fill: Fill,
    /// Leave the names of people in the metadata of pictures in which a face was hidden
    #[arg(long)]
    keep_names: bool,
}

impl Look {
    /// The settings that these options ask for.
    pub(super) fn settings(self) -> Settings {
        Settings {
            classes: self.classes.into_iter().collect::<BTreeSet<_>>(),
            detectors: self.detectors,
            weights: self.weights.into_iter().collect(),
            precision: self.precision,
            thresholds: self.thresholds.into_iter().collect::<BTreeMap<_, _>>(),
            votes: self.votes,
            camera: self.camera,
            layout: self.layout,
            margin: self.margin,
            shape: self.shape,
            fill: self.fill,
            keep_names: self.keep_names,
            ..Settings::default()
        }
    }
}

/// One file, in JSON.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(serialize_with = "lossy")]
    file: &'a Path,
    /// Whether `file` or `output` is not the very name, which is not UTF-8.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    name_is_lossy: bool,
    state: State,
    #[serde(serialize_with = "lossy_if_any")]
    output: Option<&'a Path>,
    regions: Option<usize>,
    error: Option<String>,
    kind: Option<rushes_models::ErrorKind>,
    seconds: Option<f64>,
    /// Seconds by stage.
    stages: Option<Timings>,
}

impl<'a> Line<'a> {
    /// Of a file of which no more is known.
    fn of(file: &'a Path, state: State) -> Self {
        Self {
            file,
            name_is_lossy: file.to_str().is_none(),
            state,
            output: None,
            regions: None,
            error: None,
            kind: None,
            seconds: None,
            stages: None,
        }
    }
}

/// A path, with replacement characters where it is not UTF-8.
fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The same of a path that may be missing.
fn lossy_if_any<S: serde::Serializer>(
    path: &Option<&Path>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.map(|path| path.to_string_lossy())
        .serialize(serializer)
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Redacted,
    Resumed,
    Skipped,
    Failed,
}

#[derive(Default, Serialize)]
struct Summary {
    redacted: usize,
    resumed: usize,
    skipped: usize,
    failed: usize,
    not_begun: usize,
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    let store = ModelStore::open(config.models_folder())?;
    let stop = Arc::new(AtomicBool::new(false));
    let work = {
        let stop = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || match args.tool {
            Some(tool) => eval::run(&store, tool),
            None => batch(&store, args, &stop),
        })
    };
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done?,
        pressed = work::interrupted() => {
            pressed?;
            // What was begun is finished, or left without output; a second Ctrl-C ends the program at once.
            stop.store(true, Ordering::Relaxed);
            work.await?
        }
    }
}

fn batch(store: &ModelStore, args: Args, stop: &AtomicBool) -> anyhow::Result<ExitCode> {
    let Some(out) = args.out else {
        anyhow::bail!("name the folder of the outputs: -o DIR");
    };
    let hand = args
        .regions
        .as_deref()
        .map(HandRegions::read)
        .transpose()?
        .unwrap_or_default();
    let settings = args.look.settings();
    let found = walk(&args.paths, args.recursive, &out);
    let mut watch = Watch::new(
        args.json,
        args.report.as_ref().map(|_| Report::default()),
        found.items.len(),
    );
    let none = found.items.is_empty() && found.skipped.is_empty() && found.failed.is_empty();
    ensure!(
        !none,
        "there is nothing to redact: no picture and no video{}",
        if args.recursive {
            ""
        } else {
            "; --recursive looks into the folders below too"
        }
    );
    hand.check(&found.items)?;
    for skipped in &found.skipped {
        watch.skip(&skipped.path);
    }
    for (path, error) in &found.failed {
        watch.fail(path, error, None);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args
        .jobs
        .unwrap_or(cores)
        .clamp(1, found.items.len().max(1));
    let options = BatchOptions {
        out,
        jobs,
        threads: (cores / jobs).max(1),
        memory_bytes: args.memory,
        resume: args.resume,
        hand,
        videos: VideoOptions::new(args.every)?,
    };
    let all = found.items.len();
    redact_all(store, &settings, &options, found.items, stop, &mut watch)?;
    watch.bar.finish_and_clear();
    watch.summary.not_begun = all - watch.through;
    if let (Some(path), Some(report)) = (&args.report, &watch.report) {
        std::fs::write(path, report.html())
            .with_context(|| format!("cannot write the report {}", path.display()))?;
    }
    watch.close()
}

/// Tells what happens, and remembers it for the end.
struct Watch {
    json: bool,
    bar: ProgressBar,
    through: usize,
    summary: Summary,
    report: Option<Report>,
}

impl Watch {
    fn new(json: bool, report: Option<Report>, files: usize) -> Self {
        let target = if json || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template(
            "{prefix:>11} {bar:28} {pos}/{len}  {per_sec}  {eta} left  {msg}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(files as u64), target)
            .with_style(style)
            .with_prefix("redact");
        Self {
            json,
            bar,
            through: 0,
            summary: Summary::default(),
            report,
        }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| output::line(text));
    }

    fn skip(&mut self, path: &Path) {
        self.summary.skipped += 1;
        if self.json {
            tell(&Line::of(path, State::Skipped));
        }
    }

    fn fail(
        &mut self,
        path: &Path,
        error: &rushes_workers::redact::RedactError,
        seconds: Option<f64>,
    ) {
        self.summary.failed += 1;
        if let Some(report) = &mut self.report {
            report.fail(path, &with_causes(error));
        }
        if self.json {
            tell(&Line {
                error: Some(with_causes(error)),
                kind: Some(error.kind()),
                seconds,
                ..Line::of(path, State::Failed)
            });
        } else {
            let text = format!("{}: NOT processed: {}", path.display(), with_causes(error));
            self.bar.suspend(|| output::complain(&text));
        }
    }

    /// The last words, and the exit code.
    fn close(self) -> anyhow::Result<ExitCode> {
        let Summary {
            redacted,
            resumed,
            skipped,
            failed,
            not_begun,
        } = self.summary;
        if self.json {
            output::line(&serde_json::to_string(
                &serde_json::json!({ "summary": self.summary }),
            )?);
        } else {
            let mut text = format!("{redacted} redacted, {failed} failed");
            for (count, what) in [
                (resumed, "done before"),
                (skipped, "neither picture nor video"),
                (
                    not_begun,
                    "not begun: interrupted; run the same command with --resume to continue",
                ),
            ] {
                if count > 0 {
                    text += &format!(", {count} {what}");
                }
            }
            output::line(&text);
        }
        Ok(if failed + not_begun > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

impl BatchObserver for Watch {
    fn done(&mut self, outcome: &Outcome) {
        self.through += 1;
        self.bar.inc(1);
        let path = &outcome.item.path;
        let done = match &outcome.result {
            Ok(done) => done,
            Err(error) => return self.fail(path, error, Some(outcome.seconds)),
        };
        if let Some(report) = &mut self.report {
            report.add(outcome);
        }
        let regions = done.record.hidden_objects();
        if done.resumed {
            self.summary.resumed += 1;
        } else {
            self.summary.redacted += 1;
        }
        if self.json {
            let state = if done.resumed {
                State::Resumed
            } else {
                State::Redacted
            };
            let output = outcome.output.as_deref();
            tell(&Line {
                name_is_lossy: [Some(path.as_path()), output]
                    .iter()
                    .flatten()
                    .any(|path| path.to_str().is_none()),
                output,
                regions: Some(regions),
                seconds: Some(outcome.seconds),
                stages: done.timings,
                ..Line::of(path, state)
            });
        } else if !done.resumed {
            let hidden = done.record.hidden_copies();
            let mut text = format!("{}: {}", path.display(), output::count(regions, "region"));
            match hidden {
                0 => {}
                1 => text += ", 1 hidden copy removed or replaced",
                _ => text += &format!(", {hidden} hidden copies removed or replaced"),
            }
            self.say(&text);
        }
    }

    fn progress(&mut self, item: &Item, share: f64) {
        self.bar
            .set_message(format!("{} {:.0}%", item.relative.display(), share * 100.0));
    }
}

fn tell(line: &Line<'_>) {
    if let Ok(json) = serde_json::to_string(line) {
        output::line(&json);
    }
}
