//! A file of a repository on the Hugging Face Hub, of a mirror, or of a snapshot on disk.

use super::transfer::Transfer;
use super::{PullOptions, SourceError, http, local};
use crate::digest::Digest;
use crate::manifest::HfSource;

/// The hub's metadata of a file, known before the download. A mirror may provide none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    /// Digest of a file that is stored in Git LFS, as large files are.
    pub(super) sha256: Option<Digest>,
    /// Its length.
    pub(super) bytes: Option<u64>,
    /// The commit to which the revision resolves at present.
    pub(super) commit: Option<String>,
}

/// Asks the hub for a file's metadata. A failure is ignored: the following download reports it better.
pub(super) fn announced(source: &HfSource, options: &PullOptions) -> Announced {
    if options.offline_dir.is_some() {
        return Announced::default();
    }
    let url = resolve_url(&options.hf_endpoint, source, &source.revision);
    let Ok(headers) = http::headers(&url, options.token.as_ref()) else {
        return Announced::default();
    };
    let header = |name: &str| headers.get(name)?.to_str().ok();
    Announced {
        sha256: header("x-linked-etag").and_then(|etag| etag.trim_matches('"').parse().ok()),
        bytes: header("x-linked-size").and_then(|size| size.parse().ok()),
        commit: header("x-repo-commit")
            .filter(|commit| commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(str::to_owned),
    }
}

/// Reads the offline folder if there is one; otherwise downloads from the endpoint, at the announced commit if
/// there is one. A push in between must not mix two revisions.
pub(super) fn fetch(
    source: &HfSource,
    options: &PullOptions,
    announced: &Announced,
    transfer: &Transfer<'_>,
) -> Result<(), SourceError> {
    if let Some(folder) = &options.offline_dir {
        return local::fetch(&folder.join(&source.repo).join(&source.path), transfer);
    }
    let revision = announced.commit.as_ref().unwrap_or(&source.revision);
    let url = resolve_url(&options.hf_endpoint, source, revision);
    http::fetch(&url, options.token.as_ref(), transfer)
}

fn resolve_url(endpoint: &str, source: &HfSource, revision: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    // A revision is one path segment, even if it is `refs/pr/1`.
    let revision = revision.replace('/', "%2F");
    format!(
        "{endpoint}/{}/resolve/{revision}/{}",
        source.repo, source.path
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_one_the_hub_resolves() {
        let source = HfSource {
            repo: "owner/name".to_owned(),
            revision: "main".to_owned(),
            path: "onnx/model.onnx".to_owned(),
        };
        let expected = "https://hub.example/owner/name/resolve/main/onnx/model.onnx";
        assert_eq!(
            resolve_url("https://hub.example/", &source, "main"),
            expected
        );
        let pull_request = resolve_url("https://hub.example", &source, "refs/pr/1");
        assert_eq!(pull_request, expected.replace("main", "refs%2Fpr%2F1"));
    }
}
