//! The `probe` feature: the properties of a file.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;

use super::open::{Container, SharedSource};
use super::picture::Geometry;
use super::{
    AudioInfo, Bounds, Chapter, MediaError, MediaInfo, StreamDetails, StreamInfo, SubtitleInfo,
    VideoInfo, ffi,
};
use crate::source::ByteSource;
use crate::time::Rate;

/// Reads the properties of a file, with as little decoding as possible.
///
/// # Errors
/// Any [`MediaError`] of opening. A file without video is described, not refused.
pub fn probe(source: Box<dyn ByteSource>, bounds: &Bounds) -> Result<MediaInfo, MediaError> {
    let bytes = source.len();
    let container = Container::open(SharedSource::new(source), bounds)?;
    Ok(describe(&container.input, bytes))
}

pub(super) fn describe(input: &Input, bytes: u64) -> MediaInfo {
    let streams: Vec<StreamInfo> = input
        .streams()
        .map(|stream| describe_stream(input, &stream))
        .collect();
    let origin_us = origin_us(&streams);
    MediaInfo {
        container: ffi::container(input),
        bytes,
        duration_ms: duration_ms(input, &streams),
        start_ms: origin_us.div_euclid(1000),
        main_video: main_video(input),
        chapters: chapters(input, origin_us),
        timecode_rate: timecode_rate(input),
        start_timecode: start_timecode(input),
        streams,
    }
}

/// The main video stream: the best by FFmpeg's judgement, except attached pictures.
pub(super) fn main_video(input: &Input) -> Option<usize> {
    let is_video = |stream: &ffmpeg::Stream<'_>| {
        stream.parameters().medium() == ffmpeg::media::Type::Video && !is_picture(stream)
    };
    input
        .streams()
        .best(ffmpeg::media::Type::Video)
        .filter(is_video)
        .or_else(|| input.streams().find(is_video))
        .map(|stream| stream.index())
}

fn is_picture(stream: &ffmpeg::Stream<'_>) -> bool {
    stream.disposition().contains(Disposition::ATTACHED_PIC)
}

fn describe_stream(input: &Input, stream: &ffmpeg::Stream<'_>) -> StreamInfo {
    let index = stream.index();
    let parameters = stream.parameters();
    let raw = ffi::raw_stream(input, index).unwrap_or_default();
    let details = match parameters.medium() {
        ffmpeg::media::Type::Video if is_picture(stream) => StreamDetails::AttachedPicture,
        ffmpeg::media::Type::Video => StreamDetails::Video(describe_video(stream, &raw)),
        ffmpeg::media::Type::Audio => StreamDetails::Audio(AudioInfo {
            channels: u32::try_from(raw.channels).unwrap_or(0),
            sample_rate: u32::try_from(raw.sample_rate).unwrap_or(0),
        }),
        ffmpeg::media::Type::Subtitle => StreamDetails::Subtitle(SubtitleInfo { text: raw.text }),
        ffmpeg::media::Type::Unknown | ffmpeg::media::Type::Data if raw.ttml => {
            StreamDetails::Subtitle(SubtitleInfo { text: true })
        }
        ffmpeg::media::Type::Unknown
        | ffmpeg::media::Type::Data
        | ffmpeg::media::Type::Attachment => StreamDetails::Other,
    };
    StreamInfo {
        index,
        codec: if raw.ttml {
            "ttml".to_owned()
        } else {
            parameters.id().name().to_owned()
        },
        profile: raw.profile,
        language: ffi::stream_tag(input, index, c"language").filter(|tag| tag != "und"),
        title: ffi::stream_tag(input, index, c"title"),
        time_base: units_per_second(stream.time_base()),
        start_pts: timestamp(stream.start_time()),
        duration: timestamp(stream.duration())
            .filter(|&duration| duration > 0 && !is_unknown(duration)),
        details,
    }
}

fn describe_video(stream: &ffmpeg::Stream<'_>, raw: &ffi::RawStream) -> VideoInfo {
    let geometry = Geometry::of(raw);
    let (display_width, display_height) = geometry.display();
    VideoInfo {
        width: geometry.width,
        height: geometry.height,
        display_width,
        display_height,
        pixel_aspect: geometry.pixel_aspect,
        orientation: geometry.orientation,
        average_rate: rate(stream.avg_frame_rate()),
        base_rate: rate(stream.rate()),
        pixel_format: raw.pixel_format.clone(),
        bit_depth: raw.bit_depth,
        primaries: raw.primaries.clone(),
        transfer: raw.transfer.clone(),
        matrix: raw.matrix.clone(),
        range: raw.range.clone(),
        interlaced: raw.interlaced,
        frames: u64::try_from(stream.frames())
            .ok()
            .filter(|&frames| frames > 0),
    }
}

