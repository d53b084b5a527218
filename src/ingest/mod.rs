//! Turns names from the command line or a request into registered assets and queued work.

mod arrivals;
mod burnt_in;
mod names;
mod replace;
mod spool;
mod subtitles;
mod watch;
mod watches;

use std::collections::HashSet;
use std::path::Path;

use percent_encoding::percent_decode_str;
use rushes_workers::dialogue::{is_subtitle_name, sidecar};
use rushes_workers::media::MediaFormat;
use rushes_workers::storage::{Locator, Storage, StorageError};
use serde::Serialize;

pub use arrivals::{Arrivals, NoticeError, QueueReport, objects};
pub use names::safe_name;
pub use replace::{replace, withdraw_file};
pub use spool::{Appended, Checksum, Spool, SpoolClaim, SpoolError};
pub use subtitles::{
    NewSubtitles, SubtitleError, add_subtitles, remove_subtitles, subtitles_from_pictures,
};
pub use watch::{Announcements, FolderWatch, Sight, WatchError, WatchOptions};
pub use watches::{AddWatchError, WatchReport, Watches};

use crate::catalog::assets::{self, NewAsset, Sidecar};
use crate::catalog::database::Connection;
use crate::catalog::runs::{self, RunState};
use crate::catalog::{AssetId, Catalog, CatalogError, JobId, RunId, jobs};
use crate::features::{self, Settings};

/// A video that was found, and the subtitle files beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundVideo {
    /// Its location.
    pub locator: Locator,
    /// Subtitle files beside it.
    pub sidecars: Vec<Sidecar>,
}

impl FoundVideo {
    /// Its default title: the file name without the extension.
    #[must_use]
    pub fn default_title(&self) -> String {
        let name = file_name(&self.locator.uri);
        Path::new(&name)
            .file_stem()
            .map_or(name.clone(), |stem| stem.to_string_lossy().into_owned())
    }
}

/// An input that was refused.
#[derive(Debug)]
pub struct Refusal {
    /// The input as given.
    pub input: String,
    /// The reason.
    pub error: StorageError,
}

/// A registered video, and the job that makes it searchable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// The job to follow. It is an existing one if nothing new was requested.
    pub job: JobId,
    /// The asset. It is an existing one if the same file was registered before.
    pub asset: AssetId,
    /// Whether the asset is new.
    pub new: bool,
    /// Whether something was requested that was not requested before.
    pub queued: bool,
}

/// Finds the videos that `inputs` (files, folders, `s3://` objects and prefixes) refer to. Refused inputs are
/// reported separately and do not stop the others.
pub async fn find(storage: &Storage, inputs: &[String]) -> (Vec<FoundVideo>, Vec<Refusal>) {
    let (mut videos, mut refusals) = (Vec::new(), Vec::new());
    for input in inputs {
        let mut refuse = |error| {
            refusals.push(Refusal {
                input: input.clone(),
                error,
            });
        };
        match find_one(storage, input, &mut refuse).await {
            Ok(found) => videos.extend(found),
            Err(error) => refuse(error),
        }
    }
    let mut seen = HashSet::new();
    videos.retain(|video: &FoundVideo| seen.insert(video.locator.clone()));
    // `rushes ingest videos/*` names videos and subtitle files; the video brings its subtitles along.
    let is_taken = |refusal: &Refusal| {
        let taken = videos.iter().flat_map(|video| &video.sidecars);
        matches!(&refusal.error, StorageError::Subtitles(uri)
            if taken.into_iter().any(|sidecar| sidecar.locator.uri == *uri))
    };
    refusals.retain(|refusal| !is_taken(refusal));
    (videos, refusals)
}

async fn find_one(
    storage: &Storage,
    input: &str,
    refuse: &mut impl FnMut(StorageError),
) -> Result<Vec<FoundVideo>, StorageError> {
    let listing = storage.list(input).await?;
    let listed = listing.files;
    // A file that is named directly is taken whatever its name is. In a folder, names decide.
    if let [only] = listed.as_slice()
        && names(input, only)
    {
        if is_subtitle_name(only.file_name()) {
            return Err(StorageError::Subtitles(only.uri.clone()));
        }
        let siblings = storage.siblings(&only.uri, is_subtitle_name).await?;
        let video = with_sidecars(only.clone(), &siblings);
        return Ok(vec![settled(storage, video).await?]);
    }
    let nothing = listing.refused.is_empty();
    listing.refused.into_iter().for_each(&mut *refuse);
    let mut videos = Vec::new();
    for locator in &listed {
        if is_video_name(locator.file_name()) {
            let video = with_sidecars(locator.clone(), &listed);
            videos.push(settled(storage, video).await?);
        }
    }
    if videos.is_empty() && nothing {
        return Err(StorageError::NoVideos(input.to_owned()));
    }
    Ok(videos)
}

