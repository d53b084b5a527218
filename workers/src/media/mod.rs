//! Reading and cutting media: the only user of FFmpeg.
//!
//! FFmpeg reads through [`ByteSource`] and through nothing else: it is given neither a
//! path nor an address, only container formats on a short list are opened, and no protocol is
//! allowed, so a file that names other files gets nowhere.
//!
//! Files from outside are decoded in the child process that [`crate::sandbox`] starts. Called
//! directly, this module is for our own files: proxies, and clips in tests.

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
mod open;
mod picture;
mod probe;
mod proxy;
mod rewrite;
mod rgb;
mod sample;
mod small;
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
pub use self::picture::PictureMaker;
pub(crate) use self::probe::earliest;
pub use self::probe::probe;
pub use self::proxy::{CutOutput, CutSource, ProxyParams, cut};
pub use self::rewrite::{
    Edit, Planes, Rewrite, RewriteOptions, StreamFate, StreamUse, Survey, Written, rewrite, survey,
};
pub use self::rgb::RgbMaker;
pub use self::sample::{ThumbnailAt, sample_frames, sample_frames_plainly, thumbnail};
pub use self::small::{Shrinker, SmallFrame, SmallFrames, SmallOptions};
pub use self::stills::{StillsJob, StillsOutput, stills};
pub use self::subtitles::subtitles;
pub use self::versions::{Versions, versions};
#[cfg(doc)]
use crate::source::ByteSource;

/// What a file may demand before it is refused with [`MediaError::Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Pixels of one frame.
    pub max_pixels: u64,
    /// Streams of one file.
    pub max_streams: u32,
    /// Milliseconds one file may play.
    pub max_duration_ms: u64,
    /// Frames of one video.
    pub max_frames: u64,
    /// What files may be at all.
    pub accepts: Accepts,
}

/// Which containers and codecs are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accepts {
    /// Any video: for decoding children.
    Videos,
    /// Our own proxies, MP4 with H.264 and AAC: for decoding outside a child, where no other code of FFmpeg may be
    /// reached. A proxy comes from a child that a hostile video may have taken over.
    Proxies,
}

impl Bounds {
    /// What a proxy of ours may demand.
    #[must_use]
    pub fn of_proxies() -> Self {
        Self {
            // The highest there are, twice as wide as a video gets.
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
