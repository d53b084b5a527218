//! Manifests: the files of a model, their sources, and the parameters to run it.
//!
//! A manifest is one TOML file. The built-in ones are compiled in; a folder may add others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::kind::ErrorKind;

mod detector;
mod faces;
mod pp_ocr;
mod set;
mod source;
mod speech;
mod tagger;

pub use detector::{Colour, DetectorParameters, Head, InputSize};
pub use faces::{FaceDetector, FaceParameters};
pub use pp_ocr::PpOcrParameters;
pub use set::ManifestSet;
pub use source::{
    EmbeddedSource, FileSource, HfSource, HttpsSource, NpmSource, PypiSource, Source,
};
pub use speech::{VoiceActivityParameters, WhisperParameters};
pub use tagger::{
    ClassNames, LogMelParameters, ScoreKind, SpectrumKind, TaggerInput, TaggerParameters,
};

/// One model, or one runtime library, at one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name, unique in a [`ManifestSet`]: lower-case letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// Revision of the weights *and* of the way vectors are made from them.
    pub revision: String,
    /// Its purpose.
    pub kind: Kind,
    /// SPDX expression of the licence of the files.
    pub licence: String,
    /// A one-line description.
    pub description: String,
    /// Address of more information.
    pub homepage: Option<String>,
    /// Ids of the manifests that this one requires.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The files in the model's folder.
    pub files: Vec<ManifestFile>,
    /// Vectors that the model must produce, computed by its reference implementation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goldens: Vec<Golden>,
    /// How the files are used.
    pub parameters: Parameters,
}

/// A text and its vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The text.
    pub text: String,
    /// Its unit vector.
    pub vector: Vec<f32>,
}

/// The purpose of a manifest's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Texts and pictures in one embedding space.
    TextToShot,
    /// Texts alone.
    Text,
    /// Boxes in pictures.
    Detector,
    /// Words in sound.
    SpeechToText,
    /// Where in sound somebody speaks.
    VoiceActivity,
    /// Reads text in pictures.
    TextReader,
    /// Tells faces apart.
    FaceDescriptor,
    /// Names sounds.
    SoundTagger,
    /// A library that runs models.
    Runtime,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Path in the model's folder, with `/` between the parts.
    pub name: String,
    /// Digest of the whole file. Without one, the first pull pins the digest of its download.
    pub sha256: Option<Digest>,
    /// Length in bytes, which also limits what a source may send.
    pub bytes: Option<u64>,
    /// The sources, tried in this order.
    pub sources: Vec<Source>,
}

/// How to use the files of a manifest: one variant per supported architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "kebab-case")]
pub enum Parameters {
    /// The ONNX Runtime library.
    OnnxRuntime(OnnxRuntimeParameters),
    /// A BERT sentence encoder in safetensors, mean-pooled.
    BertSentence(BertSentenceParameters),
    /// EfficientNet-Lite0 joined to a sentence encoder by ConSE.
    #[serde(rename = "conse-efficientnet-lite0")]
    ConseEfficientnetLite0(ConseParameters),
    /// A dual encoder of two transformers; the model's own files define it.
    DualEncoder(DualParameters),
    /// An ONNX network that detects boxes.
    Detector(DetectorParameters),
    /// Whisper, in a file of `CTranslate2`.
    Whisper(WhisperParameters),
    /// Silero's voice activity detector for 16 kHz, as a sequence graph.
    SileroVad(VoiceActivityParameters),
    /// The two networks of PP-OCR, as ONNX files.
    PpOcr(PpOcrParameters),
    /// The descriptor and the expressions of faces, as `TensorFlow.js` stores them.
    FaceDescriptor(FaceParameters),
    /// An ONNX network that names sounds.
    SoundTagger(TaggerParameters),
}

/// Parameters of the ONNX Runtime library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxRuntimeParameters {
    /// The library among the files.
    pub library: String,
}

/// Parameters of a dual encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DualParameters {
    /// Length of a vector; the model's own files must agree.
    pub dims: usize,
}

/// Parameters of a BERT sentence encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertSentenceParameters {
    /// Length of a vector.
    pub dims: usize,
    /// Longer texts are truncated to this many tokens, including the two special ones.
    pub max_tokens: usize,
}

/// Parameters of a classifier joined to a sentence encoder by ConSE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConseParameters {
    /// Id of the runtime that runs the classifier.
    pub runtime: String,
    /// Id of the sentence encoder.
    pub text: String,
    /// Length of a vector.
    pub dims: usize,
    /// Shorter side after the resize, in pixels.
    pub resize_side: u32,
    /// Side of the centre crop that the network sees, in pixels.
    pub crop_side: u32,
    /// Subtracted from each channel of RGB 0 to 255.
    pub mean: f32,
    /// Divides each channel after that.
    pub std: f32,
    /// Number of most probable classes to average.
    pub top_k: usize,
    /// Divides the logits before the softmax; above 1, less probable classes count more.
    #[serde(default = "one")]
    pub temperature: f32,
    /// The parts of a picture that are looked at.
    #[serde(default)]
    pub parts: PictureParts,
    /// The words that stand for a class.
    #[serde(default)]
    pub words: ClassWords,
    /// Said before a text.
    #[serde(default)]
    pub prompt: String,
}

const fn one() -> f32 {
    1.0
}

