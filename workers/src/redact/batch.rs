//! Many files: from folders to a folder, several at once, and nothing half-written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Instant;

use rushes_models::ModelStore;

use super::RedactError;
use super::hand::HandRegions;
use super::job::{self, Done, JobContext, JobObserver, Media, MediaKind, RedactionJob};
use super::memory::Memory;
use super::picture::PictureError;
use super::settings::Settings;
use super::sink::FolderSink;
use super::still::Redactor;
use super::video::VideoOptions;

mod walk;

pub use walk::{Item, Skipped, Walk, walk};

/// Events that wait for a slow observer.
const EVENTS: usize = 64;

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
    /// The redacted file; none if there is none.
    pub output: Option<PathBuf>,
    /// Seconds it took.
    pub seconds: f64,
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
    let originals = items.iter().map(|item| item.path.as_path());
    let sink = FolderSink::open(&options.out, originals)?;
    let queue = Mutex::new(items.into_iter());
    let memory = Memory::of_batch(options.memory_bytes);
    let context = JobContext {
        sink: &sink,
        memory: &memory,
        videos: &options.videos,
        threads: options.threads,
    };
    let (tell, told) = mpsc::sync_channel(EVENTS);
    std::thread::scope(|scope| {
        for (number, mut redactor) in redactors.into_iter().enumerate() {
            let (queue, context, tell) = (&queue, &context, tell.clone());
            let worker = move || {
                while !stop.load(Ordering::Relaxed) {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(item) = next else { break };
                    let started = Instant::now();
                    let mut follower = Follower {
                        item: &item,
                        tell: &tell,
                        stop,
                    };
                    let mut result = one(&mut redactor, options, context, &mut follower);
                    if matches!(result, Err(RedactError::Defect)) {
                        // Whatever state it was left in, the next file gets a new one.
                        match Redactor::open(store, settings.clone(), options.threads) {
                            Ok(new) => redactor = new,
                            Err(error) => result = Err(error),
                        }
                    }
                    if matches!(result, Err(RedactError::Cancelled)) {
                        break;
                    }
                    let made = result.as_ref().ok().filter(|done| done.record.has_output());
                    let outcome = Outcome {
                        output: made.map(|done| options.out.join(&done.name)),
                        seconds: started.elapsed().as_secs_f64(),
                        item,
                        result,
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

/// Passes on how far a file is.
struct Follower<'a> {
    item: &'a Item,
    tell: &'a mpsc::SyncSender<WorkerEvent>,
    stop: &'a AtomicBool,
}

impl JobObserver for Follower<'_> {
    fn progress(&mut self, share: f64) {
        // Nobody who listens means that all is over, which is noticed when the file is through.
        drop(
            self.tell
                .send(WorkerEvent::Progress(self.item.clone(), share)),
        );
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Redacts one file.
fn one(
    redactor: &mut Redactor,
    options: &BatchOptions,
    context: &JobContext<'_>,
    follower: &mut Follower<'_>,
) -> Result<Done, RedactError> {
    let item = follower.item;
    let job = RedactionJob {
        name: &item.relative.to_string_lossy(),
        output: &item.relative,
        corrections: options.hand.of(&item.relative),
        resume: options.resume,
    };
    job::redact(redactor, &job, context, follower, || match item.kind {
        MediaKind::Picture => read_bounded(&item.path).map(Media::Picture),
        MediaKind::Video => fs::File::open(&item.path)
            .map(|file| Media::Video(Box::new(file)))
            .map_err(RedactError::io("read", &item.path)),
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
