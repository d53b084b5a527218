//! `rushes work`.

use std::process::ExitCode;

use anyhow::Context as _;

use super::output;
use crate::app::{App, Engine, EngineParts, start_workers};

/// Arguments of `work`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes work                          both queues, until Ctrl-C
  rushes work --queues media --media 4")]
pub(super) struct Args {
    /// Queues to work on
    #[arg(long, value_delimiter = ',', default_values = ["media", "embed"])]
    queues: Vec<Queue>,
    /// Films decoded side by side [default: half the cores]
    #[arg(long)]
    media: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Queue {
    /// Decoding, segmentation, proxies, dialogue.
    Media,
    /// Vectors.
    Embed,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let media = args.media.unwrap_or_else(|| app.config.media_workers());
    let parts = EngineParts {
        media: if args.queues.contains(&Queue::Media) {
            media
        } else {
            0
        },
        embed: usize::from(args.queues.contains(&Queue::Embed)),
        redact: app.config.redactors().0,
    };
    // Alone on the data folder, it keeps the index up to date as well.
    if let Some(engine) = Engine::start(app, parts).await? {
        output::line("working; Ctrl-C to stop");
        interrupted().await?;
        engine.stop().await;
    } else {
        output::line("working beside the process that runs on this data folder; Ctrl-C to stop");
        let (_worker, workers) = start_workers(app, parts)?;
        interrupted().await?;
        workers.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for Ctrl-C or a request to terminate.
pub(super) async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("signals cannot be received")?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