/// Requests the versions of files one by one if the folder listing had none.
async fn settled(storage: &Storage, mut video: FoundVideo) -> Result<FoundVideo, StorageError> {
    let sidecars = video
        .sidecars
        .iter_mut()
        .map(|sidecar| &mut sidecar.locator);
    for locator in std::iter::once(&mut video.locator).chain(sidecars) {
        if locator.version.is_none() {
            *locator = storage.locate(&locator.uri).await?;
        }
    }
    Ok(video)
}

/// Whether `input` names this very file, and not a folder that contains it.
fn names(input: &str, file: &Locator) -> bool {
    input.trim_end_matches('/').rsplit('/').next() == Some(&percent_decoded(file.file_name()))
        || input == file.uri
}

/// Whether a file in a folder counts as a video, by its name. A file that is named directly always counts.
fn is_video_name(name: &str) -> bool {
    MediaFormat::of_name(name).is_some_and(MediaFormat::ingested)
}

fn with_sidecars(video: Locator, others: &[Locator]) -> FoundVideo {
    let folder = |locator: &Locator| {
        locator
            .uri
            .rsplit_once('/')
            .map(|(folder, _)| folder.to_owned())
    };
    let name = last_part(&video.uri);
    let beside = others
        .iter()
        .filter(|other| folder(other) == folder(&video));
    let named = beside.filter_map(|other| {
        let said = sidecar(&name, &last_part(&other.uri))?;
        let sidecar = Sidecar {
            locator: other.clone(),
            language: said.language,
            is_burnt_in: false,
        };
        Some((sidecar, said.forced))
    });
    let mut sidecars = without_forced(named.collect());
    sidecars.sort_by(|a, b| a.locator.uri.cmp(&b.locator.uri));
    FoundVideo {
        locator: video,
        sidecars,
    }
}

/// Drops forced subtitle files (the second of each pair marks them) that have a full track in the same
/// language, which contains their lines too.
#[must_use]
pub fn without_forced(sidecars: Vec<(Sidecar, bool)>) -> Vec<Sidecar> {
    let full: Vec<Option<String>> = sidecars
        .iter()
        .filter(|(_, forced)| !forced)
        .map(|(sidecar, _)| sidecar.language.clone())
        .collect();
    sidecars
        .into_iter()
        .filter(|(sidecar, forced)| !forced || !full.contains(&sidecar.language))
        .map(|(sidecar, _)| sidecar)
        .collect()
}

/// Registers a video and requests its features in one transaction. A new job is created only if there is
/// something new to do.
///
/// # Errors
/// If the catalogue fails.
pub async fn submit(
    catalog: &Catalog,
    video: &FoundVideo,
    title: &str,
    settings: &Settings,
) -> Result<Submitted, CatalogError> {
    let mut tx = catalog.begin().await?;
    let (asset, new) = register(&mut tx, video, title).await?;
    let before = wanted(&mut tx, &asset).await?;
    let runs = features::request(&mut tx, &asset, settings).await?;
    // If everything requested is finished or in progress, the last job reports its state.
    let known = if before == wanted(&mut tx, &asset).await? {
        jobs::newest_of(&mut tx, &asset).await?
    } else {
        None
    };
    let queued = known.is_none();
    let job = match known {
        Some(job) => job,
        None => jobs::create(&mut tx, &asset, &runs).await?,
    };
    tx.commit().await?;
    Ok(Submitted {
        job,
        asset,
        new,
        queued,
    })
}

/// Like [`submit`], but leaves alone what failed or was cancelled: nobody asked for another try. `None` if there is
/// no job to follow.
///
/// # Errors
/// If the catalogue fails.
pub async fn submit_unasked(
    catalog: &Catalog,
    video: &FoundVideo,
    title: &str,
    settings: &Settings,
) -> Result<Option<Submitted>, CatalogError> {
    let mut tx = catalog.begin().await?;
    let (asset, new) = register(&mut tx, video, title).await?;
    let before = wanted(&mut tx, &asset).await?;
    tx.mark().await?;
    features::request(&mut tx, &asset, settings).await?;
    let after = wanted(&mut tx, &asset).await?;
    // A retry asks for the same runs; only their states differ.
    let is_retry = before
        .iter()
        .map(|(run, _)| run)
        .eq(after.iter().map(|(run, _)| run));
    tx.undo().await?;
    if !is_retry {
        drop(tx);
        return submit(catalog, video, title, settings).await.map(Some);
    }
    let job = jobs::newest_of(&mut tx, &asset).await?;
    tx.commit().await?;
    Ok(job.map(|job| Submitted {
        job,
        asset,
        new,
        queued: false,
    }))
}

