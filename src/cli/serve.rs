//! `rushes serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::{output, work};
use crate::app::{App, Engine, EngineParts};
use crate::config::Config;
use crate::http::{self, Api, Metrics, Roots};

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
        model: app.config.models.text_to_shot.clone(),
        roots: Arc::new(roots),
        upload_limit: app.config.upload_limit(),
        metrics,
    });
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async {
            if let Err(error) = work::interrupted().await {
                tracing::error!(%error, "stopping, because signals cannot be received");
            }
        })
        .await;
    engine.stop().await;
    app.catalog.close().await;
    served.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}
