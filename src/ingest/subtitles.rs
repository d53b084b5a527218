//! Subtitle files that are added to an asset: uploaded on their own, or written from its pictures.

use std::collections::HashSet;

use bytes::Bytes;
use rushes_workers::dialogue::{self, DialogueError, MAX_SUBTITLE_BYTES};
use rushes_workers::storage::{Storage, StorageError, Uri};
use thiserror::Error;

use super::{burnt_in, safe_name};
use crate::catalog::assets::{self, Asset, Sidecar};
use crate::catalog::subtitles::{self, SubtitleTrack};
use crate::catalog::texts;
use crate::catalog::{AssetId, Catalog, CatalogError, JobId, jobs, replacements, uploads};
use crate::features::{self, Settings};

/// Longest tag of a language in bytes.
const LONGEST_TAG: usize = 35;

/// A subtitle file to add.
#[derive(Debug, Clone)]
pub struct NewSubtitles {
    /// Its name, with the extension.
    pub name: String,
    /// Its language, as a tag of BCP 47 such as `en` or `pt-BR`; what the name says if `None`.
    pub language: Option<String>,
    /// Its contents.
    pub bytes: Bytes,
    /// Whether it was written from the subtitles in the pictures.
    pub is_burnt_in: bool,
}

/// Why subtitles were not added.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubtitleError {
    /// Not a language tag.
    #[error("{0:?} is not a language; use a tag such as en or pt-BR")]
    Language(String),
    /// Nothing in the file can be read.
    #[error("{name}")]
    Unreadable {
        /// The file.
        name: String,
        /// The reason.
        #[source]
        source: DialogueError,
    },
    /// The file is too large.
    #[error("a subtitle file has at most {0} bytes")]
    TooLarge(u64),
    /// The pictures of the video were not read.
    #[error(
        "the pictures of this video were not read yet; pull a model that reads (`rushes models pull ppocr-v5`), ingest the \
         video again and wait for its job"
    )]
    NotRead,
    /// There are no subtitles in the pictures.
    #[error(
        "none of the {texts} texts in the pictures of this video looks like a subtitle: centred, low in the picture, and \
         changing"
    )]
    NotBurntIn {
        /// Texts that were read.
        texts: usize,
    },
    /// The catalogue failed, or has no such asset.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Stores a subtitle file, adds it to the tracks of an asset, and requests the dialogue again. If the same bytes were added
/// in the same language, the track is that one.
///
/// # Errors
/// [`SubtitleError`]; nothing is added then.
pub async fn add_subtitles(
    catalog: &Catalog,
    storage: &Storage,
    (asset, settings): (&AssetId, &Settings),
    new: NewSubtitles,
) -> Result<(SubtitleTrack, JobId), SubtitleError> {
    if new.bytes.len() as u64 > MAX_SUBTITLE_BYTES {
        return Err(SubtitleError::TooLarge(MAX_SUBTITLE_BYTES));
    }
    let language = match new.language {
        Some(tag) => Some(checked(&tag)?),
        None => language_of(&new.name),
    };
    // A bad file is refused here, and not later by the job.
    let bytes = new.bytes.clone();
    let parsed = tokio::task::spawn_blocking(move || dialogue::parse(&bytes).map(drop)).await;
    match parsed {
        Ok(Ok(())) => {}
        Ok(Err(source)) => {
            return Err(SubtitleError::Unreadable {
                name: new.name,
                source,
            });
        }
        Err(panicked) => {
            tracing::error!(%panicked, "a parser of subtitles");
            let source = DialogueError::NotSubtitles;
            return Err(SubtitleError::Unreadable {
                name: new.name,
                source,
            });
        }
    }
    let mut db = catalog.read().await?;
    let found = assets::get(&mut db, asset).await?;
    drop(db);
    if let Some(track) = known(storage, &found, language.as_deref(), &new.bytes).await? {
        let mut tx = catalog.begin().await?;
        replacements::check(&mut tx, &found.id).await?;
        let runs = features::request(&mut tx, &found.id, settings).await?;
        let job = jobs::create(&mut tx, &found.id, &runs).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        return Ok((track, job));
    }
    let prefix = format!("uploads/{}", ulid::Ulid::generate());
    let mut tx = catalog.begin().await?;
    // A command is no member. What a kill leaves is cleared away by the next process that works alone.
    uploads::begin(&mut tx, &prefix, None).await?;
    tx.commit().await.map_err(CatalogError::from)?;
    let key = format!("{prefix}/{}", safe_name(&new.name));
    let added = async {
        storage.put(&key, new.bytes).await?;
        let file = Sidecar {
            locator: storage.locate(&Uri::Store(key).to_string()).await?,
            language,
            is_burnt_in: new.is_burnt_in,
        };
        let mut tx = catalog.begin().await?;
        let asset = assets::get(&mut tx, asset).await?;
        replacements::check(&mut tx, &asset.id).await?;
        let track = subtitles::add(&mut tx, &asset, file).await?;
        let runs = features::request(&mut tx, &asset.id, settings).await?;
        let job = jobs::create(&mut tx, &asset.id, &runs).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        Ok((track, job))
    };
    let added = added.await;
    if added.is_err() {
        let mut tx = catalog.begin().await?;
        uploads::discard(&mut tx, &prefix).await?;
        tx.commit().await.map_err(CatalogError::from)?;
    }
    added
}

