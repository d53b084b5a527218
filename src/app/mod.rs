//! Wiring: opens the catalogue, index, searcher and engine from the settings.

mod engine;
mod fleet;
mod relocation;
mod store_copy;

use std::sync::Arc;

use anyhow::Context as _;
use rushes_models::{
    FaceReader, Manifest, ModelError, ModelStore, SoundTagger, Space, Status, is_installed,
    space_of,
};
use rushes_workers::redact::VideoOptions;
use rushes_workers::sandbox::{Limits, Sandbox};
use rushes_workers::stages::Stages;
use rushes_workers::storage::{S3Options, Storage};

pub use engine::{Engine, EngineParts, WorkersBeside, collect_garbage, is_engine_running};
pub use fleet::check_fit;
pub use relocation::{CatalogDestination, MovedCatalog, move_catalog};
pub use store_copy::{StoreCopy, StoreCopyError, adopt_store, copy_store};

use crate::catalog::{Catalog, CatalogError, members, spaces};
use crate::config::Config;
use crate::export::ExportSources;
use crate::features::{FaceSettings, LocalCoordinator, Settings, SpeechSettings};
use crate::index::{Follower, Index, IndexError, Synonyms};
use crate::redactions::{Options, Redactions};
use crate::search::Searcher;

/// Everything a subcommand may need, opened once.
#[derive(Debug, Clone)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The catalogue.
    pub catalog: Catalog,
    /// Videos and derived objects.
    pub storage: Storage,
    /// Pulled models.
    pub models: ModelStore,
    /// Redacts pictures and videos.
    pub redactions: Redactions,
    /// The sandbox in which an encoder runs beside the decoder.
    encoding: Sandbox,
    /// The sandbox that decodes videos.
    decoding: Sandbox,
    /// The name of this process in leases, and among those who work on the catalogue.
    pub member: String,
    /// Hands out the catalogue's runs, with one clock for the whole process.
    pub coordinator: LocalCoordinator,
}

/// Opens the catalogue in its database, or in its file in the data folder.
///
/// # Errors
/// If it cannot be opened.
pub async fn open_catalog(config: &Config) -> Result<Catalog, CatalogError> {
    match config.catalog.url() {
        Some(address) => Box::pin(Catalog::connect(address)).await,
        None => Box::pin(Catalog::open(&config.catalog_file())).await,
    }
}

impl App {
    /// Opens a data folder that has a catalogue. Whoever only reads would otherwise make an empty one of a mistyped name.
    ///
    /// # Errors
    /// If there is none, or as [`Self::open`].
    pub async fn open_existing(config: Config) -> anyhow::Result<Self> {
        let file = config.catalog_file();
        anyhow::ensure!(
            config.catalog.url().is_some()
                || file
                    .try_exists()
                    .with_context(|| format!("cannot read {}", file.display()))?,
            "there is no catalogue in {}; choose its folder with --data or RUSHES_DATA, or begin one with `rushes ingest`",
            config.data.display()
        );
        Self::open(config).await
    }

