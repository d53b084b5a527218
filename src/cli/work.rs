//! `rushes work`.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::{output, remote};
use crate::app::{App, Engine, EngineParts, start_workers};
use crate::config::Config;
use crate::features::is_anyone_at_work;

/// Arguments of `work`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes work                          both queues, until Ctrl-C
  rushes work --queues media --media 4

On another machine, with a key from `rushes key create` at the server:
  rushes work --server https://rushes.example --key-file gpu-1.key --store s3://features/rushes
  rushes work --server http://127.0.0.1:7420 --store /mnt/store   (a tunnel; key in RUSHES_KEY)")]
pub(super) struct Args {
    /// Queues to work on [default: media,embed; with a server on another machine, where no other is: embed]
    #[arg(long, value_delimiter = ',')]
    queues: Vec<Queue>,
    /// Videos decoded side by side [default: half the cores]
    #[arg(long)]
    media: Option<usize>,
    #[command(flatten)]
    server: remote::Server,
    /// What the server calls this worker [default: made up]
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Queue {
    /// Decoding, segmentation, proxies, dialogue.
    Media,
    /// Vectors.
    Embed,
}

pub(super) async fn run(config: Config, mut args: Args) -> anyhow::Result<ExitCode> {
    if let Some(coordinator) = args.server.coordinator(&config)? {
        ensure!(
            args.media.is_none() && !args.queues.contains(&Queue::Media),
            "only the queue embed has work for other machines: media reads videos that may lie on the server's \
             own disk; say --queues embed, and run `rushes work --queues media` beside the server"
        );
        return remote::run(&config, coordinator, args.name).await;
    }
    if args.queues.is_empty() {
        args.queues = vec![Queue::Media, Queue::Embed];
    }
    let app = &App::open(config).await?;
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

/// Says how queued work gets done, if no process is doing it.
pub(super) fn say_who_works(app: &App) {
    if !is_anyone_at_work(&app.config.data) {
        output::line(
            "no process works on this data folder; to process what is queued, run `rushes ingest` with the same file, \
             `rushes work` or `rushes serve`",
        );
    }
}

/// Waits for Ctrl-C or a request to terminate. From then on a second one ends the program at once: what is being
/// finished in good order may take long.
pub(super) async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut pressed = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::select! {
        _ = pressed.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = pressed.recv() => {}
            _ = terminate.recv() => {}
        }
        end_at_once();
    });
    Ok(())
}

/// Ends the process as a shell expects of one that was interrupted. Nothing is lost that a kill would not lose.
#[expect(
    clippy::exit,
    reason = "the orderly end is what the user will not wait for"
)]
fn end_at_once() {
    std::process::exit(130)
}
