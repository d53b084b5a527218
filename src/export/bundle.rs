//! Archives with media: the proxies of the picks, alone or under an OTIO timeline, or cuts of the originals.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};

use bytes::Bytes;
use rushes_workers::time::Timecode;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::names::plain_file_name;
use super::otio::Otio;
use super::{
    CutList, ExportError, ExportFormat as _, ExportSources, Marker, Pick, SourceFile, away,
    csv::Csv, cuts, unchanged,
};
use crate::catalog::Catalog;
use crate::catalog::bins::MOST_ITEMS;
use crate::catalog::previews::{self, ShotProxy};

/// Kinds of archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bundle {
    /// An OTIO timeline over the proxies, which plays anywhere without the originals.
    Otioz,
    /// The proxies of the picks, numbered by pick, and a table of them.
    Clips,
    /// The picks cut out of the originals, numbered, and a table of them.
    Cuts,
}

impl Bundle {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Otioz, Self::Clips, Self::Cuts];

    /// Its name on the command line and in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Otioz => "otioz",
            Self::Clips => "clips",
            Self::Cuts => "cuts",
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Otioz => "OTIO with the proxies in one file; plays without the originals",
            Self::Clips => "a zip of the proxies of whole shots, numbered by pick, with a table",
            Self::Cuts => {
                "a zip of exactly the picked frames of the originals, encoded again, with a table"
            }
        }
    }

    /// The extension of its files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Otioz => "otioz",
            Self::Clips | Self::Cuts => "zip",
        }
    }
}

/// A proxy that goes into the archive.
struct Medium {
    /// Its key in the store.
    key: String,
    /// Its path in the archive.
    path: String,
}

/// Writes an archive into `file`, which is handed back at its beginning. Media are read one after the other.
///
/// # Errors
/// [`ExportError::NoProxy`] if a pick has none yet; [`ExportError::Changed`]; or the store or the disk fails.
pub(super) async fn write(
    bundle: Bundle,
    list: &CutList,
    sources: &ExportSources,
    file: File,
) -> Result<File, ExportError> {
    // It is large, and futures that hold it would be as well.
    let mut archive = Box::new(ZipWriter::new(file));
    if bundle == Bundle::Cuts {
        archive = add_table(archive, list).await?;
        let picks = list.picks.iter().enumerate();
        let names = picks.map(|(at, pick)| {
            let name = numbered(&format!("{:04}", at + 1), list.source(pick), pick.frames.0);
            format!("{name}.mp4")
        });
        archive = cuts::cut(list, &names.collect::<Vec<_>>(), sources, archive).await?;
        return finished(archive).await;
    }
    let (proxied, media) = over_proxies(bundle, list, &sources.catalog).await?;
    if bundle == Bundle::Otioz {
        // The order of the OTIO file bundle specification: version, content, media.
        for (path, text) in [
            ("version.txt", b"1.0.0".to_vec()),
            ("content.otio", Otio.write(&proxied)?),
        ] {
            let method = CompressionMethod::Deflated;
            archive = add(archive, path.to_owned(), Bytes::from(text), method).await?;
        }
    } else {
        archive = add_table(archive, list).await?;
    }
    for medium in media {
        let bytes = sources.storage.get(&medium.key).await?;
        archive = add(archive, medium.path, bytes, CompressionMethod::Stored).await?;
    }
    finished(archive).await
}

async fn add_table(
    archive: Box<ZipWriter<File>>,
    list: &CutList,
) -> Result<Box<ZipWriter<File>>, ExportError> {
    let table = Bytes::from(Csv.write(list)?);
    let path = "picks.csv".to_owned();
    add(archive, path, table, CompressionMethod::Deflated).await
}

async fn finished(archive: Box<ZipWriter<File>>) -> Result<File, ExportError> {
    blocking(move || {
        let mut file = archive.finish()?;
        file.rewind()?;
        Ok(file)
    })
    .await
}

