//! Settings: defaults, then file, then environment, then flags. This is the only reader of the environment.
//!
//! Unknown keys are errors, and all problems are reported at once.

mod catalog;
mod error;
mod merge;
mod models;
mod search;
mod server;

use std::path::PathBuf;

use etcetera::{BaseStrategy as _, choose_base_strategy};
use rushes_models::{Backend, EncoderOptions};
use rushes_workers::coordinator::http::WorkKey;
use rushes_workers::segment::DetectorKind;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use catalog::CatalogConfig;
pub use error::{ConfigError, Problem};
pub use models::Models;
pub use search::SearchConfig;
pub use server::Server;

/// Prefix of environment variables that are settings, such as `RUSHES_SERVER__LISTEN`.
const PREFIX: &str = "RUSHES_";
/// Names of the sections, as in environment variables.
const SECTIONS: &[&str] = &["CATALOG", "STORAGE", "MODELS", "WORK", "SERVER", "SEARCH"];
const MIB: u64 = 1024 * 1024;

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the catalogue, the index and, by default, the store.
    pub data: PathBuf,
    /// Where the catalogue is.
    pub catalog: CatalogConfig,
    /// Where proxies, thumbnails and uploads are kept.
    pub storage: StorageConfig,
    /// The models folder and the model to use.
    pub models: Models,
    /// How work is done.
    pub work: WorkConfig,
    /// The HTTP server.
    pub server: Server,
    /// How searches are answered.
    pub search: SearchConfig,
    /// `AWS_…` variables, for stores in S3.
    #[serde(skip)]
    pub aws: Aws,
    /// `RUSHES_KEY`, for a server on another machine. It is never read from a settings file, because people
    /// share those.
    #[serde(skip)]
    pub key: Option<WorkKey>,
}

/// The store of derived objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// A folder or `s3://bucket/prefix`; by default the folder `store` in the data folder.
    pub url: Option<String>,
}

/// How work is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkConfig {
    /// Videos decoded in parallel; 0 means half the cores, at least one.
    pub media: usize,
    /// Videos embedded in parallel, so that the next one feeds the device while one ends. 0 leaves embedding to
    /// other workers when serving.
    pub embed: usize,
    /// Threads of the encoder; 0 means one per core.
    pub encoder_threads: usize,
    /// Memory limit of a decoding process in MiB.
    pub child_memory_mib: u64,
    /// Seconds of silence after which a decoding process is killed.
    pub child_stall_s: u64,
    /// The shot detector: `learned`, the boundary network, or `signal`, which is faster and misses more.
    pub detector: DetectorKind,
    /// Height of proxies in pixels.
    pub proxy_height: u32,
    /// Frames per shot to encode.
    pub frames_per_shot: u32,
    /// Whether to keep the vectors of single frames beside those of shots, for finding moments.
    pub frame_vectors: bool,
    /// Whether to measure sound: how loud shots are, and where it bangs.
    pub sound: bool,
    /// Pictures and videos redacted in parallel; 0 means half the cores, at least one.
    pub redactors: usize,
    /// Memory in MiB that all pictures and videos being redacted may take together. Videos take up to half of it.
    pub redaction_memory_mib: u64,
    /// The server on another machine that `rushes work` works for; by default it works on the data folder.
    pub server: Option<String>,
    /// File with the key for that server.
    pub key_file: Option<PathBuf>,
}

/// The variables shared by S3 clients.
#[derive(Debug, Clone, Default)]
pub struct Aws(Vec<(String, SecretString)>);

impl Aws {
    /// Names and values.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, SecretString)> {
        self.0.clone()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: choose_base_strategy().map_or_else(
                |_no_home| "rushes-data".into(),
                |user| user.data_dir().join("rushes"),
            ),
            catalog: CatalogConfig::default(),
            storage: StorageConfig::default(),
            models: Models::default(),
            work: WorkConfig::default(),
            server: Server::default(),
            search: SearchConfig::default(),
            aws: Aws::default(),
            key: None,
        }
    }
}

