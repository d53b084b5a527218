//! One file redacted: from its bytes to its output and its record, the same way for a batch and for a server.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rushes_models::Digest;
use serde::Serialize;

use super::RedactError;
use super::hand::Corrections;
use super::memory::{Memory, Use, memory_needed};
use super::picture;
use super::record::{Record, SCHEMA, Tool};
use super::sink::{Sink, SinkOutput};
use super::still::{Redacted, Redactor};
use super::timings::Timings;
use super::video::{self, VideoOptions, VideoRecord};
use crate::media::{MediaFormat, Medium, StreamFate};
use crate::source::ByteSource;

/// What a file is, by its first bytes or its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A still picture.
    Picture,
    /// Moving pictures.
    Video,
}

impl MediaKind {
    /// What a file is, by its first bytes ([`HEAD`](crate::media::HEAD) of them) and otherwise by its name: a damaged
    /// file, or one of a kind that cannot be redacted, must be reported, not passed over.
    #[must_use]
    pub fn of(head: &[u8], name: &str) -> Option<Self> {
        let format = MediaFormat::of_head(head).or_else(|| MediaFormat::of_name(name));
        match format?.medium {
            Medium::Picture => Some(Self::Picture),
            Medium::Video => Some(Self::Video),
            Medium::Sound => None,
        }
    }
}

/// One file to redact.
#[derive(Debug, Clone, Copy)]
pub struct RedactionJob<'a> {
    /// Its name, as the record says it. Its extension is that of the file.
    pub name: &'a str,
    /// The name of its output; that of a video whose container changes gets one more extension.
    pub output: &'a Path,
    /// What a person corrected.
    pub corrections: Option<&'a Corrections>,
    /// Leave it if its output is there, made from the same input with the same settings.
    pub resume: bool,
}

/// What all files of a batch share.
#[derive(Debug, Clone, Copy)]
pub struct JobContext<'a> {
    /// Where outputs go.
    pub sink: &'a dyn Sink,
    /// What files in work may take together.
    pub memory: &'a Memory,
    /// How videos are redacted.
    pub videos: &'a VideoOptions,
    /// Threads of a decoding child.
    pub threads: usize,
}

/// The bytes of a file.
pub enum Media {
    /// A picture, whole.
    Picture(Vec<u8>),
    /// A video, which is read as it is decoded.
    Video(Box<dyn ByteSource>),
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bytes) = match self {
            Self::Picture(bytes) => ("Picture", bytes.len() as u64),
            Self::Video(source) => ("Video", source.len()),
        };
        f.debug_tuple(kind).field(&bytes).finish()
    }
}

/// Follows one file, and may stop it.
pub trait JobObserver {
    /// How far into a long file the work is, between 0 and 1.
    fn progress(&mut self, share: f64);

    /// Whether to stop. A video stops soon; a picture is finished.
    fn is_stopped(&self) -> bool;
}

/// A file that was processed.
#[derive(Debug)]
pub struct Done {
    /// What was done.
    pub record: OutputRecord,
    /// Whether it had been done before, and was left alone.
    pub resumed: bool,
    /// The name of the output, whether there is one or only a record.
    pub name: PathBuf,
    /// Where the time went; none if it had been done before.
    pub timings: Option<Timings>,
}

/// The record of what was done.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputRecord {
    /// Of a picture.
    Picture(Box<Record>),
    /// Of a video.
    Video(Box<VideoRecord>),
}

impl OutputRecord {
    /// Whether there is an output; if not, only a report was asked for.
    #[must_use]
    pub const fn has_output(&self) -> bool {
        match self {
            Self::Picture(record) => record.output.is_some(),
            Self::Video(record) => record.output.is_some(),
        }
    }

    /// Media type of the output; none if there is none.
    #[must_use]
    pub fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Picture(record) => record
                .output
                .as_ref()
                .map(|_| record.picture.format.media_type()),
            Self::Video(record) => record.output.as_ref().map(|file| {
                let extension = Path::new(&file.name).extension().unwrap_or_default();
                if extension.eq_ignore_ascii_case("mkv") {
                    "video/x-matroska"
                } else if extension.eq_ignore_ascii_case("mov") {
                    "video/quicktime"
                } else {
                    "video/mp4"
                }
            }),
        }
    }

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

