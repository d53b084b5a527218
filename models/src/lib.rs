//! What the machine sees: image and text encoders, their tokenizers and preprocessing, and the
//! manifests that say where weights come from.
//!
//! This crate knows nothing of video, of the catalogue or of HTTP.

mod error;

pub use error::ErrorKind;
