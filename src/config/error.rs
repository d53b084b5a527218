//! Errors of the settings.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, e.g. `server.listen`.
    pub key: String,
    /// The problem and how to fix it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// Why the settings are invalid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: the settings cannot be read; check the name given with --config or RUSHES_CONFIG", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The error from the system.
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid TOML.
    #[error("{}: not a valid settings file", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line and cause.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Invalid keys or values.
    #[error("the configuration has {} problem(s):\n{}", .0.len(), list(.0))]
    Invalid(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    lines.join("\n")
}
