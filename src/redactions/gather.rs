//! From names of files, folders and prefixes to the pictures and videos of a redaction.

use rushes_workers::redact::MediaKind;
use rushes_workers::storage::{Storage, Uri};

use super::names::Names;
use super::{MOST_FILES, RedactionError};
use crate::catalog::redactions::NewFile;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct InputList {
    pub(super) files: Vec<NewFile>,
    /// Files in folders that are neither pictures nor videos.
    pub(super) skipped: i64,
}

/// Looks the inputs up. What cannot be read is among the files, as failed.
///
/// # Errors
/// If a store does not answer for now.
pub(super) async fn gather(
    storage: &Storage,
    inputs: &[String],
) -> Result<InputList, RedactionError> {
    let mut found = InputList::default();
    let mut names = Names::default();
    for input in inputs {
        let listing = match storage.list(input).await {
            Ok(listing) => listing,
            Err(error) if error.kind().is_retryable() => return Err(error.into()),
            Err(error) => {
                found.fail(&mut names, input, &error.into());
                continue;
            }
        };
        let before = found.files.len();
        for refused in listing.refused {
            found.fail(&mut names, input, &refused.into());
        }
        for file in listing.files {
            let relative = below(input, &file.uri);
            match relative {
                Some(name) if !is_redacted(&name) => found.skipped += 1,
                // Not below it, so it is the very file that was named.
                relative => found.files.push(NewFile {
                    name: names.plain(&relative.unwrap_or_else(|| last(input).to_owned())),
                    source: Some(file.uri),
                    failure: None,
                }),
            }
        }
        if found.files.len() == before {
            let nothing =
                RedactionError::Inputs(format!("{input}: there is no picture or video in it"));
            found.fail(&mut names, input, &nothing);
        }
        if found.files.len() > MOST_FILES {
            let many = RedactionError::Inputs(format!(
                "there are more than {MOST_FILES} files in it; redact it in parts"
            ));
            let mut none = InputList::default();
            none.fail(&mut Names::default(), input, &many);
            return Ok(none);
        }
    }
    Ok(found)
}

impl InputList {
    fn fail(&mut self, names: &mut Names, input: &str, error: &RedactionError) {
        self.files.push(NewFile {
            name: names.plain(last(input)),
            source: None,
            failure: Some(error.failure()),
        });
    }
}

/// The name of `uri` below the folder or prefix `input`; none if it is `input` itself.
fn below(input: &str, uri: &str) -> Option<String> {
    let (input, uri): (Uri, Uri) = (input.parse().ok()?, uri.parse().ok()?);
    uri.below(&input)
}

fn last(input: &str) -> &str {
    let name = input.trim_end_matches('/');
    name.rsplit('/').next().unwrap_or(name)
}

/// By its name in a folder. A file named by itself is taken as it is.
fn is_redacted(name: &str) -> bool {
    MediaKind::of(&[], name).is_some()
}

/// What stands for inputs that could not be looked up, time and again.
pub(super) fn lost(inputs: &[String], error: &RedactionError) -> InputList {
    let mut found = InputList::default();
    let mut names = Names::default();
    for input in inputs {
        found.fail(&mut names, input, error);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_videos_are_known_by_their_names() {
        assert!(is_redacted("t/A.JPG") && is_redacted("video.mp4") && is_redacted("a.MXF"));
        assert!(!is_redacted("jpg") && !is_redacted("notes.txt") && !is_redacted("a.mp3"));
    }
}
