//! Random access to the bytes of a media file, wherever they are stored.

use std::io;

/// Bytes that can be read at any offset: a local file, an object in a store, a buffer.
///
/// FFmpeg and the decoding process read media only through this trait, so neither ever opens a path or an
/// address.
pub trait ByteSource: Send {
    /// Total length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads some bytes at `offset` into `buffer`; returns 0 at or beyond the end.
    ///
    /// # Errors
    /// Any error of the underlying storage.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Fills `buffer` from `offset` on, and returns the number of bytes; less only at the end.
    ///
    /// # Errors
    /// The same as [`ByteSource::read_at`].
    fn read_full_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(offset.saturating_add(filled as u64), &mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl ByteSource for std::fs::File {
    fn len(&self) -> u64 {
        // A file whose length cannot be read is treated as empty, and refused as such.
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

impl ByteSource for bytes::Bytes {
    fn len(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.as_ref().len());
        let rest = &self.as_ref()[start..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
