//! The parent's side of a decoding process: starts, feeds, watches and reaps it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rushes_models::with_causes;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::Signal;

use super::wire::{BLOCK, FromChild, Request, ToChild};
use super::{ChildJob, HandUp, Observer, Sandbox, encode, parse};
use crate::media::{MediaError, SandboxFailure};
use crate::source::ByteSource;

/// How often to check a silent child.
const TICK: Duration = Duration::from_millis(50);

/// How long a child that has closed its output may take to exit.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Most threads for matrix multiplication in a child.
const MATH_THREADS: usize = 4;

/// Cores per such thread. The other cores decode, and threads that wait for a share of a matrix would only take
/// their time: with two such threads on two busy cores, segmentation took a quarter longer.
const CORES_A_MATH_THREAD: usize = 4;

/// Bytes of the child's standard error to keep: the last ones.
const KEPT_STDERR: usize = 2 << 10;

/// What to send to a child, and the limits of its answers.
struct Exchange {
    request: Vec<u8>,
    max_blob: u64,
}

/// A running child, killed when this value is dropped.
struct Running {
    child: Child,
    stderr: File,
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it is dead already, as intended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Sandbox {
    /// Runs a job in a child.
    pub(crate) fn run<J: ChildJob, H: HandUp>(
        &self,
        source: &mut dyn ByteSource,
        job: &J,
        observer: &mut dyn Observer,
        hand_up: &mut H,
    ) -> Result<J::Output, H::Error> {
        if source.is_empty() {
            return Err(MediaError::Empty.into());
        }
        let request = Request {
            limits: self.limits.clone(),
            source_len: source.len(),
            name: J::NAME.to_owned(),
            job: serde_json::to_value(job)
                .map_err(|error| MediaError::Internal(error.to_string()))?,
        };
        let exchange = Exchange {
            request: encode(&request)?,
            max_blob: job.max_blob(&self.limits),
        };
        Ok(parse(&self.exchange(source, exchange, observer, hand_up)?)?)
    }

    /// Sends a request, and serves the child until it returns the result as JSON.
    fn exchange<H: HandUp>(
        &self,
        source: &mut dyn ByteSource,
        Exchange { request, max_blob }: Exchange,
        observer: &mut dyn Observer,
        hand_up: &mut H,
    ) -> Result<Vec<u8>, H::Error> {
        thread::scope(|scope| {
            // Everything below is dropped before the scope waits for the two threads. They end when the child
            // is dead and their channels are closed.
            let (mut running, stdin, stdout) = self.start().map_err(|error| start_error(&error))?;
            let (to_child, outbox) = sync_channel::<ToChild>(1);
            let (inbox, from_child) = sync_channel::<io::Result<FromChild>>(1);
            thread::Builder::new()
                .name("decode-child-out".to_owned())
                .spawn_scoped(scope, move || write_all(stdin, &outbox))
                .map_err(|error| start_error(&error))?;
            thread::Builder::new()
                .name("decode-child-in".to_owned())
                .spawn_scoped(scope, move || read_all(stdout, &inbox, max_blob))
                .map_err(|error| start_error(&error))?;
            post(&to_child, ToChild::Request(request))?;
            let mut answer = || {
                let message = self.wait(&from_child, observer)?;
                match message {
                    Ok(message) => Ok(message),
                    Err(error) => Err(self.post_mortem(&mut running, &error)),
                }
            };
            loop {
                match answer()? {
                    FromChild::Read { offset, len } => {
                        post(&to_child, read(source, offset, len)?)?;
                    }
                    FromChild::Progress { .. } => {}
                    FromChild::Blob { index, bytes } => {
                        let number = usize::try_from(index).map_err(|_too_big| {
                            protocol(format!("unexpected bytes with the number {index}"))
                        })?;
                        hand_up.blob(number, bytes)?;
                    }
                    FromChild::Question(question) => {
                        post(&to_child, ToChild::Answer(hand_up.answer(&question)?))?;
                    }
                    FromChild::Part(bytes) => hand_up.part(&bytes)?,
                    FromChild::Written { offset, bytes } => hand_up.written(offset, &bytes)?,
                    FromChild::Done(json) => return Ok(json),
                    FromChild::Failed(json) => return Err(self.failure(&json).into()),
                }
            }
        })
    }

    fn start(&self) -> io::Result<(Running, ChildStdin, ChildStdout)> {
        let stderr = File::from(memfd_create("decode-child-stderr", MemfdFlags::CLOEXEC)?);
        let mut child = Command::new(&self.command)
            .args(&self.args)
            .env_clear()
            // Threads use address space, which is limited: an arena and a stack each.
            .env("MALLOC_ARENA_MAX", "8")
            .env("RAYON_NUM_THREADS", math_threads().to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone()?)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let running = Running { child, stderr };
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::other("the child has no pipes"))?;
        Ok((running, stdin, stdout))
    }

