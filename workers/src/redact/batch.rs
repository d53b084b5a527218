//! Many files: from folders to a folder, several at once, and nothing half-written.
//!
//! An output appears under its name only when it is complete: it is written aside, flushed to the disk and
//! renamed. Where a file cannot be processed there is no output, and the batch says so.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Instant;

use rushes_models::ModelStore;

use crate::media::StreamFate;

use super::RedactError;
use super::hand::HandRegions;
use super::picture::{self, PictureError};
use super::record::Record;
use super::settings::Settings;
use super::still::Redactor;
use super::timings::Timings;
use super::video::{self, VideoOptions, VideoRecord};

mod memory;
pub(super) mod output;
mod walk;

use memory::Memory;
pub use memory::memory_needed;
pub(super) use output::Claims;
pub use walk::{Item, MediaKind, Skipped, Walk, walk};

/// Added to a file's name for the record beside it.
pub const RECORD_SUFFIX: &str = ".redaction.json";

/// How a batch is run.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// Folder of the outputs.
    pub out: PathBuf,
    /// Files at once; each has detectors of its own.
    pub jobs: usize,
    /// Threads of a detector.
    pub threads: usize,
    /// Bytes that the pictures in work may take together, about; one picture always fits alone.
    pub memory_bytes: u64,
    /// Leave files whose output is there, made from the same input with the same settings.
    pub resume: bool,
    /// What people corrected.
    pub hand: HandRegions,
    /// How videos are redacted.
    pub videos: VideoOptions,
}

/// What became of one file.
#[derive(Debug)]
pub struct Outcome {
    /// The file.
    pub item: Item,
    /// What was done, or why nothing was.
    pub result: Result<Done, RedactError>,
    /// Seconds it took.
    pub seconds: f64,
}

/// A file that was processed.
#[derive(Debug)]
pub struct Done {
    /// What was done.
    pub record: BatchRecord,
    /// Whether it had been done before, and was left alone.
    pub resumed: bool,
    /// The redacted file; none if only a report was asked for.
    pub output: Option<PathBuf>,
    /// Where the time went; none if it had been done before.
    pub timings: Option<Timings>,
}

/// The record of what was done.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchRecord {
    /// Of a picture.
    Picture(Box<Record>),
    /// Of a video.
    Video(Box<VideoRecord>),
}

impl BatchRecord {
    /// Regions of a picture, or tracks of a video, that were hidden.
    #[must_use]
    pub fn hidden_objects(&self) -> usize {
        match self {
            Self::Picture(record) => record.blurred(),
            Self::Video(record) if record.output.is_some() => record.tracks.len(),
            Self::Video(_) => 0,
        }
    }

    /// Copies of what was hidden that the file had elsewhere: thumbnails, previews, cover art.
    #[must_use]
    pub fn hidden_copies(&self) -> usize {
        match self {
            Self::Picture(record) => record.hidden.len(),
            Self::Video(record) => {
                let shows = |kind: &str| kind == "video" || kind == "picture";
                let dropped = record
                    .streams
                    .iter()
                    .filter(|it| it.fate == StreamFate::Dropped);
                dropped.filter(|stream| shows(&stream.kind)).count()
            }
        }
    }
}

/// What a worker tells.
enum WorkerEvent {
    Done(Box<Outcome>),
    Progress(Item, f64),
}

/// Follows a batch. Called from several threads, one call at a time.
pub trait BatchObserver: Send {
    /// One file is through.
    fn done(&mut self, outcome: &Outcome);

    /// How far into one long file a worker is, between 0 and 1.
    fn progress(&mut self, _item: &Item, _share: f64) {}
}