impl Default for WorkConfig {
    fn default() -> Self {
        Self {
            media: 0,
            embed: 2,
            encoder_threads: 0,
            child_memory_mib: 4096,
            child_stall_s: 120,
            detector: DetectorKind::default(),
            proxy_height: 480,
            frames_per_shot: 4,
            frame_vectors: false,
            sound: true,
            redactors: 0,
            redaction_memory_mib: 4096,
            server: None,
            key_file: None,
        }
    }
}

/// Settings from the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--store`.
    pub store: Option<String>,
}

impl Config {
    /// Loads the settings of this process.
    ///
    /// # Errors
    /// All problems at once: unknown keys, wrong types, values out of range.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::from_sources(flags, environment())
    }

    fn from_sources(
        flags: &Flags,
        environment: Vec<(String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut table = toml::Table::new();
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let file = flags
            .file
            .clone()
            .or_else(|| variable("RUSHES_CONFIG").map(PathBuf::from));
        if let Some(file) = file {
            table = merge::file(&file)?;
        }
        for (key, value) in &environment {
            let Some(path) = key.strip_prefix(PREFIX) else {
                continue;
            };
            if path.contains("__") {
                merge::variable(&mut table, path, value);
            } else if let Some((section, name)) = path.split_once('_')
                && SECTIONS.contains(&section)
            {
                problems.push(Problem {
                    key: key.clone(),
                    what: format!("no such variable; did you mean {PREFIX}{section}__{name}?"),
                });
            }
        }
        for (name, path) in [("RUSHES_DATA", "DATA"), ("RUSHES_MODELS", "MODELS__FOLDER")] {
            if let Some(value) = variable(name) {
                merge::variable(&mut table, path, &value);
            }
        }
        if let Some(data) = &flags.data {
            merge::variable(&mut table, "DATA", &data.display().to_string());
        }
        if let Some(store) = &flags.store {
            merge::variable(&mut table, "STORAGE__URL", store);
        }
        let mut config = merge::typed(table, &mut problems);
        if let Some(text) = variable("RUSHES_KEY") {
            config.key = WorkKey::new(&text);
            if config.key.is_none() {
                problems.push(Problem {
                    key: "RUSHES_KEY".to_owned(),
                    what: "does not contain a key, which is one line rk_…".to_owned(),
                });
            }
        }
        config.validate(&mut problems);
        problems.dedup();
        config.aws = Aws(environment
            .into_iter()
            .filter(|(key, _)| key.starts_with("AWS_"))
            .map(|(name, value)| (name, value.into()))
            .collect());
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Invalid(problems))
        }
    }

    /// Checks values that did not come from [`Config::load`].
    ///
    /// # Errors
    /// All problems at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.validate(&mut problems);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Invalid(problems))
        }
    }

    fn validate(&self, problems: &mut Vec<Problem>) {
        let mut range = |key: &str, value: u64, allowed: std::ops::RangeInclusive<u64>| {
            if !allowed.contains(&value) {
                problems.push(Problem {
                    key: key.to_owned(),
                    what: format!(
                        "{value} is out of range; use {} to {}",
                        allowed.start(),
                        allowed.end()
                    ),
                });
            }
        };
        range("catalog.lease_s", self.catalog.lease_s, 1..=3600);
        range("work.media", self.work.media as u64, 0..=256);
        range("work.embed", self.work.embed as u64, 0..=16);
        range(
            "work.encoder_threads",
            self.work.encoder_threads as u64,
            0..=256,
        );
        range(
            "work.child_memory_mib",
            self.work.child_memory_mib,
            256..=1024 * 1024,
        );
        range("work.child_stall_s", self.work.child_stall_s, 1..=86_400);
        range(
            "work.proxy_height",
            u64::from(self.work.proxy_height),
            64..=2160,
        );
        range(
            "work.frames_per_shot",
            u64::from(self.work.frames_per_shot),
            1..=64,
        );
        range(
            "server.upload_limit_mib",
            self.server.upload_limit_mib,
            1..=10 * 1024 * 1024,
        );
        range("work.redactors", self.work.redactors as u64, 0..=256);
        range(
            "work.redaction_memory_mib",
            self.work.redaction_memory_mib,
            512..=1024 * 1024,
        );
        range(
            "server.picture_limit_mib",
            self.server.picture_limit_mib,
            1..=2048,
        );
        range(
            "server.picture_limit_mpx",
            self.server.picture_limit_mpx,
            1..=512,
        );
        if let Some(Err(error)) = self
            .models
            .backend
            .as_ref()
            .map(|name| name.parse::<Backend>())
        {
            problems.push(Problem {
                key: "models.backend".to_owned(),
                what: error.to_string(),
            });
        }
        problems.extend(self.server.problems());
        problems.extend(self.search.problems());
    }

    /// The store of derived objects.
    #[must_use]
    pub fn store_url(&self) -> String {
        self.storage
            .url
            .clone()
            .unwrap_or_else(|| self.data.join("store").display().to_string())
    }

    /// The folder of pulled models.
    #[must_use]
    pub fn models_folder(&self) -> PathBuf {
        self.models.folder.clone().unwrap_or_else(|| {
            choose_base_strategy().map_or_else(
                |_no_home| self.data.join("models"),
                |user| user.cache_dir().join("rushes").join("models"),
            )
        })
    }

    /// The catalogue file, if no database is set.
    #[must_use]
    pub fn catalog_file(&self) -> PathBuf {
        self.data.join("catalog.db")
    }

    /// The folder of the index.
    #[must_use]
    pub fn index_folder(&self) -> PathBuf {
        self.data.join("index")
    }

    /// The folder of lists from which later pages of searches are read.
    #[must_use]
    pub fn pages_folder(&self) -> PathBuf {
        self.data.join("pages")
    }

    /// Videos decoded in parallel on this machine.
    #[must_use]
    pub fn media_workers(&self) -> usize {
        match self.work.media {
            0 => (cores() / 2).max(1),
            count => count,
        }
    }

    /// Threads of the encoder on this machine.
    #[must_use]
    pub fn encoder_threads(&self) -> usize {
        match self.work.encoder_threads {
            0 => cores(),
            count => count,
        }
    }

    /// Options of the encoders on this machine.
    #[must_use]
    pub fn encoder_options(&self) -> EncoderOptions {
        let backend = self.models.backend.as_ref();
        EncoderOptions {
            // Invalid names were refused when the settings were loaded.
            backend: backend.and_then(|name| name.parse().ok()),
            ..EncoderOptions::threads(self.encoder_threads())
        }
    }

    /// Pictures redacted in parallel on this machine, and threads per picture.
    #[must_use]
    pub fn redactors(&self) -> (usize, usize) {
        let count = match self.work.redactors {
            0 => (cores() / 2).max(1),
            count => count,
        };
        (count, (cores() / count).max(1))
    }

    /// Memory in bytes that the files being redacted may take together.
    #[must_use]
    pub const fn redaction_memory(&self) -> u64 {
        self.work.redaction_memory_mib * MIB
    }

    /// Largest picture to redact in bytes.
    #[must_use]
    pub const fn picture_limit(&self) -> u64 {
        self.server.picture_limit_mib * MIB
    }

    /// Largest picture to redact in pixels.
    #[must_use]
    pub const fn picture_pixels(&self) -> u64 {
        self.server.picture_limit_mpx * 1_000_000
    }

    /// Largest upload in bytes.
    #[must_use]
    pub const fn upload_limit(&self) -> u64 {
        self.server.upload_limit_mib * MIB
    }

    /// Memory limit of a decoding process in bytes.
    #[must_use]
    pub const fn child_memory(&self) -> u64 {
        self.work.child_memory_mib * MIB
    }
}

/// The log filter from `RUSHES_LOG`, e.g. `info,rushes::index=debug`. The default is warnings only.
#[must_use]
pub fn log_filter() -> String {
    environment()
        .into_iter()
        .find(|(name, _)| name == "RUSHES_LOG")
        .map_or_else(|| "warn".to_owned(), |(_, value)| value)
}

/// The environment, without values that are not text.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Proxy and mirror settings for pulling models.
#[must_use]
pub fn hub_settings() -> (Option<String>, Option<SecretString>) {
    let find = |wanted: &str| {
        environment()
            .into_iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value)
    };
    (
        find("HF_ENDPOINT"),
        find("HF_TOKEN").map(SecretString::from),
    )
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests;
