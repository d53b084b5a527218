//! Tags: dictionaries of strings.

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next::ffi;
use ffmpeg_next::format::context::{Input, Output};

use super::owned;

/// Reads one tag of a dictionary.
///
/// # Safety
/// `dictionary` is null or a valid dictionary.
pub(super) unsafe fn tag(dictionary: *const ffi::AVDictionary, key: &CStr) -> Option<String> {
    // SAFETY: a null dictionary is an empty one; `key` is zero-terminated.
    let entry = unsafe { ffi::av_dict_get(dictionary, key.as_ptr(), ptr::null(), 0) };
    if entry.is_null() {
        return None;
    }
    // SAFETY: a found entry has a value that lives as long as the dictionary.
    unsafe { owned((*entry).value) }
}

/// The entries of a dictionary.
///
/// # Safety
/// `dictionary` is null or valid, and stays as it is for as long as the entries are used.
pub(super) unsafe fn entries(
    dictionary: *const ffi::AVDictionary,
) -> impl Iterator<Item = *const ffi::AVDictionaryEntry> {
    let mut entry: *const ffi::AVDictionaryEntry = ptr::null();
    std::iter::from_fn(move || {
        // SAFETY: as the caller promises; an empty key with this flag walks over all entries.
        entry = unsafe {
            ffi::av_dict_get(dictionary, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX)
        };
        (!entry.is_null()).then_some(entry)
    })
}

/// Sets a tag of an output stream.
pub(in crate::media) fn set_stream_tag(output: &mut Output, index: usize, key: &CStr, value: &str) {
    let (Some(mut stream), Ok(value)) = (output.stream_mut(index), CString::new(value)) else {
        return;
    };
    // SAFETY: `stream` borrows a valid stream mutably; the dictionary copies both strings.
    unsafe {
        ffi::av_dict_set(
            &raw mut (*stream.as_mut_ptr()).metadata,
            key.as_ptr(),
            value.as_ptr(),
            0,
        );
    }
}

/// Copies tags, except long ones, which may hold a picture as text. Lack of memory loses only tags.
///
/// # Safety
/// Both dictionaries are null or valid, and not the same.
pub(super) unsafe fn copy_tags(from: *const ffi::AVDictionary, to: *mut *mut ffi::AVDictionary) {
    const LONGEST: usize = 8 << 10;
    // SAFETY: as the caller promises; entries have keys and values.
    unsafe {
        for entry in entries(from) {
            if CStr::from_ptr((*entry).value).count_bytes() <= LONGEST {
                ffi::av_dict_set(to, (*entry).key, (*entry).value, 0);
            }
        }
    }
}

/// Whether the file has a tag whose key contains `part`.
pub(in crate::media) fn has_tag_like(input: &Input, part: &str) -> bool {
    // SAFETY: `input` owns a valid context, borrowed here; entries have keys.
    unsafe {
        entries((*input.as_ptr()).metadata)
            .filter_map(|entry| owned((*entry).key))
            .any(|key| key.contains(part))
    }
}

/// Copies the tags of the file.
pub(in crate::media) fn copy_file_tags(input: &Input, output: &mut Output) {
    // SAFETY: both own valid contexts; the copy belongs to the output.
    unsafe {
        copy_tags(
            (*input.as_ptr()).metadata,
            &raw mut (*output.as_mut_ptr()).metadata,
        );
        for key in [
            c"major_brand",
            c"minor_version",
            c"compatible_brands",
            c"encoder",
        ] {
            ffi::av_dict_set(
                &raw mut (*output.as_mut_ptr()).metadata,
                key.as_ptr(),
                ptr::null(),
                0,
            );
        }
    }
}

#[cfg(test)]
#[test]
fn long_tags_are_not_copied() {
    let long = vec![b'A'; 9 << 10];
    let long = CString::new(long).unwrap();
    let (mut from, mut to) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: null dictionaries are empty ones; both are freed once.
    unsafe {
        ffi::av_dict_set(&raw mut from, c"title".as_ptr(), c"kept".as_ptr(), 0);
        ffi::av_dict_set(&raw mut from, c"cover".as_ptr(), long.as_ptr(), 0);
        copy_tags(from, &raw mut to);
        assert_eq!(tag(to, c"title").as_deref(), Some("kept"));
        assert_eq!(tag(to, c"cover"), None);
        ffi::av_dict_free(&raw mut from);
        ffi::av_dict_free(&raw mut to);
    }
}
