//! Profiles of colours (ICC.1): whether bytes are one.

/// Bytes that may stand behind a profile: some writers fill it up.
const FILL: usize = 64;

/// Whether bytes are a profile and no more. Viewers ignore anything else under its name.
pub(crate) fn is_profile(bytes: &[u8]) -> bool {
    let size = bytes.first_chunk::<4>().map(|s| u32::from_be_bytes(*s));
    let fits = size.is_some_and(|size| {
        let size = size as usize;
        size >= 128 && size <= bytes.len() && bytes.len() - size <= FILL
    });
    fits && bytes.get(36..40) == Some(b"acsp")
}
