//! Reading and cutting media. This is the only user of FFmpeg.
//!
//! FFmpeg reads only through [`ByteSource`]. It gets neither a path nor an address, may open only a short list
//! of container formats, and may use no protocol. A file that names other files therefore reaches nothing.
//!
//! Files from outside are decoded in the child process that [`crate::sandbox`] starts. Only our own files may
//! be decoded by calling this module directly: proxies, and clips in tests.

mod audio;
mod captions;
mod clock;
mod containers;
mod continuity;
mod damage;
mod error;
mod ffi;
mod frames;
mod info;
mod listen;
mod open;
mod picture;
mod probe;
mod proxy;
mod rewrite;
mod rgb;
mod sample;
mod small;
mod sound;
mod sparse;
mod stills;
mod subtitles;
mod tone;
mod versions;
mod video;

use serde::{Deserialize, Serialize};

pub use self::captions::captions;
#[cfg(test)]
pub(crate) use self::containers::tests::heads;
pub use self::containers::{FORMATS, HEAD, MediaFormat, Medium};
pub use self::continuity::ClockBreak;
pub use self::damage::CorruptSpan;
pub use self::error::{MediaError, SandboxFailure};
pub use self::frames::{Frame, FrameReader, ReadOptions};
pub use self::info::{
    AudioInfo, Chapter, MediaInfo, StreamDetails, StreamInfo, SubtitleInfo, VideoInfo,
};
pub use self::listen::{HeardOutput, SoundTrack, listen};
pub use self::picture::PictureMaker;
pub(crate) use self::probe::earliest;
pub use self::probe::probe;
pub use self::proxy::{CutOutput, CutSource, ProxyParams, cut};
pub use self::rewrite::{
    Edit, Planes, Rewrite, RewriteOptions, StreamFate, StreamUse, Survey, Written, rewrite, survey,
};
pub use self::rgb::RgbMaker;
pub use self::sample::{ThumbnailAt, edge_frames, sample_frames, sample_frames_plainly, thumbnail};
pub use self::small::{Shrinker, SmallFrame, SmallFrames, SmallOptions};
pub use self::sound::{SoundOutput, sound};
pub use self::stills::{StillsJob, StillsOutput, stills};
pub use self::subtitles::subtitles;
pub use self::versions::{Versions, versions};
#[cfg(doc)]
use crate::source::ByteSource;

/// Resource limits of a file. A file that exceeds one is refused with [`MediaError::Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Pixels per frame.
    pub max_pixels: u64,
    /// Streams per file.
    pub max_streams: u32,
    /// Duration of a file in milliseconds.
    pub max_duration_ms: u64,
    /// Frames per video.
    pub max_frames: u64,
    /// The accepted formats.
    pub accepts: Accepts,
}

/// Which containers and codecs may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accepts {
    /// Any video; for decoding processes.
    Videos,
    /// Our own proxies, MP4 with H.264 and AAC; for decoding outside a child, where no other FFmpeg code may be
    /// reached. A proxy comes from a child that a hostile video may have taken over.
    Proxies,
}

impl Bounds {
    /// The limits of our own proxies.
    #[must_use]
    pub fn of_proxies() -> Self {
        Self {
            // The maximum height, and twice that width for the widest video.
            max_pixels: 2160 * 8192,
            max_streams: 4,
            accepts: Accepts::Proxies,
            ..Self::default()
        }
    }
}

impl Default for Bounds {
    /// 8K by 8K pixels, 64 streams, 24 hours, 6 million frames.
    fn default() -> Self {
        Self {
            max_pixels: 8192 * 8192,
            max_streams: 64,
            max_duration_ms: 24 * 3_600_000,
            max_frames: 6_000_000,
            accepts: Accepts::Videos,
        }
    }
}
