//! `rushes serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use rushes_workers::storage::{MessageQueue, S3Options};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{output, work};
use crate::app::{App, Engine, EngineParts, check_fit};
use crate::catalog::{Role, keys, resumable};
use crate::config::{Config, Server};
use crate::features::Settings;
use crate::fleet::HeldRole;
use crate::http::{
    self, AccessPolicy, Api, ConnectionBounds, Metrics, RateLimits, Roots, Tls, Work,
};
use crate::ingest::{Arrivals, Spool, WatchOptions, Watches};
use crate::webhooks::{Sender, SenderOptions};

/// How long requests under way may go on after a signal to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes serve
  rushes serve --listen 127.0.0.1:8080 --media-root ~/videos --media-root s3://archive/videos
  rushes key create panel --scope read,write > panel.key
  rushes serve --listen 0.0.0.0:7420 --tls-certificate cert.pem --tls-key key.pem
  rushes serve --work-listen 10.0.0.5:7421     and workers with a key, from other machines")]
pub(super) struct Args {
    /// Address and port [default: 127.0.0.1:7420]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// PEM file of the certificate chain, to serve HTTPS; read again when it changes
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, value_name = "PEM", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Serve plain HTTP to other machines, where something in front encrypts or the network is trusted
    #[arg(long)]
    insecure: bool,
    /// Another address and port, for workers on other machines alone, who need a key; plain http
    #[arg(long, value_name = "ADDR")]
    work_listen: Option<SocketAddr>,
    /// Folder or `s3://bucket/prefix` from which videos may be registered; may be given more than once
    #[arg(long = "media-root", value_name = "DIR|URL")]
    media_roots: Vec<String>,
}

impl Args {
    /// Flags override what the settings say.
    fn override_settings(self, server: &mut Server) {
        if let Some(listen) = self.listen {
            server.listen = listen;
        }
        server.tls_certificate = self.tls_certificate.or(server.tls_certificate.take());
        server.tls_key = self.tls_key.or(server.tls_key.take());
        server.insecure |= self.insecure;
        server.work_listen = self.work_listen.or(server.work_listen);
        server.media_roots.extend(self.media_roots);
    }
}

