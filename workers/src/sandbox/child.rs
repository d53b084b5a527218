//! The decoding child: one request, and no way out but its standard input and output.

use std::collections::VecDeque;
use std::io::{self, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use image::RgbImage;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::Serialize;

use super::Confinement;
use super::confine::confine;
use super::stills::encode;
use super::wire::{BLOCK, FromChild, Job, MAX_WRITE, Request, ToChild, encode_error};
use crate::media::{self, MediaError};
use crate::redact::film as redact;
use crate::segment;
use crate::source::ByteSource;
use crate::time::Stretch;

/// Blocks of the source kept, so that going back a little (a container's index, a second reader)
/// costs no round trip.
const KEPT_BLOCKS: usize = 16;

/// Time between two reports of progress.
const REPORT: Duration = Duration::from_millis(200);

/// The whole life of a decoding child; its exit code is the process's.
///
/// The binary calls this first thing when started as `decode-child`. It serves one request, read
/// from standard input, and answers on standard output, where nothing else may be written.
#[must_use]
pub fn child_main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Without the parent there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    // A child whose parent is killed must not linger.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let ToChild::Request(json) = ToChild::read(&mut io::stdin().lock())? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let request: Request = serde_json::from_slice(&json)?;
    drop(json);
    let confinement = confine(&request.limits)?;
    let answer = match run(request, &confinement) {
        Ok(json) => FromChild::Done(json),
        Err(error) => FromChild::Failed(encode_error(&error)),
    };
    tell(&answer)
}

fn run(request: Request, confinement: &Confinement) -> Result<Vec<u8>, MediaError> {
    let source = Box::new(RemoteSource::new(request.source_len));
    let bounds = request.limits.bounds;
    let report = Report::default();
    match request.job {
        Job::Confinement => result(confinement),
        Job::Probe => result(&media::probe(source, &bounds)?),
        Job::Shots { params, early } => {
            let mut output = PipeShots { report, early };
            result(&segment::segment(source, &params, &bounds, &mut output)?)
        }
        Job::Proxies(params) => {
            let film = media::Film {
                source,
                bounds: &bounds,
            };
            let mut stretches = std::iter::from_fn(|| next_stretch().transpose());
            media::cut(film, &mut stretches, &params, &mut PipeOutput { report })?;
            result(&())
        }
        Job::Stills(job) => {
            let mut output = PipeOutput { report };
            result(&media::stills(source, &job, &bounds, &mut output)?)
        }
        Job::Subtitles(stream) => result(&media::subtitles(source, stream, &bounds)?),
        Job::Captions => result(&media::captions(source, &bounds)?),
        Job::Survey(extension) => result(&media::survey(source, &extension, &bounds)?),
        Job::Look(job) => result(&redact::look(
            source,
            job,
            &bounds,
            &mut PipeOutput { report },
        )?),
        Job::Rewrite(job) => {
            let output = PipeFile {
                position: 0,
                len: 0,
            };
            result(&redact::rewrite(
                source,
                &job,
                &bounds,
                output,
                &mut PipeOutput { report },
            )?)
        }
    }
}

fn result<T: Serialize>(value: &T) -> Result<Vec<u8>, MediaError> {
    serde_json::to_vec(value).map_err(|error| MediaError::Internal(error.to_string()))
}

fn tell(message: &FromChild) -> io::Result<()> {
    message.write(&mut io::stdout().lock())
}

fn tell_parent(message: &FromChild) -> Result<(), MediaError> {
    tell(message).map_err(|error| parent_is_gone(&error))
}

fn parent_is_gone(error: &io::Error) -> MediaError {
    MediaError::Io(format!("the parent is gone: {error}"))
}

fn another_question() -> MediaError {
    MediaError::Io("the parent answers another question".to_owned())
}

/// Reports progress, but not for every frame.
#[derive(Default)]
struct Report {
    last: Option<Instant>,
}

impl Report {
    fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError> {
        let now = Instant::now();
        let is_due = self.last.is_none_or(|last| now - last >= REPORT);
        if !is_due && total != Some(done) {
            return Ok(());
        }
        self.last = Some(now);
        tell_parent(&FromChild::Progress { done, total })
    }
}

/// Proxies leave through the pipe.
struct PipeOutput {
    report: Report,
}

impl media::CutOutput for PipeOutput {
    fn progress(&mut self, done: u64) -> Result<(), MediaError> {
        self.report.progress(done, None)
    }

    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
        tell_parent(&FromChild::Blob {
            index: index as u64,
            bytes,
        })
    }
}

