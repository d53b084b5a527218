//! Cuts of the originals: each pick as a file of exactly its frames, encoded again.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rushes_workers::media::{MediaError, ProxyParams};
use rushes_workers::sandbox::{Observer, Sandbox};
use rushes_workers::source::ByteSource;
use rushes_workers::stages::{Feature, unpack_timeline};
use rushes_workers::storage::Locator;
use rushes_workers::time::{Stretch, Timeline};
use tokio::sync::Semaphore;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{CutList, ExportError, ExportSources, SourceFile, away, unchanged};
use crate::catalog::records::ShotsRecord;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, assets};

/// Picks of one export.
const MOST_CUTS: usize = 1000;
/// Bytes of all cuts of one export.
const MOST_BYTES: u64 = 64 << 30;
/// Passes over one original: as many of its picks may overlap in one place.
const MOST_PASSES: usize = 16;
/// Name of the format.
const FORMAT: &str = "cuts";
/// One export at a time: decoding and encoding an original uses all cores.
static CUTTING: Semaphore = Semaphore::const_new(1);

/// Cuts every pick of a list out of its original, and adds each to `archive` by its name in `names`. Dropping the future
/// stops the work.
///
/// # Errors
/// [`ExportError::TooManyPicks`]; [`ExportError::TooManyOverlaps`]; [`ExportError::TooLarge`]; [`ExportError::Busy`];
/// [`ExportError::Changed`]; [`ExportError::Media`] if an original cannot be decoded; or the catalogue, the store or the
/// disk fails.
pub(super) async fn cut(
    list: &CutList,
    names: &[String],
    sources: &ExportSources,
    archive: Box<ZipWriter<File>>,
) -> Result<Box<ZipWriter<File>>, ExportError> {
    if list.picks.len() > MOST_CUTS {
        return Err(ExportError::TooManyPicks {
            format: FORMAT,
            most: MOST_CUTS,
            found: list.picks.len(),
        });
    }
    let planned: Vec<Vec<Pass>> = (0..list.sources.len())
        .map(|source| passes_over(list, source))
        .collect::<Result<_, _>>()?;
    // Whoever waits would hold a place that a quick export could have.
    let _turn = CUTTING
        .try_acquire()
        .map_err(|_another| ExportError::Busy)?;
    let mut archive = CutArchive::new(archive, MOST_BYTES);
    for (source, passes) in list.sources.iter().zip(planned) {
        let (timeline, media) = original(source, sources).await?;
        for pass in passes {
            let mut bytes = sources.storage.open_source(&media).await?;
            let cutter = Cutter {
                sandbox: sources.sandbox.clone(),
                name: source.file_name.clone(),
                stop: Arc::default(),
            };
            let cuts: Vec<(String, Stretch)> = pass
                .iter()
                .map(|(at, frames)| (names[*at].clone(), timeline.stretch(frames)))
                .collect();
            let stopped = StopOnDrop(Arc::clone(&cutter.stop));
            archive = away(move || cutter.run(bytes.as_mut(), cuts, archive)).await?;
            drop(stopped);
        }
    }
    Ok(archive.zip)
}

/// An archive with room for some more bytes.
struct CutArchive {
    zip: Box<ZipWriter<File>>,
    most: u64,
    left: u64,
}

impl CutArchive {
    const fn new(zip: Box<ZipWriter<File>>, most: u64) -> Self {
        let left = most;
        Self { zip, most, left }
    }

    fn add(&mut self, name: String, mp4: &[u8]) -> Result<(), ExportError> {
        let left = self.left.checked_sub(mp4.len() as u64);
        self.left = left.ok_or(ExportError::TooLarge { most: self.most })?;
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let started = self.zip.start_file(name, options);
        started.map_err(|error| ExportError::Write(error.into()))?;
        self.zip.write_all(mp4)?;
        Ok(())
    }
}

/// Picks by index, with their frames, that ascend without overlaps.
type Pass = Vec<(usize, Range<u64>)>;

/// The passes over one source of a list.
fn passes_over(list: &CutList, source: usize) -> Result<Vec<Pass>, ExportError> {
    let picks = list.picks.iter().enumerate();
    let of_source = picks.filter(|(_, pick)| pick.source == source);
    let spans = of_source.map(|(at, pick)| (at, pick.frames.0..pick.frames.1));
    let passes = passes(spans.collect());
    if passes.len() > MOST_PASSES {
        return Err(ExportError::TooManyOverlaps {
            file: list.sources[source].file_name.clone(),
            most: MOST_PASSES,
            found: passes.len(),
        });
    }
    Ok(passes)
}

