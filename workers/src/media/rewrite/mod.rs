//! Rewrites videos whose pictures are changed in places. Everything else stays: frame times, sound, subtitles,
//! telemetry, chapters and tags.

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::encoder;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::format::context::{Output, StreamIo};
use ffmpeg_next::{Packet, Rational, Rescale as _, color, frame};
use serde::{Deserialize, Serialize};

use super::frames::{FrameReader, ReadOptions};
use super::open::{SharedSource, is_again, unless_memory};
use super::picture::Converter;
use super::rgb::as_stored;
use super::{Bounds, MediaError, MediaInfo, ffi, probe};
use crate::source::ByteSource;
use crate::time::Timecode;

mod copies;
mod device;
mod naming;
mod planes;
mod survey;

use self::copies::Copies;
use self::naming::Naming;
pub use self::planes::Planes;
pub use self::survey::{StreamFate, StreamUse, Survey, survey};

/// Bytes of output per write.
const OUT_BUFFER: usize = 1 << 20;

/// How to rewrite a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteOptions {
    /// FFmpeg's name of the container, as [`survey()`] chose it.
    pub container: String,
    /// Streams whose packets are copied.
    pub copies: Vec<usize>,
    /// Constant rate factor of x264: 0 (lossless) to 51; lower is better and bigger.
    pub crf: u8,
    /// x264's preset.
    pub preset: String,
    /// Threads for decoding and encoding; 0 means one per core.
    pub threads: u32,
}

/// A video to rewrite, and its output.
pub struct Rewrite<'a, W> {
    /// Its bytes.
    pub source: Box<dyn ByteSource>,
    /// Its resource limits.
    pub bounds: &'a Bounds,
    /// How to rewrite it.
    pub options: &'a RewriteOptions,
    /// The output, from its start.
    pub output: W,
}

impl<W> std::fmt::Debug for Rewrite<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rewrite")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Edits frames. An error ends the work.
pub trait Edit {
    /// Edits the frame `number`, shown at `pts`.
    ///
    /// # Errors
    /// Any error that is to stop the work.
    fn frame(&mut self, number: u64, pts: i64, planes: &mut Planes) -> Result<(), MediaError>;
}

/// The result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Frames of the video.
    pub frames: u64,
    /// FFmpeg's name of the pixel format.
    pub pixel_format: String,
    /// Whether frames had to be converted to a format that can be edited and encoded.
    pub converted: bool,
}

