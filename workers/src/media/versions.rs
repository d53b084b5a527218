//! The version of FFmpeg.

use std::fmt;

/// The linked libraries, and whether they have the required features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// libavcodec: major, minor, micro.
    pub avcodec: (u32, u32, u32),
    /// libavformat: major, minor, micro.
    pub avformat: (u32, u32, u32),
    /// Whether proxies can be encoded.
    pub has_h264_encoder: bool,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (codec, format) = (self.avcodec, self.avformat);
        write!(
            f,
            "libavcodec {}.{}.{}, libavformat {}.{}.{}",
            codec.0, codec.1, codec.2, format.0, format.1, format.2
        )
    }
}

/// The FFmpeg that this program runs with.
#[must_use]
pub fn versions() -> Versions {
    // `major << 16 | minor << 8 | micro`.
    let parts = |version: u32| (version >> 16, version >> 8 & 0xFF, version & 0xFF);
    Versions {
        avcodec: parts(ffmpeg_next::codec::version()),
        avformat: parts(ffmpeg_next::format::version()),
        has_h264_encoder: ffmpeg_next::encoder::find_by_name("libx264").is_some(),
    }
}
