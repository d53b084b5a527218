//! `rushes doctor`.

mod catalogue;

use std::path::Path;
use std::process::ExitCode;

use rushes_models::{Backend, Class, ModelStore, Status, detectors_of, is_installed, with_causes};
use rushes_workers::coordinator::http::HttpCoordinator;
use rushes_workers::sandbox::{Confinement, Landlock};
use rushes_workers::storage::{MessageQueue, S3Options};
use serde::Serialize;

use super::{output, remote};
use crate::app::{self, App};
use crate::catalog::assets;
use crate::config::Config;
use crate::disk::DiskSpace;
use crate::index::Index;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes doctor
  rushes doctor --server https://rushes.example --key-file gpu-1.key --store s3://features/rushes")]
pub(super) struct Args {
    #[command(flatten)]
    server: remote::Server,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One check and its result.
#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    ok: bool,
    found: String,
    fix: Option<String>,
    /// Whether only redaction or one of the senses needs it, or it is a warning. If so, it is not an overall failure.
    optional: bool,
}

impl Check {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            ok: true,
            found: found.into(),
            fix: None,
            optional: false,
        }
    }

    fn bad(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what,
            ok: false,
            found: found.into(),
            fix: Some(fix.into()),
            optional: false,
        }
    }

    fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

pub(super) async fn run(config: Config, args: Args) -> anyhow::Result<ExitCode> {
    let mut checks = vec![ffmpeg(), confinement(&config), encoders(&config)];
    if let Some(server) = args.server.coordinator(&config)? {
        checks.extend(worker(&config, &server).await);
    } else {
        checks.extend(models(&config));
        let models = &config.models;
        for (what, setting, model) in [
            ("speech", "speech_to_text", &models.speech_to_text),
            (
                "text in pictures",
                "picture_to_text",
                &models.picture_to_text,
            ),
            ("sounds by name", "sound_to_tags", &models.sound_to_tags),
            ("faces of people", "faces", &models.faces),
        ] {
            checks.extend(sense(&config, what, (setting, model)));
        }
        checks.extend(detectors(&config));
        checks.push(disk("disk of the data folder", &config.data));
        checks.extend(queue(&config).await);
        checks.extend(catalogue(config).await);
    }
    let ok = checks.iter().all(|check| check.ok || check.optional);
    if args.json {
        output::json(&checks)?;
    } else {
        let rows = checks.into_iter().map(|check| {
            let mark = match (check.ok, check.optional) {
                (true, _) => "ok",
                (false, true) => "optional",
                (false, false) => "FIX",
            };
            vec![
                mark.to_owned(),
                check.what.to_owned(),
                check.found,
                check.fix.unwrap_or_default(),
            ]
        });
        output::table(&["", "what", "found", "fix"], rows.collect());
    }
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn ffmpeg() -> Check {
    let libraries = rushes_workers::media::versions();
    if libraries.has_h264_encoder {
        Check::good("FFmpeg", libraries.to_string())
    } else {
        Check::bad(
            "FFmpeg",
            format!("{libraries}, without an H.264 encoder"),
            "proxies need libx264: install an FFmpeg that includes it (Debian's does)",
        )
    }
}

/// What a decoding process gives up before it reads a video.
fn confinement(config: &Config) -> Check {
    let what = "sandbox";
    let asked = app::sandbox(config).and_then(|sandbox| Ok(sandbox.confinement()?));
    match asked {
        Ok(Confinement { seccomp, landlock }) => {
            let calls = if seccomp {
                "system calls are filtered"
            } else {
                "system calls are not filtered"
            };
            let files = match landlock {
                Landlock::Full => "Landlock is enforced",
                Landlock::Partial => "Landlock is partly enforced",
                Landlock::None => "Landlock is not available",
            };
            let found = format!("{calls}, {files}");
            if seccomp || landlock != Landlock::None {
                Check::good(what, found)
            } else {
                let fix =
                    "videos are decoded with resource limits only: use a Linux kernel with seccomp";
                Check::bad(what, found, fix)
            }
        }
        Err(error) => Check::bad(
            what,
            with_causes(&*error),
            "fix the cause; until then no video can be decoded",
        ),
    }
}

/// Which backend computes the dual encoders here, and why.
fn encoders(config: &Config) -> Check {
    let what = "encoders";
    let options = config.encoder_options();
    let chosen = ModelStore::open(config.models_folder())
        .map_err(rushes_models::ModelError::from)
        .and_then(|store| {
            let backend = Backend::choose(&store, &options)?;
            backend.check(&store, options.gpu)?;
            Ok(backend)
        });
    match chosen {
        Ok(backend) => {
            let why = match options.backend {
                Some(_) => "set by models.backend",
                None => "the best for this CPU among the installed ones",
            };
            Check::good(what, format!("{backend}: {why}"))
        }
        Err(error) => Check::bad(
            what,
            with_causes(&error),
            "install what is missing, or set models.backend to another backend",
        ),
    }
}

fn models(config: &Config) -> Vec<Check> {
    let store = match ModelStore::open(config.models_folder()) {
        Ok(store) => store,
        Err(error) => {
            let fix = "correct or remove the file in the manifests folder of the models";
            return vec![Check::bad("model", with_causes(&error), fix)];
        }
    };
    let wanted = &config.models.text_to_shot;
    let needed = match store.manifests().with_requirements(wanted) {
        Ok(needed) => needed,
        Err(error) => {
            let fix = "set models.text_to_shot to a model that `rushes models list` shows";
            return vec![Check::bad("model", with_causes(&error), fix)];
        }
    };
    needed
        .into_iter()
        .map(|manifest| {
            let name = format!("{} {}", manifest.id, manifest.revision);
            let fix = format!("rushes models pull {wanted}");
            match store.status(manifest) {
                Ok(Status::Installed) => Check::good("model", name),
                Ok(Status::Missing) => Check::bad("model", format!("{name} is not installed"), fix),
                Ok(Status::Partial) => Check::bad("model", format!("{name} is incomplete"), fix),
                Err(error) => Check::bad("model", with_causes(&error), fix),
            }
        })
        .collect()
}

/// Whether a sense that users may do without has its model: what is said in videos without subtitles, and what is
/// written in pictures.
fn sense(config: &Config, what: &'static str, (setting, model): (&str, &str)) -> Option<Check> {
    if model.is_empty() {
        return None;
    }
    let store = ModelStore::open(config.models_folder()).ok()?;
    let check = if let Err(error) = store.manifests().get(model) {
        let fix = format!("set models.{setting} to a model that `rushes models list` shows");
        Check::bad(what, with_causes(&error), fix)
    } else if is_installed(&store, model).unwrap_or(false) {
        Check::good(what, model)
    } else {
        let fix = format!("rushes models pull {model}");
        Check::bad(what, format!("{model} is not installed"), fix)
    };
    Some(check.optional())
}

/// Whether faces and plates can be detected. Nothing else needs these models.
fn detectors(config: &Config) -> Vec<Check> {
    // `models` reports unreadable manifests.
    let Ok(store) = ModelStore::open(config.models_folder()) else {
        return Vec::new();
    };
    let classes = [
        (Class::Face, "redaction of faces"),
        (Class::Plate, "redaction of plates"),
    ];
    classes
        .into_iter()
        .map(|(class, what)| detector(&store, class, what).optional())
        .collect()
}

fn detector(store: &ModelStore, class: Class, what: &'static str) -> Check {
    let known = detectors_of(store, class);
    // The first one is the best, and is the default.
    let Some(best) = known.first() else {
        return Check::bad(what, "no model is known", "add a detector manifest");
    };
    let others: Vec<&str> = known
        .iter()
        .skip(1)
        .filter(|id| is_installed(store, id).unwrap_or(false))
        .map(String::as_str)
        .collect();
    if is_installed(store, best).unwrap_or(false) {
        return Check::good(what, best.as_str());
    }
    let found = if others.is_empty() {
        format!("{best} is not installed")
    } else {
        let flags = others.join(",");
        format!("{best} is not installed; `--detector {flags}` works")
    };
    let fix = format!("rushes models pull {best}, or pass a file: --weights {best}=FILE");
    Check::bad(what, found, fix)
}

/// Checks what a worker for a server on another machine needs.
async fn worker(config: &Config, server: &HttpCoordinator) -> Vec<Check> {
    let about = match server.about().await {
        Ok(about) => about,
        Err(error) => {
            let fix = "check the address, the network and the key";
            return vec![Check::bad("server", with_causes(&error), fix)];
        }
    };
    let server = match remote::check_version(&about) {
        Ok(()) => Check::good("server", format!("rushes {}, key accepted", about.version)),
        Err(error) => {
            let fix = format!("install rushes {} here", about.version);
            Check::bad("server", with_causes(&*error), fix)
        }
    };
    let checked = ModelStore::open(config.models_folder())
        .map_err(anyhow::Error::from)
        .and_then(|models| remote::check_model(&models, &about));
    let model = match checked {
        Ok(()) => Check::good("model", about.space.clone()),
        Err(error) => {
            let fix = format!("rushes models pull {}", about.model);
            Check::bad("model", with_causes(&*error), fix)
        }
    };
    let store = match remote::store(config) {
        Ok(storage) => remote::check_store(&storage, &about).await,
        Err(error) => Err(error),
    };
    let store = match store {
        Ok(()) => Check::good("store", config.store_url()),
        Err(error) => Check::bad(
            "store",
            with_causes(&*error),
            "check --store and the AWS_ variables",
        ),
    };
    vec![server, model, store]
}

/// Whether the queue of arrivals can be read, if there is one.
async fn queue(config: &Config) -> Option<Check> {
    let what = "queue of arrivals";
    let url = config.server.arrivals_queue.as_ref()?;
    let waiting = match MessageQueue::open(url, &S3Options::new(config.aws.settings())) {
        Ok(queue) => queue.waiting().await,
        Err(error) => Err(error),
    };
    Some(match waiting {
        Ok(waiting) => Check::good(what, format!("{url}, about {waiting} messages")),
        Err(error) => {
            let fix = "check server.arrivals_queue and the AWS_ variables";
            Check::bad(what, with_causes(&error), fix)
        }
    })
}

fn disk(what: &'static str, folder: &Path) -> Check {
    match DiskSpace::of(folder) {
        Ok(space) => {
            let found = format!(
                "{:.1} GiB free at {}",
                space.free_bytes as f64 / f64::from(1 << 30),
                folder.display()
            );
            if space.is_low {
                let fix = "free some space, or choose another folder with --data";
                Check::bad(what, found, fix)
            } else {
                Check::good(what, found)
            }
        }
        Err(error) => Check::bad(
            what,
            format!("{}: {}", folder.display(), with_causes(&error)),
            "choose another folder with --data",
        ),
    }
}

async fn catalogue(config: Config) -> Vec<Check> {
    let store = config.store_url();
    let fix = match config.catalog.url() {
        Some(_) => "see there; the setting is catalog.url, or RUSHES_CATALOG__URL",
        None => "choose another folder with --data",
    };
    match App::open(config).await {
        Ok(app) => {
            let file = || app.config.catalog_file().display().to_string();
            let place = app.catalog.database().unwrap_or_else(file);
            let mut checks = vec![Check::good("catalogue", place)];
            checks.extend(catalogue::database(&app).await);
            checks.push(catalogue::files(&app).await);
            checks.push(match app.storage.check().await {
                Ok(()) => catalogue::store(&app, store).await,
                Err(error) => Check::bad(
                    "store",
                    with_causes(&error),
                    "check --store and the AWS_ variables",
                ),
            });
            checks.extend(index(&app).await);
            checks
        }
        Err(error) => vec![Check::bad("catalogue", with_causes(&*error), fix)],
    }
}

/// Whether everything that is published can be found.
async fn index(app: &App) -> Vec<Check> {
    let what = "index";
    let index = match Index::open(&app.config.index_folder()) {
        Ok(index) => index,
        Err(error) => {
            return vec![Check::bad(
                what,
                with_causes(&error),
                "rushes index rebuild",
            )];
        }
    };
    let damage = index.damage().into_iter();
    let mut checks: Vec<Check> = damage
        .map(|damage| Check::bad(what, damage, "rushes index rebuild"))
        .collect();
    let aside = index.set_aside();
    if aside.is_empty() && checks.is_empty() {
        return vec![Check::good(what, format!("{} vectors", index.vectors()))];
    }
    for (asset, fault) in aside {
        let name = match app.catalog.read().await {
            Ok(mut db) => assets::get(&mut db, &asset).await.map(|asset| asset.uri),
            Err(error) => Err(error),
        };
        let name = name.unwrap_or_else(|_gone| asset.to_string());
        let found = format!("{name} cannot be found by sight: {fault}");
        let fix = format!("rushes delete {asset}, then ingest the file again");
        checks.push(Check::bad(what, found, fix));
    }
    checks
}