/// What to cut next, which the parent knows.
fn next_stretch() -> Result<Option<Stretch>, MediaError> {
    tell_parent(&FromChild::Next)?;
    let answer = ToChild::read(&mut io::stdin().lock());
    let json = match answer {
        Ok(ToChild::Stretch(json)) => json,
        Ok(_) => return Err(another_question()),
        Err(error) => return Err(parent_is_gone(&error)),
    };
    if json.is_empty() {
        return Ok(None);
    }
    let stretch = serde_json::from_slice(&json);
    stretch.map_err(|error| MediaError::Internal(error.to_string()))
}

/// Shots leave through the pipe as they settle.
struct PipeShots {
    report: Report,
    early: bool,
}

impl segment::SegmentOutput for PipeShots {
    fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError> {
        self.report.progress(done, total)
    }

    fn settled(&mut self, shot: &Stretch) -> Result<(), MediaError> {
        if self.early {
            tell_parent(&FromChild::Settled(result(shot)?))?;
        }
        Ok(())
    }
}

/// Pictures leave through the pipe.
impl media::StillsOutput for PipeOutput {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError> {
        self.report.progress(done, Some(total))
    }

    fn still(&mut self, number: u64, picture: RgbImage) -> Result<(), MediaError> {
        tell_parent(&FromChild::Blob {
            index: number,
            bytes: encode(&picture),
        })
    }
}

/// Frames leave through the pipe, and plans come.
impl redact::ChildOutput for PipeOutput {
    fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError> {
        self.report.progress(done, total)
    }

    fn frame(&mut self, number: u64, bytes: Vec<u8>) -> Result<(), MediaError> {
        tell_parent(&FromChild::Blob {
            index: number,
            bytes,
        })
    }

    fn plan(&mut self, number: u64, pts: i64) -> Result<Vec<u8>, MediaError> {
        tell_parent(&FromChild::Plan { number, pts })?;
        let answer = ToChild::read(&mut io::stdin().lock());
        match answer {
            Ok(ToChild::Plan(bytes)) => Ok(bytes),
            Ok(_) => Err(another_question()),
            Err(error) => Err(parent_is_gone(&error)),
        }
    }
}

/// A film that the parent writes for us.
struct PipeFile {
    position: u64,
    len: u64,
}

impl Write for PipeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = usize::try_from(MAX_WRITE).unwrap_or(usize::MAX);
        let some = &bytes[..bytes.len().min(most)];
        tell(&FromChild::Written {
            offset: self.position,
            bytes: some.to_vec(),
        })?;
        self.position += some.len() as u64;
        self.len = self.len.max(self.position);
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for PipeFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The source, which the parent reads for us in blocks.
struct RemoteSource {
    len: u64,
    /// Number and bytes of each block kept, the latest used last.
    blocks: VecDeque<(u64, Vec<u8>)>,
}

impl RemoteSource {
    const fn new(len: u64) -> Self {
        Self {
            len,
            blocks: VecDeque::new(),
        }
    }

    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        let block = match self.blocks.iter().position(|(kept, _)| *kept == number) {
            Some(place) => self.blocks.remove(place),
            None => None,
        };
        let block = match block {
            Some(block) => block,
            None => (number, fetch(number * u64::from(BLOCK))?),
        };
        if self.blocks.len() >= KEPT_BLOCKS {
            self.blocks.pop_front();
        }
        self.blocks.push_back(block);
        Ok(self.blocks.back().map_or(&[], |(_, bytes)| bytes))
    }
}

fn fetch(offset: u64) -> io::Result<Vec<u8>> {
    tell(&FromChild::Read { offset, len: BLOCK })?;
    let answer = ToChild::read(&mut io::stdin().lock())?;
    match answer {
        ToChild::Data(bytes) => Ok(bytes),
        ToChild::NoData(why) => Err(io::Error::other(why)),
        ToChild::Request(_) | ToChild::Plan(_) | ToChild::Stretch(_) => {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

impl ByteSource for RemoteSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.len {
            return Ok(0);
        }
        let within = usize::try_from(offset % u64::from(BLOCK)).unwrap_or(0);
        let block = self.block(offset / u64::from(BLOCK))?;
        let rest = block.get(within..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        let mut buffer = buffer;
        buffer.write_all(&rest[..count])?;
        Ok(count)
    }
}
