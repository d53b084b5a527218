//! `rushes transcript`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::{asset, output};
use crate::app::App;
use crate::views::Transcript;

/// Arguments of `transcript`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes transcript day3.mp4
  rushes transcript 01KAX7Q0Z3ABCDEFGHJKMNPQRS --format srt --output day3.srt
  rushes transcript 01KAX7Q0Z3ABCDEFGHJKMNPQRS --format json     with the times of words")]
pub(super) struct Args {
    /// Id of the asset, or name of its file
    asset: String,
    /// How to write it
    #[arg(long, short, value_enum, default_value_t = TranscriptFormat::Text)]
    format: TranscriptFormat,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The same as `--format json`
    #[arg(long)]
    json: bool,
}

/// The format of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TranscriptFormat {
    /// Timecodes and lines
    Text,
    /// SubRip
    Srt,
    /// WebVTT
    Vtt,
    /// All there is: lines, words, times, languages
    Json,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let mut db = app.catalog.read().await?;
    let asset = asset::named(&mut db, &args.asset).await?;
    drop(db);
    let transcript = Transcript::load(&app.catalog, &asset.id).await?;
    let format = if args.json {
        TranscriptFormat::Json
    } else {
        args.format
    };
    let text = match format {
        TranscriptFormat::Text => {
            let lines = transcript.lines.iter();
            lines
                .map(|line| format!("{}  {}\n", line.start.smpte, line.text.replace('\n', " ")))
                .collect()
        }
        TranscriptFormat::Srt => transcript.to_srt(),
        TranscriptFormat::Vtt => transcript.to_vtt(),
        TranscriptFormat::Json => serde_json::to_string_pretty(&transcript)? + "\n",
    };
    if transcript.lines.is_empty() {
        output::complain(&silence(app, &asset.uri));
        if format != TranscriptFormat::Json {
            return Ok(ExitCode::FAILURE);
        }
    }
    match args.output {
        Some(file) => std::fs::write(&file, text)
            .with_context(|| format!("cannot write {}", file.display()))?,
        None => output::line(text.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Why there are no lines.
fn silence(app: &App, name: &str) -> String {
    let why = match app.speech() {
        Ok(Some(_)) => {
            "nothing is said in it, or it was not listened to yet: see `rushes jobs`, or ingest it again"
        }
        Ok(None) if app.lacks_speech() => {
            "it has no subtitles, and the model of speech is not installed: `rushes models pull whisper-base`, then ingest it again"
        }
        Ok(None) | Err(_) => "it has no subtitles, and speech is switched off",
    };
    format!("{name} has no lines: {why}")
}
