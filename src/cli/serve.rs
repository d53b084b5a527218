//! `rushes serve`.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{output, work};
use crate::app::{App, Engine, EngineParts};
use crate::config::Config;
use crate::http::{self, Api, Metrics, Roots};

/// How long requests under way may go on after a signal to stop.
const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes serve
  rushes serve --listen 127.0.0.1:8080 --media-root ~/films --media-root s3://archive/films")]
pub(super) struct Args {
    /// Address and port [default: 127.0.0.1:7420]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Folder or `s3://bucket/prefix` from which films may be registered; may be given more than once
    #[arg(long = "media-root", value_name = "DIR|URL")]
    media_roots: Vec<String>,
}

pub(super) async fn run(mut config: Config, args: Args) -> anyhow::Result<ExitCode> {
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    config.server.media_roots.extend(args.media_roots);
    config.check()?;
    let metrics = Metrics::install()?;
    let roots = Roots::new(&config.server.media_roots).context("a media root cannot be used")?;
    let app = App::open(config).await?;
    let listen = app.config.server.listen;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another with --listen"))?;
    let parts = EngineParts {
        media: app.config.media_workers(),
        embed: 1,
        redact: app.config.redactors().0,
    };
    let engine = Engine::start(&app, parts).await?.with_context(|| {
        format!(
            "another rushes process is at work on {}; stop it, or name another folder with --data",
            app.config.data.display()
        )
    })?;
    let address = listener.local_addr()?;
    output::line(&format!("serving on http://{address}/ (Ctrl-C to stop)"));
    let searcher = app.searcher(Arc::clone(engine.index()));
    let router = http::router(Api {
        catalog: app.catalog.clone(),
        storage: app.storage.clone(),
        searcher,
        settings: app.settings(),
        roots: Arc::new(roots),
        upload_limit: app.config.upload_limit(),
        redactions: app.redactions.clone(),
        metrics,
    });
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopping.cancelled().await });
    let mut server = tokio::spawn(server.into_future());
    let served = tokio::select! {
        ended = &mut server => ended.context("the server died").and_then(|ended| ended.context("the server failed")),
        signalled = work::interrupted() => signalled,
    };
    // Work is given back at once; requests under way get a moment.
    stop.cancel();
    engine.stop().await;
    if !server.is_finished() && tokio::time::timeout(GRACE, &mut server).await.is_err() {
        server.abort();
    }
    app.catalog.close().await;
    served?;
    Ok(ExitCode::SUCCESS)
}
