//! Names of proxies, which state their frames and the digest of their bytes.
//!
//! Thumbnails and vectors decode proxies again, outside a child. The name, which the catalogue stores, proves
//! that the store still holds the original bytes. Someone who can only write to the store therefore cannot
//! replace a known proxy.

use std::ops::Range;

use crate::error::StageError;

/// Hex digits of a BLAKE3 digest in a name: 128 bits.
const DIGITS: usize = 32;

/// The key below `prefix` for the proxy of `frames` with these bytes.
pub(super) fn name(prefix: &str, frames: &Range<u64>, bytes: &[u8]) -> String {
    let digest = digest(bytes);
    format!("{prefix}/{}-{}.{digest}.mp4", frames.start, frames.end)
}

/// The frames of the proxy with this key, if it is a proxy.
pub(super) fn frames(key: &str) -> Option<Range<u64>> {
    let file = key.rsplit('/').next()?.strip_suffix(".mp4")?;
    let (span, digest) = file.split_once('.')?;
    let (start, end) = span.split_once('-')?;
    let is_digest = digest.len() == DIGITS && digest.bytes().all(|c| c.is_ascii_hexdigit());
    is_digest.then_some(start.parse().ok()?..end.parse().ok()?)
}

/// Refuses bytes that do not match the digest in the key. Keys of earlier versions have no digest.
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
        // From before names had digests.
        verify("runs/a/30-76.mp4", b"any").unwrap();
        for other in ["runs/a/timeline", "runs/a/30-76.mp4", "runs/a/000001.jpg"] {
            assert_eq!(frames(other), None);
        }
    }
}