/// Adds one file to the archive, away from the async threads.
async fn add(
    mut archive: Box<ZipWriter<File>>,
    path: String,
    bytes: Bytes,
    method: CompressionMethod,
) -> Result<Box<ZipWriter<File>>, ExportError> {
    blocking(move || {
        archive.start_file(
            path,
            SimpleFileOptions::default().compression_method(method),
        )?;
        archive.write_all(&bytes)?;
        Ok(archive)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, zip::result::ZipError> + Send + 'static,
) -> Result<T, ExportError> {
    away(move || work().map_err(|error| ExportError::Write(error.into()))).await
}

/// The same list with proxies as its sources. A pick that reaches over several shots becomes one pick of each.
async fn over_proxies(
    bundle: Bundle,
    list: &CutList,
    catalog: &Catalog,
) -> Result<(CutList, Vec<Medium>), ExportError> {
    let mut sources = Vec::new();
    let mut media: Vec<Medium> = Vec::new();
    let mut known = HashMap::new();
    let mut picks = Vec::new();
    for (at, pick) in list.picks.iter().enumerate() {
        let original = list.source(pick);
        let mut db = catalog.snapshot().await?;
        let asset = unchanged(&mut db, original).await?;
        let covered =
            previews::proxies_within(&mut db, &asset, pick.frames.0, pick.frames.1).await?;
        drop(db);
        if picks.len() + covered.len() > MOST_ITEMS {
            return Err(ExportError::TooManyPicks {
                format: bundle.name(),
                most: MOST_ITEMS,
                found: picks.len() + covered.len(),
            });
        }
        let parts = covered.len();
        for (part_at, part) in covered.into_iter().enumerate() {
            let Some(key) = part.proxy.clone() else {
                return Err(ExportError::NoProxy {
                    what: pick.name.clone(),
                });
            };
            // Clips are numbered by pick, so a shot that is in two picks is there twice.
            let of_pick = (bundle == Bundle::Clips).then_some(at);
            let source = *known.entry((of_pick, key.clone())).or_insert_with(|| {
                let number = match of_pick {
                    None => format!("{:04}", media.len() + 1),
                    Some(_) if parts == 1 => format!("{:04}", at + 1),
                    Some(_) => format!("{:04}.{}", at + 1, part_at + 1),
                };
                let path = path_of(bundle, &number, original, &part);
                sources.push(proxy_source(original, &part, &path));
                media.push(Medium { key, path });
                sources.len() - 1
            });
            picks.push(part_of(pick, &part, (source, original)));
        }
    }
    let proxied = CutList {
        sources,
        picks,
        ..list.clone()
    };
    Ok((proxied, media))
}

fn path_of(bundle: Bundle, number: &str, original: &SourceFile, part: &ShotProxy) -> String {
    let name = numbered(number, original, span(part).0);
    if bundle != Bundle::Otioz {
        return format!("{name}.mp4");
    }
    // A relative URL, so of letters that mean themselves there.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = name.replace(|c: char| !is_plain(c), "_");
    format!("media/{name}.mp4")
}

/// The name of a file in the archive, without its extension: its number, its title, and where it begins.
fn numbered(number: &str, original: &SourceFile, frame: u64) -> String {
    let at = original.timecode.label(original.position(frame));
    plain_file_name(&format!("{number} {} {at}", original.title))
}

/// A proxy as a source file: it begins with its shot, and carries no timecode.
fn proxy_source(original: &SourceFile, part: &ShotProxy, path: &str) -> SourceFile {
    let (start, end) = span(part);
    let first = original.position(start);
    SourceFile {
        url: path.to_owned(),
        path: path.to_owned(),
        file_name: path.rsplit('/').next().unwrap_or_default().to_owned(),
        timecode: Timecode {
            start: 0,
            ..original.timecode
        },
        frames: original.position(end) - first,
        positions: original.positions.is_some().then(|| {
            (start..=end)
                .map(|frame| original.position(frame) - first)
                .collect()
        }),
        ..original.clone()
    }
}

/// What a pick takes of one shot, on the clock of the shot's proxy.
fn part_of(pick: &Pick, part: &ShotProxy, (source, original): (usize, &SourceFile)) -> Pick {
    let (shot_start, shot_end) = span(part);
    let first = original.position(shot_start);
    let frames = (pick.frames.0.max(shot_start), pick.frames.1.min(shot_end));
    let (start, end) = (
        original.position(frames.0) - first,
        original.position(frames.1) - first,
    );
    // A marker goes with the part that shows its frame.
    let markers = pick.markers.iter().filter_map(|marker| {
        let frame = marker.frame.checked_sub(first)?;
        (start..end).contains(&frame).then(|| Marker {
            frame,
            ..marker.clone()
        })
    });
    Pick {
        source,
        start,
        end: end.max(start + 1),
        frames,
        markers: markers.collect(),
        ..pick.clone()
    }
}

const fn span(part: &ShotProxy) -> (u64, u64) {
    (
        part.start_frame.cast_unsigned(),
        part.end_frame.cast_unsigned(),
    )
}
