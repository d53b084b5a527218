//! Subtitle tracks of an asset: in the video, beside it, and uploaded.

use rushes_workers::media::StreamDetails;
use rushes_workers::stages::Feature;
use rushes_workers::storage::Locator;
use serde::Serialize;
use utoipa::ToSchema;

use super::assets::{self, Asset, Sidecar};
use super::database::{self, Connection};
use super::records::ProbeRecord;
use super::runs::{self, Run};
use super::{CatalogError, uploads};

/// Tracks that may be added to one asset.
pub const MOST_ADDED: usize = 100;

/// Where a subtitle track comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SubtitleOrigin {
    /// A stream of the video.
    Embedded,
    /// A file beside the video.
    Sidecar,
    /// A file that was uploaded.
    Uploaded,
    /// A file that was written from the subtitles in the pictures.
    Pictures,
}

impl SubtitleOrigin {
    /// The name as sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Sidecar => "sidecar",
            Self::Uploaded => "uploaded",
            Self::Pictures => "pictures",
        }
    }
}

/// A subtitle track that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubtitleTrack {
    /// Id within the asset.
    #[schema(example = "uploaded-5f2c01ab9e")]
    pub id: String,
    /// Where it comes from.
    pub origin: SubtitleOrigin,
    /// Language, if known.
    #[schema(example = "en")]
    pub language: Option<String>,
    /// Name of the file; null for a stream of the video.
    pub file: Option<String>,
}

impl Asset {
    /// The subtitle files that are read: those that came with the video, less the removed ones, and those that were
    /// added.
    ///
    /// # Errors
    /// If the stored lists are damaged.
    pub fn subtitle_files(&self) -> Result<Vec<Sidecar>, CatalogError> {
        let removed = self.removed_subtitles()?;
        let mut files = self.sidecars()?;
        files.retain(|file| !removed.contains(&file_id(file)));
        files.extend(self.added_subtitles()?);
        Ok(files)
    }

    /// Indexes of the streams of the video that are not read, because their tracks were removed.
    ///
    /// # Errors
    /// If the stored list is damaged.
    pub fn excluded_streams(&self) -> Result<Vec<usize>, CatalogError> {
        let removed = self.removed_subtitles()?;
        let streams = removed.iter().filter_map(|id| {
            let stream = id.strip_prefix("embedded-")?;
            let (stream, content) = stream.split_once('-').unwrap_or((stream, "0"));
            (content.parse() == Ok(self.content)).then(|| stream.parse().ok())?
        });
        Ok(streams.collect())
    }

    /// The id of a stream as a track. Streams of another file of the asset have other ids.
    fn stream_id(&self, index: usize) -> String {
        match self.content {
            0 => format!("embedded-{index}"),
            content => format!("embedded-{index}-{content}"),
        }
    }
}

/// The id of a file as a track.
fn file_id(file: &Sidecar) -> String {
    let digest = blake3::hash(file.locator.uri.as_bytes()).to_hex();
    let origin = origin(file).as_str();
    format!("{origin}-{}", digest.get(..10).unwrap_or_default())
}

fn origin(file: &Sidecar) -> SubtitleOrigin {
    if file.is_burnt_in {
        return SubtitleOrigin::Pictures;
    }
    match assets::upload_folder(&file.locator.uri) {
        Some(_) => SubtitleOrigin::Uploaded,
        None => SubtitleOrigin::Sidecar,
    }
}

fn file_track(file: &Sidecar) -> SubtitleTrack {
    SubtitleTrack {
        id: file_id(file),
        origin: origin(file),
        language: file.language.clone(),
        file: Some(file.locator.file_name().to_owned()),
    }
}

/// The subtitle tracks that are read of an asset. Streams of the video are known once it has been probed.
///
/// # Errors
/// If the database fails.
pub async fn tracks(
    db: &mut Connection,
    asset: &Asset,
) -> Result<Vec<SubtitleTrack>, CatalogError> {
    let removed = asset.removed_subtitles()?;
    let wanted = runs::wanted(db, &asset.id).await?;
    let probe = wanted
        .iter()
        .find(|run| run.feature == Feature::Probe.as_str());
    let probe = probe.and_then(Run::record::<ProbeRecord>);
    let streams = probe.iter().flat_map(|probe| &probe.info.streams);
    let texts = streams
        .filter(|stream| matches!(&stream.details, StreamDetails::Subtitle(s) if s.text))
        .map(|stream| SubtitleTrack {
            id: asset.stream_id(stream.index),
            origin: SubtitleOrigin::Embedded,
            language: stream.language.clone(),
            file: None,
        });
    let mut tracks: Vec<SubtitleTrack> =
        texts.filter(|track| !removed.contains(&track.id)).collect();
    tracks.extend(asset.subtitle_files()?.iter().map(file_track));
    Ok(tracks)
}

