//! The child's end of the pipe. It handles one request, and its only channels are standard input and output.

use std::collections::VecDeque;
use std::io::{self, Seek, SeekFrom, Stdin, Stdout, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal};

use super::confine::confine;
use super::wire::{BLOCK, FromChild, MAX_WRITE, Request, ToChild, encode_error};
use super::{Confinement, ServedJob};
use crate::media::MediaError;
use crate::source::ByteSource;

/// Cached blocks of the source, so that reading back a little (a container's index, a second reader) costs no
/// round trip.
const KEPT_BLOCKS: usize = 16;

/// Time between two reports of progress.
const REPORT: Duration = Duration::from_millis(200);

/// Runs a decoding process that supports `jobs`, from start to end, and returns the exit code of the process.
pub(crate) fn serve(jobs: &[ServedJob]) -> ExitCode {
    match serve_one(jobs) {
        Ok(()) => ExitCode::SUCCESS,
        // Without a parent nobody can receive the error.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve_one(jobs: &[ServedJob]) -> io::Result<()> {
    // A child whose parent was killed must not linger.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let ToChild::Request(json) = ToChild::read(&mut io::stdin().lock())? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let request: Request = serde_json::from_slice(&json)?;
    drop(json);
    let job = jobs
        .iter()
        .find(|job| job.name == request.name)
        .ok_or(io::ErrorKind::InvalidData)?;
    let mut parent = Parent {
        confinement: confine(&request.limits)?,
        answers: io::stdin(),
        output: io::stdout(),
        reported: None,
    };
    let source = Box::new(RemoteSource::new(request.source_len));
    let result = (job.run)(request.job, source, &request.limits.bounds, &mut parent);
    tell(&match result {
        Ok(json) => FromChild::Done(json),
        Err(error) => FromChild::Failed(encode_error(&error)),
    })
}

fn tell(message: &FromChild) -> io::Result<()> {
    message.write(&mut io::stdout().lock())
}

fn parent_is_gone(error: &io::Error) -> MediaError {
    MediaError::Io(format!("the parent is gone: {error}"))
}

/// The parent, as a job in the child sees it.
pub(crate) struct Parent {
    confinement: Confinement,
    answers: Stdin,
    output: Stdout,
    /// Time of the last progress report.
    reported: Option<Instant>,
}

impl Parent {
    /// What this process gave up.
    pub(crate) const fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// Reports that `done` of about `total` frames have been processed, but not for every frame.
    pub(crate) fn progress(&mut self, done: u64, total: Option<u64>) -> Result<(), MediaError> {
        let now = Instant::now();
        let is_due = self.reported.is_none_or(|last| now - last >= REPORT);
        if !is_due && total != Some(done) {
            return Ok(());
        }
        self.reported = Some(now);
        self.tell(&FromChild::Progress { done, total })
    }

    fn tell(&self, message: &FromChild) -> Result<(), MediaError> {
        // Write whole messages: other threads read sources.
        let written = message.write(&mut self.output.lock());
        written.map_err(|error| parent_is_gone(&error))
    }

    /// Sends a proxy, a picture or a frame.
    pub(crate) fn blob(&self, number: u64, bytes: Vec<u8>) -> Result<(), MediaError> {
        self.tell(&FromChild::Blob {
            index: number,
            bytes,
        })
    }

    /// Sends an early part of the result.
    pub(crate) fn part(&self, bytes: Vec<u8>) -> Result<(), MediaError> {
        self.tell(&FromChild::Part(bytes))
    }

    /// Asks a question and waits for the answer.
    pub(crate) fn ask(&self, question: Vec<u8>) -> Result<Vec<u8>, MediaError> {
        self.tell(&FromChild::Question(question))?;
        let answer = ToChild::read(&mut self.answers.lock());
        match answer {
            Ok(ToChild::Answer(bytes)) => Ok(bytes),
            Ok(_) => Err(MediaError::Io(
                "the parent answered another question".to_owned(),
            )),
            Err(error) => Err(parent_is_gone(&error)),
        }
    }
}

/// The output file, which the parent writes for the child.
#[derive(Debug, Default)]
pub(crate) struct ParentFile {
    position: u64,
    len: u64,
}

impl Write for ParentFile {
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

impl Seek for ParentFile {
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

/// The source, which the parent reads for the child in blocks.
struct RemoteSource {
    len: u64,
    /// Number and bytes of each cached block, with the most recently used last.
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
        ToChild::Request(_) | ToChild::Answer(_) => Err(io::ErrorKind::InvalidData.into()),
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
