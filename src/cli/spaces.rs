//! `rushes models embed`, `use` and `drop`: models for search by sight, side by side.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use super::{output, work};
use crate::app::{App, Engine, EngineParts, collect_garbage, is_engine_running, open_catalog};
use crate::catalog::spaces::{self, SpaceState};
use crate::catalog::{failed, tallies};
use crate::config::Config;
use crate::features::{
    activate_model, delete_vectors, embed_beside, embeddings_of, remove_vectors,
};

/// How often the progress is read.
const LOOK: Duration = Duration::from_millis(500);

/// Computes the vectors of a model beside those that answer, here or in the process that is at work already.
pub(super) async fn embed(
    config: &Config,
    model: &str,
    queue_only: bool,
) -> anyhow::Result<ExitCode> {
    let app = App::open(config.clone()).await?;
    embed_beside(&app.catalog, &app.models, &app.settings()?, model).await?;
    if queue_only {
        work::say_who_works(&app).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let parts = EngineParts {
        media: app.config.media_workers(),
        embed: app.config.work.embed.max(1),
        redact: 0,
    };
    let mut engine = None;
    let built = follow(&app, model, parts, &mut engine).await;
    if let Some(engine) = engine {
        engine.stop().await;
    }
    if !built? {
        output::line("interrupted; run the same command again to continue");
        return Ok(ExitCode::FAILURE);
    }
    let mut db = app.catalog.read().await?;
    let failures = failed(&mut db, &embeddings_of(model), None::<[&_; 0]>).await?;
    drop(db);
    output::line(&format!(
        "the vectors of {model} are complete; `rushes models use {model}` lets it answer searches"
    ));
    if failures > 0 {
        let videos = output::count(failures, "video");
        output::complain(&format!(
            "{videos} could not be embedded; `rushes jobs` says why"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until the vectors are complete; `false` if the user interrupted.
async fn follow(
    app: &App,
    model: &str,
    parts: EngineParts,
    engine: &mut Option<Engine>,
) -> anyhow::Result<bool> {
    let interrupted = work::interrupted();
    tokio::pin!(interrupted);
    loop {
        let mut db = app.catalog.read().await?;
        let state = spaces::get(&mut db, model).await?.state;
        drop(db);
        if state == SpaceState::Built {
            return Ok(true);
        }
        if engine.is_none() {
            // The process that did the work may have ended; then this one takes over.
            *engine = Engine::start(app, parts).await?;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            pressed = &mut interrupted => {
                pressed?;
                return Ok(false);
            }
        }
    }
}

/// Lets a model answer searches.
pub(super) async fn activate(config: &Config, model: &str) -> anyhow::Result<ExitCode> {
    let app = App::open(config.clone()).await?;
    activate_model(&app.catalog, &app.settings()?, model).await?;
    output::line(&format!("searches are answered by {model}"));
    Ok(ExitCode::SUCCESS)
}

/// Deletes the vectors of a model, unless another process is at work, which then does it.
pub(super) async fn remove(config: &Config, model: &str) -> anyhow::Result<ExitCode> {
    let app = App::open(config.clone()).await?;
    remove_vectors(&app.catalog, &app.settings()?, model).await?;
    if is_engine_running(&app).await? {
        output::line(&format!(
            "the process at work deletes the vectors of {model}"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    delete_vectors(&app.catalog, model).await?;
    drop(app.index().await?);
    collect_garbage(&app).await?;
    output::line(&format!("deleted the vectors of {model}"));
    Ok(ExitCode::SUCCESS)
}

/// What each model that is used has, in words, such as `answers, 10 of 10 videos`. No catalogue is made for it.
pub(super) async fn coverage(config: &Config) -> anyhow::Result<HashMap<String, String>> {
    if config.catalog.url().is_none() && !config.catalog_file().is_file() {
        return Ok(HashMap::new());
    }
    let catalog = open_catalog(config).await?;
    let mut db = catalog.snapshot().await?;
    let tallies = tallies(&mut db).await?;
    let of = |name: &str| tallies.get(name).copied().unwrap_or(0);
    let mut words = HashMap::new();
    for model in spaces::all(&mut db).await? {
        let ready = of(&format!("published/{}", embeddings_of(&model.model)));
        let state = match (model.is_active, model.state) {
            (true, _) => "answers",
            (false, SpaceState::Building) => "building",
            (false, SpaceState::Built) => "built",
            (false, SpaceState::Removing) => "removing",
        };
        words.insert(
            model.model,
            format!(
                "{state}, {ready} of {}",
                output::count(of("assets"), "video")
            ),
        );
    }
    Ok(words)
}
