//! The contents of a video, and the fate of each part when its pictures are changed.

use std::ffi::CStr;

use ffmpeg_next::format::context::Input;
use serde::{Deserialize, Serialize};

use super::device;
use crate::media::open::{Container, SharedSource};
use crate::media::{
    Bounds, MediaError, MediaFormat, MediaInfo, StreamDetails, StreamInfo, ffi, probe,
};
use crate::source::ByteSource;

/// The fate of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamFate {
    /// The video itself: changed and re-encoded.
    Redacted,
    /// Its packets are copied as they are.
    Copied,
    /// Regenerated from the tags of the file.
    Remade,
    /// Left out.
    Dropped,
}

/// One stream of a video, and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamUse {
    /// Its index in the file.
    pub index: usize,
    /// `video`, `audio`, `subtitle`, `picture` (cover art) or `data`.
    pub kind: String,
    /// FFmpeg's name of the codec, or the file's own name for it.
    pub codec: String,
    /// Its fate.
    pub fate: StreamFate,
    /// Why it is dropped.
    pub why: Option<String>,
}

/// The contents of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The properties of the file.
    pub info: MediaInfo,
    /// The part of an equirectangular panorama that the pictures cover, as the shares of the whole that are
    /// missing at the left, top, right and bottom; `None` if the file declares no panorama.
    pub panorama: Option<[f64; 4]>,
    /// FFmpeg's name of the output container.
    pub container: String,
    /// The extension that the output needs; `None` if it keeps that of the input.
    pub extension: Option<String>,
    /// All streams.
    pub streams: Vec<StreamUse>,
    /// Notes for the user.
    pub warnings: Vec<String>,
}

impl Survey {
    /// The streams with this fate.
    pub fn with_fate(&self, fate: StreamFate) -> impl Iterator<Item = &StreamUse> {
        self.streams
            .iter()
            .filter(move |stream| stream.fate == fate)
    }
}

/// Examines a video whose name ends in `extension` (lower case, without the dot).
///
/// # Errors
/// Any [`MediaError`] of opening; [`MediaError::NoVideo`].
pub fn survey(
    source: Box<dyn ByteSource>,
    extension: &str,
    bounds: &Bounds,
) -> Result<Survey, MediaError> {
    let bytes = source.len();
    let source = SharedSource::new(source);
    let container = Container::open(source.clone(), bounds)?;
    let input = &container.input;
    let info = probe::describe(input, bytes);
    let main = info.main_video.ok_or(MediaError::NoVideo)?;
    let mut warnings = Vec::new();
    let (muxer, new_extension) = choose(input, &info, extension, &mut warnings);
    let streams = info
        .streams
        .iter()
        .map(|stream| use_of(input, &info, stream, muxer))
        .collect();
    let panorama = match ffi::sphere(input, main) {
        Some(sphere) if sphere.projection == 0 || sphere.projection == 2 => {
            Some(sphere.bounds.map(|edge| f64::from(edge) / 4_294_967_296.0))
        }
        Some(_) => {
            warnings.push(
                "a spherical video that is not equirectangular: processed as planar pictures"
                    .to_owned(),
            );
            None
        }
        None => None,
    };
    if ffi::is_dolby_vision(input, main) {
        warnings.push(
            "Dolby Vision is not carried over: the video is written as players without Dolby Vision show it"
                .to_owned(),
        );
    }
    if info.container.contains("mp4") {
        let lost = device::lost(&source);
        if !lost.is_empty() {
            warnings.push(format!(
                "camera user data that is not carried over: {}",
                lost.join(", ")
            ));
        }
    }
    let base = info.streams[main].time_base;
    if muxer == c"matroska"
        && base.is_some_and(|base| base.den() != 1 || !1000_u32.is_multiple_of(base.num()))
    {
        warnings.push(
            "Matroska stores times in whole milliseconds: the times of this video are rounded"
                .to_owned(),
        );
    }
    if let Some(new) = &new_extension {
        warnings.push(format!(
            "written as .{new}: the original container does not accept H.264 with all streams of this video"
        ));
    }
    Ok(Survey {
        panorama,
        container: muxer.to_string_lossy().into_owned(),
        extension: new_extension,
        streams,
        warnings,
        info,
    })
}

