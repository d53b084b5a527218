//! FFmpeg functions that the safe bindings lack, or call unsafely on hostile files.
//!
//! In particular, the bindings take every string of a file for UTF-8 without checking. Here invalid sequences
//! are replaced.
#![expect(
    unsafe_code,
    reason = "all direct calls into FFmpeg's C interface are kept in this module"
)]

mod codec;
mod frame;
mod tags;

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::ptr;

use ffmpeg_next::ffi;
use ffmpeg_next::filter::Graph;
use ffmpeg_next::format::context::{Input, Output};
use ffmpeg_next::packet::Ref as _;

pub(super) use self::frame::{describe_display, make_writable, top_down};
use super::MediaError;
use crate::orientation::Orientation;
pub(super) use tags::{copy_file_tags, has_tag_like, set_stream_tag};
use tags::{copy_tags, tag};

/// `AVMEDIA_TYPE_VIDEO` as an integer.
const VIDEO: i32 = 0;

/// Stream parameters that the safe bindings do not expose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawStream {
    pub(super) width: i32,
    pub(super) height: i32,
    /// Width over height of a pixel; `(0, 1)` where unknown.
    pub(super) pixel_aspect: (i32, i32),
    pub(super) orientation: Orientation,
    pub(super) pixel_format: Option<String>,
    pub(super) bit_depth: Option<u8>,
    pub(super) primaries: Option<String>,
    pub(super) transfer: Option<String>,
    pub(super) matrix: Option<String>,
    pub(super) range: Option<String>,
    /// `Some(true)` for either field order, `None` if unknown.
    pub(super) interlaced: Option<bool>,
    pub(super) profile: Option<String>,
    pub(super) channels: i32,
    pub(super) sample_rate: i32,
    /// Samples that an audio decoder emits before the first audible one.
    pub(super) initial_padding: i32,
    /// Whether a subtitle codec carries text.
    pub(super) text: bool,
    /// Whether that is TTML in MP4.
    pub(super) ttml: bool,
}

/// Copies a C string and replaces invalid UTF-8. `None` for a null pointer.
///
/// # Safety
/// `text` is null or points to a string that ends with a zero byte and outlives the call.
unsafe fn owned(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and zero-terminated as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}

