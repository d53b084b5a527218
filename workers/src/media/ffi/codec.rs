//! FFmpeg functions that take or return codec ids and kinds of side data, as integers.
//!
//! The bindings use Rust enums for them. A library newer than its bindings returns values outside these enums,
//! and such a value must not exist in Rust.

use std::ffi::{c_char, c_int, c_uint};

use ffmpeg_next::ffi;

// The bindings declare them as enums, whose representation is that of these integers.
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

/// FFmpeg's id of a codec.
///
/// # Safety
/// `parameters` is valid.
pub(super) unsafe fn id(parameters: *const ffi::AVCodecParameters) -> c_uint {
    const { assert!(size_of::<ffi::AVCodecID>() == size_of::<c_uint>()) };
    // SAFETY: as the caller promises.
    unsafe { (&raw const (*parameters).codec_id).cast::<c_uint>().read() }
}
