//! Files compiled into this program: small networks of our own, which work on a machine that reaches nothing.

use std::io;

use super::SourceError;
use super::transfer::Transfer;

/// The files by name.
const FILES: [(&str, &[u8]); 1] = [("plates.onnx", include_bytes!("../../plates/plates.onnx"))];

/// Writes a file out.
pub(super) fn fetch(name: &str, transfer: &Transfer<'_>) -> Result<(), SourceError> {
    let failed = |source| SourceError::Io {
        path: name.into(),
        source,
    };
    let bytes = FILES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, bytes)| *bytes)
        .ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))?;
    transfer.copy(bytes, transfer.create()?, 0, failed)
}