/// The parts of a picture that a classifier looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureParts {
    /// The centre crop.
    #[default]
    Centre,
    /// The centre crop, the whole picture squashed, and each corner.
    All,
}

/// The words that stand for a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWords {
    /// Its name.
    #[default]
    Name,
    /// Its names and the kinds of thing that it is, as `WordNet` lists them.
    NamesAndKinds,
}

/// Errors of manifests and manifest sets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is not a manifest.
    #[error("cannot read manifest {name}: {message}")]
    Parse {
        /// File name.
        name: String,
        /// The error from the TOML parser.
        message: String,
    },
    /// The text is a manifest with an invalid value.
    #[error("manifest {name}: {problem}")]
    Invalid {
        /// File name or id.
        name: String,
        /// The problem, and what is allowed.
        problem: String,
    },
    /// The folder or a file in it cannot be read.
    #[error("cannot read manifests from {}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// No manifest has this id.
    #[error("unknown model {id:?}; the known ones are {known}")]
    Unknown {
        /// The requested id.
        id: String,
        /// The known ids.
        known: String,
    },
    /// The model exists, but has another kind.
    #[error("model {id:?} cannot {job}")]
    WrongKind {
        /// The requested id.
        id: String,
        /// The requested action.
        job: &'static str,
    },
}

impl ManifestError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse { .. } | Self::Invalid { .. } | Self::WrongKind { .. } => {
                ErrorKind::InvalidInput
            }
            Self::Io { .. } => ErrorKind::Unavailable,
            Self::Unknown { .. } => ErrorKind::NotFound,
        }
    }
}

impl Manifest {
    /// Reads and checks one manifest; `name` is used in errors.
    ///
    /// # Errors
    ///
    /// The text is not TOML, has unknown or missing keys, or contains a name that could leave the model's
    /// folder.
    pub fn parse(name: &str, text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::Parse {
            name: name.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })?;
        manifest.check().map_err(|problem| ManifestError::Invalid {
            name: name.to_owned(),
            problem,
        })?;
        Ok(manifest)
    }

    /// `id@revision`, the name of the model's embedding space and of its pins.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.id, self.revision)
    }

    /// How the model joins a classifier and a sentence encoder.
    pub(crate) fn conse(&self) -> Result<&ConseParameters, ManifestError> {
        match &self.parameters {
            Parameters::ConseEfficientnetLite0(parameters) => Ok(parameters),
            Parameters::BertSentence(_)
            | Parameters::DualEncoder(_)
            | Parameters::OnnxRuntime(_)
            | Parameters::Whisper(_)
            | Parameters::SileroVad(_)
            | Parameters::PpOcr(_)
            | Parameters::FaceDescriptor(_)
            | Parameters::SoundTagger(_)
            | Parameters::Detector(_) => Err(self.wrong_kind("encode pictures")),
        }
    }

    /// The error of a model that cannot do `job`.
    pub(crate) fn wrong_kind(&self, job: &'static str) -> ManifestError {
        ManifestError::WrongKind {
            id: self.id.clone(),
            job,
        }
    }

    /// Length of the model's vectors, if it makes any.
    #[must_use]
    pub fn dims(&self) -> Option<usize> {
        match &self.parameters {
            Parameters::OnnxRuntime(_)
            | Parameters::Detector(_)
            | Parameters::Whisper(_)
            | Parameters::SileroVad(_)
            | Parameters::FaceDescriptor(_)
            | Parameters::SoundTagger(_)
            | Parameters::PpOcr(_) => None,
            Parameters::BertSentence(p) => Some(p.dims),
            Parameters::DualEncoder(p) => Some(p.dims),
            Parameters::ConseEfficientnetLite0(p) => Some(p.dims),
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Parameters::Detector(parameters) = &self.parameters {
            parameters.check()?;
        }
        if let Parameters::SoundTagger(parameters) = &self.parameters {
            parameters.check()?;
        }
        for (key, value) in [("id", &self.id), ("revision", &self.revision)] {
            if !is_plain_name(value) {
                return Err(format!(
                    "{key} {value:?} may hold only letters, digits, '-', '_' and '.', and starts with a letter or digit"
                ));
            }
        }
        let mut seen = BTreeMap::new();
        for file in &self.files {
            if !file.name.split('/').all(is_plain_name) {
                return Err(format!(
                    "file name {:?} must be a relative path of plain names",
                    file.name
                ));
            }
            if file.name.split('/').next() == Some(DERIVED) {
                return Err(format!(
                    "file name {:?}: {DERIVED:?} is reserved",
                    file.name
                ));
            }
            if seen.insert(&file.name, ()).is_some() {
                return Err(format!("file {:?} is listed twice", file.name));
            }
            if file.sources.is_empty() {
                return Err(format!(
                    "file {:?} has no sources; give at least one",
                    file.name
                ));
            }
            file.sources.iter().try_for_each(Source::check)?;
        }
        Ok(())
    }
}

/// The folder, inside a model's folder, for data computed from the model's files.
pub(crate) const DERIVED: &str = "derived";

/// Letters, digits and `-_.+!`, starting with a letter, a digit or `_`: safe as a path part and as an argument.
fn is_plain_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_.+!".contains(&b))
}

/// The name of a manifest file, for errors.
fn display_name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