    /// Opens the data folder, and creates it if it is missing.
    ///
    /// # Errors
    /// If the folder, the catalogue or the store cannot be opened.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data).with_context(|| {
            format!(
                "cannot create the data folder {}; choose another with --data",
                config.data.display()
            )
        })?;
        let catalog = open_catalog(&config).await?;
        let s3 = S3Options::new(config.aws.settings());
        let storage = Storage::open(&config.store_url(), s3.clone())?;
        let models = ModelStore::open(config.models_folder())?;
        let encoding = encoding_sandbox(&config)?;
        let decoding = sandbox(&config)?;
        let member = members::fresh_name();
        let (redactors, threads) = config.redactors();
        let options = Options {
            redactors,
            threads,
            picture_limit: config.picture_limit(),
            picture_pixels: config.picture_pixels(),
            video_limit: config.upload_limit(),
            memory: config.redaction_memory(),
            member: member.clone(),
            staging: config.data.join("staging"),
            sandbox: encoding.clone(),
        };
        let redactions = Redactions::new(
            catalog.clone(),
            storage.clone(),
            models.clone(),
            s3,
            options,
        );
        Ok(Self {
            models,
            redactions,
            encoding,
            decoding,
            member: member.clone(),
            coordinator: LocalCoordinator::new(catalog.clone(), config.data.clone(), member),
            config: Arc::new(config),
            catalog,
            storage,
        })
    }

    /// Opens the index for reading. If no other process is writing it, it is brought up to date first.
    ///
    /// # Errors
    /// If the index cannot be opened.
    pub async fn index(&self) -> anyhow::Result<Arc<Index>> {
        let folder = self.config.index_folder();
        match Follower::open(&folder, self.catalog.clone()) {
            Ok(mut follower) => {
                follower.catch_up().await?;
                follower.publish().await?;
                Ok(Arc::clone(follower.index()))
            }
            // Another process is writing it. The published state is current enough.
            Err(IndexError::Locked) => Ok(Arc::new(Index::open(&folder)?)),
            Err(error) => Err(error.into()),
        }
    }

    /// A searcher over `index`.
    #[must_use]
    pub fn searcher(&self, index: Arc<Index>) -> Searcher {
        let searcher = Searcher::new(
            self.catalog.clone(),
            index,
            self.models.clone(),
            (
                &self.config.models.text_to_shot,
                self.config.encoder_options(),
            ),
            self.config.pages_folder(),
        );
        let searcher = searcher
            .with_synonyms(Synonyms::new(&self.config.search.synonyms))
            .with_clips(self.decoding.clone());
        let searcher = if self.config.models.speech_to_text.is_empty() {
            searcher
        } else {
            searcher.with_speech(matches!(self.speech(), Ok(Some(_))))
        };
        let searcher = if self.config.models.picture_to_text.is_empty() {
            searcher
        } else {
            searcher.with_reading(matches!(self.reader(), Ok(Some(_))))
        };
        let searcher = searcher.with_sound(self.config.work.sound);
        let searcher = if self.config.models.sound_to_tags.is_empty() {
            searcher
        } else {
            searcher.with_tagging(matches!(self.tagger(), Ok(Some(_))))
        };
        let searcher = searcher.with_faces(matches!(self.faces(), Ok(Some(_))));
        let search = &self.config.search;
        let searcher = if search.learn {
            searcher.with_learnt_words(search.learn_after)
        } else {
            searcher
        };
        // A model that does not exist is reported where work is requested.
        match self.sentences() {
            Ok(Some((model, _))) => {
                let options = self.config.encoder_options();
                searcher.with_sentences(self.models.clone(), (&model, options))
            }
            Ok(None) | Err(_) => searcher,
        }
    }

    /// The model that answers searches by sight.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn active_model(&self) -> Result<String, CatalogError> {
        let mut db = self.catalog.read().await?;
        let active = spaces::active(&mut db).await?;
        let configured = || self.config.models.text_to_shot.clone();
        Ok(active.map_or_else(configured, |model| model.model))
    }

    /// What exports with pictures are made from.
    #[must_use]
    pub fn export_sources(&self) -> ExportSources {
        ExportSources {
            catalog: self.catalog.clone(),
            storage: self.storage.clone(),
            sandbox: self.encoding.clone(),
        }
    }

    /// The stages that workers of this process run.
    ///
    /// # Errors
    /// If the path of this program is unknown.
    pub fn stages(&self) -> anyhow::Result<Stages> {
        stages(&self.config, self.storage.clone(), self.models.clone())
    }

    /// The features requested for every video.
    ///
    /// # Errors
    /// If the model in the settings does not exist.
    pub fn settings(&self) -> Result<Settings, ModelError> {
        let model = &self.config.models.text_to_shot;
        Ok(Settings {
            model: model.clone(),
            space: space_of(&self.models, model)?,
            sentences: self.sentences()?,
            speech: self.speech()?,
            reader: self.reader()?,
            sound: self.config.work.sound,
            tagger: self.tagger()?,
            faces: self.faces()?,
            detector: self.config.work.detector,
            proxy_height: self.config.work.proxy_height,
            frames_per_shot: self.config.work.frames_per_shot,
            frame_vectors: self.config.work.frame_vectors,
        })
    }

    /// How speech is recognised; `None` if it is switched off or its model is not installed.
    ///
    /// # Errors
    /// If the model in the settings does not exist.
    pub fn speech(&self) -> Result<Option<SpeechSettings>, ModelError> {
        let models = &self.config.models;
        let manifest = self.installed(&models.speech_to_text)?;
        Ok(manifest.map(|manifest| SpeechSettings {
            model: manifest.id.clone(),
            revision: manifest.revision.clone(),
            language: models.speech_language.clone(),
        }))
    }

    /// Whether speech is not recognised because its model is not installed.
    #[must_use]
    pub fn lacks_speech(&self) -> bool {
        !self.config.models.speech_to_text.is_empty() && matches!(self.speech(), Ok(None))
    }

    /// The model that reads text in pictures, `id@revision`; `None` if it is switched off or not installed.
    ///
    /// # Errors
    /// If the model in the settings does not exist.
    pub fn reader(&self) -> Result<Option<String>, ModelError> {
        let manifest = self.installed(&self.config.models.picture_to_text)?;
        Ok(manifest.map(Manifest::full_name))
    }

    /// The model that names sounds, `id@revision`; `None` if it is switched off or not installed.
    ///
    /// # Errors
    /// If the model in the settings does not exist, or does something else.
    pub fn tagger(&self) -> Result<Option<String>, ModelError> {
        let Some(manifest) = self.installed(&self.config.models.sound_to_tags)? else {
            return Ok(None);
        };
        SoundTagger::rate_of(&self.models, &manifest.id)?;
        Ok(Some(manifest.full_name()))
    }

    /// The model that tells faces apart; `None` if it is switched off or not installed.
    ///
    /// # Errors
    /// If the model in the settings does not exist, or does something else.
    pub fn faces(&self) -> Result<Option<FaceSettings>, ModelError> {
        let Some(manifest) = self.installed(&self.config.models.faces)? else {
            return Ok(None);
        };
        Ok(Some(FaceSettings {
            model: manifest.id.clone(),
            name: FaceReader::name_of(&self.models, &manifest.id)?,
        }))
    }

    /// The manifest of a model, if it and all that it requires are installed; `None` for the empty name as well.
    fn installed(&self, model: &str) -> Result<Option<&Manifest>, ModelError> {
        if model.is_empty() || !is_installed(&self.models, model)? {
            return Ok(None);
        }
        Ok(Some(self.models.manifests().get(model)?))
    }

    /// The sentence encoder of dialogue and its space; `None` if it is switched off or not installed.
    ///
    /// # Errors
    /// If the model in the settings does not exist.
    pub fn sentences(&self) -> Result<Option<(String, Space)>, ModelError> {
        let model = &self.config.models.text_to_text;
        if model.is_empty() {
            return Ok(None);
        }
        let manifest = self.models.manifests().get(model)?;
        let installed = self.models.status(manifest)? == Status::Installed;
        let space = space_of(&self.models, model)?;
        Ok(installed.then(|| (model.clone(), space)))
    }
}

