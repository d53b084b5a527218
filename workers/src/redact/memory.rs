//! Memory that all files in work take together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::RedactError;
use super::picture::Header;

/// How often somebody who waits looks whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// About how many bytes a picture takes while it is worked on: its coefficients, its pixels as stored and upright, and the
/// smaller copies that views are rendered from.
#[must_use]
pub fn memory_needed(header: &Header) -> u64 {
    let pixels = u64::from(header.width) * u64::from(header.height);
    let sample = u64::from(header.bits.div_ceil(8).max(1));
    pixels * (10 + 6 * sample) + (256 << 20)
}

/// Who asks for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A picture, for seconds.
    Picture,
    /// A video, for minutes or hours.
    Video,
}

/// What is done with a file that takes more than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oversize {
    /// It waits until it is alone.
    Alone,
    /// A picture is refused. Videos take up to half, so that pictures are not kept waiting for hours.
    Refuse,
}

/// Bytes that may be in use at once.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    oversize: Oversize,
    used: Mutex<Used>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Used {
    all: u64,
    videos: u64,
}

/// Memory that is given back when this is dropped.
#[derive(Debug)]
pub struct MemoryReservation<'a> {
    memory: &'a Memory,
    bytes: u64,
    by: Use,
}

impl Memory {
    /// For a batch: a file that takes more than there is gets all of it.
    #[must_use]
    pub fn of_batch(limit: u64) -> Self {
        Self::new(limit, Oversize::Alone)
    }

    /// For a server: a picture that takes more than there is is refused, and videos take up to half.
    #[must_use]
    pub fn of_server(limit: u64) -> Self {
        Self::new(limit, Oversize::Refuse)
    }

    fn new(limit: u64, oversize: Oversize) -> Self {
        Self {
            limit,
            oversize,
            used: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// Waits until so many bytes are free.
    ///
    /// # Errors
    /// There are not as many, or `is_stopped` while it waits.
    pub fn hold(
        &self,
        by: Use,
        bytes: u64,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<MemoryReservation<'_>, RedactError> {
        if bytes > self.limit && self.oversize == Oversize::Refuse && by == Use::Picture {
            return Err(RedactError::Memory {
                needed: bytes,
                allowed: self.limit,
            });
        }
        let bytes = bytes.min(self.limit);
        let mut used = self.lock();
        while !self.fits(&used, by, bytes) {
            if is_stopped() {
                return Err(RedactError::Cancelled);
            }
            (used, _) = self
                .freed
                .wait_timeout(used, TICK)
                .unwrap_or_else(PoisonError::into_inner);
        }
        used.all += bytes;
        if by == Use::Video {
            used.videos += bytes;
        }
        drop(used);
        Ok(MemoryReservation {
            memory: self,
            bytes,
            by,
        })
    }

    fn fits(&self, used: &Used, by: Use, bytes: u64) -> bool {
        let below = |used: u64, limit: u64| used == 0 || used + bytes <= limit;
        below(used.all, self.limit)
            && (self.oversize == Oversize::Alone
                || by == Use::Picture
                || below(used.videos, self.limit / 2))
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemoryReservation<'_> {
    fn drop(&mut self) {
        let mut used = self.memory.lock();
        used.all -= self.bytes;
        if self.by == Use::Video {
            used.videos -= self.bytes;
        }
        drop(used);
        self.memory.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_one_large_file_everything_and_a_server_refuses_it() {
        let batch = Memory::of_batch(100);
        let large = batch.hold(Use::Picture, 1000, &|| false).unwrap();
        let waits = batch.hold(Use::Picture, 1, &|| true);
        assert!(matches!(waits, Err(RedactError::Cancelled)));
        drop(large);
        assert!(batch.hold(Use::Picture, 1, &|| true).is_ok());
        let server = Memory::of_server(100);
        let refused = server.hold(Use::Picture, 101, &|| false);
        assert!(matches!(
            refused,
            Err(RedactError::Memory {
                needed: 101,
                allowed: 100
            })
        ));
    }

    #[test]
    fn videos_leave_room_for_pictures_on_a_server() {
        let server = Memory::of_server(100);
        let _first = server.hold(Use::Video, 50, &|| true).unwrap();
        let second = server.hold(Use::Video, 10, &|| true);
        assert!(matches!(second, Err(RedactError::Cancelled)));
        assert!(server.hold(Use::Picture, 50, &|| true).is_ok());
        // One video always fits, alone if need be.
        let small = Memory::of_server(10);
        let alone = small.hold(Use::Video, 50, &|| true).unwrap();
        assert!(small.hold(Use::Picture, 1, &|| true).is_err());
        drop(alone);
        let batch = Memory::of_batch(100);
        let _both = [50, 50].map(|bytes| batch.hold(Use::Video, bytes, &|| true).unwrap());
    }
}
