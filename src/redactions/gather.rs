//! From names of files, folders and prefixes to the pictures of a redaction.

use std::path::Path;

use rushes_workers::media::{MediaFormat, Medium};
use rushes_workers::storage::Storage;

use super::names::Names;
use super::{MOST_FILES, RedactionError};
use crate::catalog::redactions::NewFile;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) files: Vec<NewFile>,
    /// Files in folders that are no pictures.
    pub(super) skipped: i64,
}

/// Looks the inputs up. What cannot be read is among the files, as failed.
///
/// # Errors
/// If a store does not answer for now.
pub(super) async fn gather(
    storage: &Storage,
    inputs: &[String],
) -> Result<Gathered, RedactionError> {
    let mut found = Gathered::default();
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
                Some(name) if !is_picture(&name) => found.skipped += 1,
                // Not below it, so it is the very file that was named.
                relative => found.files.push(NewFile {
                    name: names.plain(&relative.unwrap_or_else(|| last(input).to_owned())),
                    source: Some(file.uri),
                    failure: None,
                }),
            }
        }
        if found.files.len() == before {
            let nothing = RedactionError::Inputs(format!("{input}: there is no picture in it"));
            found.fail(&mut names, input, &nothing);
        }
        if found.files.len() > MOST_FILES {
            let many = RedactionError::Inputs(format!(
                "there are more than {MOST_FILES} pictures in it; redact it in parts"
            ));
            let mut none = Gathered::default();
            none.fail(&mut Names::default(), input, &many);
            return Ok(none);
        }
    }
    Ok(found)
}

impl Gathered {
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
    let rest = if input.starts_with("s3://") {
        uri.strip_prefix(input.trim_end_matches('/'))?
            .trim_start_matches('/')
            .to_owned()
    } else {
        let path = url::Url::parse(uri).ok()?.to_file_path().ok()?;
        path.strip_prefix(Path::new(input))
            .ok()?
            .display()
            .to_string()
    };
    (!rest.is_empty()).then_some(rest)
}

fn last(input: &str) -> &str {
    let name = input.trim_end_matches('/');
    name.rsplit('/').next().unwrap_or(name)
}

/// By its name in a folder. A file named by itself is taken as it is.
fn is_picture(name: &str) -> bool {
    MediaFormat::of_name(name).is_some_and(|format| format.medium == Medium::Picture)
}

/// What stands for inputs that could not be looked up, time and again.
pub(super) fn lost(inputs: &[String], error: &RedactionError) -> Gathered {
    let mut found = Gathered::default();
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
    fn names_are_relative_to_what_was_asked_for() {
        let name = |input, uri| below(input, uri);
        assert_eq!(
            name("s3://b/in/", "s3://b/in/t/a.jpg").as_deref(),
            Some("t/a.jpg")
        );
        assert_eq!(
            name("s3://b/in", "s3://b/in/a.jpg").as_deref(),
            Some("a.jpg")
        );
        assert_eq!(name("s3://b/in/a.jpg", "s3://b/in/a.jpg"), None);
        assert_eq!(
            name("/in", "file:///in/t/a%20b.jpg").as_deref(),
            Some("t/a b.jpg")
        );
        assert_eq!(name("/in/a.jpg", "file:///in/a.jpg"), None);
        assert!(is_picture("t/A.JPG") && !is_picture("film.mp4") && !is_picture("jpg"));
    }
}
