//! Which files a batch is made of.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::RedactError;
use super::super::job::MediaKind;
use crate::media::HEAD;

/// One file to redact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub path: PathBuf,
    /// Where its output goes, below the output folder.
    pub relative: PathBuf,
    /// Picture or video.
    pub kind: MediaKind,
}

/// A file that is left alone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why, in words.
    pub why: String,
}

/// What was found below the given paths.
#[derive(Debug, Default)]
pub struct Walk {
    /// Files to redact, in the order of their names.
    pub items: Vec<Item>,
    /// Files that are neither pictures nor videos.
    pub skipped: Vec<Skipped>,
    /// Files that cannot be read or told apart in the output folder.
    pub failed: Vec<(PathBuf, RedactError)>,
}

/// Lists the files below `paths`. A path that is named itself counts, whatever it is; in a folder, what is neither
/// picture nor video is skipped. `out` is left out, wherever it lies.
#[must_use]
pub fn walk(paths: &[PathBuf], recursive: bool, out: &Path) -> Walk {
    let mut found = Walk::default();
    let out = out.canonicalize().ok();
    for path in paths {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => {
                folder(path, Path::new(""), recursive, out.as_deref(), &mut found);
            }
            Ok(_) => {
                let relative = PathBuf::from(path.file_name().unwrap_or_default());
                let kind = kind(path).ok().flatten().unwrap_or(MediaKind::Picture);
                found.items.push(Item {
                    path: path.clone(),
                    relative,
                    kind,
                });
            }
            Err(error) => {
                let failure = RedactError::io("read", path)(error);
                found.failed.push((path.clone(), failure));
            }
        }
    }
    distinct(&mut found);
    found
}

fn folder(path: &Path, below: &Path, recursive: bool, out: Option<&Path>, found: &mut Walk) {
    let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            found
                .failed
                .push((path.to_owned(), RedactError::io("list", path)(error)));
            return;
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, relative) = (entry.path(), below.join(entry.file_name()));
        // A link to a folder is not followed: it may lead back here.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            let is_out = out.is_some() && path.canonicalize().ok().as_deref() == out;
            if recursive && !is_out {
                folder(&path, &relative, recursive, out, found);
            }
            continue;
        }
        match kind(&path) {
            Ok(Some(kind)) => found.items.push(Item {
                path,
                relative,
                kind,
            }),
            Ok(None) => found.skipped.push(Skipped {
                path,
                why: "neither a picture nor a video".to_owned(),
            }),
            Err(error) => {
                let failure = RedactError::io("read", &path)(error);
                found.failed.push((path, failure));
            }
        }
    }
}

/// What a file is, by content first and by name otherwise.
fn kind(path: &Path) -> std::io::Result<Option<MediaKind>> {
    let mut head = Vec::with_capacity(HEAD);
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let length = u64::try_from(HEAD).unwrap_or(u64::MAX);
    fs::File::open(path)?.take(length).read_to_end(&mut head)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(MediaKind::of(&head, &name))
}

/// The same file twice is one; two files that would have one output are an error of the second.
fn distinct(found: &mut Walk) {
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for item in std::mem::take(&mut found.items) {
        let real = item
            .path
            .canonicalize()
            .unwrap_or_else(|_| item.path.clone());
        match taken.get(&item.relative) {
            None => {
                taken.insert(item.relative.clone(), real);
                found.items.push(item);
            }
            Some(first) if *first == real => {}
            Some(first) => {
                let failure = RedactError::Settings(format!(
                    "its output would be {}, which is that of {}; redact them into two folders",
                    item.relative.display(),
                    first.display()
                ));
                found.failed.push((item.path, failure));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{FORMATS, MediaFormat, Medium, heads};
    use crate::redact::picture::Format;

    fn found(name: &str, head: &[u8]) -> Option<MediaKind> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, head).unwrap();
        let walk = walk(&[folder.path().to_owned()], false, Path::new("nowhere"));
        assert_eq!(walk.items.len() + walk.skipped.len(), 1, "{name}");
        walk.items.first().map(|item| item.kind)
    }

    #[test]
    fn no_picture_and_no_video_of_any_format_is_passed_over() {
        for format in FORMATS {
            let expected = match format.medium {
                Medium::Picture => Some(MediaKind::Picture),
                Medium::Video => Some(MediaKind::Video),
                Medium::Sound => None,
            };
            for extension in format.extensions {
                // Even if it is damaged from its first byte on.
                for name in [
                    format!("a.{extension}"),
                    format!("A.{}", extension.to_uppercase()),
                ] {
                    assert_eq!(found(&name, b"damaged"), expected, "{name}");
                }
            }
            for head in heads(format) {
                assert_eq!(found("no-extension", &head), expected, "{}", format.name);
            }
        }
        assert_eq!(found("notes.txt", b"notes"), None);
    }

    #[test]
    fn content_counts_before_the_name() {
        for format in FORMATS
            .iter()
            .filter(|format| format.medium == Medium::Video)
        {
            for head in heads(format) {
                assert_eq!(
                    found("a.mp3", &head),
                    Some(MediaKind::Video),
                    "{}",
                    format.name
                );
                assert_eq!(
                    found("a.jpg", &head),
                    Some(MediaKind::Video),
                    "{}",
                    format.name
                );
            }
        }
    }

    #[test]
    fn the_pictures_that_can_be_redacted_are_those_that_are_opened() {
        let starts: [&[u8]; 7] = [
            b"\xFF\xD8\xFF\xE0",
            b"\x89PNG\r\n\x1A\n",
            b"RIFF\0\0\0\0WEBP",
            b"II*\0",
            b"MM\0*",
            b"II+\0",
            b"MM\0+",
        ];
        for start in starts {
            assert!(Format::of(start).is_some());
            assert!(MediaFormat::of_head(start).is_some_and(|format| format.redacted));
        }
        for format in FORMATS.iter().filter(|format| !format.redacted) {
            for head in heads(format) {
                assert_eq!(Format::of(&head), None, "{}", format.name);
            }
        }
    }
}