/// The timeline of a source, and where its bytes are.
async fn original(
    source: &SourceFile,
    sources: &ExportSources,
) -> Result<(Timeline, Locator), ExportError> {
    let mut db = sources.catalog.snapshot().await?;
    let id = unchanged(&mut db, source).await?;
    let asset = assets::get(&mut db, &id).await?;
    let published = runs::published(&mut db, &asset.id).await?;
    drop(db);
    let scan = published
        .iter()
        .find(|run| run.feature == Feature::Shots.as_str());
    let scan = scan.and_then(Run::record::<ShotsRecord>);
    let scan = scan.ok_or(CatalogError::Corrupt { what: "a timeline" })?;
    let packed = sources.storage.get(&scan.timeline).await?;
    let timeline = unpack_timeline(&packed).ok_or(CatalogError::Corrupt { what: "a timeline" })?;
    let media = if assets::is_gone(&asset.uri) {
        // The list refers to a copy that exists.
        sources.storage.locate(&source.url).await?
    } else {
        asset.locator()
    };
    Ok((timeline, media))
}

/// Groups spans so that those of a group ascend without overlaps, in as few groups as possible. Each group is cut in
/// one pass.
fn passes(mut spans: Pass) -> Vec<Pass> {
    spans.sort_by_key(|(at, frames)| (frames.start, frames.end, *at));
    let mut passes: Vec<Pass> = Vec::new();
    for span in spans {
        let fits = |pass: &&mut Pass| pass.last().is_none_or(|(_, last)| last.end <= span.1.start);
        match passes.iter_mut().find(fits) {
            Some(pass) => pass.push(span),
            None => passes.push(vec![span]),
        }
    }
    passes
}

/// One pass over an original.
struct Cutter {
    sandbox: Sandbox,
    name: String,
    stop: Arc<AtomicBool>,
}

impl Cutter {
    fn run(
        &self,
        source: &mut dyn ByteSource,
        cuts: Vec<(String, Stretch)>,
        mut archive: CutArchive,
    ) -> Result<CutArchive, ExportError> {
        let params = ProxyParams {
            // An original keeps its own height.
            height: u32::MAX,
            crf: 12,
            preset: "fast".to_owned(),
            samples: 1,
            audio_bit_rate: 256_000,
            max_bytes: 1 << 30,
            ..ProxyParams::default()
        };
        let (names, stretches): (Vec<String>, Vec<Stretch>) = cuts.into_iter().unzip();
        let media = |source| ExportError::Media {
            file: self.name.clone(),
            source,
        };
        let mut names = names.into_iter();
        let mut sink = |_frames: Range<u64>, mp4: Vec<u8>| {
            let unexpected = || media(MediaError::Internal("a cut without a name".to_owned()));
            archive.add(names.next().ok_or_else(unexpected)?, &mp4)
        };
        let mut stretches = stretches.into_iter();
        let mut observer = StopWatch(Arc::clone(&self.stop));
        self.sandbox
            .proxies(source, &params, &mut stretches, &mut observer, &mut sink)
            .map_err(|ended| ended.or(media))?;
        Ok(archive)
    }
}

/// Stops the work when its future is dropped, as when a client disconnects.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct StopWatch(Arc<AtomicBool>);

impl Observer for StopWatch {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Pick;
    use rushes_workers::time::Timecode;

    #[test]
    fn spans_that_overlap_are_cut_in_passes_of_their_own() {
        let spans = vec![
            (0, 50..90),
            (1, 0..13),
            (2, 10..60),
            (3, 13..20),
            (4, 50..90),
        ];
        let passes = passes(spans);
        let picks: Vec<Vec<usize>> = passes
            .iter()
            .map(|pass| pass.iter().map(|(at, _)| *at).collect())
            .collect();
        assert_eq!(picks, [vec![1, 3, 0], vec![2], vec![4]]);
    }

    #[test]
    fn an_archive_of_cuts_has_a_limit_and_so_have_overlaps() {
        let zip = Box::new(ZipWriter::new(tempfile::tempfile().unwrap()));
        let mut archive = CutArchive::new(zip, 10);
        archive.add("1.mp4".to_owned(), &[0; 6]).unwrap();
        archive.add("2.mp4".to_owned(), &[0; 4]).unwrap();
        let refused = archive.add("3.mp4".to_owned(), &[0; 1]).unwrap_err();
        assert_eq!(refused.code(), "too-large");

        let list = |picks: u64| {
            let rate = "25".parse().unwrap();
            let pick = |at| Pick {
                source: 0,
                start: at,
                end: 100,
                frames: (at, 100),
                name: String::new(),
                shot: None,
                note: None,
                markers: Vec::new(),
            };
            let source = SourceFile {
                asset: "01K00000000000000000000000".to_owned(),
                shots_run: "01K00000000000000000000001".parse().unwrap(),
                title: String::new(),
                url: String::new(),
                path: String::new(),
                file_name: "a.mov".to_owned(),
                timecode: Timecode::from_zero(rate),
                variable: false,
                frames: 100,
                positions: None,
                audio: None,
                size: (0, 0),
            };
            CutList {
                name: String::new(),
                rate,
                rate_is_requested: false,
                drop_frame: false,
                sources: vec![source],
                picks: (0..picks).map(pick).collect(),
            }
        };
        assert_eq!(passes_over(&list(16), 0).unwrap().len(), 16);
        let refused = passes_over(&list(17), 0).unwrap_err();
        assert_eq!(refused.code(), "too-many-overlaps");
    }
}