/// A fraction of FFmpeg as a rate; `None` if it is unknown or invalid.
pub(super) fn rate(value: ffmpeg::Rational) -> Option<Rate> {
    Rate::new(
        u32::try_from(value.numerator()).ok()?,
        u32::try_from(value.denominator()).ok()?,
    )
}

/// A time base of FFmpeg (seconds per unit) in units per second.
pub(super) fn units_per_second(time_base: ffmpeg::Rational) -> Option<Rate> {
    rate(ffmpeg::Rational(
        time_base.denominator(),
        time_base.numerator(),
    ))
}

/// A timestamp of FFmpeg; `None` if there is none.
pub(super) fn timestamp(value: i64) -> Option<i64> {
    (value != i64::MIN).then_some(value)
}

pub(super) const MILLISECONDS: Rate = Rate::new(1000, 1).expect("neither is zero");
const MICROSECONDS: Rate = Rate::new(1_000_000, 1).expect("neither is zero");

/// Start of the earliest sound or video stream, in microseconds of the file's clock.
fn origin_us(streams: &[StreamInfo]) -> i64 {
    earliest(streams, MICROSECONDS).unwrap_or(0)
}

/// The earliest start of sound or video, in units of `1 / time_base` seconds.
///
/// Sound that starts before 0 is the codec's priming, which is not audible.
pub(crate) fn earliest(streams: &[StreamInfo], time_base: Rate) -> Option<i64> {
    let start = |stream: &StreamInfo| {
        let start = stream.time_base?.rescale(stream.start_pts?, time_base);
        match stream.details {
            StreamDetails::Video(_) => Some(start),
            StreamDetails::Audio(_) => Some(start.max(0)),
            StreamDetails::Subtitle(_) | StreamDetails::AttachedPicture | StreamDetails::Other => {
                None
            }
        }
    };
    streams.iter().filter_map(start).min()
}

/// Whether a duration is marked as unknown: all bits set, of 32 or of 64 (ISO/IEC 14496-12, 8.2.2 and 8.4.2).
fn is_unknown(duration: i64) -> bool {
    duration == i64::from(u32::MAX) || duration == -1
}

fn duration_ms(input: &Input, streams: &[StreamInfo]) -> Option<u64> {
    let longest = || {
        streams
            .iter()
            .filter_map(|stream| Some(stream.time_base?.rescale(stream.duration?, MILLISECONDS)))
            .max()
    };
    // FFmpeg derives the file's duration from its streams.
    let is_known = !input.streams().any(|stream| is_unknown(stream.duration()));
    let whole = timestamp(input.duration()).filter(|&duration| duration > 0 && is_known);
    let ms = whole.map(|us| us / 1000).or_else(longest)?;
    u64::try_from(ms).ok()
}

fn chapters(input: &Input, origin_us: i64) -> Vec<Chapter> {
    let ms = |units: i64, time_base: Rate| {
        let us = time_base
            .rescale(units, MICROSECONDS)
            .saturating_sub(origin_us);
        u64::try_from(us.max(0) / 1000).unwrap_or(u64::MAX)
    };
    input
        .chapters()
        .enumerate()
        .filter_map(|(index, chapter)| {
            let time_base = units_per_second(chapter.time_base())?;
            Some(Chapter {
                start_ms: ms(chapter.start(), time_base),
                end_ms: ms(chapter.end(), time_base),
                title: ffi::chapter_title(input, index),
            })
        })
        .collect()
}

/// The start timecode: that of the video, else of the file, else of any stream (MOV's `tmcd`).
pub(super) fn start_timecode(input: &Input) -> Option<String> {
    let of_stream = |index| ffi::stream_tag(input, index, c"timecode");
    main_video(input)
        .and_then(of_stream)
        .or_else(|| ffi::file_tag(input, c"timecode"))
        .or_else(|| input.streams().find_map(|stream| of_stream(stream.index())))
}

/// The counting rate of the timecode track (`tmcd`) with the start timecode.
fn timecode_rate(input: &Input) -> Option<Rate> {
    let label = start_timecode(input)?;
    let is_its = |stream: &ffmpeg::Stream<'_>| {
        ffi::codec_tag(input, stream.index()) == *b"tmcd"
            && ffi::stream_tag(input, stream.index(), c"timecode").as_ref() == Some(&label)
    };
    let track = input.streams().find(is_its)?;
    rate(track.avg_frame_rate()).or_else(|| rate(track.rate()))
}
