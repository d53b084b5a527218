//! Cuts of the originals: each pick as a file of exactly its frames, encoded again.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rushes_workers::media::{MediaError, ProxyParams};
use rushes_workers::sandbox::{Observer, Sandbox};
use rushes_workers::source::ByteSource;
use rushes_workers::stages::{Feature, unpack_timeline};
use rushes_workers::storage::Locator;
use rushes_workers::time::{Stretch, Timeline};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::{CutList, ExportError, ExportSources, SourceFile};
use crate::catalog::records::ShotsRecord;
use crate::catalog::runs::{self, Run};
use crate::catalog::{AssetId, CatalogError, assets};

/// Picks of one export.
const MOST_CUTS: usize = 1000;
/// Name of the format.
const FORMAT: &str = "cuts";
/// One export at a time: decoding and encoding an original uses all cores.
static CUTTING: Semaphore = Semaphore::const_new(1);

/// The cut of each pick, in a folder that is deleted when it is dropped.
pub(super) struct Cuts {
    folder: TempDir,
}

impl Cuts {
    /// The file of the pick with this index.
    pub(super) fn file(&self, pick: usize) -> std::io::Result<File> {
        File::open(path(self.folder.path(), pick))
    }
}

fn path(folder: &Path, pick: usize) -> PathBuf {
    folder.join(format!("{pick}.mp4"))
}

/// Cuts every pick of a list out of its original. Dropping the future stops the work.
///
/// # Errors
/// [`ExportError::TooManyEvents`]; [`ExportError::Media`] if an original cannot be decoded; or the catalogue, the store
/// or the disk fails.
pub(super) async fn cut(list: &CutList, sources: &ExportSources) -> Result<Cuts, ExportError> {
    if list.picks.len() > MOST_CUTS {
        return Err(ExportError::TooManyEvents {
            format: FORMAT,
            most: MOST_CUTS,
            found: list.picks.len(),
        });
    }
    let cuts = Cuts {
        folder: tempfile::tempdir()?,
    };
    let _turn = CUTTING.acquire().await.map_err(std::io::Error::other)?;
    for (index, source) in list.sources.iter().enumerate() {
        let (timeline, media) = original(source, sources).await?;
        let picks = list.picks.iter().enumerate();
        let of_source = picks.filter(|(_, pick)| pick.source == index);
        let spans: Vec<(usize, Range<u64>)> = of_source
            .map(|(at, pick)| (at, pick.frames.0..pick.frames.1))
            .collect();
        for pass in passes(spans) {
            let mut bytes = sources.storage.open_source(&media).await?;
            let cutter = Cutter {
                sandbox: sources.sandbox.clone(),
                folder: cuts.folder.path().to_owned(),
                name: source.file_name.clone(),
                stop: Arc::default(),
            };
            let stretches = pass
                .iter()
                .map(|(_, frames)| timeline.stretch(frames))
                .collect();
            let numbers: Vec<usize> = pass.into_iter().map(|(at, _)| at).collect();
            let stopped = StopOnDrop(Arc::clone(&cutter.stop));
            let work = tokio::task::spawn_blocking(move || {
                cutter.run(bytes.as_mut(), stretches, &numbers)
            });
            work.await.map_err(std::io::Error::other)??;
            drop(stopped);
        }
    }
    Ok(cuts)
}

/// The timeline of a source, and where its bytes are.
async fn original(
    source: &SourceFile,
    sources: &ExportSources,
) -> Result<(Timeline, Locator), ExportError> {
    let id: AssetId = source.asset.parse()?;
    let mut db = sources.catalog.snapshot().await?;
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
fn passes(mut spans: Vec<(usize, Range<u64>)>) -> Vec<Vec<(usize, Range<u64>)>> {
    spans.sort_by_key(|(at, frames)| (frames.start, frames.end, *at));
    let mut passes: Vec<Vec<(usize, Range<u64>)>> = Vec::new();
    for span in spans {
        let fits = |pass: &&mut Vec<(usize, Range<u64>)>| {
            pass.last().is_none_or(|(_, last)| last.end <= span.1.start)
        };
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
    folder: PathBuf,
    name: String,
    stop: Arc<AtomicBool>,
}

impl Cutter {
    fn run(
        &self,
        source: &mut dyn ByteSource,
        stretches: Vec<Stretch>,
        picks: &[usize],
    ) -> Result<(), ExportError> {
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
        // A full disk stops the decoding; report that error, not the cancellation.
        let (mut refused, mut next) = (None, picks.iter());
        let mut sink = |_frames: Range<u64>, mp4: Vec<u8>| {
            let Some(&pick) = next.next() else {
                return Err(MediaError::Cancelled);
            };
            std::fs::write(path(&self.folder, pick), mp4).map_err(|error| {
                refused = Some(error);
                MediaError::Cancelled
            })
        };
        let mut stretches = stretches.into_iter();
        let mut observer = StopWatch(Arc::clone(&self.stop));
        let made = self
            .sandbox
            .proxies(source, &params, &mut stretches, &mut observer, &mut sink);
        if let Some(error) = refused {
            return Err(ExportError::Write(error));
        }
        made.map_err(|source| ExportError::Media {
            file: self.name.clone(),
            source,
        })
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
}
