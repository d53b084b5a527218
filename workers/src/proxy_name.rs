//! Names of proxies: which frames they show, and what their bytes are.
//!
//! Proxies are decoded again, outside a child, by whoever makes thumbnails and vectors. That the store holds what was
//! put there is seen from the name, which the catalogue keeps: once it does, nobody who may only write to the store can
//! put another file in its place.

use std::ops::Range;

use crate::error::StageError;

/// Hex digits of a BLAKE3 digest in a name: 128 bits.
const DIGITS: usize = 32;

/// The key of the proxy of `frames` with these bytes, below `prefix`.
pub(super) fn name(prefix: &str, frames: &Range<u64>, bytes: &[u8]) -> String {
    let digest = digest(bytes);
    format!("{prefix}/{}-{}.{digest}.mp4", frames.start, frames.end)
}

/// The frames that the proxy with this key shows, if it is one.
pub(super) fn frames(key: &str) -> Option<Range<u64>> {
    let file = key.rsplit('/').next()?.strip_suffix(".mp4")?;
    let (span, digest) = file.split_once('.')?;
    let (start, end) = span.split_once('-')?;
    let is_digest = digest.len() == DIGITS && digest.bytes().all(|c| c.is_ascii_hexdigit());
    is_digest.then_some(start.parse().ok()?..end.parse().ok()?)
}

/// Refuses bytes that are not those which the key names. Keys of earlier versions name none.
///
/// # Errors
/// [`StageError::Corrupt`].
pub(crate) fn verify(key: &str, bytes: &[u8]) -> Result<(), StageError> {
    if frames(key).is_none() || key.ends_with(&format!(".{}.mp4", digest(bytes))) {
        return Ok(());
    }
    Err(StageError::Corrupt(key.to_owned()))
}

fn digest(bytes: &[u8]) -> String {
    let mut hex = blake3::hash(bytes).to_hex().to_string();
    hex.truncate(DIGITS);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_frames_and_bytes() {
        let key = name("runs/a", &(30..76), b"proxy");
        assert_eq!(frames(&key), Some(30..76));
        verify(&key, b"proxy").unwrap();
        assert!(matches!(
            verify(&key, b"other"),
            Err(StageError::Corrupt(_))
        ));
        // Before names had digests.
        verify("runs/a/30-76.mp4", b"any").unwrap();
        for other in ["runs/a/timeline", "runs/a/30-76.mp4", "runs/a/000001.jpg"] {
            assert_eq!(frames(other), None);
        }
    }
}
