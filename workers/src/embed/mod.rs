//! From proxies in the object store to vectors of their frames, keeping the device busy.
//!
//! ```text
//! object store ─► fetching, bounded in bytes ─► decoding threads ─► the device's queue ─► vectors
//!                 (tasks of the runtime)         (of the process)    (rushes-models)
//! ```
//!
//! Everything but the last step is shared by all videos of the process. Each video has a window of shots in
//! progress, so that a slow video does not delay others, and memory does not grow with a video. Vectors return
//! by shot and frame, so the order in which proxies arrive does not affect the result.

mod decode;
mod devices;
mod fetch;
mod parts;
mod sentences;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::devices::{Devices, Opener};
pub use self::parts::{FrameVectors, Parts};
pub use self::sentences::Sentences;
pub use self::stream::{ShotVectors, Video};

pub(crate) use self::parts::folder as parts_of;

use self::decode::Decoders;
use self::fetch::Budget;

/// How much to fetch and decode ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbedOptions {
    /// Decoding threads; 0 means one per core, and at least two.
    pub decoders: usize,
    /// Bytes of proxies that may be fetched but not decoded yet, over all videos. In addition, proxies larger
    /// than one part of 8 MiB are read one at a time.
    pub bytes: usize,
}

impl Default for EmbedOptions {
    /// One thread per core; 256 MiB.
    fn default() -> Self {
        Self {
            decoders: 0,
            bytes: 256 << 20,
        }
    }
}

/// Turns proxies into vectors. One serves all videos of a process.
#[derive(Debug)]
pub struct Embedder {
    decoders: Decoders,
    budget: Arc<Budget>,
}

impl Embedder {
    /// Threads start with the first video.
    #[must_use]
    pub fn new(options: EmbedOptions) -> Self {
        let threads = match options.decoders {
            0 => std::thread::available_parallelism()
                .map_or(1, std::num::NonZero::get)
                .max(2),
            threads => threads,
        };
        Self {
            decoders: Decoders::new(threads),
            budget: Arc::new(Budget::new(options.bytes)),
        }
    }
}