/// Rewrites a video with its frames changed by `edit`.
///
/// A frame keeps its duration and its place on the same clock. The exception is the clock of broadcast streams,
/// which starts anywhere: in the output it starts at 0 and has no breaks. There are no B-frames. They would
/// save a tenth of the bytes, but times would depend on an edit list that not all players honour. Memory does
/// not grow with the video, except for the index, a few bytes per frame.
///
/// # Errors
/// Any error of decoding, of encoding, or of `edit`.
pub fn rewrite<W: Write + Seek + Send + 'static>(
    work: Rewrite<'_, W>,
    edit: &mut dyn Edit,
) -> Result<Written, MediaError> {
    let source = SharedSource::new(work.source);
    let read = ReadOptions {
        threads: work.options.threads,
        ..ReadOptions::default()
    };
    let mut reader = FrameReader::open_shared(source.clone(), read, work.bounds)?;
    let mut copies = Copies::open(source, work.options, work.bounds)?;
    let origin = origin(&reader);
    let names = telemetry(&copies, &work.options.copies);
    let output = Naming::new(work.output, names);
    let io = StreamIo::from_write_seek_with_capacity(output, OUT_BUFFER).map_err(failed)?;
    let mut io = Some(io);
    let mut writer: Option<Writer> = None;
    let mut converter: Option<(Shape, Converter)> = None;
    let mut target = Pixel::None;
    let mut converted = false;
    while let Some(frame) = reader.next_frame()? {
        let (number, pts) = (frame.number, frame.pts);
        let duration = reader.end_pts().saturating_sub(pts);
        let mut picture = frame.picture;
        let shape = Shape::of(&picture);
        if writer.is_none() {
            target = planes::editable(shape.format, shape.size);
        } else if writer
            .as_ref()
            .is_some_and(|writer| writer.size != shape.size)
        {
            return Err(MediaError::Decode(
                "the pictures change their size within the video".to_owned(),
            ));
        }
        let first = Colours::of(&picture, shape.format != target);
        if shape.format != target {
            let chain = match converter.take() {
                Some((known, chain)) if known == shape => chain,
                _ => as_stored(shape.size, target).keeping_range(),
            };
            let (_, chain) = converter.insert((shape, chain));
            picture = chain.convert(picture)?;
            converted = true;
        }
        let mut planes = Planes::of(picture)?;
        edit.frame(number, pts, &mut planes)?;
        let mut picture = planes.into_picture();
        let writer = match (&mut writer, io.take()) {
            (Some(writer), _) => writer,
            (none, Some(io)) => {
                let opened =
                    Writer::open(io, &reader, &mut copies, &picture, &first, work.options)?;
                none.insert(opened)
            }
            (None, None) => return Err(MediaError::Internal("the output is gone".to_owned())),
        };
        writer.picture(&mut picture, pts.saturating_sub(origin), duration)?;
        copies.until(pts, writer.base.0, &mut writer.output)?;
    }
    let Some(writer) = writer else {
        return Err(MediaError::NoFrames);
    };
    let frames = writer.frames;
    writer.finish(&mut copies)?;
    let pixel_format = target
        .descriptor()
        .map_or("", |descriptor| descriptor.name())
        .to_owned();
    Ok(Written {
        frames,
        pixel_format,
        converted,
    })
}

/// Names of the telemetry streams among the copies, in their order.
fn telemetry(copies: &Copies, indices: &[usize]) -> Vec<[u8; 4]> {
    let mut indices = indices.to_vec();
    indices.sort_unstable();
    let tags = indices
        .iter()
        .map(|&index| ffi::codec_tag(copies.input(), index));
    let names: Vec<_> = tags
        .filter(|tag| tag == b"gpmd" || tag == b"camm")
        .collect();
    if names.iter().all(|name| name == b"gpmd") {
        return Vec::new();
    }
    names
}

/// Start of the output's clock on the video's clock, in the video's time base. MP4 and Matroska keep their own,
/// where a late start has a meaning.
fn origin(reader: &FrameReader) -> i64 {
    let info = reader.info();
    if info.container.contains("mp4") || info.container.contains("matroska") {
        return 0;
    }
    probe::earliest(&info.streams, reader.time_base()).unwrap_or(0)
}

/// The start timecode at the video's rate, at which the output's timecode counts; `None` if it already does.
fn timecode(info: &MediaInfo) -> Option<String> {
    let (_, video) = info.video()?;
    let (from, to) = (info.timecode_rate?, video.average_rate.or(video.base_rate)?);
    let label = Timecode::relabel(info.start_timecode.as_deref()?, from, to).ok()?;
    (from != to).then_some(label)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    size: (u32, u32),
    format: Pixel,
}

impl Shape {
    fn of(picture: &frame::Video) -> Self {
        Self {
            size: (picture.width(), picture.height()),
            format: picture.format(),
        }
    }
}

/// The meaning of a video's samples.
struct Colours {
    space: color::Space,
    range: color::Range,
    primaries: color::Primaries,
    transfer: color::TransferCharacteristic,
    chroma: Option<&'static str>,
    aspect: Rational,
    /// Whether it is interlaced, and if so, whether the upper field comes first.
    interlaced: Option<bool>,
}

