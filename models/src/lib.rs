//! What the machine sees: image and text encoders with their tokenizers and preprocessing,
//! detectors, and the manifests that say where weights come from.
//!
//! This crate knows nothing of video, of the catalogue or of HTTP.

mod adopt;
mod backend;
pub mod boundary;
mod detect;
pub mod device;
mod digest;
mod dual;
mod encoder;
mod error;
mod lite;
mod manifest;
mod onnx;
mod preprocess;
mod pull;
mod runtime;
mod store;
#[cfg(test)]
mod testing;
mod text;
mod torch_legacy;
mod vector;
mod verify;

pub use adopt::adopt;
pub use backend::{Backend, BackendError, EncoderOptions};
pub use detect::{
    Class, DetectError, Detection, Detector, DetectorIdentity, DetectorOptions, detectors_of,
    overlap,
};
pub use digest::{Digest, ParseDigestError};
pub use dual::{DualError, Sample, write_sample};
pub use encoder::{
    ImageEncoder, Space, TextEncoder, open_image_encoder, open_image_encoders, open_text_encoder,
    space_of,
};
pub use error::{ErrorKind, ModelError};
pub use lite::{LiteError, LiteProbe};
pub use manifest::*;
pub use preprocess::{PictureError, Prepared};
pub use pull::{Attempt, PullError, PullOptions, PullProgress, SourceError, Token, pull};
pub use runtime::RuntimeError;
pub use store::{Finding, ModelStore, Status, StoreError, VerifiedFile, VerifyReport};
pub use text::TextError;
pub use torch_legacy::TorchError;
pub use vector::mean_pool;
pub use verify::{VerifiedVector, verify_vectors};