/// Writes the subtitles in the pictures of a video as a track of their own, and requests the dialogue again. They are found
/// as dialogue from then on, and the video is not listened to. The language is not known unless it is given. A track that
/// was made so before is replaced.
///
/// # Errors
/// [`SubtitleError`]; nothing is added then.
pub async fn subtitles_from_pictures(
    catalog: &Catalog,
    storage: &Storage,
    (asset, settings): (&AssetId, &Settings),
    language: Option<String>,
) -> Result<(SubtitleTrack, JobId), SubtitleError> {
    let mut db = catalog.snapshot().await?;
    let id = assets::get(&mut db, asset).await?.id;
    if !texts::is_read(&mut db, &id).await? {
        return Err(SubtitleError::NotRead);
    }
    let texts = texts::of(&mut db, &id).await?;
    drop(db);
    let read = texts.len();
    let lines = tokio::task::spawn_blocking(move || burnt_in::lines(&texts)).await;
    let lines = lines.unwrap_or_else(|panicked| {
        tracing::error!(%panicked, "subtitles in pictures");
        Vec::new()
    });
    if lines.is_empty() {
        return Err(SubtitleError::NotBurntIn { texts: read });
    }
    let new = NewSubtitles {
        name: "pictures.srt".to_owned(),
        language,
        bytes: Bytes::from(dialogue::to_srt(&lines)),
        is_burnt_in: true,
    };
    add_subtitles(catalog, storage, (&id, settings), new).await
}

/// The track that was added with these bytes in this language. A client repeats a request whose answer it lost.
async fn known(
    storage: &Storage,
    asset: &Asset,
    language: Option<&str>,
    bytes: &Bytes,
) -> Result<Option<SubtitleTrack>, SubtitleError> {
    for (track, file) in subtitles::added_like(asset, language, bytes.len())? {
        if let Ok(Uri::Store(key)) = file.uri.parse()
            && storage.get(&key).await? == *bytes
        {
            return Ok(Some(track));
        }
    }
    Ok(None)
}

/// Removes a subtitle track of an asset and requests the dialogue again.
///
/// # Errors
/// [`CatalogError::NotFound`] if there is no such asset or track.
pub async fn remove_subtitles(
    catalog: &Catalog,
    asset: &AssetId,
    track: &str,
    settings: &Settings,
) -> Result<JobId, CatalogError> {
    let mut tx = catalog.begin().await?;
    let asset = assets::get(&mut tx, asset).await?;
    replacements::check(&mut tx, &asset.id).await?;
    subtitles::remove(&mut tx, &asset, track).await?;
    let runs = features::request(&mut tx, &asset.id, settings).await?;
    let job = jobs::create(&mut tx, &asset.id, &runs).await?;
    tx.commit().await?;
    Ok(job)
}

/// A language tag in lower case, if it has the shape of one (BCP 47, RFC 5646, section 2.1).
fn checked(tag: &str) -> Result<String, SubtitleError> {
    let tag = tag.to_ascii_lowercase();
    if tag.len() <= LONGEST_TAG && has_shape(&tag) {
        return Ok(tag);
    }
    Err(SubtitleError::Language(tag))
}

/// Whether a text in lower case is language, script, region, variants, extensions and private use, in this order.
fn has_shape(tag: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = tag.split('-').peekable();
    let is_plain = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if !tag.split('-').all(is_plain) {
        return false;
    }
    let Some(language) = parts.next().filter(|part| part.len() >= 2 && letters(part)) else {
        return false;
    };
    if language.len() <= 3 {
        // Up to three extended languages.
        for _ in 0..3 {
            parts.next_if(|part| part.len() == 3 && letters(part));
        }
    }
    parts.next_if(|part| part.len() == 4 && letters(part));
    parts.next_if(|part| (part.len() == 2 && letters(part)) || (part.len() == 3 && digits(part)));
    let mut seen = HashSet::new();
    let is_variant = |part: &&str| {
        part.len() >= 5 || (part.len() == 4 && part.starts_with(|c: char| c.is_ascii_digit()))
    };
    while let Some(variant) = parts.next_if(is_variant) {
        if !seen.insert(variant) {
            return false;
        }
    }
    // What begins with a single letter or digit needs more after it; `x` begins what is private.
    while let Some(singleton) = parts.next_if(|part| part.len() == 1) {
        let is_private = singleton == "x";
        let least = if is_private { 1 } else { 2 };
        let mut count = 0;
        while parts.next_if(|part| part.len() >= least).is_some() {
            count += 1;
        }
        if count == 0 || !seen.insert(singleton) {
            return false;
        }
        if is_private {
            break;
        }
    }
    parts.next().is_none()
}

/// The language that a file's own name states, as in `anything.en.srt`.
fn language_of(name: &str) -> Option<String> {
    let stops = name.match_indices('.').map(|(at, _)| at);
    stops
        .filter_map(|at| dialogue::sidecar(name.get(..at)?, name))
        .find_map(|said| said.language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_tag_or_what_the_name_says() {
        assert_eq!(checked("pt-BR").unwrap(), "pt-br");
        for good in [
            "en",
            "deu",
            "zh-hant-tw",
            "zh-cmn-hans",
            "es-419",
            "sl-rozaj-biske",
            "de-ch-1996",
            "en-u-ca-gregory",
            "en-a-bbb-x-a-ccc",
            "sr-latn",
        ] {
            assert_eq!(checked(good).unwrap(), good);
        }
        for bad in [
            "",
            "e",
            "en_US",
            "english!",
            "en-",
            "-en",
            "12",
            "en-toolongpart",
            "en-x",
            "en-u",
            "en-us-gb",
            "en-latn-cyrl",
            "de-1996-1996",
            "en-a-bb-a-cc",
            "en-1",
            "en-12",
            "i-klingon",
            "english-language-of-the-united-kingdom",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
        for (name, language) in [
            ("lines.en.srt", Some("en")),
            ("a.b.pt-BR.vtt", Some("pt-br")),
            ("lines.srt", None),
            ("day.take2.srt", None),
        ] {
            assert_eq!(language_of(name).as_deref(), language, "{name}");
        }
    }
}
