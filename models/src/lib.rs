//! The networks: image and text encoders with their tokenizers and preprocessing, detectors, and the manifests
//! that describe where weights come from.
//!
//! This crate knows nothing of video, the catalogue or HTTP.

mod adopt;
mod backend;
pub mod boundary;
mod causes;
mod class;
mod detect;
pub mod device;
mod digest;
mod dual;
mod encoder;
mod error;
mod faces;
mod kind;
mod lite;
mod manifest;
mod ocr;
mod onnx;
mod open;
mod preprocess;
mod pull;
mod runtime;
mod speech;
mod store;
mod tagger;
#[cfg(test)]
mod testing;
mod text;
mod torch_legacy;
mod vector;
mod verify;

pub use adopt::adopt;
pub use backend::{Backend, EncoderOptions};
pub use causes::{LibraryError, with_causes};
pub use class::Class;
pub use detect::{
    Detection, Detector, DetectorIdentity, DetectorOptions, Precision, detectors_of, overlap,
};
pub use digest::{Digest, ParseDigestError};
pub use dual::{Sample, write_sample};
pub use encoder::{ImageEncoder, Space, TextEncoder};
pub use error::{
    Attempt, BackendError, DetectError, DualError, FaceError, LiteError, ModelError, OcrError,
    PullError, SourceError, SpeechError, TaggerError, TextError,
};
pub use faces::{
    DESCRIPTOR, EXPRESSIONS, FaceChip, FaceDescriptor, FaceReader, FoundFace, descriptor_distance,
};
pub use kind::ErrorKind;
pub use lite::LiteProbe;
pub use manifest::{
    BertSentenceParameters, ClassNames, Colour, ConseParameters, DetectorParameters,
    DualParameters, EmbeddedSource, FaceDetector, FaceParameters, FileSource, Golden, Head,
    HfSource, HttpsSource, InputSize, Kind, LogMelParameters, Manifest, ManifestError,
    ManifestFile, ManifestSet, NpmSource, OnnxRuntimeParameters, Parameters, PpOcrParameters,
    PypiSource, ScoreKind, Source, SpectrumKind, TaggerInput, TaggerParameters,
    VoiceActivityParameters, WhisperParameters,
};
pub use ocr::{LineBox, TextLine, TextReader};
pub use open::{
    is_installed, open_image_encoder, open_image_encoders, open_text_encoder, space_of,
};
pub use preprocess::{Prepared, PreprocessError};
pub use pull::{PullOptions, PullProgress, pull};
pub use runtime::RuntimeError;
pub use speech::{HEARD_RATE, HeardCue, HeardWord, Listening, Transcriber, TranscriberOptions};
pub use store::{Finding, ModelStore, Status, StoreError, VerifiedFile, VerifyReport};
pub use tagger::{SAMPLE_CLASSES, SoundTagger, TaggedWindow, Tagging, write_sample_tagger};
pub use torch_legacy::TorchError;
pub use vector::mean_pool;
pub use verify::{VerifiedVector, verify_vectors};
