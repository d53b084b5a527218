//! From where videos may be registered over HTTP: configured folders and buckets, and nowhere else.

use std::path::{Component, Path, PathBuf};

use rushes_models::ErrorKind;
use rushes_workers::storage::Uri;

use super::ApiError;

/// The configured places.
#[derive(Debug, Default)]
pub struct Roots {
    folders: Vec<PathBuf>,
    /// Without a slash at the end.
    prefixes: Vec<String>,
}

impl Roots {
    /// From folders and `s3://bucket/prefix`es.
    ///
    /// # Errors
    /// If a folder is not there.
    pub fn new(roots: &[String]) -> std::io::Result<Self> {
        let mut found = Self::default();
        for root in roots {
            let named = |error: std::io::Error| {
                std::io::Error::new(error.kind(), format!("{root}: {error}"))
            };
            match root.parse() {
                Ok(Uri::File(folder)) => {
                    found.folders.push(folder.canonicalize().map_err(named)?);
                }
                Ok(Uri::S3 { .. }) => {
                    found.prefixes.push(root.trim_end_matches('/').to_owned());
                }
                Ok(Uri::Store(_)) | Err(_) => {
                    let why = "a media root is a folder or s3://bucket/prefix";
                    return Err(named(std::io::Error::new(
                        std::io::ErrorKind::InvalidInput,
                        why,
                    )));
                }
            }
        }
        Ok(found)
    }

    /// The name under which `uri` may be opened.
    pub(super) fn admit(&self, uri: &str) -> Result<String, ApiError> {
        let path = match uri.parse() {
            Ok(Uri::File(path)) => path,
            Ok(Uri::S3 { .. }) => {
                let plain = !uri.split('/').any(|part| part == "..");
                // The prefix itself, with its slash, is inside as well: it stands for all that is below it.
                let inside = |root: &String| {
                    uri.strip_prefix(root.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
                };
                return if plain && self.prefixes.iter().any(inside) {
                    Ok(uri.to_owned())
                } else {
                    Err(outside(uri))
                };
            }
            Ok(Uri::Store(_)) | Err(_) => return Err(outside(uri)),
        };
        // Links are followed first: it is where the bytes are that counts. Outside the roots, a file gets the same
        // answer as one that is not there, or one could ask what there is.
        match path.canonicalize() {
            Ok(real) if self.holds(&real) => Ok(real.display().to_string()),
            Err(_missing) if self.would_hold(&path) => Err(ApiError::new(
                ErrorKind::NotFound,
                "file-not-found",
                format!("{uri}: no such file; check the name"),
            )),
            Ok(_) | Err(_) => Err(outside(uri)),
        }
    }

    /// Whether a folder or prefix that was admitted once is still below a root, even if it is not there at present.
    #[must_use]
    pub fn cover(&self, uri: &str) -> bool {
        match uri.parse() {
            Ok(Uri::File(path)) => match path.canonicalize() {
                Ok(real) => self.holds(&real),
                Err(_missing) => self.would_hold(&path),
            },
            Ok(Uri::S3 { .. } | Uri::Store(_)) | Err(_) => self.admit(uri).is_ok(),
        }
    }

    fn holds(&self, real: &Path) -> bool {
        self.folders.iter().any(|root| real.starts_with(root))
    }

    /// Whether a file that is not there would be below a root: the nearest folder above it that is there is.
    fn would_hold(&self, path: &Path) -> bool {
        let plain = !path.components().any(|part| part == Component::ParentDir);
        let there = path
            .ancestors()
            .find(|above| !is_missing(above))
            .and_then(|above| above.canonicalize().ok());
        plain && there.is_some_and(|above| self.holds(&above))
    }
}

/// Whether there is nothing of this name, not even a link that leads nowhere.
fn is_missing(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| {
        matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        )
    })
}

fn outside(uri: &str) -> ApiError {
    ApiError::new(
        ErrorKind::InvalidInput,
        "outside-media-roots",
        format!(
            "{uri}: not a file below the server's media roots; start it with --media-root, or upload \
             the video"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_roots_are_admitted() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, secret) = (folder.path().join("videos"), folder.path().join("secret"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("a.mp4"), b"x").unwrap();
        std::fs::write(&secret, b"x").unwrap();
        std::os::unix::fs::symlink(&secret, inside.join("link.mp4")).unwrap();
        let roots = Roots::new(&[
            inside.display().to_string(),
            "s3://bucket/videos/".to_owned(),
        ])
        .unwrap();
        let path = |name: &str| inside.join(name).display().to_string();
        assert!(roots.admit(&path("a.mp4")).is_ok());
        std::fs::write(inside.join("a b.mp4"), b"x").unwrap();
        let url = url::Url::from_file_path(inside.join("a b.mp4")).unwrap();
        assert!(roots.admit(url.as_str()).is_ok());
        assert!(roots.admit("s3://bucket/videos/a.mp4").is_ok());
        assert!(roots.admit("s3://bucket/videos/").is_ok());
        let nowhere = inside.join("nowhere.mp4");
        std::os::unix::fs::symlink(folder.path().join("no-such-secret"), nowhere).unwrap();
        for missing in ["missing.mp4", "no/such/folder/a.mp4", "a.mp4/b.mp4"] {
            let refused = roots.admit(&path(missing)).unwrap_err();
            assert!(refused.is("file-not-found"), "{missing}: {refused:?}");
        }
        for bad in [
            path("../secret"),
            path("link.mp4"),
            path("../missing.mp4"),
            path("no/../../missing.mp4"),
            path("nowhere.mp4"),
            path("nowhere.mp4/a.mp4"),
            "/etc/passwd".to_owned(),
            "s3://bucket/other.mp4".to_owned(),
            "s3://bucket/videos-of-others/a.mp4".to_owned(),
            "s3://bucket/videos/../secret".to_owned(),
            "http://169.254.169.254/latest".to_owned(),
            "store:runs/x".to_owned(),
        ] {
            let refused = roots.admit(&bad).unwrap_err();
            assert!(refused.is("outside-media-roots"), "{bad}: {refused:?}");
        }
    }
}