impl Colours {
    fn of(picture: &frame::Video, is_converted: bool) -> Self {
        use ffmpeg::chroma::Location;
        // The scaler converts RGB to YCbCr by ITU-R BT.601.
        let was_rgb = picture.color_space() == color::Space::RGB;
        let space = if was_rgb {
            color::Space::SMPTE170M
        } else {
            picture.color_space()
        };
        let range = if was_rgb && is_converted {
            color::Range::MPEG
        } else {
            picture.color_range()
        };
        let chroma = match picture.chroma_location() {
            Location::Unspecified => None,
            Location::Left => Some("left"),
            Location::Center => Some("center"),
            Location::TopLeft => Some("topleft"),
            Location::Top => Some("top"),
            Location::BottomLeft => Some("bottomleft"),
            Location::Bottom => Some("bottom"),
        };
        Self {
            space,
            range,
            primaries: picture.color_primaries(),
            transfer: picture.color_transfer_characteristic(),
            chroma,
            aspect: picture.aspect_ratio(),
            interlaced: picture.is_interlaced().then(|| picture.is_top_first()),
        }
    }
}

/// The growing output.
struct Writer {
    output: Output,
    video: encoder::video::Encoder,
    /// Index of the video stream in the output.
    stream: usize,
    /// Time bases of the input frames and of the output packets.
    base: (Rational, Rational),
    size: (u32, u32),
    /// Durations of the frames in the encoder, which does not pass them on.
    durations: BTreeMap<i64, i64>,
    frames: u64,
}

impl Writer {
    fn open(
        io: StreamIo,
        reader: &FrameReader,
        copies: &mut Copies,
        first: &frame::Video,
        colours: &Colours,
        options: &RewriteOptions,
    ) -> Result<Self, MediaError> {
        let mut output =
            ffmpeg::format::output_to_stream(io, None, Some(&options.container)).map_err(failed)?;
        let from = reader.time_base();
        let side = |value: u32| {
            i32::try_from(value)
                .map_err(|_too_big| MediaError::Encode("the time base is out of range".to_owned()))
        };
        let base = Rational(side(from.den())?, side(from.num())?);
        let origin = origin(reader);
        let video = open_video(reader, first, colours, base, options)?;
        let input = copies.input();
        let main = reader.info().main_video.ok_or(MediaError::NoVideo)?;
        // Streams keep their order.
        let mut stream = 0;
        let mut opened = Vec::new();
        let mut all: Vec<usize> = options.copies.iter().copied().chain([main]).collect();
        all.sort_unstable();
        for index in all {
            if index == main {
                let mut added = output.add_stream_with(&video).map_err(failed)?;
                added.set_time_base(base);
                stream = added.index();
                ffi::copy_surroundings(input, main, &mut output, stream)?;
                ffi::describe_display(first, &mut output, stream)?;
                if let Some(label) = timecode(reader.info()) {
                    ffi::set_stream_tag(&mut output, stream, c"timecode", &label);
                }
            } else {
                opened.push((index, ffi::add_copy(input, index, &mut output)?));
            }
        }
        ffi::copy_file_tags(input, &mut output);
        for (index, chapter) in input.chapters().enumerate() {
            let title = ffi::chapter_title(input, index).unwrap_or_default();
            let from = origin.rescale(base, chapter.time_base());
            let (id, start) = (chapter.id(), chapter.start().saturating_sub(from));
            let end = chapter.end().saturating_sub(from).max(start);
            output
                .add_chapter(id, chapter.time_base(), start, end, title)
                .map_err(failed)?;
        }
        let mut settings = ffmpeg::Dictionary::new();
        // Spherical metadata, and some sound in MP4, are not part of the standards themselves.
        settings.set("strict", "experimental");
        if options.container == "matroska" {
            // Such videos come from Matroska, whose times can be written unchanged.
            settings.set("avoid_negative_ts", "disabled");
        } else {
            settings.set("video_track_timescale", &base.denominator().to_string());
            // There, edit lists state when a stream starts.
            let movie = base.denominator().max(1000).to_string();
            settings.set("movie_timescale", &movie);
            // QuickTime's own tags, such as the location, go into a separate table. So do those of cameras,
            // which have no other place.
            let needs_table: &[&str] = if options.container == "mov" {
                &["com.", "firmware"]
            } else {
                &["com.", "firmware", "make", "model"]
            };
            if needs_table.iter().any(|key| ffi::has_tag_like(input, key)) {
                settings.set("movflags", "use_metadata_tags");
            }
        }
        output.write_header_with(settings).map_err(failed)?;
        let written = output
            .stream(stream)
            .map_or(base, |stream| stream.time_base());
        copies.start(opened, &output, (origin, base));
        Ok(Self {
            output,
            video,
            stream,
            base: (base, written),
            size: (first.width(), first.height()),
            durations: BTreeMap::new(),
            frames: 0,
        })
    }

