//! What a media file says about itself: the `probe` feature.

use serde::{Deserialize, Serialize};

use crate::orientation::Orientation;
use crate::time::Rate;

/// Everything worth knowing about a file before decoding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// FFmpeg's name of the container, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// How long the file plays, in milliseconds; of the container, else of its longest stream.
    pub duration_ms: Option<u64>,
    /// When the earliest stream starts, in milliseconds of the file's own clock; often 0.
    pub start_ms: i64,
    /// All streams, in the order of the file; `streams[i].index == i`.
    pub streams: Vec<StreamInfo>,
    /// Index of the video stream that is the video; attached pictures are not.
    pub main_video: Option<usize>,
    /// Chapters, in order.
    pub chapters: Vec<Chapter>,
    /// The timecode of the first frame, as written in the file, e.g. `01:00:00:00`.
    pub start_timecode: Option<String>,
    /// Labels a second that the timecode counts, where the file says; otherwise those of the video.
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
    /// Its place in the file, from 0.
    pub index: usize,
    /// FFmpeg's name of the codec, e.g. `h264`.
    pub codec: String,
    /// The codec's profile, e.g. `High`, where it has one.
    pub profile: Option<String>,
    /// Language as tagged in the file, usually ISO 639-2, e.g. `eng`.
    pub language: Option<String>,
    /// Title as tagged in the file.
    pub title: Option<String>,
    /// Units per second of the timestamps below; `None` where the file gives a senseless one.
    pub time_base: Option<Rate>,
    /// First timestamp, in `time_base`.
    pub start_pts: Option<i64>,
    /// How long it plays, in `time_base`.
    pub duration: Option<i64>,
    /// What only streams of its kind have.
    pub details: StreamDetails,
}

/// What only streams of one kind have.
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

/// The pictures of a video stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoInfo {
    /// Width in pixels, before turning and pixel aspect.
    pub width: u32,
    /// Height in pixels, before turning and pixel aspect.
    pub height: u32,
    /// Width as a person sees it: upright, with square pixels.
    pub display_width: u32,
    /// Height as a person sees it: upright, with square pixels.
    pub display_height: u32,
    /// Width over height of one pixel, as a fraction; `(1, 1)` where the file does not say.
    pub pixel_aspect: (u32, u32),
    /// How stored pictures are turned and mirrored to be upright.
    #[serde(default)]
    pub orientation: Orientation,
    /// Average frame rate.
    pub average_rate: Option<Rate>,
    /// The lowest rate at which every timestamp can be written exactly, as FFmpeg guesses it.
    pub base_rate: Option<Rate>,
    /// FFmpeg's name of the pixel format, e.g. `yuv420p10le`.
    pub pixel_format: Option<String>,
    /// Bits per component.
    pub bit_depth: Option<u8>,
    /// Colour primaries, e.g. `bt709`; `None` where the file does not say.
    pub primaries: Option<String>,
    /// Transfer characteristic, e.g. `smpte2084`.
    pub transfer: Option<String>,
    /// Matrix, e.g. `bt2020nc`.
    pub matrix: Option<String>,
    /// `tv` (limited) or `pc` (full).
    pub range: Option<String>,
    /// Whether frames are two interlaced fields, where the file says.
    pub interlaced: Option<bool>,
    /// Number of frames, where the container's index says.
    pub frames: Option<u64>,
}

/// The sound of an audio stream.
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
    /// Whether its cues are text; otherwise they are pictures of text.
    pub text: bool,
}

/// One chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Start in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End in milliseconds from the start of the file.
    pub end_ms: u64,
    /// Title, where it has one.
    pub title: Option<String>,
}