/// The added tracks of an asset in this language whose files have this many bytes, with those files.
///
/// # Errors
/// If the stored list is damaged.
pub fn added_like(
    asset: &Asset,
    language: Option<&str>,
    bytes: usize,
) -> Result<Vec<(SubtitleTrack, Locator)>, CatalogError> {
    let added = asset.added_subtitles()?.into_iter();
    let alike = added
        .filter(|file| file.language.as_deref() == language && file.locator.size == bytes as u64);
    Ok(alike
        .map(|file| (file_track(&file), file.locator))
        .collect())
}

/// Adds an uploaded file to the tracks of an asset.
///
/// # Errors
/// If there are too many, the upload was given up meanwhile, or the database fails.
pub async fn add(
    db: &mut Connection,
    asset: &Asset,
    file: Sidecar,
) -> Result<SubtitleTrack, CatalogError> {
    if file.is_burnt_in {
        forget_burnt_in(db, asset).await?;
    }
    let mut added = asset.added_subtitles()?;
    added.retain(|known| !(file.is_burnt_in && known.is_burnt_in));
    if added.len() >= MOST_ADDED {
        return Err(CatalogError::TooManySubtitles(MOST_ADDED));
    }
    if let Some(folder) = assets::upload_folder(&file.locator.uri) {
        uploads::complete(db, &folder).await?;
    }
    let track = file_track(&file);
    added.push(file);
    set_added(db, asset, &added).await?;
    Ok(track)
}

/// Removes the tracks that were made of the pictures of an asset: another one takes their place, or the pictures change.
///
/// # Errors
/// If the database fails.
pub(super) async fn forget_burnt_in(
    db: &mut Connection,
    asset: &Asset,
) -> Result<(), CatalogError> {
    let (burnt_in, others): (Vec<Sidecar>, Vec<Sidecar>) = asset
        .added_subtitles()?
        .into_iter()
        .partition(|file| file.is_burnt_in);
    if burnt_in.is_empty() {
        return Ok(());
    }
    set_added(db, asset, &others).await?;
    for file in burnt_in {
        assets::discard_upload(db, &file.locator.uri).await?;
    }
    Ok(())
}

/// Removes a track of an asset. An uploaded file is deleted, and one beside the video stays where it is.
///
/// # Errors
/// [`CatalogError::NotFound`] if the asset has no such track.
pub async fn remove(db: &mut Connection, asset: &Asset, track: &str) -> Result<(), CatalogError> {
    let mut added = asset.added_subtitles()?;
    if let Some(at) = added.iter().position(|file| file_id(file) == track) {
        let file = added.remove(at);
        set_added(db, asset, &added).await?;
        return assets::discard_upload(db, &file.locator.uri).await;
    }
    if !tracks(db, asset).await?.iter().any(|one| one.id == track) {
        return Err(CatalogError::NotFound {
            what: "subtitles",
            id: track.to_owned(),
        });
    }
    let mut removed = asset.removed_subtitles()?;
    removed.push(track.to_owned());
    database::query("UPDATE assets SET removed_subtitles = $1 WHERE id = $2")
        .bind(serde_json::json!(removed).to_string())
        .bind(&asset.id)
        .execute(db)
        .await?;
    Ok(())
}

async fn set_added(
    db: &mut Connection,
    asset: &Asset,
    added: &[Sidecar],
) -> Result<(), CatalogError> {
    database::query("UPDATE assets SET added_subtitles = $1 WHERE id = $2")
        .bind(serde_json::json!(added).to_string())
        .bind(&asset.id)
        .execute(db)
        .await?;
    Ok(())
}

/// Moves what was added to a duplicate to the asset that it becomes another name of.
///
/// # Errors
/// If the database fails.
pub(super) async fn move_added(
    db: &mut Connection,
    duplicate: &Asset,
    original: &Asset,
) -> Result<(), CatalogError> {
    let moved = duplicate.added_subtitles()?;
    if moved.is_empty() {
        return Ok(());
    }
    let mut added = original.added_subtitles()?;
    added.extend(moved);
    set_added(db, original, &added).await?;
    set_added(db, duplicate, &[]).await
}
