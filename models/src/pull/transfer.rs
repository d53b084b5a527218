//! One file being downloaded: where it is written, its largest length, and the receiver of progress.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use super::{PullProgress, SourceError, discard};
use crate::digest::Digest;

/// Largest length of a file if the manifest states none, in bytes.
const DEFAULT_LIMIT: u64 = 32 << 30;

pub(super) struct Transfer<'a> {
    /// `model/name`, for progress.
    pub(super) label: &'a str,
    /// The file that the source writes.
    pub(super) aside: PathBuf,
    /// Whether the partial file in `aside` from an earlier pull may be resumed.
    pub(super) may_resume: bool,
    /// Length of the whole file, if the manifest states it.
    pub(super) bytes: Option<u64>,
    /// The receiver of progress.
    pub(super) progress: &'a dyn PullProgress,
}

impl Transfer<'_> {
    /// Restarts the file from scratch.
    pub(super) fn create(&self) -> Result<File, SourceError> {
        File::create(&self.aside).map_err(|e| self.io_error(e))
    }

    /// Copies everything from `from` to `to`, which already holds `done` bytes. `read_error` converts a read
    /// error.
    pub(super) fn copy(
        &self,
        mut from: impl Read,
        mut to: File,
        mut done: u64,
        read_error: impl Fn(std::io::Error) -> SourceError,
    ) -> Result<(), SourceError> {
        let limit = self.bytes.unwrap_or(DEFAULT_LIMIT);
        let mut buffer = vec![0; 256 * 1024];
        self.progress.advance(self.label, done, self.bytes);
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => return to.flush().map_err(|e| self.io_error(e)),
                Ok(n) => n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(read_error(e)),
            };
            done += n as u64;
            if done > limit {
                discard(&self.aside);
                return Err(SourceError::TooLong { limit });
            }
            to.write_all(&buffer[..n]).map_err(|e| self.io_error(e))?;
            self.progress.advance(self.label, done, self.bytes);
        }
    }

    /// Checks the finished file, and removes it if it is wrong: resuming could not fix it.
    pub(super) fn check(&self, expected: Option<Digest>) -> Result<Digest, SourceError> {
        let (actual, length) = Digest::of_file(&self.aside).map_err(|e| self.io_error(e))?;
        if let Some(bytes) = self.bytes
            && bytes != length
        {
            discard(&self.aside);
            return Err(SourceError::Length {
                expected: bytes,
                actual: length,
            });
        }
        match expected {
            Some(expected) if expected != actual => {
                discard(&self.aside);
                Err(SourceError::Digest { expected, actual })
            }
            _ => Ok(actual),
        }
    }

    pub(super) fn io_error(&self, source: std::io::Error) -> SourceError {
        SourceError::Io {
            path: self.aside.clone(),
            source,
        }
    }
}
