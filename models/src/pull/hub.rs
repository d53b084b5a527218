//! A file of a repository on the Hugging Face Hub, of a mirror, or of a snapshot on disk.

use super::transfer::Transfer;
use super::{PullOptions, SourceError, http, local};
use crate::manifest::HfSource;

/// Reads the offline folder where one is given, else asks the endpoint.
pub(super) fn fetch(
    source: &HfSource,
    options: &PullOptions,
    transfer: &Transfer<'_>,
) -> Result<(), SourceError> {
    if let Some(folder) = &options.offline_dir {
        return local::fetch(&folder.join(&source.repo).join(&source.path), transfer);
    }
    let url = resolve_url(&options.hf_endpoint, source);
    http::fetch(&url, options.token.as_ref(), transfer)
}

fn resolve_url(endpoint: &str, source: &HfSource) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    format!(
        "{endpoint}/{}/resolve/{}/{}",
        source.repo, source.revision, source.path
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
        assert_eq!(resolve_url("https://hub.example/", &source), expected);
    }
}
