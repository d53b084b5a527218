//! Which files a batch is made of.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::RedactError;

/// One file to redact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it is.
    pub path: PathBuf,
    /// Where its output goes, below the output folder.
    pub relative: PathBuf,
    /// Picture or film.
    pub kind: MediaKind,
}

/// What a file is, by its first bytes or its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A still picture.
    Picture,
    /// Moving pictures.
    Film,
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
    /// Files that are neither pictures nor films.
    pub skipped: Vec<Skipped>,
    /// Files that cannot be read or told apart in the output folder.
    pub failed: Vec<(PathBuf, RedactError)>,
}

/// Extensions in lower case that promise a picture, whatever the content: a damaged one, or one of a kind that cannot
/// be redacted, must be told, not passed over.
pub const PICTURE_EXTENSIONS: [&str; 18] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "gif", "bmp", "heic", "heif",
    "avif", "jp2", "jxl", "dng", "arw", "cr2",
];
/// The same for films.
const FILMS: [&str; 12] = [
    "mp4", "mov", "m4v", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "mts", "m2ts", "360",
];

/// Lists the files below `paths`. A path that is named itself counts, whatever it is; in a folder, what is neither
/// picture nor film is skipped. `out` is left out, wherever it lies.
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
                why: "neither a picture nor a film".to_owned(),
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
    let mut head = Vec::with_capacity(16);
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    fs::File::open(path)?.take(16).read_to_end(&mut head)?;
    let picture = head.starts_with(&[0xFF, 0xD8])
        || head.starts_with(b"\x89PNG")
        || (head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"))
        || head.starts_with(b"II*\0")
        || head.starts_with(b"MM\0*");
    if picture {
        return Ok(Some(MediaKind::Picture));
    }
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if PICTURE_EXTENSIONS.contains(&extension.as_str()) {
        return Ok(Some(MediaKind::Picture));
    }
    let still = [&b"heic"[..], b"heix", b"mif1", b"avif"]
        .iter()
        .any(|brand| head.get(8..12) == Some(brand));
    if head.get(4..8) == Some(b"ftyp") && still {
        return Ok(Some(MediaKind::Picture));
    }
    let film = head.get(4..8) == Some(b"ftyp") || head.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]);
    Ok((film || FILMS.contains(&extension.as_str())).then_some(MediaKind::Film))
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
