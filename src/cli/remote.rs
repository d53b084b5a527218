//! Working for a server on another machine: `rushes work --server`, and the checks of `rushes doctor --server`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rushes_models::{ModelStore, Status, space_of, with_causes};
use rushes_workers::coordinator::http::{HttpCoordinator, WorkKey};
use rushes_workers::coordinator::wire::{ServerInfo, WorkModel};
use rushes_workers::coordinator::{Coordinator, CoordinatorError};
use rushes_workers::stages::Queue;
use rushes_workers::storage::{S3Options, Storage};
use rushes_workers::worker::Workers;

use super::{output, work};
use crate::app;
use crate::config::Config;

/// Pause before asking an unreachable server again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server and the credentials for it.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// Server on another machine, `https://host`; also `RUSHES_WORK__SERVER`
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// File with the server's key; also `RUSHES_WORK__KEY_FILE`, or the key itself in `RUSHES_KEY`
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Send the key over plain HTTP, where anyone on the network path can read it
    #[arg(long)]
    insecure: bool,
}

impl Server {
    /// The server named by flag or settings; `None` if there is none.
    pub(super) fn coordinator(&self, config: &Config) -> anyhow::Result<Option<HttpCoordinator>> {
        let Some(server) = self.server.as_ref().or(config.work.server.as_ref()) else {
            ensure!(
                self.key_file.is_none() && !self.insecure,
                "--key-file and --insecure need a server; name it with --server URL"
            );
            return Ok(None);
        };
        let key = self.key(config)?;
        Ok(Some(HttpCoordinator::new(server, &key, self.insecure)?))
    }

    /// Flags take precedence over the environment, and the environment over the settings file.
    fn key(&self, config: &Config) -> anyhow::Result<WorkKey> {
        if self.key_file.is_none()
            && let Some(key) = &config.key
        {
            return Ok(key.clone());
        }
        let Some(file) = self.key_file.as_ref().or(config.work.key_file.as_ref()) else {
            bail!(
                "the server requires a key: create one there with `rushes key create NAME`, and pass it here \
                 with --key-file FILE or RUSHES_KEY"
            );
        };
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the key file {}", file.display()))?;
        WorkKey::new(&text).with_context(|| {
            format!(
                "{} does not contain a key, which is one line rk_…",
                file.display()
            )
        })
    }
}

/// The server's store, as reached from this machine.
pub(super) fn store(config: &Config) -> anyhow::Result<Storage> {
    let Some(url) = &config.storage.url else {
        bail!(
            "a worker on another machine reads the shots' clips from the server's store: name that store \
             with --store s3://bucket/prefix, or the folder where it is mounted"
        );
    };
    // Opening would create a missing folder, in which every clip would then be missing.
    ensure!(
        url.contains("://") || Path::new(url).is_dir(),
        "{url} does not exist; name the folder where the server's store is mounted, with --store"
    );
    Ok(Storage::open(url, S3Options::new(config.aws.settings()))?)
}

/// Checks that the server has the version of this program.
pub(super) fn check_version(server: &ServerInfo) -> anyhow::Result<()> {
    let here = env!("CARGO_PKG_VERSION");
    ensure!(
        server.version == here,
        "the server is rushes {}, this is {here}; use the same version on both",
        server.version
    );
    Ok(())
}

/// Checks that this is the server's store. In any other store every clip is missing, and videos would be given
/// up.
pub(super) async fn check_store(storage: &Storage, about: &ServerInfo) -> anyhow::Result<()> {
    let known = storage.known_identity().await?;
    ensure!(
        known.as_deref() == Some(&about.store),
        "this is not the server's store; set --store as on the server: the same bucket and prefix, or \
         the same folder"
    );
    Ok(())
}

/// Checks that the server's model is installed, in the same revision.
pub(super) fn check_model(models: &ModelStore, about: &ServerInfo) -> anyhow::Result<()> {
    let here = space_of(models, &about.model).with_context(|| {
        format!(
            "the server ({}) uses a model that is unknown here; import a model of your own on both machines with \
             `rushes models pull ID --model-dir DIR`",
            about.version
        )
    })?;
    ensure!(
        here.id == about.space && here.dims == about.dims,
        "the server ({}) needs vectors of {}, but the files here produce {}; pull the same files on both machines, \
         with the same version of rushes",
        about.version,
        about.space,
        here.id
    );
    for manifest in models.manifests().with_requirements(&about.model)? {
        ensure!(
            models.status(manifest)? == Status::Installed,
            "{} {} is not installed; run `rushes models pull {}`",
            manifest.id,
            manifest.revision,
            about.model
        );
    }
    Ok(())
}

/// The server's models that are installed here too, in the same revision.
fn installed(models: &ModelStore, about: &ServerInfo) -> Vec<String> {
    let is_here = |one: &&WorkModel| {
        let about = ServerInfo {
            model: one.model.clone(),
            space: one.space.clone(),
            dims: one.dims,
            ..about.clone()
        };
        check_model(models, &about).is_ok()
    };
    let here = about.models.iter().filter(is_here);
    here.map(|one| one.model.clone()).collect()
}

/// Works for `coordinator` until interrupted or refused. Opens no catalogue.
pub(super) async fn run(
    config: &Config,
    coordinator: HttpCoordinator,
    name: Option<String>,
) -> anyhow::Result<ExitCode> {
    let storage = store(config)?;
    let models = ModelStore::open(config.models_folder())?;
    let about = tokio::select! {
        about = patiently(&coordinator) => about?,
        signalled = work::interrupted() => {
            signalled?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    check_version(&about)?;
    check_model(&models, &about)?;
    check_store(&storage, &about).await?;
    let coordinator = coordinator.of_models(installed(&models, &about));
    let stages = Arc::new(app::stages(config, storage, models)?);
    // An unusable device must fail here, not once per run.
    let (opened, model) = (Arc::clone(&stages), about.model.clone());
    tokio::task::spawn_blocking(move || opened.devices.get(&model).map(drop))
        .await
        .context("cannot open the encoder")??;
    let name = name.unwrap_or_else(|| format!("worker-{}", ulid::Ulid::generate()));
    let coordinator: Arc<dyn Coordinator> = Arc::new(coordinator);
    let workers = Workers::start(
        &name,
        &coordinator,
        &stages,
        &[(Queue::Embed, config.work.embed.max(1))],
    )
    .context("cannot start a worker thread")?;
    output::line(&format!("working as {name}; Ctrl-C to stop"));
    let ended = tokio::select! {
        signalled = work::interrupted() => signalled,
        why = workers.refused() => Err(anyhow::Error::msg(why)),
    };
    workers.stop().await;
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Asks until the server answers. Both may have been started at the same time.
async fn patiently(coordinator: &HttpCoordinator) -> Result<ServerInfo, CoordinatorError> {
    loop {
        match coordinator.about().await {
            Err(CoordinatorError::Unavailable(error)) => {
                tracing::warn!(error = %with_causes(&*error), "the server does not answer; retrying");
                tokio::time::sleep(PATIENCE).await;
            }
            answer => return answer,
        }
    }
}
