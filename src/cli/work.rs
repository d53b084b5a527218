//! `rushes work`.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use super::{output, remote};
use crate::app::{App, Engine, EngineParts, WorkersBeside};
use crate::catalog::{CatalogError, members};
use crate::config::Config;
use crate::features::is_anyone_at_work;

/// Arguments of `work`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes work                          work on both queues until Ctrl-C
  rushes work --queues media --media 4

On another machine, with a key from `rushes key create` at the server:
  rushes work --server https://rushes.example --key-file gpu-1.key --store s3://features/rushes
  rushes work --server http://127.0.0.1:7420 --store /mnt/store   (a tunnel; key in RUSHES_KEY)")]
pub(super) struct Args {
    /// Queues to work on [default: media,embed; for a server on another machine only embed]
    #[arg(long, value_delimiter = ',')]
    queues: Vec<Queue>,
    /// Videos decoded in parallel [default: half the cores]
    #[arg(long)]
    media: Option<usize>,
    #[command(flatten)]
    server: remote::Server,
    /// Name of this worker at the server [default: generated]
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
            "only the embed queue has work for other machines: the media queue reads videos that may be on the server's \
             own disk; use --queues embed here, and run `rushes work --queues media` on the server's machine"
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
    // If no other process uses the data folder, this one also updates the index.
    if let Some(engine) = Engine::start(app, parts).await? {
        output::line("working; Ctrl-C to stop");
        interrupted().await?;
        engine.stop().await;
    } else {
        output::line("working beside the process that owns this data folder; Ctrl-C to stop");
        let workers = WorkersBeside::start(app, parts).await?;
        interrupted().await?;
        workers.stop().await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says how to get queued work done if no process is doing it.
///
/// # Errors
/// If the catalogue fails.
pub(super) async fn say_who_works(app: &App) -> Result<(), CatalogError> {
    let mut db = app.catalog.read().await?;
    let members = members::all(&mut db).await?;
    if !is_anyone_at_work(&app.config.data) && !members.iter().any(|member| member.is_alive) {
        output::line(
            "no process is working on this data folder; to do the queued work, run `rushes ingest` with the same file, \
             `rushes work` or `rushes serve`",
        );
    }
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM. After that, a second signal ends the program at once, because an orderly
/// shutdown may take long.
pub(super) async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut pressed = signal(SignalKind::interrupt()).context("cannot receive signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot receive signals")?;
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

/// Ends the process with the exit code of an interrupted program. Nothing is lost that a kill would not lose.
#[expect(
    clippy::exit,
    reason = "the user does not want to wait for an orderly shutdown"
)]
fn end_at_once() {
    std::process::exit(130)
}
