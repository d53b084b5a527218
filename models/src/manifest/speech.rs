//! The parts of a manifest that describe how speech is found and recognised.

use serde::{Deserialize, Serialize};

/// Parameters of Whisper in a file of `CTranslate2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhisperParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// Id of the voice activity detector that says where to listen.
    pub voice: String,
    /// The files that are the weights when they are put together, in order.
    pub weights: Vec<String>,
    /// The tokenizer among the files.
    pub tokenizer: String,
    /// The file with the alignment heads, the suppressed tokens and the languages.
    pub config: String,
}

/// Parameters of a voice activity detector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceActivityParameters {
    /// Id of the runtime that runs it.
    pub runtime: String,
    /// The network among the files.
    pub weights: String,
}