/// Redacts one file, which `open` opens. Where anything fails there is no output, and none of an earlier run either.
///
/// # Errors
/// Whatever prevents it. After [`RedactError::Defect`], a panic, the redactor is not to be used again.
pub fn redact<E: From<RedactError>>(
    redactor: &mut Redactor,
    job: &RedactionJob<'_>,
    context: &JobContext<'_>,
    observer: &mut dyn JobObserver,
    open: impl FnOnce() -> Result<Media, E>,
) -> Result<Done, E> {
    guarded(|| match open() {
        Ok(Media::Picture(bytes)) => Ok(one_picture(redactor, job, context, observer, bytes)?),
        Ok(Media::Video(source)) => {
            let work = video::Work {
                redactor,
                job,
                context,
                observer,
            };
            Ok(video::redact(work, source)?)
        }
        Err(error) => {
            clear_earlier(context.sink, job)?;
            Err(error)
        }
    })
}

/// Redacts one picture, without storing anything.
///
/// # Errors
/// As [`redact`].
pub fn redact_picture(
    redactor: &mut Redactor,
    memory: &Memory,
    bytes: Vec<u8>,
    name: &str,
    corrections: Option<&Corrections>,
) -> Result<Redacted, RedactError> {
    guarded(|| in_memory(redactor, memory, (bytes, name), corrections, &|| false))
}

/// Removes what earlier runs made of a file: what stands from before was made from something else, or with other
/// settings.
///
/// # Errors
/// It cannot be removed.
pub fn clear_earlier(sink: &dyn Sink, job: &RedactionJob<'_>) -> Result<(), RedactError> {
    for name in video::output_names(job.output) {
        if sink.made_from(&name)?.is_some_and(|from| from == job.name) {
            sink.clear(&name, job.name)?;
        }
    }
    Ok(())
}

/// A panic in `work` is a defect of one file, and not the end of the thread.
///
/// # Errors
/// Those of `work`, and [`RedactError::Defect`].
pub fn guarded<T, E: From<RedactError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_panic| Err(RedactError::Defect.into()))
}

fn one_picture(
    redactor: &mut Redactor,
    job: &RedactionJob<'_>,
    context: &JobContext<'_>,
    observer: &dyn JobObserver,
    bytes: Vec<u8>,
) -> Result<Done, RedactError> {
    let (sink, name) = (context.sink, job.output);
    sink.claim(name)?;
    if job.resume
        && job.corrections.is_none()
        && let Some(record) = finished(redactor, &bytes, sink, name)
    {
        return Ok(Done {
            record: OutputRecord::Picture(Box::new(record)),
            resumed: true,
            name: name.to_owned(),
            timings: None,
        });
    }
    sink.clear(name, job.name)?;
    let is_stopped = || observer.is_stopped();
    let Redacted {
        bytes,
        record,
        mut timings,
    } = in_memory(
        redactor,
        context.memory,
        (bytes, job.name),
        job.corrections,
        &is_stopped,
    )?;
    let begun = std::time::Instant::now();
    let json = json(serde_json::to_vec_pretty, &record)?;
    sink.put(name, json, bytes.map(SinkOutput::Bytes))?;
    timings.write += begun.elapsed().as_secs_f64();
    Ok(Done {
        record: OutputRecord::Picture(Box::new(record)),
        resumed: false,
        name: name.to_owned(),
        timings: Some(timings),
    })
}

fn in_memory(
    redactor: &mut Redactor,
    memory: &Memory,
    (bytes, name): (Vec<u8>, &str),
    corrections: Option<&Corrections>,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Redacted, RedactError> {
    let needed = memory_needed(&picture::inspect(&bytes)?);
    let _held = memory.hold(Use::Picture, needed, is_stopped)?;
    redactor.redact(bytes, name, corrections)
}

/// The record of an earlier run, if that run made what this one would make, and its output is still there.
fn finished(redactor: &Redactor, input: &[u8], sink: &dyn Sink, name: &Path) -> Option<Record> {
    let record: Record = serde_json::from_slice(&sink.record(name).ok()??).ok()?;
    let same = record.schema == SCHEMA
        && record.tool == Tool::this()
        && record.input.bytes == input.len() as u64
        && redactor.is_asked(&record.settings, &record.detectors)
        && record.input.sha256 == Digest::of_bytes(input)
        && record.regions.iter().all(|region| region.is_automatic());
    let whole = match &record.output {
        Some(file) => sink.holds(name, file).ok()?,
        None => true,
    };
    (same && whole).then_some(record)
}

/// A record as it is stored.
pub(super) fn json<R: Serialize>(
    write: fn(&R) -> serde_json::Result<Vec<u8>>,
    record: &R,
) -> Result<Vec<u8>, RedactError> {
    let mut json = write(record).map_err(|_unserialisable| RedactError::Defect)?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_defect_of_one_file() {
        let panicked = guarded(|| -> Result<(), RedactError> { panic!("a defect") });
        assert!(matches!(panicked, Err(RedactError::Defect)), "{panicked:?}");
        assert_eq!(guarded(|| Ok::<_, RedactError>(7)).unwrap(), 7);
    }
}