async fn register(
    db: &mut Connection,
    video: &FoundVideo,
    title: &str,
) -> Result<(AssetId, bool), CatalogError> {
    let new = NewAsset {
        locator: &video.locator,
        title,
        sidecars: &video.sidecars,
    };
    assets::register(db, new).await
}

/// The requested runs of an asset, with their states.
async fn wanted(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<Vec<(RunId, RunState)>, CatalogError> {
    let runs = runs::wanted(db, asset).await?;
    Ok(runs.into_iter().map(|run| (run.id, run.state)).collect())
}

/// The file name in a URI, decoded for display.
#[must_use]
pub fn file_name(uri: &str) -> String {
    percent_decoded(uri.rsplit(['/', ':']).next().unwrap_or(uri))
}

/// The last part of a URI, decoded. Unlike in a locator's name, a colon does not end a folder.
fn last_part(uri: &str) -> String {
    percent_decoded(uri.rsplit('/').next().unwrap_or(uri))
}

fn percent_decoded(name: &str) -> String {
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rushes_workers::media::FORMATS;
    use rushes_workers::storage::S3Options;

    async fn found(files: &[&str], input: &str) -> Vec<(String, usize)> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join("in").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        let storage = Storage::open(
            folder.path().join("store").to_str().unwrap(),
            S3Options::default(),
        )
        .unwrap();
        let input = folder.path().join("in").join(input).display().to_string();
        let (videos, _) = find(&storage, &[input]).await;
        videos
            .iter()
            .map(|video| (video.default_title(), video.sidecars.len()))
            .collect()
    }

    #[tokio::test]
    async fn a_folder_yields_its_videos_with_their_subtitles() {
        let files = [
            "a.mp4",
            "a.srt",
            "a.en.vtt",
            "b video.MOV",
            "notes.txt",
            "sub/c.mkv",
            "c.srt",
        ];
        let videos = found(&files, "").await;
        let expected = [("a", 2), ("b video", 0), ("c", 0)].map(|(name, n)| (name.to_owned(), n));
        assert_eq!(videos, expected);
    }

    #[tokio::test]
    async fn a_folder_yields_every_format_that_can_be_opened_and_no_other() {
        for format in FORMATS {
            for extension in format.extensions {
                let name = format!("a.{extension}");
                let videos = found(&[&name, "b.mp4"], "").await;
                let expected = 1 + usize::from(format.ingested());
                assert_eq!(videos.len(), expected, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn subtitles_of_another_take_are_not_taken_and_forced_ones_only_alone() {
        let files = [
            "a.mp4",
            "a.en.srt",
            "a.en.forced.srt",
            "a.de.forced.srt",
            "a.take2.srt",
            "a.mp4.ass",
            "M\u{fc}ller 100%.mp4",
            "Mu\u{308}ller 100%.fr.srt",
        ];
        let videos = found(&files, "").await;
        let expected = [("M\u{fc}ller 100%", 1), ("a", 3)].map(|(name, n)| (name.to_owned(), n));
        assert_eq!(videos, expected);
    }

    #[test]
    fn escapes_of_a_name_are_read_and_what_is_none_stays() {
        assert_eq!(file_name("file:///in/a%20b%2Fc.mp4"), "a b/c.mp4");
        assert_eq!(file_name("s3://videos/100%"), "100%");
        // A sign is not a hexadecimal digit.
        assert_eq!(file_name("s3://videos/5%+4.mp4"), "5%+4.mp4");
    }

    #[tokio::test]
    async fn a_subtitle_file_is_no_video_and_is_taken_with_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for name in ["a.mp4", "a.en.srt", "a.take2.srt"] {
            std::fs::write(path(name), b"x").unwrap();
        }
        let storage = Storage::open(&path("store"), S3Options::default()).unwrap();
        let inputs = ["a.en.srt", "a.mp4", "a.take2.srt"].map(path);
        let (videos, refusals) = find(&storage, &inputs).await;
        assert_eq!((videos.len(), videos[0].sidecars.len()), (1, 1));
        let refused: Vec<_> = refusals.iter().map(|refusal| &refusal.input).collect();
        assert_eq!(refused, [&inputs[2]]);
        assert!(refusals[0].error.to_string().contains("beside its video"));
    }

    #[tokio::test]
    async fn a_file_named_by_itself_is_taken_whatever_it_is_called() {
        assert_eq!(
            found(&["odd.bin", "odd.srt"], "odd.bin").await,
            [("odd".to_owned(), 1)]
        );
        assert!(found(&["notes.txt"], "").await.is_empty());
    }
}
