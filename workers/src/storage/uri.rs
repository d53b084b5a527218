//! Locations of bytes: a local file, an object in S3, or an object in the feature store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::StorageError;

/// A location of bytes, as written in the catalogue, in the API and on the command line.
///
/// | written | what |
/// |---|---|
/// | `file:///videos/a.mp4`, `videos/a.mp4` | a file or folder of this machine |
/// | `s3://bucket/videos/a.mp4` | an object, or with `/` at the end a prefix |
/// | `store:uploads/01K…/a.mp4` | an object in the store of features, such as an uploaded video |
///
/// A bucket name is never empty. Keys are exactly those of S3: nothing in them is percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Uri {
    /// A path on this machine. `file://` URIs are absolute, and bare paths are kept as given.
    File(PathBuf),
    /// An object or prefix in S3.
    S3 {
        /// Name of the bucket; not empty.
        bucket: String,
        /// Key or prefix; empty for the whole bucket.
        key: String,
    },
    /// An object in the feature store.
    Store(String),
}

impl Uri {
    /// Its name below `folder`, a folder or a prefix; `None` if it is not below it.
    #[must_use]
    pub fn below(&self, folder: &Self) -> Option<String> {
        match (self, folder) {
            (Self::File(path), Self::File(folder)) => {
                let rest = path.strip_prefix(folder).ok()?;
                (!rest.as_os_str().is_empty()).then(|| rest.display().to_string())
            }
            (
                Self::S3 { bucket, key },
                Self::S3 {
                    bucket: of,
                    key: prefix,
                },
            ) => (bucket == of).then(|| key_below(key, prefix)).flatten(),
            (Self::Store(key), Self::Store(prefix)) => key_below(key, prefix),
            _ => None,
        }
    }
}

fn key_below(key: &str, prefix: &str) -> Option<String> {
    let prefix = prefix.trim_end_matches('/');
    let rest = if prefix.is_empty() {
        key
    } else {
        key.strip_prefix(prefix)?.strip_prefix('/')?
    };
    let rest = rest.trim_start_matches('/');
    (!rest.is_empty()).then(|| rest.to_owned())
}

impl FromStr for Uri {
    type Err = StorageError;

    fn from_str(text: &str) -> Result<Self, StorageError> {
        let unknown = || StorageError::Scheme(text.to_owned());
        if let Some(key) = text.strip_prefix("store:") {
            return Ok(Self::Store(key.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(unknown());
            }
            return Ok(Self::S3 {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            });
        }
        if text.starts_with("file://") {
            let path = url::Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok());
            return path.map(Self::File).ok_or_else(unknown);
        }
        match text.split_once("://") {
            Some(_) => Err(unknown()),
            None => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => match url::Url::from_file_path(path) {
                Ok(url) => url.fmt(f),
                Err(()) => path.display().fmt(f),
            },
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::Store(key) => write!(f, "store:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for text in [
            "file:///videos/a%20b.mp4",
            "s3://b/videos/a b%20ü[1].mp4",
            "s3://b/videos/",
            "s3://b/",
            "store:uploads/01K/a.mp4",
            "videos/a.mp4",
        ] {
            assert_eq!(text.parse::<Uri>().unwrap().to_string(), text);
        }
        assert_eq!(
            "file:///a%20b.mp4".parse::<Uri>().unwrap(),
            Uri::File(PathBuf::from("/a b.mp4"))
        );
        for bad in ["https://host/a.mp4", "s3://", "s3:///key", "file://host/a"] {
            assert!(bad.parse::<Uri>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_below_a_place_has_a_name_there() {
        let below = |uri: &str, folder: &str| {
            let (uri, folder): (Uri, Uri) = (uri.parse().unwrap(), folder.parse().unwrap());
            uri.below(&folder)
        };
        assert_eq!(
            below("s3://b/in/t/a.jpg", "s3://b/in/").as_deref(),
            Some("t/a.jpg")
        );
        assert_eq!(
            below("s3://b/in/a.jpg", "s3://b/in").as_deref(),
            Some("a.jpg")
        );
        assert_eq!(below("s3://b/a.jpg", "s3://b").as_deref(), Some("a.jpg"));
        assert_eq!(
            below("file:///in/t/a%20b.jpg", "/in").as_deref(),
            Some("t/a b.jpg")
        );
        for (uri, folder) in [
            ("s3://b/in/a.jpg", "s3://b/in/a.jpg"),
            ("s3://b/inner/a.jpg", "s3://b/in"),
            ("s3://c/in/a.jpg", "s3://b/in"),
            ("file:///in/a.jpg", "/in/a.jpg"),
            ("file:///in/a.jpg", "s3://in"),
        ] {
            assert_eq!(below(uri, folder), None, "{uri} below {folder}");
        }
    }
}
