//! From proxies in the object store to vectors of their frames, without a gap before the device.
//!
//! ```text
//! object store ─► fetching, bounded in bytes ─► decoding threads ─► the device's queue ─► vectors
//!                 (tasks of the runtime)         (of the process)    (rushes-models)
//! ```
//!
//! Everything but the last step is shared by all videos of the process. Each video has a window of shots
//! that are under way, so that the video which is read slowly holds back no other, and that memory does
//! not grow with a video. Vectors come back by shot and frame, so the order in which proxies happen to
//! arrive changes nothing.

mod decode;
mod devices;
mod fetch;
mod parts;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::devices::{Devices, Opener};
pub use self::parts::{FrameVectors, Parts};
pub use self::stream::{ShotVectors, Video};

pub(crate) use self::parts::folder as parts_of;

use self::decode::Decoders;
use self::fetch::Budget;

/// How much is fetched and decoded ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbedOptions {
    /// Threads that decode; 0 is one for each core, and two at least.
    pub decoders: usize,
    /// Bytes of proxies that may be fetched and not yet decoded, over all videos. Proxies larger than
    /// a part of 8 MiB come besides, one at a time.
    pub bytes: usize,
}

impl Default for EmbedOptions {
    /// A thread a core; 256 MiB.
    fn default() -> Self {
        Self {
            decoders: 0,
            bytes: 256 << 20,
        }
    }
}

/// Turns proxies into vectors; one for all videos of a process.
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