/// The stages that workers run on `storage` with `models`; no catalogue is needed.
///
/// # Errors
/// If the path of this program is unknown.
pub(crate) fn stages(
    config: &Config,
    storage: Storage,
    models: ModelStore,
) -> anyhow::Result<Stages> {
    Ok(Stages::new(
        storage,
        sandbox(config)?,
        models,
        config.encoder_options(),
    ))
}

/// The sandbox that decodes videos for redaction and for cuts. An encoder beside the decoder needs more memory.
fn encoding_sandbox(config: &Config) -> anyhow::Result<Sandbox> {
    let Sandbox {
        command,
        args,
        limits,
    } = sandbox(config)?;
    let memory_bytes = VideoOptions::limits().memory_bytes.max(limits.memory_bytes);
    Ok(Sandbox {
        command,
        args,
        limits: Limits {
            memory_bytes,
            ..limits
        },
    })
}

/// The sandbox that decodes videos.
///
/// # Errors
/// If the path of this program is unknown.
pub(crate) fn sandbox(config: &Config) -> anyhow::Result<Sandbox> {
    let limits = Limits {
        memory_bytes: config.child_memory(),
        stall: std::time::Duration::from_secs(config.work.child_stall_s),
        ..Limits::default()
    };
    Sandbox::current_exe(limits)
        .context("the path of this program is unknown, and is needed to start decoding processes")
}
