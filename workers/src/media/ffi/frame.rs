//! Frames: their samples and their side data.

use std::ffi::c_uint;
use std::ptr;

use ffmpeg_next::ffi;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::frame;

use super::codec;
use crate::media::MediaError;
use crate::media::error::out_of_memory;

/// Gives a frame its own samples. A decoder may still reference those it output.
pub(in crate::media) fn make_writable(picture: &mut frame::Video) -> Result<(), MediaError> {
    // SAFETY: `picture` owns a valid frame.
    let done = unsafe { ffi::av_frame_make_writable(picture.as_mut_ptr()) };
    if done < 0 {
        return Err(out_of_memory());
    }
    Ok(())
}

/// Stores a frame top-down. Some decoders and filters store it bottom-up with negative strides, which the safe
/// bindings take for huge ones.
pub(in crate::media) fn top_down(picture: &mut frame::Video) -> Result<(), MediaError> {
    let mut copy = frame::Video::empty();
    // SAFETY: both own valid frames. The copy gets buffers for the format and size that it is given, and samples are
    // copied row by row, whatever the sign of a stride.
    unsafe {
        let from = picture.as_ptr();
        if (*from).linesize.iter().all(|&stride| stride >= 0) {
            return Ok(());
        }
        let to = copy.as_mut_ptr();
        (*to).format = (*from).format;
        (*to).width = (*from).width;
        (*to).height = (*from).height;
        if ffi::av_frame_get_buffer(to, 0) < 0
            || ffi::av_frame_copy(to, from) < 0
            || ffi::av_frame_copy_props(to, from) < 0
        {
            return Err(out_of_memory());
        }
    }
    *picture = copy;
    Ok(())
}

/// Copies a frame's display side data into an output stream: orientation, mastering display and light levels.
/// Codecs carry these in their own messages, which an encoder does not write again. The stream's existing data
/// take precedence.
pub(in crate::media) fn describe_display(
    picture: &frame::Video,
    output: &mut Output,
    index: usize,
) -> Result<(), MediaError> {
    use ffi::AVFrameSideDataType as Said;
    use ffi::AVPacketSideDataType as Written;
    let kinds = [
        (
            Said::AV_FRAME_DATA_DISPLAYMATRIX,
            Written::AV_PKT_DATA_DISPLAYMATRIX,
        ),
        (
            Said::AV_FRAME_DATA_MASTERING_DISPLAY_METADATA,
            Written::AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        ),
        (
            Said::AV_FRAME_DATA_CONTENT_LIGHT_LEVEL,
            Written::AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
        ),
    ];
    let mut stream = output
        .stream_mut(index)
        .ok_or_else(|| MediaError::Internal("a stream is missing".to_owned()))?;
    for (said, written) in kinds {
        // SAFETY: `picture` owns a valid frame and `stream` borrows a valid stream. Both kinds of side data hold the
        // same structure, which is copied as the bytes that it says it is.
        unsafe {
            let data = ffi::av_frame_get_side_data(picture.as_ptr(), said);
            let target = stream.as_mut_ptr();
            let known = ffi::av_stream_get_side_data(target, written, ptr::null_mut());
            if data.is_null() || !known.is_null() {
                continue;
            }
            let size = (*data).size;
            let copy = codec::av_stream_new_side_data(target, written as c_uint, size);
            if copy.is_null() {
                return Err(out_of_memory());
            }
            ptr::copy_nonoverlapping((*data).data, copy, size);
        }
    }
    Ok(())
}
