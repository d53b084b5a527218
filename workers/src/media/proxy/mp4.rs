//! An in-memory mp4 whose index comes first, so that a browser can play it while it loads.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::media::MediaError;

/// A growing in-memory file, shared by its writer and its owner.
#[derive(Clone, Default)]
pub(super) struct Buffer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    position: usize,
    max: usize,
    is_full: bool,
}

impl Buffer {
    /// A buffer that refuses to grow beyond `max` bytes.
    pub(super) fn new(max: u64) -> Self {
        let buffer = Self::default();
        buffer.state().max = usize::try_from(max).unwrap_or(usize::MAX);
        buffer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write was refused.
    pub(super) fn is_full(&self) -> bool {
        self.state().is_full
    }

    /// Takes the written bytes.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().bytes)
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut guard = self.state();
        let state = &mut *guard;
        let end = state.position.saturating_add(bytes.len());
        if end > state.max {
            state.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        if state.bytes.len() < end {
            state.bytes.resize(end, 0);
        }
        state.bytes[state.position..end].copy_from_slice(bytes);
        state.position = end;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Buffer {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut state = self.state();
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => (state.position as u64).checked_add_signed(by),
            SeekFrom::End(by) => (state.bytes.len() as u64).checked_add_signed(by),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        state.position = usize::try_from(position).map_err(io::Error::other)?;
        Ok(position)
    }
}

/// Moves the index (`moov`) of an mp4 from its end to before its media data (`mdat`).
///
/// FFmpeg's own method opens the file a second time by name, and this file has no name.
pub(super) fn index_first(mut mp4: Vec<u8>) -> Result<Vec<u8>, MediaError> {
    let broken = || MediaError::Encode("the proxy has no index".to_owned());
    let mut media = None;
    let mut index = None;
    for (kind, start, end) in boxes(&mp4, 0, mp4.len()) {
        match &kind {
            b"mdat" => media = media.or(Some(start)),
            b"moov" => index = Some((start, end)),
            _ => {}
        }
    }
    let (Some(media), Some((start, end))) = (media, index) else {
        return Err(broken());
    };
    if start < media {
        return Ok(mp4);
    }
    let by = u64::try_from(end - start).map_err(|_too_big| broken())?;
    move_chunks(&mut mp4, start, end, by).ok_or_else(broken)?;
    // Boxes between the media data and the index move by the length of the index.
    mp4[media..end].rotate_right(end - start);
    Ok(mp4)
}

/// Adds `by` to every chunk offset in the index between `start` and `end`.
fn move_chunks(mp4: &mut [u8], start: usize, end: usize, by: u64) -> Option<()> {
    const CONTAINERS: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];
    let found: Vec<_> = boxes(mp4, start, end).collect();
    for (kind, start, end) in found {
        if CONTAINERS.contains(&&kind) {
            move_chunks(mp4, start + 8, end, by)?;
        }
        // Version and flags (4 bytes), the number of chunks (4 bytes), then the chunks.
        let entries = mp4.get_mut(start + 16..end);
        match &kind {
            b"stco" => {
                for entry in entries?.chunks_exact_mut(4) {
                    let place = u64::from(u32::from_be_bytes(entry.try_into().ok()?)) + by;
                    entry.copy_from_slice(&u32::try_from(place).ok()?.to_be_bytes());
                }
            }
            b"co64" => {
                for entry in entries?.chunks_exact_mut(8) {
                    let place = u64::from_be_bytes(entry.try_into().ok()?).checked_add(by)?;
                    entry.copy_from_slice(&place.to_be_bytes());
                }
            }
            _ => {}
        }
    }
    Some(())
}

/// The boxes between `start` and `end`: kind, start and end of each.
fn boxes(mp4: &[u8], start: usize, end: usize) -> impl Iterator<Item = ([u8; 4], usize, usize)> {
    let mut next = start;
    std::iter::from_fn(move || {
        let header = mp4.get(next..next + 8)?;
        let (size, kind) = header.split_at(4);
        let mut size = u64::from(u32::from_be_bytes(size.try_into().ok()?));
        if size == 1 {
            let large = mp4.get(next + 8..next + 16)?;
            size = u64::from_be_bytes(large.try_into().ok()?);
        }
        let size = usize::try_from(size).ok().filter(|&size| size >= 8)?;
        let start = next;
        next = start.checked_add(size).filter(|&after| after <= end)?;
        Some((kind.try_into().ok()?, start, next))
    })
}