/// The output container, and the extension that it needs if that differs from the video's.
fn choose(
    input: &Input,
    info: &MediaInfo,
    extension: &str,
    warnings: &mut Vec<String>,
) -> (&'static CStr, Option<String>) {
    let sounds: Vec<usize> = info
        .streams
        .iter()
        .filter(|stream| matches!(stream.details, StreamDetails::Audio(_)))
        .map(|stream| stream.index)
        .collect();
    let takes_all = |muxer: &CStr| sounds.iter().all(|&index| ffi::takes(muxer, input, index));
    let is_matroska = info.container.contains("matroska");
    if info.container.contains("mp4") {
        let brand = ffi::file_tag(input, c"major_brand").unwrap_or_default();
        let own = if brand.starts_with("qt") || extension == "mov" {
            c"mov"
        } else {
            c"mp4"
        };
        let keeps = MediaFormat::is_mp4_extension(extension);
        let named = |new: &str| (!keeps).then(|| new.to_owned());
        return if takes_all(own) {
            (own, named("mp4"))
        } else if takes_all(c"mov") {
            warnings.push(
                "written as a QuickTime file: only QuickTime accepts its kind of sound".to_owned(),
            );
            (c"mov", named("mov"))
        } else {
            (own, named("mp4"))
        };
    }
    if is_matroska && extension == "mkv" {
        return (c"matroska", None);
    }
    // An MP4 states only that sound is MPEG-1, not its layer, and readers take it for MP3. QuickTime names the
    // layer.
    let is_layer_2 = |stream: &StreamInfo| stream.codec == "mp2";
    if !is_matroska && info.streams.iter().any(is_layer_2) && takes_all(c"mov") {
        return (c"mov", Some("mov".to_owned()));
    }
    // MP4 keeps the clock of any video; Matroska accepts any sound.
    if !is_matroska && takes_all(c"mp4") {
        (c"mp4", Some("mp4".to_owned()))
    } else {
        (c"matroska", Some("mkv".to_owned()))
    }
}

fn use_of(input: &Input, info: &MediaInfo, stream: &StreamInfo, muxer: &CStr) -> StreamUse {
    let index = stream.index;
    let takes = || ffi::takes(muxer, input, index);
    let dropped = |why: &str| (StreamFate::Dropped, Some(why.to_owned()));
    let refused = "the output container does not accept it";
    let tag = ffi::codec_tag(input, index);
    let (kind, (fate, why)) = match &stream.details {
        StreamDetails::Video(_) if info.main_video == Some(index) => {
            ("video", (StreamFate::Redacted, None))
        }
        StreamDetails::Video(_) => (
            "video",
            dropped("an additional video stream, which may show what is hidden"),
        ),
        StreamDetails::AttachedPicture => (
            "picture",
            dropped("a still picture, which may show what is hidden"),
        ),
        StreamDetails::Audio(_) if takes() => ("audio", (StreamFate::Copied, None)),
        StreamDetails::Audio(_) => ("audio", dropped(refused)),
        StreamDetails::Subtitle(subtitle) if subtitle.text && takes() => {
            ("subtitle", (StreamFate::Copied, None))
        }
        StreamDetails::Subtitle(subtitle) => (
            "subtitle",
            dropped(if subtitle.text {
                refused
            } else {
                "bitmap subtitles are not carried over"
            }),
        ),
        StreamDetails::Other if tag == *b"gpmd" && takes() => ("data", (StreamFate::Copied, None)),
        StreamDetails::Other if ffi::is_camm(input, index) && ffi::takes_gpmf(muxer) => {
            ("data", (StreamFate::Copied, None))
        }
        StreamDetails::Other
            if tag == *b"tmcd" && info.start_timecode.is_some() && muxer != c"matroska" =>
        {
            ("data", (StreamFate::Remade, None))
        }
        StreamDetails::Other => (
            "data",
            dropped("data or an attachment that is not carried over"),
        ),
    };
    let is_named = tag.iter().all(u8::is_ascii_alphanumeric);
    let codec = if kind == "data" && is_named {
        String::from_utf8_lossy(&tag).into_owned()
    } else {
        stream.codec.clone()
    };
    StreamUse {
        index,
        kind: kind.to_owned(),
        codec,
        fate,
        why,
    }
}
