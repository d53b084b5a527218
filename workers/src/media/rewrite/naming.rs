//! Sample entries with names that FFmpeg does not write.
//!
//! FFmpeg's MP4 muxer knows one kind of telemetry, GPMF, and writes no sample entry for others. They are passed
//! to it as GPMF, and their entries are renamed on the way out.

use std::collections::VecDeque;
use std::io::{self, Seek, SeekFrom, Write};

/// The sample entry table of a GPMF track (ISO/IEC 14496-12, 8.5.2), as written by FFmpeg.
const WRITTEN: [u8; 32] = *b"stsd\0\0\0\0\0\0\0\x01\0\0\0\x14gpmd\0\0\0\0\0\0\0\x01\0\0\0\0";

/// Position of the name in it.
const NAME: usize = 16;

/// An output that renames GPMF tables, in their order.
pub(super) struct Naming<W> {
    inner: W,
    names: VecDeque<[u8; 4]>,
    position: u64,
    /// The last bytes before the position.
    tail: Vec<u8>,
}

impl<W> Naming<W> {
    /// The sample entries of telemetry get `names`, in the order of the tracks.
    pub(super) fn new(inner: W, names: Vec<[u8; 4]>) -> Self {
        Self {
            inner,
            names: names.into(),
            position: 0,
            tail: Vec::new(),
        }
    }
}

impl<W: Write + Seek> Naming<W> {
    /// Searches for tables in the bytes just written, which end at the position.
    fn rename(&mut self, written: &[u8]) -> io::Result<()> {
        self.tail.extend_from_slice(written);
        let mut from = 0;
        while let Some(rest) = self.tail.get(from..)
            && !self.names.is_empty()
            && let Some(at) = rest.windows(WRITTEN.len()).position(|it| it == WRITTEN)
            && let Some(name) = self.names.pop_front()
        {
            let back = (self.tail.len() - from - at - NAME) as u64;
            self.inner.seek(SeekFrom::Start(self.position - back))?;
            self.inner.write_all(&name)?;
            self.inner.seek(SeekFrom::Start(self.position))?;
            from += at + WRITTEN.len();
        }
        let kept = (self.tail.len() - from).min(WRITTEN.len() - 1);
        self.tail.drain(..self.tail.len() - kept);
        Ok(())
    }
}

impl<W: Write + Seek> Write for Naming<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.position += count as u64;
        if !self.names.is_empty() {
            self.rename(&bytes[..count])?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Seek> Seek for Naming<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.inner.seek(to)?;
        if position != self.position {
            self.tail.clear();
        }
        self.position = position;
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn tables_get_their_names_in_order_wherever_writes_are_cut() {
        let plain = [&b"before"[..], &WRITTEN, b"between", &WRITTEN, &WRITTEN].concat();
        let mut expected = plain.clone();
        expected[6 + NAME..6 + NAME + 4].copy_from_slice(b"camm");
        for size in [1, 7, 31, 32, 33, 500] {
            let mut file = Cursor::new(Vec::new());
            let mut naming = Naming::new(&mut file, vec![*b"camm", *b"gpmd"]);
            naming.write_all(b"later").unwrap();
            naming.seek(SeekFrom::Start(0)).unwrap();
            for part in plain.chunks(size) {
                naming.write_all(part).unwrap();
            }
            assert!(file.into_inner() == expected, "{size}");
        }
    }
}