    fn picture(
        &mut self,
        picture: &mut frame::Video,
        pts: i64,
        duration: i64,
    ) -> Result<(), MediaError> {
        picture.set_pts(Some(pts));
        // The encoder decides which frames are key frames, not the video.
        picture.set_kind(ffmpeg::picture::Type::None);
        self.durations.insert(pts, duration);
        self.frames += 1;
        self.video.send_frame(picture).map_err(failed)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), MediaError> {
        let mut packet = Packet::empty();
        loop {
            match self.video.receive_packet(&mut packet) {
                Ok(()) => {
                    let duration = packet.pts().and_then(|pts| self.durations.remove(&pts));
                    packet.set_duration(duration.unwrap_or(0));
                    packet.set_stream(self.stream);
                    packet.rescale_ts(self.base.0, self.base.1);
                    packet.write_interleaved(&mut self.output).map_err(failed)?;
                }
                Err(ffmpeg::Error::Eof) => return Ok(()),
                Err(error) if is_again(error) => return Ok(()),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    fn finish(mut self, copies: &mut Copies) -> Result<(), MediaError> {
        self.video.send_eof().map_err(failed)?;
        self.drain()?;
        copies.rest(&mut self.output)?;
        self.output.write_trailer().map_err(failed)
        // Dropping the output writes the rest.
    }
}

fn open_video(
    reader: &FrameReader,
    first: &frame::Video,
    colours: &Colours,
    base: Rational,
    options: &RewriteOptions,
) -> Result<encoder::video::Encoder, MediaError> {
    let codec = encoder::find_by_name("libx264").ok_or_else(|| {
        MediaError::Encode(
            "this build of FFmpeg has no encoder \"libx264\"; install a build that has it"
                .to_owned(),
        )
    })?;
    let mut encoder = ffmpeg::codec::Context::new_with_codec(codec)
        .encoder()
        .video()
        .map_err(failed)?;
    encoder.set_width(first.width());
    encoder.set_height(first.height());
    encoder.set_format(first.format());
    encoder.set_aspect_ratio(colours.aspect);
    encoder.set_time_base(base);
    let video = reader.info().video().map(|(_, video)| video);
    if let Some(rate) = video.and_then(|video| video.average_rate.or(video.base_rate)) {
        let side = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        encoder.set_frame_rate(Some(Rational(side(rate.num()), side(rate.den()))));
    }
    encoder.set_colorspace(colours.space);
    encoder.set_color_range(colours.range);
    encoder.set_color_primaries(colours.primaries);
    encoder.set_color_transfer_characteristic(colours.transfer);
    let mut flags = ffmpeg::codec::Flags::GLOBAL_HEADER;
    let mut settings = ffmpeg::Dictionary::new();
    if let Some(top_first) = colours.interlaced {
        flags |= ffmpeg::codec::Flags::INTERLACED_DCT;
        settings.set("field_order", if top_first { "tt" } else { "bb" });
    }
    encoder.set_flags(flags);
    if let Some(place) = colours.chroma {
        settings.set("chroma_sample_location", place);
    }
    settings.set("preset", &options.preset);
    settings.set("crf", &options.crf.to_string());
    settings.set("bf", "0");
    settings.set("threads", &options.threads.to_string());
    encoder.open_as_with(codec, settings).map_err(failed)
}

fn failed(error: ffmpeg::Error) -> MediaError {
    unless_memory(error, MediaError::Encode)
}
