//! `rushes export`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use rushes_workers::time::Rate;

use super::output;
use super::picks::{PickArgs, in_bin};
use crate::app::App;
use crate::export::{
    CutListOptions, ExportFile, ExportKind, export, gather, plain_file_name, save,
};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Args {
    #[command(flatten)]
    picks: PickArgs,
    /// Instead: everything in this bin, by id or name
    #[arg(long, conflicts_with_all = ["shots", "search"])]
    bin: Option<String>,
    /// The format
    #[arg(long, short, value_parser = parse)]
    format: ExportKind,
    /// The file to write; `-` for standard output [default: NAME.EXTENSION]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What to call the list [default: the bin's name, or the search]
    #[arg(long)]
    name: Option<String>,
    /// Frames per second of the sequence, such as 25 or 24000/1001 [default: that of most picks]
    #[arg(long)]
    rate: Option<Rate>,
    /// Count drop-frame timecode, or `--drop-frame=false` not to [default: as the picks do]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    drop_frame: Option<bool>,
    /// Frames added before and after each pick
    #[arg(long, value_name = "FRAMES", default_value_t = 0)]
    handles: u32,
    /// Print JSON: the file and what is in it
    #[arg(long)]
    json: bool,
}

fn after_help() -> String {
    let mut help = "Formats:\n".to_owned();
    for kind in ExportKind::all() {
        let _written = writeln!(help, "  {:<8} {}", kind.name(), kind.purpose());
    }
    help + "
Examples:
  rushes export --bin Trailer --format otio
  rushes export --search \"a car exploding\" -n 5 -f edl --handles 12 -o cars.edl
  rushes export 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76 -f fcp7 -o - | less"
}

fn parse(name: &str) -> Result<ExportKind, String> {
    ExportKind::named(name).map_err(|error| error.to_string())
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let (found, name) = match (&args.bin, args.picks.search()) {
        (Some(bin), _) => in_bin(app, bin).await?,
        (None, search) => {
            let name = search.unwrap_or("picks").to_owned();
            (args.picks.selections(app).await?, name)
        }
    };
    let options = CutListOptions {
        name: args.name.unwrap_or(name),
        rate: args.rate,
        drop_frame: args.drop_frame,
        handles: args.handles.into(),
    };
    let list = gather(&app.catalog, &app.storage, &found, &options).await?;
    let file = export(args.format, &list, &app.export_sources()).await?;
    if args.output.as_deref() == Some(Path::new("-")) {
        let mut out = std::io::stdout().lock();
        match file {
            ExportFile::Text(text) => out.write_all(&text)?,
            ExportFile::Media(mut archive) => {
                std::io::copy(&mut archive, &mut out)?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let path = args.output.unwrap_or_else(|| {
        let name = plain_file_name(&options.name);
        PathBuf::from(format!("{name}.{}", args.format.extension()))
    });
    save(file, &path, true).with_context(|| format!("{}: cannot be written", path.display()))?;
    if args.json {
        output::json(&serde_json::json!({
            "file": path,
            "format": args.format.name(),
            "picks": list.picks.len(),
            "frames": list.record_frames(),
            "rate": list.rate,
        }))?;
    } else {
        let picks = output::count(list.picks.len() as u64, "pick");
        output::line(&format!("{}: {picks}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
