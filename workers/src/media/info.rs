//! The properties of a media file: the `probe` feature.

use serde::{Deserialize, Serialize};

use crate::orientation::Orientation;
use crate::time::Rate;

/// Everything worth knowing about a file before decoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// FFmpeg's name of the container, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Duration of the file in milliseconds: that of the container, or else that of its longest stream.
    pub duration_ms: Option<u64>,
    /// Start of the earliest stream in milliseconds of the file's own clock; often 0.
    pub start_ms: i64,
    /// All streams, in the order of the file; `streams[i].index == i`.
    pub streams: Vec<StreamInfo>,
    /// Index of the main video stream. Attached pictures do not count.
    pub main_video: Option<usize>,
    /// Chapters, in order.
    pub chapters: Vec<Chapter>,
    /// Timecode of the first frame as written in the file, e.g. `01:00:00:00`.
    pub start_timecode: Option<String>,
    /// Timecode labels per second, if the file states them; otherwise those of the video.
    #[serde(default)]
    pub timecode_rate: Option<Rate>,
}

impl MediaInfo {
    /// The main video stream and its picture properties.
    #[must_use]
    pub fn video(&self) -> Option<(&StreamInfo, &VideoInfo)> {
        let stream = self.streams.get(self.main_video?)?;
        match &stream.details {
            StreamDetails::Video(video) => Some((stream, video)),
            StreamDetails::Audio(_)
            | StreamDetails::Subtitle(_)
            | StreamDetails::AttachedPicture
            | StreamDetails::Other => None,
        }
    }
}

/// One stream of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Its index in the file, from 0.
    pub index: usize,
    /// FFmpeg's name of the codec, e.g. `h264`.
    pub codec: String,
    /// The codec's profile, e.g. `High`, if it has one.
    pub profile: Option<String>,
    /// Language as tagged in the file, usually ISO 639-2, e.g. `eng`.
    pub language: Option<String>,
    /// Title as tagged in the file.
    pub title: Option<String>,
    /// Units per second of the timestamps below; `None` if the file states an invalid value.
    pub time_base: Option<Rate>,
    /// First timestamp, in `time_base`.
    pub start_pts: Option<i64>,
    /// Duration, in `time_base`.
    pub duration: Option<i64>,
    /// Properties that only streams of its kind have.
    pub details: StreamDetails,
}

/// Properties that only streams of one kind have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StreamDetails {
    /// Moving pictures.
    Video(VideoInfo),
    /// Sound.
    Audio(AudioInfo),
    /// Subtitles.
    Subtitle(SubtitleInfo),
    /// Cover art: one still picture.
    AttachedPicture,
    /// Data, timecode, attachments.
    Other,
}

/// The picture properties of a video stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoInfo {
    /// Width in pixels, before rotation and pixel aspect.
    pub width: u32,
    /// Height in pixels, before rotation and pixel aspect.
    pub height: u32,
    /// Displayed width: upright, with square pixels.
    pub display_width: u32,
    /// Displayed height: upright, with square pixels.
    pub display_height: u32,
    /// Width over height of one pixel, as a fraction; `(1, 1)` if the file does not state it.
    pub pixel_aspect: (u32, u32),
    /// How stored pictures are rotated and mirrored to be upright.
    #[serde(default)]
    pub orientation: Orientation,
    /// Average frame rate.
    pub average_rate: Option<Rate>,
    /// The lowest rate at which every timestamp can be written exactly, as estimated by FFmpeg.
    pub base_rate: Option<Rate>,
    /// FFmpeg's name of the pixel format, e.g. `yuv420p10le`.
    pub pixel_format: Option<String>,
    /// Bits per component.
    pub bit_depth: Option<u8>,
    /// Colour primaries, e.g. `bt709`; `None` if the file does not state them.
    pub primaries: Option<String>,
    /// Transfer characteristic, e.g. `smpte2084`.
    pub transfer: Option<String>,
    /// Matrix, e.g. `bt2020nc`.
    pub matrix: Option<String>,
    /// `tv` (limited) or `pc` (full).
    pub range: Option<String>,
    /// Whether frames are two interlaced fields, if the file states it.
    pub interlaced: Option<bool>,
    /// Number of frames, if the container's index states it.
    pub frames: Option<u64>,
}

/// The properties of an audio stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioInfo {
    /// Channels.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate: u32,
}

/// A subtitle stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleInfo {
    /// Whether its cues are text; otherwise they are bitmaps.
    pub text: bool,
}

/// One chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Start in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End in milliseconds from the start of the file.
    pub end_ms: u64,
    /// Title, if it has one.
    pub title: Option<String>,
}