pub(super) async fn run(mut config: Config, args: Args) -> anyhow::Result<ExitCode> {
    args.override_settings(&mut config.server);
    config.check()?;
    let metrics = Metrics::install()?;
    let roots = Roots::new(&config.server.media_roots).context("a media root cannot be used")?;
    let tls = certificate(&config.server)?;
    let app = App::open(config).await?;
    let spool = Spool::open(app.config.data.join("spool"))
        .context("the folder of uploads cannot be opened; check the data folder")?;
    prepare(&app, &spool).await?;
    let listener = listen(app.config.server.listen, "--listen").await?;
    let for_workers = match app.config.server.work_listen {
        Some(address) => Some(listen(address, "--work-listen").await?),
        None => None,
    };
    let parts = EngineParts {
        media: app.config.media_workers(),
        embed: app.config.work.embed,
        redact: app.config.redactors().0,
    };
    let engine = Engine::start(&app, parts).await?.with_context(|| {
        format!(
            "another rushes process is at work on {}; stop it, or name another folder with --data",
            app.config.data.display()
        )
    })?;
    let address = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    output::line(&format!(
        "serving on {scheme}://{address}/ (Ctrl-C to stop)"
    ));
    if let Some(listener) = &for_workers {
        let address = listener.local_addr()?;
        output::line(&format!(
            "workers with a key are served on http://{address}/"
        ));
    }
    let searcher = app.searcher(Arc::clone(engine.index()));
    let settings = app.settings()?;
    let work = workers_on_other_machines(&app, &settings);
    let stop = CancellationToken::new();
    let roots = Arc::new(roots);
    let watches = watches(&app, &settings, engine.role(Role::Watches).await?, &stop);
    let covering = Arc::clone(&roots);
    watches.run(move |place| covering.cover(place)).await?;
    let arrivals = arrivals(&app.config, &watches, &stop)?;
    let policy = AccessPolicy {
        keyed: app.config.server.is_keyed(),
        origins: app.config.server.origins.clone(),
        limits: RateLimits::per_second(app.config.server.requests_per_second),
    };
    let api = Api {
        catalog: app.catalog.clone(),
        storage: app.storage.clone(),
        searcher,
        searching: Arc::new(Semaphore::new(http::MOST_SEARCHES)),
        settings,
        roots,
        upload_limit: app.config.upload_limit(),
        spool,
        member: app.member.clone(),
        redactions: app.redactions.clone(),
        exports: app.export_sources(),
        watches,
        arrivals,
        models: app.models.clone(),
        work: work.clone(),
        metrics,
        history: app.config.search.learn.then(http::SearchHistory::default),
        followers: http::Followers::default(),
        webhook_private: app.config.server.webhook_private,
        stop: stop.clone(),
    };
    let router = http::router(api, policy)?;
    let webhooks = webhooks(&app, engine.role(Role::Webhooks).await?)?;
    let mut server = tokio::spawn(serve(
        [
            Some((listener, router, tls)),
            for_workers.map(|listener| (listener, http::work_router(work.clone()), None)),
        ],
        stop.clone(),
    ));
    let served = tokio::select! {
        ended = &mut server => ended.context("the server died"),
        signalled = work::interrupted() => signalled,
    };
    // Requests under way get a moment; then work is given back.
    stop.cancel();
    work.stop();
    // Before the engine: who has it next takes uploads under way for broken off.
    if !server.is_finished() && tokio::time::timeout(GRACE, &mut server).await.is_err() {
        server.abort();
    }
    webhooks.stop().await;
    engine.stop().await;
    app.catalog.close().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Checks that some key opens the API, and deletes uploads that are not continued any more.
async fn prepare(app: &App, spool: &Spool) -> anyhow::Result<()> {
    check_fit(app).await?;
    let mut tx = app.catalog.begin().await?;
    if app.config.server.is_keyed() {
        ensure!(
            keys::any_for_people(&mut tx).await?,
            "{} can be reached from other machines, and there is no key that opens anything there; make one first: \
             rushes key create NAME --scope read",
            app.config.server.listen
        );
    }
    resumable::expire(&mut tx, spool.identity()).await?;
    let uploads = resumable::ids(&mut tx).await?;
    tx.commit().await?;
    spool.sweep(&uploads.into_iter().collect()).await?;
    Ok(())
}

fn certificate(server: &Server) -> anyhow::Result<Option<Tls>> {
    match (&server.tls_certificate, &server.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::open(certificate, key)?)),
        (None, _) | (_, None) => Ok(None),
    }
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another with {flag}"))
}

fn watches(app: &App, settings: &Settings, role: HeldRole, stop: &CancellationToken) -> Watches {
    // Otherwise the proxies of a video would be ingested, and theirs, without end.
    let own = vec![
        app.config.data.display().to_string(),
        app.config.store_url(),
    ];
    let options = WatchOptions {
        own,
        interval: Duration::from_secs(app.config.server.listing_s.max(1)),
        ..WatchOptions::default()
    };
    Watches::new(
        app.catalog.clone(),
        app.storage.clone(),
        settings.clone(),
        options,
        role,
        stop.clone(),
    )
}

/// Posts events to webhooks.
fn webhooks(app: &App, role: HeldRole) -> anyhow::Result<Sender> {
    let allows_private = app.config.server.webhook_private;
    Sender::start(app.catalog.clone(), SenderOptions { allows_private }, role)
}

/// Reads the queue in which stores announce objects, if there is one.
fn arrivals(
    config: &Config,
    watches: &Watches,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Arrivals>> {
    let Some(url) = &config.server.arrivals_queue else {
        return Ok(None);
    };
    let queue = MessageQueue::open(url, &S3Options::new(config.aws.settings()))
        .context("server.arrivals_queue")?;
    Ok(Some(Arrivals::start(queue, watches.clone(), stop.clone())))
}

fn workers_on_other_machines(app: &App, settings: &Settings) -> Work {
    Work::new(
        app.catalog.clone(),
        Arc::new(app.coordinator.clone()),
        app.storage.clone(),
        (settings.model.clone(), settings.space.clone()),
    )
}

/// Serves each router on its listener, until `stop` and the end of the last request.
async fn serve(routers: [Option<(TcpListener, Router, Option<Tls>)>; 2], stop: CancellationToken) {
    let servers = routers
        .into_iter()
        .flatten()
        .map(|(listener, router, tls)| {
            http::serve(
                listener,
                router,
                tls,
                ConnectionBounds::default(),
                stop.clone(),
            )
        });
    futures::future::join_all(servers).await;
}
