//! Functions of FFmpeg that take or give numbers of codecs and kinds of side data, which are integers here.
//!
//! The bindings have enums of Rust for them. A library that is newer than its bindings has values that are not among their
//! variants, and a value like that must not exist in Rust.

use std::ffi::{c_char, c_int, c_uint};

use ffmpeg_next::ffi;

// The bindings declare them with enums, whose representation is that of these integers.
unsafe extern "C" {
    pub(super) fn avcodec_descriptor_get(id: c_uint) -> *const ffi::AVCodecDescriptor;
    pub(super) fn avcodec_profile_name(id: c_uint, profile: c_int) -> *const c_char;
    pub(super) fn avformat_query_codec(
        format: *const ffi::AVOutputFormat,
        id: c_uint,
        compliance: c_int,
    ) -> c_int;
    pub(super) fn av_codec_get_id(tags: *const *const ffi::AVCodecTag, tag: c_uint) -> c_uint;
    pub(super) fn av_stream_new_side_data(
        stream: *mut ffi::AVStream,
        kind: c_uint,
        size: usize,
    ) -> *mut u8;
}

/// FFmpeg's number of a codec.
///
/// # Safety
/// `parameters` is valid.
pub(super) unsafe fn id(parameters: *const ffi::AVCodecParameters) -> c_uint {
    const { assert!(size_of::<ffi::AVCodecID>() == size_of::<c_uint>()) };
    // SAFETY: as the caller promises.
    unsafe { (&raw const (*parameters).codec_id).cast::<c_uint>().read() }
}