/// Redacts files with `jobs` threads. Returns when all are through or `stop` is set; files that were not begun
/// then, and videos that were not finished, are in no outcome.
///
/// # Errors
/// The detectors cannot be opened, or the output folder cannot be made. What happens to single files is told to
/// the observer.
pub fn redact_all(
    store: &ModelStore,
    settings: &Settings,
    options: &BatchOptions,
    items: Vec<Item>,
    stop: &AtomicBool,
    observer: &mut dyn BatchObserver,
) -> Result<(), RedactError> {
    let jobs = options.jobs.clamp(1, items.len().max(1));
    // All are opened before anything is written: a missing model is reported once, and leaves no empty folder.
    let redactors = (0..jobs)
        .map(|_| Redactor::open(store, settings.clone(), options.threads))
        .collect::<Result<Vec<_>, _>>()?;
    fs::create_dir_all(&options.out).map_err(RedactError::io("make the folder", &options.out))?;
    output::sweep(&options.out);
    let claims = Claims::new(items.iter().map(|item| item.path.as_path()));
    let queue = Mutex::new(items.into_iter());
    let memory = Memory::new(options.memory_bytes);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for (number, mut redactor) in redactors.into_iter().enumerate() {
            let (queue, memory, claims, tell) = (&queue, &memory, &claims, tell.clone());
            let worker = move || {
                while !stop.load(Ordering::Relaxed) {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(item) = next else { break };
                    let started = Instant::now();
                    let mut progress = |share: f64| {
                        // Nobody who listens means that all is over, which is noticed below.
                        drop(tell.send(WorkerEvent::Progress(item.clone(), share)));
                    };
                    let how = BatchContext {
                        options,
                        memory,
                        claims,
                        stop,
                    };
                    let worked = catch_unwind(AssertUnwindSafe(|| {
                        one(&mut redactor, &how, &item, &mut progress)
                    }));
                    let result = worked.unwrap_or_else(|_panic| {
                        // Whatever state it was left in, the next file gets a new one.
                        redactor = Redactor::open(store, settings.clone(), options.threads)?;
                        Err(RedactError::Defect)
                    });
                    if matches!(result, Err(RedactError::Cancelled)) {
                        break;
                    }
                    let seconds = started.elapsed().as_secs_f64();
                    let outcome = Outcome {
                        item,
                        result,
                        seconds,
                    };
                    if tell.send(WorkerEvent::Done(Box::new(outcome))).is_err() {
                        break;
                    }
                }
            };
            std::thread::Builder::new()
                .name(format!("redact-{number}"))
                .spawn_scoped(scope, worker)
                .map_err(RedactError::io("start a thread for", &options.out))?;
        }
        drop(tell);
        for news in told {
            match news {
                WorkerEvent::Done(outcome) => observer.done(&outcome),
                WorkerEvent::Progress(item, share) => observer.progress(&item, share),
            }
        }
        Ok(())
    })
}

/// What all files of a batch share.
struct BatchContext<'a> {
    options: &'a BatchOptions,
    memory: &'a Memory,
    claims: &'a Claims,
    stop: &'a AtomicBool,
}

/// Redacts one file.
fn one(
    redactor: &mut Redactor,
    how: &BatchContext<'_>,
    item: &Item,
    progress: &mut dyn FnMut(f64),
) -> Result<Done, RedactError> {
    let BatchContext {
        options,
        memory,
        claims,
        stop,
    } = *how;
    if item.kind == MediaKind::Video {
        let _held = memory.hold(video::COST);
        return video::redact(video::Work {
            redactor,
            options,
            claims,
            item,
            stop,
            progress,
        });
    }
    let output = options.out.join(&item.relative);
    let record_path = output::beside(&output);
    claims.claim(&output)?;
    let corrections = options.hand.of(&item.relative);
    let bytes = read_bounded(&item.path);
    if options.resume
        && corrections.is_none()
        && let Ok(bytes) = &bytes
        && let Some(record) = output::finished(redactor, bytes, &output, &record_path)
    {
        let output = record.output.is_some().then_some(output);
        return Ok(Done {
            record: BatchRecord::Picture(Box::new(record)),
            resumed: true,
            output,
            timings: None,
        });
    }
    // What is there from before was made from something else: it must not stand if this run fails.
    output::discard(&output, &record_path)?;
    let bytes = bytes?;
    let header = picture::inspect(&bytes)?;
    let _held = memory.hold(memory_needed(&header));
    let name = item.relative.to_string_lossy();
    let redacted = redactor.redact(bytes, &name, corrections)?;
    output::put(
        &output,
        &record_path,
        redacted.bytes.as_deref(),
        &redacted.record,
    )?;
    Ok(Done {
        output: redacted.bytes.is_some().then_some(output),
        record: BatchRecord::Picture(Box::new(redacted.record)),
        resumed: false,
        timings: Some(redacted.timings),
    })
}

/// Bytes of the longest picture file: no camera writes more.
const LONGEST_FILE: u64 = 1 << 30;

/// The whole file, unless it is longer than allowed.
fn read_bounded(path: &Path) -> Result<Vec<u8>, RedactError> {
    use std::io::Read as _;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?
            .take(LONGEST_FILE + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(RedactError::io("read", path))?;
    let found = bytes.len() as u64;
    if found > LONGEST_FILE {
        return Err(PictureError::Limit {
            what: "bytes of a file".to_owned(),
            found,
            allowed: LONGEST_FILE,
        }
        .into());
    }
    Ok(bytes)
}