    /// Waits for the next message, for as long as the child may be silent. Progress is passed on here.
    fn wait(
        &self,
        from_child: &Receiver<io::Result<FromChild>>,
        observer: &mut dyn Observer,
    ) -> Result<io::Result<FromChild>, MediaError> {
        let silent_since = Instant::now();
        loop {
            if observer.cancelled() {
                return Err(MediaError::Cancelled);
            }
            match from_child.recv_timeout(TICK) {
                Ok(message) => {
                    if let Ok(FromChild::Progress { done, total }) = message {
                        observer.progress(done, total);
                    }
                    return Ok(message);
                }
                Err(RecvTimeoutError::Timeout) if silent_since.elapsed() < self.limits.stall => {}
                Err(RecvTimeoutError::Timeout) => {
                    let limit_ms = u64::try_from(self.limits.stall.as_millis());
                    return Err(MediaError::Sandbox(SandboxFailure::Stalled {
                        limit_ms: limit_ms.unwrap_or(u64::MAX),
                    }));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
    }

    /// The failure that the child reports.
    fn failure(&self, json: &[u8]) -> MediaError {
        match serde_json::from_slice(json) {
            Ok(MediaError::Sandbox(SandboxFailure::Memory { .. })) => self.out_of_memory(),
            Ok(error) => error,
            Err(error) => protocol(format!("an unreadable failure: {error}")),
        }
    }

    /// Why the child stopped answering.
    fn post_mortem(&self, running: &mut Running, error: &io::Error) -> MediaError {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return protocol(error.to_string());
        }
        // It has closed its output, so it should exit at once; otherwise it is misbehaving.
        let closed = Instant::now();
        let ended = loop {
            match running.child.try_wait() {
                Ok(None) if closed.elapsed() < LAST_BREATH => thread::sleep(TICK),
                Ok(None) => break running.child.kill().and_then(|()| running.child.wait()),
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
            }
        };
        match ended {
            Ok(status) => self.explain(status, last_words(&running.stderr)),
            Err(error) => MediaError::Internal(error.to_string()),
        }
    }

    fn explain(&self, status: ExitStatus, stderr: String) -> MediaError {
        // Rust's allocator prints this before it aborts.
        if stderr.contains("memory allocation of") {
            return self.out_of_memory();
        }
        let failure = match (status.signal(), self.limits.cpu_seconds) {
            (Some(signal), Some(limit)) if signal == Signal::XCPU.as_raw() => {
                SandboxFailure::CpuTime { limit }
            }
            (Some(signal), _) => SandboxFailure::Signal { signal, stderr },
            (None, _) => SandboxFailure::Exit {
                status: status.code().unwrap_or(-1),
                stderr,
            },
        };
        MediaError::Sandbox(failure)
    }

    const fn out_of_memory(&self) -> MediaError {
        MediaError::Sandbox(SandboxFailure::Memory {
            limit: self.limits.memory_bytes,
        })
    }
}

fn math_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| {
        (cores.get() / CORES_A_MATH_THREAD).clamp(1, MATH_THREADS)
    })
}

fn start_error(error: &io::Error) -> MediaError {
    MediaError::Sandbox(SandboxFailure::Start(error.to_string()))
}

/// The error for a child that violates the protocol.
pub(crate) fn protocol(what: String) -> MediaError {
    MediaError::Sandbox(SandboxFailure::Protocol(what))
}

/// Passes a message to the writing thread. The child waits for each answer before its next request, so there is
/// room for one. If there is no room, it violates the protocol.
fn post(to_child: &SyncSender<ToChild>, message: ToChild) -> Result<(), MediaError> {
    match to_child.try_send(message) {
        // A dead child is noticed where its messages are awaited.
        Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        Err(TrySendError::Full(_)) => Err(protocol(
            "a question before the previous one was answered".to_owned(),
        )),
    }
}

fn read(source: &mut dyn ByteSource, offset: u64, len: u32) -> Result<ToChild, MediaError> {
    if len > BLOCK {
        return Err(protocol(format!("a question for {len} bytes")));
    }
    let mut bytes = vec![0; len as usize];
    Ok(match source.read_full_at(offset, &mut bytes) {
        Ok(filled) => {
            bytes.truncate(filled);
            ToChild::Data(bytes)
        }
        Err(error) => ToChild::NoData(with_causes(&error)),
    })
}

fn write_all(mut stdin: ChildStdin, outbox: &Receiver<ToChild>) {
    while let Ok(message) = outbox.recv() {
        // A child that no longer reads is noticed where its messages are awaited.
        if message.write(&mut stdin).is_err() {
            return;
        }
    }
}

fn read_all(mut stdout: ChildStdout, inbox: &SyncSender<io::Result<FromChild>>, max_blob: u64) {
    loop {
        let message = FromChild::read(&mut stdout, max_blob);
        let is_last = message.is_err();
        if inbox.send(message).is_err() || is_last {
            return;
        }
    }
}

/// The end of the child's standard error.
fn last_words(stderr: &File) -> String {
    let len = stderr.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = vec![0; KEPT_STDERR];
    let start = len.saturating_sub(KEPT_STDERR as u64);
    let count = FileExt::read_at(stderr, &mut bytes, start).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).trim().to_owned()
}
