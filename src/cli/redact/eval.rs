//! `rushes redact eval`, `compose`, `views` and `split`: measuring redaction, and making data for it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rushes_models::{Class, ModelStore};
use rushes_workers::redact::Redactor;
use rushes_workers::redact::eval::{
    ClassScore, ComposeOptions, Dataset, Evaluation, Evaluator, ScoreBin, Tally, compose,
    export_views, split,
};
use rushes_workers::redact::geometry::Layout;

use super::super::output;
use super::{Look, parse_class, parse_layout};

/// The tools around redaction.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Tool {
    /// Measure recall and precision on annotated pictures
    Eval(EvalArgs),
    /// Make panoramas with known truth by pasting annotated pictures into them
    Compose(ComposeArgs),
    /// Write the views of annotated pictures with their labels (COCO), to train detectors on
    Views(ViewsArgs),
    /// Split a dataset 70/10/20 so that no trip is in two parts
    Split(SplitArgs),
}

/// An annotated set of pictures.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// A COCO file, a list made by `compose`, or a folder of text files (`file x y width height` a line)
    dataset: PathBuf,
    /// What the boxes of text files are around
    #[arg(long, default_value = "plate", value_name = "CLASS", value_parser = parse_class)]
    text_class: Class,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes redact eval plates_eu/ --classes plate
  rushes redact eval panoramas/truth.json --classes face --json")]
pub(super) struct EvalArgs {
    #[command(flatten)]
    source: Source,
    /// Intersection over union from which a reported box fits a true one
    #[arg(long, default_value_t = 0.5)]
    iou: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes redact compose plates_eu/ -o panoramas --backgrounds pano1.jpg,pano2.jpg
  rushes redact compose faces.json -o seam --pitch=-30,0,30 --seam-only --width 5760")]
pub(super) struct ComposeArgs {
    #[command(flatten)]
    source: Source,
    /// Folder of the panoramas and of truth.json, and of planar.json to compare with
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Panoramas to paste into, taken in turn [default: plain grey]
    #[arg(long, value_delimiter = ',', value_name = "FILE")]
    backgrounds: Vec<PathBuf>,
    /// Pitches at which every picture is pasted once, in degrees
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-90,-60,-30,0,30,60,90"
    )]
    pitch: Vec<f64>,
    /// Width of the panoramas in pixels
    #[arg(long, default_value_t = 5760)]
    width: u32,
    /// One picture a panorama, its middle on the seam
    #[arg(long)]
    seam_only: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ViewsArgs {
    #[command(flatten)]
    source: Source,
    /// Folder of the views and of labels.json
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// The views: a name or a file
    #[arg(long, default_value = "sphere-22", value_name = "LAYOUT", value_parser = parse_layout)]
    layout: Layout,
}

#[derive(Debug, clap::Args)]
pub(super) struct SplitArgs {
    #[command(flatten)]
    source: Source,
    /// Folder of train.json, validation.json and test.json
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
}

impl Source {
    fn read(&self) -> anyhow::Result<Dataset> {
        Ok(Dataset::read(&self.dataset, self.text_class)?)
    }
}

pub(super) fn run(store: &ModelStore, tool: Tool) -> anyhow::Result<ExitCode> {
    match tool {
        Tool::Eval(args) => eval(store, args),
        Tool::Compose(args) => {
            let set = args.source.read()?;
            let options = ComposeOptions {
                width: args.width,
                pitches: args.pitch,
                seam_only: args.seam_only,
            };
            let bar = bar(None, "panoramas");
            let made = compose(&set, &args.backgrounds, &options, &args.out, |n| {
                bar.set_position(n as u64);
            })?;
            bar.finish_and_clear();
            let truths: usize = made.dataset.pictures.iter().map(|p| p.truths.len()).sum();
            output::line(&format!(
                "{} panoramas with {truths} regions: {}; the pictures in them as they are: {}",
                made.dataset.pictures.len(),
                made.list.display(),
                made.planar.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Tool::Views(args) => {
            let set = args.source.read()?;
            let bar = bar(Some(set.pictures.len()), "pictures");
            let views = export_views(&set, &args.layout, &args.out, |n| {
                bar.set_position(n as u64);
            })?;
            bar.finish_and_clear();
            output::line(&format!(
                "{views} views: {}",
                args.out.join("labels.json").display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Tool::Split(args) => {
            let mut set = args.source.read()?;
            for picture in &mut set.pictures {
                // The lists lie elsewhere than the pictures.
                picture.file = std::path::absolute(&picture.file)
                    .with_context(|| format!("no absolute path for {}", picture.file.display()))?;
            }
            std::fs::create_dir_all(&args.out)
                .with_context(|| format!("cannot make {}", args.out.display()))?;
            for (part, set) in split(&set)? {
                let path = args.out.join(format!("{}.json", part.as_str()));
                write_json(&path, &set)?;
                output::line(&format!(
                    "{}: {} pictures",
                    path.display(),
                    set.pictures.len()
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn write_json(path: &Path, set: &Dataset) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(set)?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn eval(store: &ModelStore, args: EvalArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!((0.0..=1.0).contains(&args.iou), "--iou is between 0 and 1");
    let set = args.source.read()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let redactor = Redactor::open(store, args.look.settings(), threads)?;
    let bar = bar(Some(set.pictures.len()), "pictures");
    let scores = Evaluator::new(redactor, args.iou).run(&set, |n| bar.set_position(n as u64));
    bar.finish_and_clear();
    if args.json {
        output::json(&scores)?;
    } else {
        print(&scores);
    }
    Ok(if scores.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(scores: &Evaluation) {
    for (path, why) in &scores.failures {
        output::line(&format!(
            "{}: {why}; its regions count as missed",
            path.display()
        ));
    }
    for (class, score) in &scores.classes {
        let ClassScore {
            all,
            reported,
            right,
            ..
        } = score;
        output::line(&format!(
            "{class}: {} true, found {} at IoU {} ({:.1} %), covered {} ({:.1} %); {right} of {reported} reported fit (precision {:.1} %)",
            all.truths,
            all.found,
            scores.iou,
            100.0 * all.recall(),
            all.covered,
            100.0 * all.coverage(),
            100.0 * score.precision(),
        ));
        for (name, unit, bins) in [
            ("longer side", "px", &score.sizes),
            ("longer side, wide bins", "px", &score.strides),
            ("latitude", "°", &score.latitudes),
            ("distance to the seam", "°", &score.seam),
        ] {
            table(name, unit, bins);
        }
    }
}

fn table(name: &str, unit: &str, bins: &[ScoreBin]) {
    let mut from = 0;
    let mut rows = Vec::new();
    for ScoreBin { below, tally } in bins {
        let range = match below {
            Some(below) => format!("{from}–{below} {unit}"),
            None => format!("{from} {unit} and more"),
        };
        from = below.unwrap_or(from);
        let Tally {
            truths,
            found,
            covered,
        } = tally;
        if *truths > 0 {
            rows.push(vec![
                range,
                truths.to_string(),
                format!("{found} ({:.1} %)", 100.0 * tally.recall()),
                format!("{covered} ({:.1} %)", 100.0 * tally.coverage()),
            ]);
        }
    }
    if !rows.is_empty() {
        output::table(&[name, "true", "found", "covered"], rows);
    }
}

fn bar(length: Option<usize>, what: &'static str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{prefix:>11} {bar:28} {pos}/{len}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(length.map(|n| n as u64), target)
        .with_style(style)
        .with_prefix(what)
}