/// Whether a packet is only needed for decoding: its output lies outside the edit list.
pub(super) fn is_discarded(packet: &ffmpeg_next::Packet) -> bool {
    use ffmpeg_next::packet::Ref as _;
    // SAFETY: `packet` owns a valid packet for as long as it is borrowed.
    unsafe { (*packet.as_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// A tag of the file.
pub(super) fn file_tag(input: &Input, key: &CStr) -> Option<String> {
    // SAFETY: `input` owns a valid format context for as long as it is borrowed.
    unsafe { tag((*input.as_ptr()).metadata, key) }
}

/// A tag of the stream `index`.
pub(super) fn stream_tag(input: &Input, index: usize, key: &CStr) -> Option<String> {
    let stream = input.stream(index)?;
    // SAFETY: `stream` borrows a valid stream of `input`.
    unsafe { tag((*stream.as_ptr()).metadata, key) }
}

/// The title of the chapter `index`.
pub(super) fn chapter_title(input: &Input, index: usize) -> Option<String> {
    let chapter = input.chapter(index)?;
    // SAFETY: `chapter` borrows a valid chapter of `input`.
    unsafe { tag((*chapter.as_ptr()).metadata, c"title") }
}

/// FFmpeg's name of the container.
pub(super) fn container(input: &Input) -> String {
    // SAFETY: an open input has a format, and its name is static.
    unsafe { owned((*(*input.as_ptr()).iformat).name) }.unwrap_or_default()
}

/// The header of the stream `index`.
pub(super) fn raw_stream(input: &Input, index: usize) -> Option<RawStream> {
    let stream = input.stream(index)?;
    // SAFETY: `stream` borrows a valid stream; its parameters are allocated with it. The
    // aspect guess only reads both arguments, despite taking them as mutable.
    unsafe {
        let stream = stream.as_ptr();
        let parameters = (*stream).codecpar;
        let aspect = ffi::av_guess_sample_aspect_ratio(
            input.as_ptr().cast_mut(),
            stream.cast_mut(),
            ptr::null_mut(),
        );
        let codec = codec::id(parameters);
        let descriptor = codec::avcodec_descriptor_get(codec);
        // Some versions of FFmpeg know the TTML of MP4 only by its tag.
        let ttml = [*b"stpp", *b"dfxp"].contains(&(*parameters).codec_tag.to_le_bytes());
        let text =
            ttml || !descriptor.is_null() && (*descriptor).props & ffi::AV_CODEC_PROP_TEXT_SUB != 0;
        let (pixel_format, bit_depth) = pixel_format(parameters);
        Some(RawStream {
            width: (*parameters).width,
            height: (*parameters).height,
            pixel_aspect: (aspect.num, aspect.den),
            orientation: orientation(stream),
            pixel_format,
            bit_depth,
            primaries: colour(&raw const (*parameters).color_primaries, 12, |value| {
                ffi::av_color_primaries_name(value)
            }),
            transfer: colour(&raw const (*parameters).color_trc, 18, |value| {
                ffi::av_color_transfer_name(value)
            }),
            matrix: colour(&raw const (*parameters).color_space, 14, |value| {
                ffi::av_color_space_name(value)
            }),
            range: colour(&raw const (*parameters).color_range, 2, |value| {
                ffi::av_color_range_name(value)
            }),
            interlaced: match (&raw const (*parameters).field_order).cast::<u32>().read() {
                0 => None,
                progressive => Some(progressive != 1),
            },
            profile: owned(codec::avcodec_profile_name(codec, (*parameters).profile)),
            channels: (*parameters).ch_layout.nb_channels,
            sample_rate: (*parameters).sample_rate,
            initial_padding: (*parameters).initial_padding,
            text,
            ttml,
        })
    }
}

/// The name of a colour property; `None` if the file states none or an invalid one.
///
/// # Safety
/// `field` points to an enum that has all values from 0 to `last`; `name` returns a static string.
unsafe fn colour<T: Copy>(
    field: *const T,
    last: u32,
    name: impl FnOnce(T) -> *const c_char,
) -> Option<String> {
    const { assert!(size_of::<T>() == size_of::<u32>()) };
    // SAFETY: as the caller promises. Read as an integer first: an enum of Rust must not hold a
    // value that is none of its variants, and a file can say anything.
    let value = unsafe { field.cast::<u32>().read() };
    if value > last {
        return None;
    }
    // SAFETY: the value is one of the variants.
    let text = unsafe { owned(name(field.read())) }?;
    (text != "unknown").then_some(text)
}

/// The name and depth of a pixel format.
///
/// # Safety
/// `parameters` is valid.
unsafe fn pixel_format(parameters: *const ffi::AVCodecParameters) -> (Option<String>, Option<u8>) {
    // SAFETY: the format was set by FFmpeg itself to one of its own values; the descriptor of an
    // unknown one is null, and names are static.
    unsafe {
        if (&raw const (*parameters).codec_type).cast::<i32>().read() != VIDEO
            || (*parameters).format < 0
            || (*parameters).format >= ffi::AVPixelFormat::AV_PIX_FMT_NB as c_int
        {
            return (None, None);
        }
        let format = std::mem::transmute::<c_int, ffi::AVPixelFormat>((*parameters).format);
        let descriptor = ffi::av_pix_fmt_desc_get(format);
        if descriptor.is_null() {
            return (None, None);
        }
        let depth = u8::try_from((*descriptor).comp[0].depth).ok();
        (owned((*descriptor).name), depth)
    }
}

/// The effect of a stream's display matrix on its pictures, to the nearest quarter turn.
///
/// # Safety
/// `stream` is valid.
unsafe fn orientation(stream: *const ffi::AVStream) -> Orientation {
    let mut size = 0;
    // SAFETY: the side data is null or `size` bytes long; nine numbers are read only if they fit, and they need no
    // alignment.
    unsafe {
        let matrix = ffi::av_stream_get_side_data(
            stream,
            ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX,
            &raw mut size,
        );
        if matrix.is_null() || size < size_of::<[i32; 9]>() {
            return Orientation::Upright;
        }
        let [a, b, _, c, d, ..] = matrix.cast::<[i32; 9]>().read_unaligned();
        Orientation::from_matrix([a, b, c, d])
    }
}

/// Whether the data of a packet is encrypted, as the side data of the demuxer says.
pub(super) fn is_encrypted(packet: &ffmpeg_next::Packet) -> bool {
    let mut size = 0;
    // SAFETY: `packet` owns a valid packet; the kind that is asked for is one of the variants.
    let data = unsafe {
        ffi::av_packet_get_side_data(
            packet.as_ptr(),
            ffi::AVPacketSideDataType::AV_PKT_DATA_ENCRYPTION_INFO,
            &raw mut size,
        )
    };
    !data.is_null()
}

/// The container format that the first bytes of a file suggest, accepted or not.
pub(super) fn guess_container(head: &[u8]) -> Option<String> {
    const PADDING: usize = ffi::AVPROBE_PADDING_SIZE as usize;
    let mut buffer = head.to_vec();
    buffer.resize(head.len() + PADDING, 0);
    let data = ffi::AVProbeData {
        filename: c"".as_ptr(),
        buf: buffer.as_mut_ptr(),
        buf_size: c_int::try_from(head.len()).ok()?,
        mime_type: ptr::null(),
    };
    let mut score = 0;
    // SAFETY: the buffer has the padding of zeros that probing wants, and outlives the call.
    unsafe {
        let format = ffi::av_probe_input_format3(&raw const data, 1, &raw mut score);
        if format.is_null() {
            return None;
        }
        owned((*format).name)
    }
}

/// Whether the linked FFmpeg has a demuxer of this name.
#[cfg(test)]
pub(super) fn has_demuxer(name: &str) -> bool {
    let name = std::ffi::CString::new(name).unwrap();
    // SAFETY: the name ends in a zero and outlives the call.
    unsafe { !ffi::av_find_input_format(name.as_ptr()).is_null() }
}

/// Keeps a filter graph from starting threads: pictures are small, and decoding has its own threads.
pub(super) fn single_threaded(graph: &mut Graph) {
    // SAFETY: `graph` owns a valid graph that is not configured yet.
    unsafe { (*graph.as_mut_ptr()).nb_threads = 1 };
}

/// One decoded subtitle: its texts, and its display times in milliseconds after its timestamp. The timestamp is
/// that of its packet, unless the decoder knows better.
pub(super) struct Cue {
    /// The timestamp in microseconds on the stream's clock.
    pub(super) pts_us: Option<i64>,
    pub(super) texts: Vec<CueText>,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A text from the decoder.
pub(super) enum CueText {
    /// Without markup.
    Plain(String),
    /// An event line of `Advanced SubStation Alpha`, without its times.
    Ass(String),
}

/// Decodes one packet of a text subtitle.
pub(super) fn decode_subtitle(
    decoder: &mut ffmpeg_next::decoder::Subtitle,
    packet: &ffmpeg_next::Packet,
) -> Result<Option<Cue>, MediaError> {
    let mut subtitle = ffmpeg_next::Subtitle::new();
    let got = decoder
        .decode(packet, &mut subtitle)
        .map_err(|error| MediaError::Decode(error.to_string()))?;
    if !got {
        return Ok(None);
    }
    let (pts_us, start, end) = (subtitle.pts(), subtitle.start(), subtitle.end());
    let mut texts = Vec::new();
    // SAFETY: a decoded subtitle has `num_rects` valid rectangles whose texts are null or
    // zero-terminated; it is freed once, here, after they are copied.
    unsafe {
        let raw = subtitle.as_mut_ptr();
        for index in 0..(*raw).num_rects as usize {
            let rectangle = *(*raw).rects.add(index);
            if let Some(text) = owned((*rectangle).ass) {
                texts.push(CueText::Ass(text));
            } else if let Some(text) = owned((*rectangle).text) {
                texts.push(CueText::Plain(text));
            }
        }
        ffi::avsubtitle_free(raw);
    }
    Ok(Some(Cue {
        pts_us,
        texts,
        start,
        end,
    }))
}

/// Tells the demuxer to skip a stream's packets.
pub(super) fn discard(stream: &mut ffmpeg_next::StreamMut<'_>) {
    // SAFETY: `stream` borrows a valid stream mutably.
    unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL };
}

/// The spherical metadata of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawSphere {
    /// FFmpeg's number of the projection: 0 for equirectangular, 2 for a part of one.
    pub(super) projection: u32,
    /// For a partial sphere: the distance of each of its edges (left, top, right, bottom) from that of the
    /// whole, in units of 2^-32.
    pub(super) bounds: [u32; 4],
}

/// The spherical metadata of the stream `index`.
pub(super) fn sphere(input: &Input, index: usize) -> Option<RawSphere> {
    let stream = input.stream(index)?;
    let mut size = 0;
    // SAFETY: `stream` borrows a valid stream. The side data is null or `size` bytes long, and is read only if
    // the whole structure fits; its enum is read as the integer that it is, whatever its value.
    unsafe {
        let data = ffi::av_stream_get_side_data(
            stream.as_ptr(),
            ffi::AVPacketSideDataType::AV_PKT_DATA_SPHERICAL,
            &raw mut size,
        );
        if data.is_null() || size < size_of::<ffi::AVSphericalMapping>() {
            return None;
        }
        let mapping = data.cast::<ffi::AVSphericalMapping>().cast_const();
        Some(RawSphere {
            projection: (&raw const (*mapping).projection).cast::<u32>().read(),
            bounds: [
                (*mapping).bound_left,
                (*mapping).bound_top,
                (*mapping).bound_right,
                (*mapping).bound_bottom,
            ],
        })
    }
}

/// The four-character code by which an MP4 names the codec of the stream `index`; zeros elsewhere.
pub(super) fn codec_tag(input: &Input, index: usize) -> [u8; 4] {
    input.stream(index).map_or([0; 4], |stream| {
        // SAFETY: `stream` borrows a valid stream; its parameters are allocated with it.
        unsafe { (*(*stream.as_ptr()).codecpar).codec_tag.to_le_bytes() }
    })
}

/// Whether a container, by FFmpeg's name, accepts the codec of the stream `index`.
pub(super) fn takes(container: &CStr, input: &Input, index: usize) -> bool {
    let Some(stream) = input.stream(index) else {
        return false;
    };
    // SAFETY: `stream` borrows a valid stream with parameters; formats are static.
    unsafe {
        let format = ffi::av_guess_format(container.as_ptr(), ptr::null(), ptr::null());
        let codec = codec::id((*stream.as_ptr()).codecpar);
        !format.is_null()
            && codec::avformat_query_codec(format, codec, ffi::FF_COMPLIANCE_NORMAL) == 1
    }
}

/// The kind of side data that marks a stream as Dolby Vision.
const DOLBY_VISION: c_uint = ffi::AVPacketSideDataType::AV_PKT_DATA_DOVI_CONF as c_uint;

/// Whether the stream `index` is Dolby Vision.
pub(super) fn is_dolby_vision(input: &Input, index: usize) -> bool {
    input.stream(index).is_some_and(|stream| {
        stream
            .side_data()
            .any(|data| data.kind() == ffmpeg_next::packet::side_data::Type::DOVI_CONF)
    })
}

/// Copies the properties around a stream's codec: tags, disposition, side data (rotation, sphere, light), pixel
/// aspect and frame rate. Dolby Vision is left out, because re-encoded pictures have none of its messages.
pub(super) fn copy_surroundings(
    input: &Input,
    from: usize,
    output: &mut Output,
    to: usize,
) -> Result<(), MediaError> {
    let missing = || MediaError::Internal("a stream is missing".to_owned());
    let source = input.stream(from).ok_or_else(missing)?;
    let mut target = output.stream_mut(to).ok_or_else(missing)?;
    // SAFETY: both borrow valid streams of two contexts; side data is copied as the bytes that it says it is.
    unsafe {
        let (source, target) = (source.as_ptr(), target.as_mut_ptr());
        copy_tags((*source).metadata, &raw mut (*target).metadata);
        (*target).disposition = (*source).disposition;
        (*target).avg_frame_rate = (*source).avg_frame_rate;
        (*target).r_frame_rate = (*source).r_frame_rate;
        let aspect = ffi::av_guess_sample_aspect_ratio(
            input.as_ptr().cast_mut(),
            source.cast_mut(),
            ptr::null_mut(),
        );
        (*target).sample_aspect_ratio = aspect;
        (*(*target).codecpar).sample_aspect_ratio = aspect;
        for index in 0..usize::try_from((*source).nb_side_data).unwrap_or(0) {
            let data = (*source).side_data.add(index);
            let kind = (&raw const (*data).type_).cast::<c_uint>().read();
            if kind == DOLBY_VISION {
                continue;
            }
            let copy = codec::av_stream_new_side_data(target, kind, (*data).size);
            if copy.is_null() {
                return Err(super::error::out_of_memory());
            }
            ptr::copy_nonoverlapping((*data).data, copy, (*data).size);
        }
    }
    Ok(())
}

/// Whether a stream is telemetry of Google's Camera Motion Metadata (CAMM). FFmpeg can copy it only as GPMF.
pub(super) fn is_camm(input: &Input, index: usize) -> bool {
    codec_tag(input, index) == *b"camm"
}

/// Whether a container, by FFmpeg's name, accepts GPMF telemetry.
pub(super) fn takes_gpmf(container: &CStr) -> bool {
    // SAFETY: formats and their tables of tags are static.
    unsafe {
        let format = ffi::av_guess_format(container.as_ptr(), ptr::null(), ptr::null());
        !format.is_null()
            && !(*format).codec_tag.is_null()
            && codec::av_codec_get_id((*format).codec_tag, u32::from_le_bytes(*b"gpmd"))
                == ffi::AVCodecID::AV_CODEC_ID_BIN_DATA as c_uint
    }
}

/// Adds a stream with exactly the codec of the stream `from`, for packets that are only copied.
pub(super) fn add_copy(
    input: &Input,
    from: usize,
    output: &mut Output,
) -> Result<usize, MediaError> {
    let missing = || MediaError::Internal("a stream is missing".to_owned());
    let source = input.stream(from).ok_or_else(missing)?;
    let as_gpmf = is_camm(input, from);
    // SAFETY: both contexts are valid; the parameters of the new stream are allocated with it. A tag is kept only
    // if the container knows it for this codec, as the muxer refuses others.
    let index = unsafe {
        let stream = ffi::avformat_new_stream(output.as_mut_ptr(), ptr::null());
        if stream.is_null() {
            return Err(super::error::out_of_memory());
        }
        let parameters = (*source.as_ptr()).codecpar;
        if ffi::avcodec_parameters_copy((*stream).codecpar, parameters) < 0 {
            return Err(super::error::out_of_memory());
        }
        if as_gpmf {
            (*(*stream).codecpar).codec_id = ffi::AVCodecID::AV_CODEC_ID_BIN_DATA;
            (*(*stream).codecpar).codec_tag = u32::from_le_bytes(*b"gpmd");
        }
        let parameters = (*stream).codecpar;
        let (tag, codec) = ((*parameters).codec_tag, codec::id(parameters));
        let known = (*(*output.as_ptr()).oformat).codec_tag;
        if !known.is_null() && codec::av_codec_get_id(known, tag) != codec {
            (*(*stream).codecpar).codec_tag = 0;
        }
        (*stream).time_base = (*source.as_ptr()).time_base;
        usize::try_from((*stream).index).unwrap_or(0)
    };
    copy_surroundings(input, from, output, index)?;
    Ok(index)
}
