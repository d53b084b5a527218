//! Shared by the tests: the binary, videos made by FFmpeg, and the material if there is any.

pub(crate) mod certificate;
mod ffmpeg;
#[path = "../../../models/src/testing/fixture.rs"]
mod fixture;
#[path = "../../../src/catalog/testing/postgres.rs"]
pub(crate) mod postgres;
pub(crate) mod readers;
pub(crate) mod s3_server;
pub(crate) mod videos;
pub(crate) mod work_server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rushes::catalog::Catalog;
use serde_json::Value;

pub(crate) use self::fixture::{material, missing, variable};
use self::postgres::PostgresServer;

/// The setting with the address of a database.
pub(crate) const DATABASE: &str = "RUSHES_CATALOG__URL";

/// Where all tests keep their catalogues, if `RUSHES_TEST_CATALOG` is `postgres`; otherwise in files.
fn everywhere() -> Option<&'static PostgresServer> {
    variable("RUSHES_TEST_CATALOG")
        .filter(|name| name == "postgres")
        .and_then(|_| postgres::servers().last())
}

/// An empty catalogue for a data folder.
pub(crate) async fn catalogue(folder: &Path) -> Catalog {
    match everywhere() {
        Some(server) => Catalog::connect(&server.database().into()).await.unwrap(),
        None => Catalog::open(&folder.join("catalog.db")).await.unwrap(),
    }
}

/// The `rushes` binary with its own data folder.
pub(crate) struct Rushes {
    pub(crate) folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Rushes {
    /// With an empty data folder; `None` if the models are not installed.
    pub(crate) fn new() -> Option<Self> {
        let models = models()?;
        let rushes = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: vec![
                ("RUSHES_MODELS".to_owned(), models.display().to_string()),
                // Reading pictures takes time, and few tests are about it.
                ("RUSHES_MODELS__PICTURE_TO_TEXT".to_owned(), String::new()),
                ("RUSHES_WORK__SOUND".to_owned(), "false".to_owned()),
                ("RUSHES_MODELS__SOUND_TO_TAGS".to_owned(), String::new()),
            ],
        };
        Some(match everywhere() {
            Some(server) => rushes.on(server),
            None => rushes,
        })
    }

    /// With its catalogue in a new database of a server.
    pub(crate) fn on(self, server: &PostgresServer) -> Self {
        self.with(DATABASE, &server.database())
    }

    /// Whether its catalogue is in a database, and not in a file.
    pub(crate) fn has_database(&self) -> bool {
        self.address().is_some()
    }

    /// The address of its database.
    fn address(&self) -> Option<&str> {
        let set = self.environment.iter().rfind(|(name, _)| name == DATABASE);
        set.map(|(_, address)| address.as_str())
            .filter(|address| !address.is_empty())
    }

    /// Its catalogue.
    pub(crate) async fn catalog(&self) -> Catalog {
        let file = self.data().join("catalog.db");
        match self.address() {
            Some(address) => Catalog::connect(&address.to_owned().into()).await.unwrap(),
            None => Catalog::open(&file).await.unwrap(),
        }
    }

    /// For tests that need no model.
    pub(crate) fn without_models() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// Creates the catalogue, if there is none. Commands that only read refuse a folder without one.
    pub(crate) fn begin(&self) {
        if self.has_database() || self.data().join("catalog.db").try_exists().unwrap() {
            return;
        }
        self.json(&["key", "create", "begun", "--scope", "read"]);
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rushes"));
        command
            .args(args)
            .env_remove("RUSHES_DATA")
            .env("RUSHES_DATA", self.data())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed, and returns its JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let (value, output) = self.json_any(args);
        assert!(output.status.success(), "{args:?}: {}", told(&output));
        value
    }

    /// Runs a command that may fail but must print JSON.
    pub(crate) fn json_any(&self, args: &[&str]) -> (Value, Output) {
        let mut args = args.to_vec();
        args.push("--json");
        let output = self.run(&args);
        let value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {}", told(&output)));
        (value, output)
    }

    pub(crate) fn ingest(&self, inputs: &[&Path]) -> Value {
        let mut args = vec!["ingest"];
        args.extend(inputs.iter().map(|path| path.to_str().unwrap()));
        self.json(&args)
    }
}

/// All output of a command.
pub(crate) fn told(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A number that can be raised for a bench.
pub(crate) fn rounds(name: &str, default: usize) -> usize {
    variable(name)
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// The folder of pulled models, if `lite` and `centerface` are in it.
pub(crate) fn models() -> Option<PathBuf> {
    fixture::models(&["lite", "centerface"])
}

/// The same, if the models of speech are in it as well.
pub(crate) fn speech_models() -> Option<PathBuf> {
    fixture::models(&["whisper-base", "silero-vad"])
}

/// The folder of pulled models, if this one is in it too.
pub(crate) fn models_with(id: &str) -> Option<PathBuf> {
    fixture::models(&["lite", "centerface", id])
}

/// The first hit of an answer.
pub(crate) fn first(answer: &Value) -> &Value {
    answer["hits"]
        .get(0)
        .unwrap_or_else(|| panic!("no hits: {answer:#}"))
}

/// Start and end frame of a hit.
pub(crate) fn frames(hit: &Value) -> (u64, u64) {
    let frame = |end: &str| hit[end]["frame"].as_u64().unwrap();
    (frame("start"), frame("end"))
}

#[test]
fn tests_that_lack_a_required_fixture_fail() {
    let test = "spine::real_videos_are_found_by_sight_and_by_dialogue";
    fixture::assert_cannot_pass_by_skipping(test, "material");
    let test = "bad_input::ingest_without_the_model_says_how_to_get_it";
    fixture::assert_cannot_pass_by_skipping(test, "models");
}
