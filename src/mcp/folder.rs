//! The folder of exports: no path leads out of it.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use rushes_models::ErrorKind as FailureKind;

use super::error::ToolError;
use crate::export::{ExportFile, save};

/// The folder below which exports may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExportsFolder(PathBuf);

/// A place for a file in it. Nothing has been made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExportPlace {
    root: PathBuf,
    folders: Vec<PathBuf>,
    name: PathBuf,
}

impl ExportsFolder {
    /// The folder at this path.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let root = folder.canonicalize().with_context(|| {
            format!(
                "{}: the folder of exports cannot be used; create it, or name another with --exports",
                folder.display()
            )
        })?;
        anyhow::ensure!(
            root.is_dir(),
            "{}: not a folder; name one with --exports",
            folder.display()
        );
        Ok(Self(root))
    }

    /// The place of `file`, a relative path of plain names that ends with `extension`.
    pub(super) fn place(&self, file: &str, extension: &str) -> Result<ExportPlace, ToolError> {
        let mut folders = Vec::new();
        for part in Path::new(file).components() {
            let Component::Normal(name) = part else {
                return Err(refused(
                    file,
                    "the path must lie below the folder of exports: relative, without `..`",
                ));
            };
            folders.push(PathBuf::from(name));
        }
        let name = folders.pop().filter(|_| !file.contains('\0'));
        let ends = Path::new(file)
            .extension()
            .is_some_and(|end| end == extension);
        match name {
            Some(name) if ends && !file.ends_with('/') => Ok(ExportPlace {
                root: self.0.clone(),
                folders,
                name,
            }),
            _ => Err(refused(
                file,
                &format!("the name must end with .{extension}"),
            )),
        }
    }
}

impl ExportPlace {
    /// Writes an export there; the answer is its path.
    pub(super) async fn save(
        self,
        export: ExportFile,
        file: &str,
        overwrite: bool,
    ) -> Result<PathBuf, ToolError> {
        let named = file.to_owned();
        let saved = tokio::task::spawn_blocking(move || {
            let path = self.folder(&named)?.join(&self.name);
            save(export, &path, overwrite).map_err(|error| not_written(&named, &error))?;
            Ok(path)
        });
        saved
            .await
            .map_err(|error| ToolError::new(FailureKind::Internal, "internal", error.to_string()))?
    }

    /// Its folder, made if it is missing. Links are not followed: they may lead elsewhere.
    fn folder(&self, file: &str) -> Result<PathBuf, ToolError> {
        let mut path = self.root.clone();
        for folder in &self.folders {
            path.push(folder);
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made.map_err(|error| not_written(file, &error))?,
            }
            let found = path
                .symlink_metadata()
                .map_err(|error| not_written(file, &error))?;
            if !found.is_dir() {
                let detail = format!("{} is not a folder", folder.display());
                return Err(refused(file, &detail));
            }
        }
        Ok(path)
    }
}

fn refused(file: &str, why: &str) -> ToolError {
    ToolError::new(
        FailureKind::InvalidInput,
        "bad-path",
        format!("{file:?} cannot be written: {why}"),
    )
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the system's message describes the others"
)]
fn not_written(file: &str, error: &std::io::Error) -> ToolError {
    match error.kind() {
        ErrorKind::AlreadyExists => ToolError::new(
            FailureKind::InvalidInput,
            "file-exists",
            format!("{file:?} is there already; choose another name, or give `overwrite: true`"),
        ),
        kind => {
            let (kind, code) = match kind {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    (FailureKind::Unavailable, "disk-full")
                }
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    (FailureKind::InvalidInput, "permission-denied")
                }
                _ => (FailureKind::Internal, "internal"),
            };
            ToolError::new(kind, code, format!("{file:?} cannot be written: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(outcome: Result<T, ToolError>) -> String {
        let Err(error) = outcome else {
            panic!("it was accepted")
        };
        let shown = format!("{error:?}");
        let (_, rest) = shown.split_once("code: \"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = ExportsFolder::open(temporary.path()).unwrap();
        for bad in [
            "../x.edl",
            "/tmp/x.edl",
            "a/../../x.edl",
            "a/..",
            "..",
            ".",
            "",
            "x.otio",
            "x",
            ".edl",
            "a/x.edl/",
            "x\0.edl",
            "./x.edl",
        ] {
            assert_eq!(code(folder.place(bad, "edl")), "bad-path", "{bad:?}");
        }
    }

    #[tokio::test]
    async fn links_are_not_followed_and_nothing_is_overwritten_unasked() {
        let temporary = tempfile::tempdir().unwrap();
        let (inside, outside) = (temporary.path().join("in"), temporary.path().join("out"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        std::fs::write(outside.join("kept.edl"), "kept").unwrap();
        std::os::unix::fs::symlink(outside.join("kept.edl"), inside.join("x.edl")).unwrap();
        let folder = ExportsFolder::open(&inside).unwrap();
        let save = async |file: &str, overwrite| {
            let place = folder.place(file, "edl").unwrap();
            let text = ExportFile::Text(b"new".to_vec());
            place.save(text, file, overwrite).await
        };
        assert_eq!(code(save("link/x.edl", true).await), "bad-path");
        assert_eq!(code(save("x.edl", false).await), "file-exists");
        save("x.edl", true).await.unwrap();
        assert_eq!(std::fs::read(outside.join("kept.edl")).unwrap(), b"kept");
        assert_eq!(std::fs::read(inside.join("x.edl")).unwrap(), b"new");
        let deep = save("a/b/x.edl", false).await.unwrap();
        assert_eq!(std::fs::read(deep).unwrap(), b"new");
        assert_eq!(code(save("a/b/x.edl", false).await), "file-exists");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    }
}
