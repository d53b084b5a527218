//! Memory shared by the workers of a batch.

use std::sync::{Condvar, Mutex, PoisonError};

use super::super::picture::Header;

/// About how many bytes a picture takes while it is worked on: its coefficients, its pixels as stored and upright, and the
/// smaller copies that views are rendered from.
#[must_use]
pub fn memory_needed(header: &Header) -> u64 {
    let pixels = u64::from(header.width) * u64::from(header.height);
    let sample = u64::from(header.bits.div_ceil(8).max(1));
    pixels * (10 + 6 * sample) + (256 << 20)
}

/// Bytes that may be in use at once.
pub(super) struct Memory {
    limit: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

pub(super) struct MemoryReservation<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Memory {
    pub(super) const fn new(limit: u64) -> Self {
        Self {
            limit,
            used: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Waits until so many bytes are free. One that asks for more than there is waits until it is alone.
    pub(super) fn hold(&self, bytes: u64) -> MemoryReservation<'_> {
        let bytes = bytes.min(self.limit);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && *used + bytes > self.limit {
            used = self
                .freed
                .wait(used)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        drop(used);
        MemoryReservation {
            memory: self,
            bytes,
        }
    }
}

impl Drop for MemoryReservation<'_> {
    fn drop(&mut self) {
        let mut used = self
            .memory
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *used -= self.bytes;
        drop(used);
        self.memory.freed.notify_all();
    }
}
